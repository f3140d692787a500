/**
 * The merge queue: makes a group for every queued pull request, each on top of the one before it, asks for checks on its head, and moves
 * the base branch to it when the required ones are green. What is red, in conflict or not answered in time is taken out, and those behind
 * it are made anew.
 */
import { ensureAccount } from "./accounts.ts";
import { authorizeWrite, type Actor } from "./auth.ts";
import { timestamp, type ForgeCore } from "./core.ts";
import { Fault } from "./faults.ts";
import { NO_COMMIT, objectsOf } from "./objects.ts";
import { findPull, mergeCommit } from "./pulls.ts";
import { entryOf, queuedBranches, queueOf, removeEntry, type DequeueReason, type QueueEntry } from "./queue-entries.ts";
import type { Account, PullRequest, Repository } from "./records.ts";
import { syncRefs, type MergeIntent } from "./refs.ts";
import { demandsOn, standingOf, type Demands } from "./rulesets.ts";
import { emit } from "./webhooks.ts";

/** GitHub's own account for it. */
const QUEUE_LOGIN = "github-merge-queue[bot]";

export interface MergeQueue {
  /** Ends once nothing is under way; what is queued goes on at the next start. */
  close(): Promise<void>;
}

/** Watches every repository that has something queued. */
export function startMergeQueue(core: ForgeCore): MergeQueue {
  const running = new Map<number, Promise<void>>();
  const again = new Set<number>();
  const alarms = new Map<number, NodeJS.Timeout>();
  let isClosed = false;
  const wake = (repositoryId: number): void => {
    if (isClosed || queuedBranches(core, repositoryId).length === 0) return;
    if (running.has(repositoryId)) return void again.add(repositoryId);
    const run = advance(core, repositoryId)
      .catch((error: unknown) =>
        core.log(`the merge queue failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`),
      )
      .then(() => {
        running.delete(repositoryId);
        setAlarm(repositoryId);
        if (again.delete(repositoryId)) wake(repositoryId);
      });
    running.set(repositoryId, run);
  };
  /** For when the checks of a group have not answered in time. */
  const setAlarm = (repositoryId: number): void => {
    clearTimeout(alarms.get(repositoryId));
    alarms.delete(repositoryId);
    const repository = core.state.repositoryById(repositoryId);
    if (isClosed || repository === undefined) return;
    const due = queuedBranches(core, repositoryId).flatMap((baseRef) => {
      const [front] = queueOf(core, repositoryId, baseRef);
      return front === undefined ? [] : [deadlineOf(front, demandsOn(core, repository, baseRef))];
    });
    const next = Math.min(...due);
    if (Number.isFinite(next))
      alarms.set(
        repositoryId,
        setTimeout(() => wake(repositoryId), Math.max(0, next - Date.now())),
      );
  };
  const unsubscribe = core.changes.subscribe(({ repositoryId }) => wake(repositoryId));
  for (const { repositoryId } of core.db.all<{ repositoryId: number }>("select distinct repositoryId from queueEntries"))
    wake(repositoryId);
  return {
    async close() {
      isClosed = true;
      unsubscribe();
      for (const alarm of alarms.values()) clearTimeout(alarm);
      await Promise.all(running.values());
    },
  };
}

async function advance(core: ForgeCore, repositoryId: number): Promise<void> {
  await core.lock(`repository:${repositoryId}`, async () => {
    const repository = core.state.repositoryById(repositoryId);
    if (repository === undefined) return;
    const queue: Queue = { core, repository, bot: ensureAccount(core, QUEUE_LOGIN, "Bot") };
    await syncRefs(core, repositoryId, null);
    for (const baseRef of queuedBranches(core, repositoryId)) await advanceBranch(queue, baseRef);
  });
}

interface Queue {
  core: ForgeCore;
  repository: Repository;
  bot: Account;
}

async function advanceBranch(queue: Queue, baseRef: string): Promise<void> {
  const { core, repository } = queue;
  for (;;) {
    const demands = demandsOn(core, repository, baseRef);
    await removeUnfit(queue, baseRef, demands);
    await buildGroups(queue, baseRef, demands);
    const [front] = queueOf(core, repository.id, baseRef);
    const head = front?.headSha;
    if (front === undefined || head == null) return;
    const standings = demands.checks.map((context) => standingOf(core, repository.id, head, context));
    if (standings.includes("failing")) await remove(queue, front, "CI_FAILURE");
    else if (standings.every((one) => one === "successful")) await merge(queue, front, head, demands);
    else if (deadlineOf(front, demands) <= Date.now()) await remove(queue, front, "CI_TIMEOUT");
    else return;
  }
}

/** Until when the checks of an entry's group have to answer; never for one that waits for its group. */
function deadlineOf(entry: QueueEntry, { queue }: Demands): number {
  if (queue === undefined || entry.requestedAt === null) return Infinity;
  return Date.parse(entry.requestedAt) + queue.responseTimeoutMs;
}

/** Leaving the queue by hand. Throws 422 for a pull request that is not in it. */
export async function dequeue(core: ForgeCore, actor: Actor, repository: Repository, number: number): Promise<QueueEntry> {
  const user = authorizeWrite(core, actor, repository, "contents", "write");
  return core.lock(`repository:${repository.id}`, async () => {
    const entry = entryOf(core, findPull(core, repository, number));
    if (entry === undefined) throw new Fault(422, "Pull request is not in the merge queue");
    await remove({ core, repository, bot: ensureAccount(core, QUEUE_LOGIN, "Bot") }, entry, "MANUAL", user);
    return entry;
  });
}

