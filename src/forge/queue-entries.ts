/** Rows of the merge queue, and putting pull requests in and taking them out. */
import { authorizeWrite, type Actor } from "./auth.ts";
import { timestamp, type ForgeCore } from "./core.ts";
import { Fault } from "./faults.ts";
import { emitPull, note } from "./issue-changes.ts";
import { findPull, requireApprovals } from "./pulls.ts";
import type { Account, PullRequest, Repository } from "./records.ts";
import { demandsOn, requireChecks } from "./rulesets.ts";

/**
 * | state    | invariant                                                      | exits                                   |
 * |----------|----------------------------------------------------------------|-----------------------------------------|
 * | waiting  | in the queue; `headSha` is null                                | building, removed                       |
 * | building | its group's branch stands at `headSha`, made on `baseSha`      | waiting (invalidated), merged, removed  |
 *
 * Merged and removed entries have no row.
 */
export interface QueueEntry {
  id: number;
  repositoryId: number;
  /** Of the pull request. */
  issueId: number;
  baseRef: string;
  enqueuerId: number;
  /** The pull request's head when it was queued: another one takes it out. */
  pullHeadSha: string;
  headRef: string | null;
  headSha: string | null;
  baseSha: string | null;
  /** When the group's checks were asked for; null while it has no group. */
  requestedAt: string | null;
  createdAt: string;
}

/** Why GitHub takes a pull request out of its queue. */
export type DequeueReason =
  | "MERGE"
  | "CI_FAILURE"
  | "CI_TIMEOUT"
  | "MERGE_CONFLICT"
  | "MANUAL"
  | "QUEUE_CLEARED"
  | "BRANCH_PROTECTIONS"
  | "UNKNOWN_REMOVAL_REASON";

/** First in, first out. */
export function queueOf(core: ForgeCore, repositoryId: number, baseRef: string): QueueEntry[] {
  return core.db.all<QueueEntry>("select * from queueEntries where repositoryId = ? and baseRef = ? order by id", repositoryId, baseRef);
}

export function entryOf(core: ForgeCore, pull: PullRequest): QueueEntry | undefined {
  return core.db.get<QueueEntry>("select * from queueEntries where issueId = ?", pull.id);
}

/** Base branches with something in their queue. */
export function queuedBranches(core: ForgeCore, repositoryId: number): string[] {
  return core.db
    .all<{ baseRef: string }>("select distinct baseRef from queueEntries where repositoryId = ?", repositoryId)
    .map((row) => row.baseRef);
}

/**
 * Puts the pull request at the end of its base branch's queue. Throws 405 where it cannot be merged or a required check of its own is not
 * green, 422 where the branch has no queue or the head is not `sha`. Idempotent.
 */
export function enqueue(core: ForgeCore, actor: Actor, repository: Repository, number: number, sha?: string): QueueEntry {
  const user = authorizeWrite(core, actor, repository, "contents", "write");
  const pull = findPull(core, repository, number);
  const demands = demandsOn(core, repository, pull.baseRef);
  if (demands.queue === undefined) throw new Fault(422, `The branch ${pull.baseRef} has no merge queue.`);
  if (pull.state === "closed") throw new Fault(405, "Pull Request is not mergeable");
  if (pull.isDraft) throw new Fault(405, "Pull Request is still a draft");
  if (pull.isMergeable === false) throw new Fault(405, "Pull Request is not mergeable");
  if (sha !== undefined && sha !== pull.headSha) throw new Fault(422, "Head sha didn't match expected head sha");
  const known = entryOf(core, pull);
  if (known !== undefined) return known;
  requireApprovals(core, repository, pull, demands.approvals);
  requireChecks(core, repository.id, pull.headSha, demands.checks);
  return core.db.transaction(() => {
    core.db.insert("queueEntries", {
      repositoryId: repository.id,
      issueId: pull.id,
      baseRef: pull.baseRef,
      enqueuerId: user.id,
      pullHeadSha: pull.headSha,
      createdAt: timestamp(),
    });
    note(core, pull.id, "added_to_merge_queue", user, {});
    emitPull(core, repository, pull, "enqueued", user);
    published(core, repository, pull);
    return entryOf(core, pull) as QueueEntry;
  });
}

/** Takes it out and says why. Call it inside a transaction; its group's branch is the caller's. */
export function removeEntry(core: ForgeCore, repository: Repository, entry: QueueEntry, by: Account, reason: DequeueReason): void {
  core.db.run("delete from queueEntries where id = ?", entry.id);
  const pull = core.state.pullById(entry.issueId);
  if (pull === undefined) return;
  note(core, pull.id, "removed_from_merge_queue", by, { reason });
  emitPull(core, repository, pull, "dequeued", by, { reason });
  published(core, repository, pull);
}

function published(core: ForgeCore, repository: Repository, pull: PullRequest): void {
  core.db.afterCommit(() => core.changes.publish({ repositoryId: repository.id, subject: "pull", number: pull.number }));
}
