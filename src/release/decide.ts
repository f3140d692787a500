/** What a new commit on the default branch means for production: a release, a rollback, or nothing. */
import { newId, type CommitId, type EnvironmentId, type HoldId, type TimelineId } from "../core/ids.ts";
import { endpointName } from "../core/names.ts";
import { toAdorableError } from "../core/errors.ts";
import { listEvidence } from "../store/evidence.ts";
import { setDecidedCommit } from "../store/projects.ts";
import { createRollout, findEnvironment, listReleases } from "../store/releases.ts";
import { listRequests } from "../store/requests.ts";
import type { ChangeRow, ProjectRow } from "../store/rows.ts";
import type { Platform } from "../change/platform.ts";
import type { Mirror } from "../change/mirror.ts";
import { verdictOf } from "../change/verdict.ts";
import { describeArrival, listArrivals, requireKnown, type Arrival } from "./arrivals.ts";
import { liveRelease, releaseRestoredBy } from "./ledger.ts";
import { publishOvertaken, publishProblem, publishUnchanged } from "./publish.ts";
import type { RolloutData } from "./rollout.ts";
import { PRODUCTION } from "./steps.ts";

/**
 * Creates the rollout that comes next on the default branch. Commits are decided in the order in which they came; one whose tree no gate
 * has seen is overtaken by one that came after it, which contains it. Idempotent: a commit is decided once. A commit that cannot be
 * released for what is in it is refused there and then, and said so: the project's other work goes on.
 */
export async function decideRollout(platform: Platform, found: ProjectRow, mirror: Mirror): Promise<void> {
  const main = await mirror.branch(found.default_branch);
  if (!main || main === found.decided_commit) return;
  let project = found;
  for (const commit of await listArrivals(platform, project, mirror, main)) {
    if (commit !== main && (await isOvertaken(platform, project, mirror, commit))) await overtake(platform, project, mirror, commit, main);
    else if (await decideCommit(platform, project, mirror, commit)) return;
    project = { ...project, decided_commit: commit };
  }
}

/** True where a rollout is under way; false where the commit has ended here. */
async function decideCommit(platform: Platform, project: ProjectRow, mirror: Mirror, commit: CommitId): Promise<boolean> {
  const arrival = await describeArrival(platform, project, mirror, commit);
  try {
    return await decide(platform, project, mirror, arrival);
  } catch (thrown) {
    const error = toAdorableError(thrown);
    if (error.remedy !== "author") throw thrown;
    await publishProblem(await platform.github.forInstallation(project.full_name), {
      id: commit,
      commit,
      kind: "release",
      step: "pinned",
      pull: arrival.pull,
      ledger: await listReleases(platform.store, project.id),
      error: error.toJSON(),
    });
    await setDecidedCommit(platform.store, project.id, commit);
    return false;
  }
}

/** Nothing is known of it that could be released, restored or refused: a later commit is worth the gates' time, this one is not. */
async function isOvertaken(platform: Platform, project: ProjectRow, mirror: Mirror, commit: CommitId): Promise<boolean> {
  const released = await mirror.releasedTree(commit);
  const ledger = await listReleases(platform.store, project.id);
  if (liveRelease(ledger)?.released_tree === released || releaseRestoredBy(ledger, released) !== undefined) return false;
  return verdictOf(await listEvidence(platform.store, project.id, await mirror.treeOf(commit))) === "unknown";
}

/** The stated end of a commit that is not released by itself. */
async function overtake(platform: Platform, project: ProjectRow, mirror: Mirror, commit: CommitId, by: CommitId): Promise<void> {
  const { pull } = await describeArrival(platform, project, mirror, commit);
  await publishOvertaken(await platform.github.forInstallation(project.full_name), { commit, pull, by });
  platform.log.info({ project: project.id, commit, by }, "a commit was overtaken");
  await setDecidedCommit(platform.store, project.id, commit);
}

async function decide(platform: Platform, project: ProjectRow, mirror: Mirror, arrival: Arrival): Promise<boolean> {
  const { store } = platform;
  const { commit, change } = arrival;
  const releasedTree = await mirror.releasedTree(commit);
  const ledger = await listReleases(store, project.id);
  const live = liveRelease(ledger);
  const isEmpty = (await mirror.spec(commit)).apps.length === 0;
  if (live?.released_tree === releasedTree || (!live && isEmpty)) {
    if (live) await publishUnchanged(await platform.github.forInstallation(project.full_name), commit, live.number);
    await setDecidedCommit(store, project.id, commit);
    return false;
  }
  const approver = requireKnown(arrival);
  const target = releaseRestoredBy(ledger, releasedTree);
  const production = await findEnvironment(store, project.id, endpointName(project.id, PRODUCTION));
  const timeline = target === undefined && production ? production.timeline : newId<TimelineId>("tml");
  const data: RolloutData = {
    approver,
    planHash: await planOf(platform, project, change),
    pull: arrival.pull,
    releasedTree,
    epoch: (production?.epoch ?? 0) + 1,
    holdId: newId<HoldId>("hold"),
    environment: newId<EnvironmentId>("env"),
    timeline,
    abortTimeline: newId<TimelineId>("tml"),
    previous:
      production && live ? { timeline: production.timeline, apps: production.apps, epoch: production.epoch, release: live.number } : null,
    source: null,
    artifacts: {},
    ...(target === undefined ? {} : { target: target.number, choice: null }),
  };
  if (!production && change?.timeline != null)
    data.source = { timeline: change.timeline, lsn: await platform.database.head(change.timeline) };
  const kind = target === undefined ? "release" : "rollback";
  await createRollout(store, {
    id: newId("rol"),
    project_id: project.id,
    kind,
    change_id: change?.id ?? null,
    git_commit: commit,
    tree: await mirror.treeOf(commit),
    state: kind === "release" ? "pinned" : "planned",
    data,
  });
  return true;
}

async function planOf(platform: Platform, project: ProjectRow, change: ChangeRow | undefined): Promise<string | null> {
  if (!change) return null;
  return (
    (await listRequests(platform.store, project.id)).findLast((request) => request.change_id === change.id && request.plan_hash !== null)
      ?.plan_hash ?? null
  );
}
