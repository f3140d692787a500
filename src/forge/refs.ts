/**
 * Brings the forge's rows after its git refs: git is written first, and what differs from the `refs` table is then announced once, in one transaction.
 * So a push, a merge or a crash between the two loses nothing: the next call, at the latest the one at start, finds the same difference.
 */
import { requestSuites } from "./check-suites.ts";
import { recordActivity, type ActivityKind } from "./activity.ts";
import { closeByCommits, closeByPull } from "./closing.ts";
import { timestamp, type ForgeCore } from "./core.ts";
import { emitPull } from "./issue-changes.ts";
import { signatureOf } from "./merge.ts";
import { NO_COMMIT, objectsOf, type CommitObject } from "./objects.ts";
import { pullFacts, type PullFacts } from "./pull-facts.ts";
import type { Account, MergeMethod, PullRequest, Repository } from "./records.ts";
import { userJson, type Json } from "./serialize/common.ts";
import { repositoryPage, repositoryUrl } from "./serialize/repositories.ts";
import { emit } from "./webhooks.ts";

interface RefChange {
  name: string;
  before: string;
  after: string;
  commits: CommitObject[];
  isForced: boolean;
}
/** A merge on its way: written before the base branch moves, so that a crash in between still knows whose it was. */
export interface MergeIntent {
  sha: string;
  actorId: number;
  method: MergeMethod;
  base: string;
  /** By the merge queue. */
  isQueue?: boolean;
}

const MAX_COMMITS_IN_EVENT = 20;
/** Of a push to the default branch: their messages may close issues. */
const MAX_COMMITS_READ = 1000;

/** Announces every ref that changed since the last call. Call it under the lock `repository:<id>`. `pusher` null: whoever pushed last. */
export async function syncRefs(core: ForgeCore, repositoryId: number, pusher: Account | null): Promise<void> {
  const found = core.state.repositoryById(repositoryId);
  if (found === undefined) return;
  const repository = await adoptDefaultBranch(core, found);
  const actor = pusher ?? core.state.account(repository.lastPusherId ?? repository.ownerId);
  const changes = await changedRefs(core, repository);
  if (changes.length === 0) return;
  const moved = new Map(changes.map((change) => [change.name, change]));
  const touched = core.state
    .pulls(repository.id, { state: "open" })
    .items.filter((pull) => moved.has(`refs/heads/${pull.headRef}`) || moved.has(`refs/heads/${pull.baseRef}`));
  const plans: PullPlan[] = [];
  for (const pull of touched) plans.push(await planPull(core, repository, pull, moved));

  core.db.transaction(() => {
    for (const change of changes) {
      core.db.run("delete from refs where repositoryId = ? and name = ?", repository.id, change.name);
      if (change.after !== NO_COMMIT) core.db.insert("refs", { repositoryId: repository.id, name: change.name, sha: change.after });
      if (change.name.startsWith("refs/heads/")) {
        const moved = { repositoryId: repository.id, ref: change.name, beforeSha: change.before, afterSha: change.after };
        recordActivity(core, actor, { ...moved, kind: kindOf(change, plans) });
      }
      emit(core, repository, "push", actor, pushJson(core, repository, actor, change));
      announceRef(core, repository, actor, change);
    }
    core.db.update("repositories", repository.id, { pushedAt: timestamp(), updatedAt: timestamp() });
    for (const plan of plans) applyPlan(core, repository, actor, plan);
    // After the merges: what a pull request closes is closed in its name.
    const onDefault = moved.get(`refs/heads/${repository.defaultBranch}`);
    if (onDefault !== undefined) closeByCommits(core, repository, actor, onDefault.commits);
  });
  const pushes = changes.flatMap(({ name, before, after, commits }) =>
    name.startsWith("refs/heads/") && after !== NO_COMMIT
      ? [{ branch: name.slice("refs/heads/".length), before, after, commit: commits.at(-1) }]
      : [],
  );
  await requestSuites(core, repository, actor, pushes);
  core.changes.publish({ repositoryId: repository.id, subject: "repository" });
  for (const { pull } of plans) core.changes.publish({ repositoryId: repository.id, subject: "pull", number: pull.number });
}