/** Those that were merged, closed or made a draft, or whose head moved; and all of them where there is no queue any more. */
async function removeUnfit(queue: Queue, baseRef: string, demands: Demands): Promise<void> {
  for (const entry of queueOf(queue.core, queue.repository.id, baseRef)) {
    const pull = queue.core.state.pullById(entry.issueId);
    if (pull?.isMerged === true) await finish(queue, entry);
    else if (demands.queue === undefined) await remove(queue, entry, "QUEUE_CLEARED");
    else if (pull?.state !== "open" || pull.isDraft || pull.baseRef !== baseRef || pull.headSha !== entry.pullHeadSha)
      await remove(queue, entry, "MANUAL");
  }
}

/** Every entry gets a group on top of the one before it; a group whose base is another by now is given up. */
async function buildGroups(queue: Queue, baseRef: string, demands: Demands): Promise<void> {
  const { core, repository } = queue;
  let tip = core.state.ref(repository.id, `refs/heads/${baseRef}`);
  for (const entry of queueOf(core, repository.id, baseRef)) {
    const pull = core.state.pullById(entry.issueId);
    if (tip === undefined || pull === undefined) return;
    if (entry.headSha !== null && entry.baseSha === tip) {
      tip = entry.headSha;
      continue;
    }
    await dropGroup(queue, entry, "invalidated");
    const head = await makeGroup(queue, entry, pull, tip, demands);
    if (head === undefined) await remove(queue, entry, "MERGE_CONFLICT");
    else tip = head;
  }
}

async function makeGroup(queue: Queue, entry: QueueEntry, pull: PullRequest, base: string, demands: Demands): Promise<string | undefined> {
  const { core, repository, bot } = queue;
  const options = { method: demands.queue?.method ?? "merge" };
  const head = await mergeCommit(core, repository, pull, base, core.state.account(entry.enqueuerId), options);
  if (head === undefined) return undefined;
  const headRef = `refs/heads/gh-readonly-queue/${entry.baseRef}/pr-${pull.number}-${base}`;
  await objectsOf(core.git, repository.id).updateRef(headRef, head);
  await syncRefs(core, repository.id, bot);
  const group = { ...entry, headRef, headSha: head, baseSha: base };
  const mergeGroup = await groupJson(core, group);
  core.db.transaction(() => {
    core.db.update("queueEntries", entry.id, { headRef, headSha: head, baseSha: base, requestedAt: timestamp() });
    emit(core, repository, "merge_group", bot, { action: "checks_requested", merge_group: mergeGroup });
  });
  return head;
}

/** The base branch becomes the group's head: what was checked is what is merged. */
async function merge(queue: Queue, entry: QueueEntry, head: string, demands: Demands): Promise<void> {
  const { core, repository, bot } = queue;
  const base = entry.baseSha ?? NO_COMMIT;
  const intent: MergeIntent = { sha: head, actorId: bot.id, method: demands.queue?.method ?? "merge", base, isQueue: true };
  core.db.update("pulls", entry.issueId, { mergeIntent: intent }, "issueId");
  try {
    await objectsOf(core.git, repository.id).updateRef(`refs/heads/${entry.baseRef}`, head, base);
  } catch {
    // Somebody pushed meanwhile: the group is made anew on what stands there now.
    core.db.update("pulls", entry.issueId, { mergeIntent: null }, "issueId");
  }
  await syncRefs(core, repository.id, bot);
  if (core.state.pullById(entry.issueId)?.isMerged === true) await finish(queue, entry);
}

async function finish(queue: Queue, entry: QueueEntry): Promise<void> {
  await dropGroup(queue, entry, "merged");
  queue.core.db.transaction(() => removeEntry(queue.core, queue.repository, entry, queue.bot, "MERGE"));
}

async function remove(queue: Queue, entry: QueueEntry, reason: DequeueReason, by = queue.bot): Promise<void> {
  await dropGroup(queue, entry, "dequeued");
  queue.core.db.transaction(() => removeEntry(queue.core, queue.repository, entry, by, reason));
}

/** Removes the group's branch and tells it; nothing where there is none. */
async function dropGroup(queue: Queue, entry: QueueEntry, reason: "merged" | "invalidated" | "dequeued"): Promise<void> {
  const { core, repository, bot } = queue;
  if (entry.headRef === null || entry.headSha === null) return;
  const mergeGroup = await groupJson(core, entry);
  const objects = objectsOf(core.git, repository.id);
  if ((await objects.refs(entry.headRef)).has(entry.headRef)) await objects.deleteRef(entry.headRef);
  await syncRefs(core, repository.id, bot);
  core.db.transaction(() => {
    core.db.update("queueEntries", entry.id, { headRef: null, headSha: null, baseSha: null, requestedAt: null });
    emit(core, repository, "merge_group", bot, { action: "destroyed", reason, merge_group: mergeGroup });
  });
}

async function groupJson(core: ForgeCore, group: QueueEntry): Promise<Record<string, unknown>> {
  const commit = await objectsOf(core.git, group.repositoryId).commit(group.headSha ?? NO_COMMIT);
  const person = ({ name, email }: { name: string; email: string }) => ({ name, email });
  return {
    head_sha: group.headSha,
    head_ref: group.headRef,
    base_sha: group.baseSha,
    base_ref: `refs/heads/${group.baseRef}`,
    head_commit: {
      id: commit.sha,
      tree_id: commit.tree,
      message: commit.message,
      timestamp: commit.committer.date,
      author: person(commit.author),
      committer: person(commit.committer),
    },
  };
}
