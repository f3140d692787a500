/**
 * What came onto the default branch since the last decision, and in whose name.
 *
 * The form of a merge decides nothing: merge commit, squash, rebase, queue and push are all a commit that the branch pointed at for a
 * while. They are taken from GitHub's own record of the branch and from the merged pull requests, in the order in which they stand there.
 */
import type { CommitId } from "../core/ids.ts";
import { AdorableError } from "../core/errors.ts";
import type { Activity, Repository } from "../github/github.ts";
import { listChanges } from "../store/changes.ts";
import { findPusher } from "../store/deliveries.ts";
import type { ChangeRow, ProjectRow } from "../store/rows.ts";
import type { Mirror } from "../change/mirror.ts";
import type { Platform } from "../change/platform.ts";

/** GitHub's own account for what its merge queue merges: never an approver, it acts for whoever queued the pull request. */
export const MERGE_QUEUE = "github-merge-queue[bot]";

/** For so long GitHub may take to say of which pull request a merge was. */
const MERGE_LAG_MS = 60_000;

export interface Arrival {
  commit: CommitId;
  change: ChangeRow | undefined;
  pull: number | null;
  /** Who let it in; undefined where GitHub does not say. */
  approver: string | undefined;
}

/** The commits that the branch pointed at since `project.decided_commit`, the oldest first; the last one is `main`. */
export async function listArrivals(platform: Platform, project: ProjectRow, mirror: Mirror, main: CommitId): Promise<CommitId[]> {
  const decided = project.decided_commit;
  // What stood there before the project was known is history.
  if (decided === null || !(await mirror.has(decided))) return [main];
  const repository = await platform.github.forInstallation(project.full_name);
  const known = new Set<string>((await repository.listActivity(project.default_branch)).map((one) => one.after));
  for (const change of await listChanges(platform.store, project.id)) if (change.merge_commit !== null) known.add(change.merge_commit);
  const since = (await mirror.log(decided, main)).map((one) => one.commit);
  return [...since.filter((commit) => commit !== main && known.has(commit)), main];
}

/** Which pull request the commit came in with, if any, and who let it in. */
export async function describeArrival(platform: Platform, project: ProjectRow, mirror: Mirror, commit: CommitId): Promise<Arrival> {
  const repository = await platform.github.forInstallation(project.full_name);
  const change = await changeMergedAs(platform, project, mirror, commit);
  const activity = (await repository.listActivity(project.default_branch)).find((one) => one.after === commit);
  const pull = change?.pull_number ?? (await pullMergedAs(platform, repository, commit, activity));
  const isMerge = change === undefined ? pull !== null : change.merge_commit === commit;
  const pusher = activity?.actor ?? (await findPusher(platform.store, project.repository_id, project.default_branch, commit));
  const merger =
    change === undefined && pull !== null ? (await repository.getPullRequest(pull)).mergedBy : (change?.merged_by ?? undefined);
  const actor = isMerge ? (merger ?? pusher) : (pusher ?? merger);
  return { commit, change, pull, approver: actor === MERGE_QUEUE ? await queuedBy(repository, pull) : actor };
}

/** Throws `approver-unknown` (author): in nobody's name nothing is released. */
export function requireKnown(arrival: Arrival): string {
  if (arrival.approver !== undefined) return arrival.approver;
  throw new AdorableError({
    code: "approver-unknown",
    remedy: "author",
    message: `Production was not changed: GitHub does not say who let "${arrival.commit.slice(0, 12)}" onto the default branch.`,
    hint: "Somebody with write access merges a pull request with this change.",
  });
}

async function queuedBy(repository: Repository, pull: number | null): Promise<string | undefined> {
  return pull === null ? undefined : repository.queuedBy(pull);
}

/**
 * Of a pull request that is no change of ours: one from a fork, or one that was never heard of. Throws `merge-not-known-yet` (wait)
 * while GitHub, which moves the branch first, may still be writing down which one it was.
 */
async function pullMergedAs(
  platform: Platform,
  repository: Repository,
  commit: CommitId,
  activity: Activity | undefined,
): Promise<number | null> {
  if (activity?.kind !== "pr_merge" && activity?.kind !== "merge_queue_merge") return null;
  for (const number of await repository.pullRequestsOf(commit))
    if ((await repository.getPullRequest(number)).mergeCommit === commit) return number;
  if (platform.clock.now().getTime() - Date.parse(activity.at) > MERGE_LAG_MS) return null;
  throw new AdorableError({
    code: "merge-not-known-yet",
    remedy: "wait",
    message: `GitHub does not say yet which pull request became "${commit.slice(0, 12)}".`,
  });
}

/** The change that became this commit, or the newest that came in below it since the last decision. */
export async function changeMergedAs(
  platform: Platform,
  project: ProjectRow,
  mirror: Mirror,
  commit: CommitId,
): Promise<ChangeRow | undefined> {
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