function kindOf({ name, before, after, isForced }: RefChange, plans: readonly PullPlan[]): ActivityKind {
  if (before === NO_COMMIT) return "branch_creation";
  if (after === NO_COMMIT) return "branch_deletion";
  // A pull request whose commits somebody pushed is merged by that push.
  const merge = plans.find(
    ({ pull, merge: one }) => one?.sha === after && one.actorId !== 0 && name === `refs/heads/${pull.baseRef}`,
  )?.merge;
  if (merge !== undefined) return merge.isQueue === true ? "merge_queue_merge" : "pr_merge";
  return isForced ? "force_push" : "push";
}

/** The first branch pushed to an empty repository becomes its default, as on GitHub. */
async function adoptDefaultBranch(core: ForgeCore, repository: Repository): Promise<Repository> {
  if (core.state.branches(repository.id).length > 0) return repository;
  const heads = [...(await objectsOf(core.git, repository.id).refs("refs/heads")).keys()].map((name) => name.slice("refs/heads/".length));
  if (heads.length === 0 || heads.includes(repository.defaultBranch)) return repository;
  const [defaultBranch = "main"] = heads;
  await core.git.run(repository.id, ["symbolic-ref", "HEAD", `refs/heads/${defaultBranch}`]);
  core.db.update("repositories", repository.id, { defaultBranch });
  return { ...repository, defaultBranch };
}

async function changedRefs(core: ForgeCore, { id: repositoryId, defaultBranch }: Repository): Promise<RefChange[]> {
  const objects = objectsOf(core.git, repositoryId);
  const now = await objects.refs("refs/heads", "refs/tags");
  const known = new Map(
    core.db
      .all<{ name: string; sha: string }>("select name, sha from refs where repositoryId = ?", repositoryId)
      .map((row) => [row.name, row.sha]),
  );
  const changes: RefChange[] = [];
  for (const name of new Set([...known.keys(), ...now.keys()])) {
    const before = known.get(name) ?? NO_COMMIT;
    const after = now.get(name) ?? NO_COMMIT;
    if (before === after) continue;
    const isBranch = name.startsWith("refs/heads/");
    const isUpdate = isBranch && before !== NO_COMMIT && after !== NO_COMMIT;
    const isForced = isUpdate && !(await objects.isAncestor(before, after));
    const range = isUpdate ? `${before}..${after}` : after;
    const commits =
      isBranch && after !== NO_COMMIT
        ? await objects.log(range, { limit: name === `refs/heads/${defaultBranch}` ? MAX_COMMITS_READ : MAX_COMMITS_IN_EVENT })
        : [];
    changes.push({ name, before, after, commits: commits.reverse(), isForced });
  }
  return changes;
}

interface PullPlan {
  pull: PullRequest;
  head: RefChange | undefined;
  facts: PullFacts | undefined;
  merge: MergeIntent | undefined;
}

async function planPull(core: ForgeCore, repository: Repository, pull: PullRequest, moved: Map<string, RefChange>): Promise<PullPlan> {
  const objects = objectsOf(core.git, repository.id);
  const head = moved.get(`refs/heads/${pull.headRef}`);
  const base = moved.get(`refs/heads/${pull.baseRef}`);
  const intent =
    core.db.get<{ mergeIntent: MergeIntent | null }>("select mergeIntentJson from pulls where issueId = ?", pull.id)?.mergeIntent ??
    undefined;
  if (base !== undefined && base.after !== NO_COMMIT) {
    if (intent !== undefined && (await objects.isAncestor(intent.sha, base.after)))
      return { pull, head: undefined, facts: undefined, merge: intent };
    const isContained = head === undefined && base.before !== NO_COMMIT && (await objects.isAncestor(pull.headSha, base.after));
    if (isContained)
      return { pull, head: undefined, facts: undefined, merge: { sha: base.after, actorId: 0, method: "merge", base: base.before } };
  }
  if (head?.after === NO_COMMIT) return { pull, head, facts: undefined, merge: undefined };
  const baseSha = (await objects.refs(`refs/heads/${pull.baseRef}`)).get(`refs/heads/${pull.baseRef}`);
  const facts = baseSha === undefined ? undefined : await pullFacts(core, repository.id, pull.number, head?.after ?? pull.headSha, baseSha);
  return { pull, head, facts, merge: undefined };
}

