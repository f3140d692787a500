/** What a new commit on the default branch means for production: a release, a rollback, or nothing. */
import { newId, type CommitId, type EnvironmentId, type HoldId, type TimelineId } from "../core/ids.ts";
import { endpointName } from "../core/names.ts";
import { AdorableError, toAdorableError } from "../core/errors.ts";
import { listChanges } from "../store/changes.ts";
import { setDecidedCommit } from "../store/projects.ts";
import { createRollout, findEnvironment, listReleases } from "../store/releases.ts";
import { listRequests } from "../store/requests.ts";
import type { ChangeRow, ProjectRow } from "../store/rows.ts";
import type { Platform } from "../change/platform.ts";
import type { Mirror } from "../change/mirror.ts";
import { PUSHED } from "./approver.ts";
import { liveRelease, releaseRestoredBy } from "./ledger.ts";
import { publishProblem } from "./publish.ts";
import type { RolloutData } from "./rollout.ts";
import { PRODUCTION } from "./steps.ts";

/**
 * Creates the rollout that the default branch's head asks for. Idempotent: a commit is decided once. A commit that cannot be released
 * for what is in it is refused there and then, and said so: the project's other work goes on.
 */
export async function decideRollout(platform: Platform, project: ProjectRow, mirror: Mirror): Promise<void> {
  const commit = await mirror.branch(project.default_branch);
  if (!commit || commit === project.decided_commit) return;
  try {
    await decide(platform, project, mirror, commit);
  } catch (thrown) {
    const error = toAdorableError(thrown);
    if (error.remedy !== "author") throw thrown;
    const change = await changeMergedAs(platform, project, mirror, commit);
    await publishProblem(await platform.github.forInstallation(project.full_name), {
      id: commit,
      commit,
      kind: "release",
      step: "pinned",
      pull: change?.pull_number ?? null,
      ledger: await listReleases(platform.store, project.id),
      error: error.toJSON(),
    });
    await setDecidedCommit(platform.store, project.id, commit);
  }
}

async function decide(platform: Platform, project: ProjectRow, mirror: Mirror, commit: CommitId): Promise<void> {
  const { store } = platform;
  const releasedTree = await mirror.releasedTree(commit);
  const ledger = await listReleases(store, project.id);
  const live = liveRelease(ledger);
  const isEmpty = (await mirror.spec(commit)).apps.length === 0;
  if (live?.released_tree === releasedTree || (!live && isEmpty)) {
    await setDecidedCommit(store, project.id, commit);
    return;
  }
  const change = await changeMergedAs(platform, project, mirror, commit);
  const target = releaseRestoredBy(ledger, releasedTree);
  const production = await findEnvironment(store, project.id, endpointName(project.id, PRODUCTION));
  const timeline = target === undefined && production ? production.timeline : newId<TimelineId>("tml");
  const data: RolloutData = {
    approver: change?.merged_by ?? PUSHED,
    planHash: await planOf(platform, project, change),
    pull: change?.pull_number ?? null,
    releasedTree,
    epoch: (production?.epoch ?? 0) + 1,
    holdId: newId<HoldId>("hold"),
    environment: newId<EnvironmentId>("env"),
    timeline,
    abortTimeline: newId<TimelineId>("tml"),
    previous:
      production && live
        ? { timeline: production.timeline, environment: production.runtime_environment, epoch: production.epoch, release: live.number }
        : null,
    source: null,
    artifacts: {},
    ...(target === undefined ? {} : { target: target.number, choice: null }),
  };
  if (!production) data.source = await firstData(platform, change);
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
}

/** The first release starts with the data of the change that it merges. */
async function firstData(platform: Platform, change: ChangeRow | undefined): Promise<RolloutData["source"]> {
  if (change?.timeline == null) {
    throw new AdorableError({
      code: "first-release-without-change",
      remedy: "author",
      message: "The first release must come from a pull request: its data becomes production's.",
      hint: "Open a pull request with these commits and merge it.",
    });
  }
  return { timeline: change.timeline, lsn: await platform.database.head(change.timeline) };
}

async function changeMergedAs(platform: Platform, project: ProjectRow, mirror: Mirror, commit: CommitId): Promise<ChangeRow | undefined> {
  const changes = await listChanges(platform.store, project.id);
  const exact = changes.find((change) => change.merge_commit === commit);
  if (exact) return exact;
  // The push may be heard of before the merge, or hold more than it: the newest change that came in since the last decision is the one.
  for (const change of changes.toReversed()) {
    const point = change.merge_commit ?? change.head_commit;
    if (change.pull_number === null || point === null || !(await mirror.has(point)) || !(await mirror.isAncestor(point, commit))) continue;
    const decided = project.decided_commit;
    if (decided === null || !(await mirror.has(decided)) || !(await mirror.isAncestor(point, decided))) return change;
  }
  return undefined;
}

async function planOf(platform: Platform, project: ProjectRow, change: ChangeRow | undefined): Promise<string | null> {
  if (!change) return null;
  return (
    (await listRequests(platform.store, project.id)).findLast((request) => request.change_id === change.id && request.plan_hash !== null)
      ?.plan_hash ?? null
  );
}