function applyPlan(core: ForgeCore, repository: Repository, actor: Account, { pull, head, facts, merge }: PullPlan): void {
  const now = timestamp();
  if (merge !== undefined) {
    const merger = merge.actorId === 0 ? actor : core.state.account(merge.actorId);
    markMerged(core, repository, pull, merge, merger);
    return;
  }
  if (head !== undefined && head.after === NO_COMMIT) {
    core.db.update("issues", pull.id, { state: "closed", closedAt: now, closedById: actor.id, updatedAt: now });
    core.db.insert("timeline", { issueId: pull.id, kind: "head_deleted", actorId: actor.id, detail: { sha: head.before }, createdAt: now });
    emitPull(core, repository, pull, "closed", actor);
    return;
  }
  if (facts !== undefined)
    core.db.update("pulls", pull.id, { ...facts.record, ...(head === undefined ? {} : { baseSha: facts.baseSha }) }, "issueId");
  if (head === undefined) return;
  core.db.update("pulls", pull.id, { headSha: head.after }, "issueId");
  core.db.update("issues", pull.id, { updatedAt: now });
  core.db.insert("timeline", {
    issueId: pull.id,
    kind: "head_pushed",
    actorId: actor.id,
    detail: { before: head.before, after: head.after },
    createdAt: now,
  });
  emitPull(core, repository, pull, "synchronize", actor, { before: head.before, after: head.after });
}

function markMerged(core: ForgeCore, repository: Repository, pull: PullRequest, merge: MergeIntent, merger: Account): void {
  const now = timestamp();
  core.db.update("issues", pull.id, { state: "closed", closedAt: now, closedById: merger.id, updatedAt: now });
  const record = {
    isMerged: true,
    mergedAt: now,
    mergedById: merger.id,
    mergeCommitSha: merge.sha,
    mergeMethod: merge.method,
    baseSha: merge.base,
  };
  core.db.update("pulls", pull.id, { ...record, isMergeable: null, mergeIntent: null }, "issueId");
  core.db.insert("timeline", { issueId: pull.id, kind: "merged", actorId: merger.id, detail: { sha: merge.sha }, createdAt: now });
  core.db.insert("timeline", { issueId: pull.id, kind: "closed", actorId: merger.id, detail: {}, createdAt: now });
  emitPull(core, repository, pull, "closed", merger);
  closeByPull(core, repository, pull, merger);
}

/** A branch or a tag that came or went is told of by itself, beside its push. */
function announceRef(core: ForgeCore, repository: Repository, actor: Account, { name, before, after }: RefChange): void {
  const [, kind, ref = ""] = /^refs\/(heads|tags)\/(.+)$/.exec(name) ?? [];
  const body = { ref, ref_type: kind === "tags" ? "tag" : "branch", pusher_type: "user" };
  if (before === NO_COMMIT)
    emit(core, repository, "create", actor, { ...body, master_branch: repository.defaultBranch, description: repository.description });
  else if (after === NO_COMMIT) emit(core, repository, "delete", actor, body);
}

function pushJson(core: ForgeCore, repository: Repository, actor: Account, change: RefChange): Json {
  const commits = change.commits.slice(-MAX_COMMITS_IN_EVENT).map((commit) => ({
    id: commit.sha,
    tree_id: commit.tree,
    distinct: true,
    message: commit.message,
    timestamp: commit.committer.date,
    url: `${repositoryPage(core, repository)}/commit/${commit.sha}`,
    author: { name: commit.author.name, email: commit.author.email, date: commit.author.date },
    committer: { name: commit.committer.name, email: commit.committer.email, date: commit.committer.date },
    added: [],
    removed: [],
    modified: [],
  }));
  return {
    ref: change.name,
    before: change.before,
    after: change.after,
    base_ref: null,
    created: change.before === NO_COMMIT,
    deleted: change.after === NO_COMMIT,
    forced: change.isForced,
    compare: `${repositoryPage(core, repository)}/compare/${change.before.slice(0, 12)}...${change.after.slice(0, 12)}`,
    commits,
    head_commit: commits.at(-1) ?? null,
    pusher: { name: actor.login, email: signatureOf(actor).email },
    repository_url: repositoryUrl(core, repository),
    sender: userJson(core, actor),
  };
}
