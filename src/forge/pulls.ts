/** Opens, edits and merges pull requests, and asks for reviews. */
import { authorizeWrite, isAtLeast, type Actor } from "./auth.ts";
import { timestamp, type ForgeCore } from "./core.ts";
import { Fault, invalid, notFound } from "./faults.ts";
import { emitPull, note } from "./issue-changes.ts";
import { checkBody, checkTitle, editIssue, takeNumber, type IssueEdit } from "./issues.ts";
import { makeMerge, makeRebase, signatureOf } from "./merge.ts";
import { objectsOf } from "./objects.ts";
import { pullFacts } from "./pull-facts.ts";
import type { Account, MergeMethod, PullRequest, Repository } from "./records.ts";
import { syncRefs, type MergeIntent } from "./refs.ts";
import { demandsOn, requireChecks, violation } from "./rulesets.ts";
import { userJson } from "./serialize/common.ts";

export interface NewPull {
  title: string;
  body?: string | null;
  /** A branch, or `owner:branch` of the same repository. */
  head: string;
  base: string;
  isDraft?: boolean;
  revertsNumber?: number;
}

export function findPull(core: ForgeCore, repository: Repository, number: number): PullRequest {
  const pull = core.state.pull(repository.id, number);
  if (pull === undefined) throw notFound();
  return pull;
}

/** Opening takes a person read access, and an App the permission; the head must be a branch of the same repository. */
export async function createPull(core: ForgeCore, actor: Actor, repository: Repository, wanted: NewPull): Promise<PullRequest> {
  const user = authorizeWrite(core, actor, repository, "pull_requests", "read");
  checkTitle("PullRequest", wanted.title);
  checkBody("PullRequest", wanted.body);
  return core.lock(`repository:${repository.id}`, async () => {
    await syncRefs(core, repository.id, null);
    return openPull(core, user, repository, wanted);
  });
}

/** As `createPull`, for a caller that has checked who asks and holds the repository's lock. */
export async function openPull(core: ForgeCore, user: Account, repository: Repository, wanted: NewPull): Promise<PullRequest> {
  const prefix = `${repository.owner}:`;
  const headRef = wanted.head.startsWith(prefix) ? wanted.head.slice(prefix.length) : wanted.head;
  const headSha = core.state.ref(repository.id, `refs/heads/${headRef}`);
  const baseSha = core.state.ref(repository.id, `refs/heads/${wanted.base}`);
  if (headSha === undefined) throw invalid({ resource: "PullRequest", field: "head", code: "invalid" });
  if (baseSha === undefined) throw invalid({ resource: "PullRequest", field: "base", code: "invalid" });
  const custom = (message: string): Fault => invalid({ resource: "PullRequest", code: "custom", message });
  const same = core.state.pulls(repository.id, { state: "open", headRef, baseRef: wanted.base }).items[0];
  if (same !== undefined) throw custom(`A pull request already exists for ${repository.owner}:${headRef}.`);
  if ((await objectsOf(core.git, repository.id).count(`${baseSha}..${headSha}`)) === 0)
    throw custom(`No commits between ${wanted.base} and ${headRef}`);
  const number = core.db.transaction(() => takeNumber(core, repository));
  const { record } = await pullFacts(core, repository.id, number, headSha, baseSha);
  return core.db.transaction(() => {
    const now = timestamp();
    const { title, body = null, isDraft = false, revertsNumber = null } = wanted;
    const issue = { repositoryId: repository.id, number, isPull: true, title, body, state: "open", userId: user.id };
    const issueId = core.db.insert("issues", { ...issue, createdAt: now, updatedAt: now });
    core.db.insert("pulls", { issueId, headRef, headSha, baseRef: wanted.base, baseSha, isDraft, revertsNumber, ...record });
    const pull = findPull(core, repository, number);
    emitPull(core, repository, pull, "opened", user);
    published(core, repository, number);
    return pull;
  });
}

function published(core: ForgeCore, repository: Repository, number: number): void {
  core.db.afterCommit(() => core.changes.publish({ repositoryId: repository.id, subject: "pull", number }));
}

export async function editPull(
  core: ForgeCore,
  actor: Actor,
  repository: Repository,
  number: number,
  edit: IssueEdit & { base?: string | undefined },
): Promise<PullRequest> {
  return core.lock(`repository:${repository.id}`, async () => {
    const before = findPull(core, repository, number);
    editIssue(core, actor, repository, number, edit);
    const rebased = edit.base !== undefined && edit.base !== before.baseRef;
    const reopened = before.state === "closed" && edit.state === "open";
    if (rebased || reopened) await refreshPull(core, repository, findPull(core, repository, number), edit.base ?? before.baseRef);
    if (rebased && actor.account !== null) {
      const changes = { changes: { base: { ref: { from: before.baseRef }, sha: { from: before.baseSha } } } };
      emitPull(core, repository, before, "edited", actor.account, changes);
    }
    return findPull(core, repository, number);
  });
}

async function refreshPull(core: ForgeCore, repository: Repository, pull: PullRequest, baseRef: string): Promise<void> {
  const baseSha = core.state.ref(repository.id, `refs/heads/${baseRef}`);
  if (baseSha === undefined) throw invalid({ resource: "PullRequest", field: "base", code: "invalid" });
  const { record } = await pullFacts(core, repository.id, pull.number, pull.headSha, baseSha);
  core.db.update("pulls", pull.id, { baseRef, baseSha, ...record }, "issueId");
}

export interface MergeOptions {
  method?: MergeMethod | undefined;
  commitTitle?: string | undefined;
  commitMessage?: string | undefined;
  /** The head that was seen: another one is refused with 409. */
  sha?: string | undefined;
}

/**
 * Merges into the base branch. Throws 405 when it is closed, a draft, in conflict or against the branch's rules, 409 when the head is not `sha` or the base moved meanwhile.
 * Durable: the intent is stored before the branch moves, so that a crash in between ends merged or as before.
 */
export async function mergePull(
  core: ForgeCore,
  actor: Actor,
  repository: Repository,
  number: number,
  options: MergeOptions = {},
): Promise<{ sha: string }> {
  const user = authorizeWrite(core, actor, repository, "contents", "write");
  return core.lock(`repository:${repository.id}`, async () => {
    await syncRefs(core, repository.id, null);
    const pull = findPull(core, repository, number);
    if (pull.state === "closed") throw new Fault(405, "Pull Request is not mergeable");
    if (pull.isDraft) throw new Fault(405, "Pull Request is still a draft");
    if (options.sha !== undefined && options.sha !== pull.headSha)
      throw new Fault(409, "Head branch was modified. Review and try the merge again.");
    const base = core.state.ref(repository.id, `refs/heads/${pull.baseRef}`);
    if (base === undefined) throw new Fault(405, "Base branch does not exist");
    const demands = demandsOn(core, repository, pull.baseRef, actor);
    if (demands.queue !== undefined) throw violation(405, "Changes must be made through the merge queue");
    requireApprovals(core, repository, pull, demands.approvals);
    requireChecks(core, repository.id, pull.headSha, demands.checks);
    const method = options.method ?? demands.methods[0] ?? "merge";
    if (!demands.methods.includes(method)) throw new Fault(405, `${MERGE_NAMES[method]} are not allowed on this repository.`);
    const sha = await mergeCommit(core, repository, pull, base, user, { ...options, method });
    if (sha === undefined) throw new Fault(405, method === "rebase" ? "This branch can't be rebased" : "Pull Request is not mergeable");
    const intent: MergeIntent = { sha, actorId: user.id, method, base };
    core.db.update("pulls", pull.id, { mergeIntent: intent }, "issueId");
    try {
      await objectsOf(core.git, repository.id).updateRef(`refs/heads/${pull.baseRef}`, sha, base);
    } catch {
      core.db.update("pulls", pull.id, { mergeIntent: null }, "issueId");
      throw new Fault(409, "Base branch was modified. Review and try the merge again.");
    }
    await syncRefs(core, repository.id, user);
    return { sha };
  });
}

const MERGE_NAMES: Record<MergeMethod, string> = { merge: "Merge commits", squash: "Squash merges", rebase: "Rebase merges" };

/** How many people who may write approve it: of each the last word counts. */
export function approvalsOf(core: ForgeCore, repository: Repository, pull: PullRequest): number {
  const verdicts = core.state.reviews(pull.id).items.filter(({ state }) => state !== "COMMENTED" && state !== "PENDING");
  const last = new Map(verdicts.map(({ userId, state }) => [userId, state]));
  return [...last].filter(
    ([userId, state]) => state === "APPROVED" && isAtLeast(core.state.role(repository, core.state.account(userId)), "write"),
  ).length;
}

/** Throws 405 where fewer people approve it. */
export function requireApprovals(core: ForgeCore, repository: Repository, pull: PullRequest, count: number): void {
  if (approvalsOf(core, repository, pull) >= count) return;
  throw violation(405, `At least ${count} approving review${count === 1 ? " is" : "s are"} required by reviewers with write access.`);
}

/** Forgets merges whose branch never moved; those whose branch did were finished by `syncRefs`. At start only. */
export function forgetIntents(core: ForgeCore): void {
  core.db.run("update pulls set mergeIntentJson = null where mergeIntentJson is not null");
}

/** The commit that merging the pull request into `base` makes; undefined when the two conflict. */
export function mergeCommit(
  core: ForgeCore,
  repository: Repository,
  pull: PullRequest,
  base: string,
  author: Account,
  options: MergeOptions,
): Promise<string | undefined> {
  const request = { repositoryId: repository.id, base, head: pull.headSha, author };
  if (options.method === "rebase") return makeRebase(core, { ...request, message: "" });
  if (options.method === "squash") return squash(core, repository, pull, request, options);
  const title = options.commitTitle ?? `Merge pull request #${pull.number} from ${repository.owner}/${pull.headRef}`;
  return makeMerge(core, { ...request, message: message(title, options.commitMessage ?? pull.title) }, "merge");
}

async function squash(
  core: ForgeCore,
  repository: Repository,
  pull: PullRequest,
  request: { repositoryId: number; base: string; head: string; author: Account },
  options: MergeOptions,
) {
  const commits = await objectsOf(core.git, repository.id).log(`${request.base}..${request.head}`, { reverse: true });
  const [first] = commits;
  const only = commits.length === 1 ? first : undefined;
  const title = options.commitTitle ?? `${only === undefined ? pull.title : only.message.split("\n", 1)[0]} (#${pull.number})`;
  const list =
    only === undefined ? commits.map((commit) => `* ${commit.message}`).join("\n\n") : only.message.split("\n").slice(1).join("\n").trim();
  const requester = core.state.account(pull.userId);
  const text = message(title, options.commitMessage ?? list);
  return makeMerge(
    core,
    { ...request, author: requester, message: requester.id === request.author.id ? text : `${text}\n\n${coAuthor(request.author)}` },
    "squash",
  );
}

function coAuthor(account: Account): string {
  const { name, email } = signatureOf(account);
  return `Co-authored-by: ${name} <${email}>`;
}

function message(title: string, body: string): string {
  return body === "" ? title : `${title}\n\n${body}`;
}

/** Marks it as ready, or as a draft again: its author's and writers' to do. Throws 422 for one that is not open. Idempotent. */
export function setDraft(core: ForgeCore, actor: Actor, repository: Repository, number: number, isDraft: boolean): PullRequest {
  const pull = findPull(core, repository, number);
  const user = authorizeWrite(core, actor, repository, "pull_requests", actor.account?.id === pull.userId ? "read" : "write");
  if (pull.state !== "open") throw new Fault(422, "Pull request is closed");
  if (pull.isDraft === isDraft) return pull;
  return core.db.transaction(() => {
    core.db.update("pulls", pull.id, { isDraft }, "issueId");
    core.db.update("issues", pull.id, { updatedAt: timestamp() });
    note(core, pull.id, isDraft ? "converted_to_draft" : "ready_for_review", user, {});
    emitPull(core, repository, pull, isDraft ? "converted_to_draft" : "ready_for_review", user);
    published(core, repository, number);
    return findPull(core, repository, number);
  });
}

/** Throws 422 for someone who cannot see the repository, and for the author. */
export function requestReviewers(core: ForgeCore, actor: Actor, repository: Repository, number: number, logins: string[]): PullRequest {
  const user = authorizeWrite(core, actor, repository, "pull_requests", "triage");
  const pull = findPull(core, repository, number);
  return core.db.transaction(() => {
    for (const login of logins) {
      const reviewer = core.state.accountByLogin(login);
      const isKnown =
        reviewer !== undefined &&
        (reviewer.id === repository.ownerId || core.state.collaborators(repository.id).some((item) => item.accountId === reviewer.id));
      if (!isKnown)
        throw new Fault(
          422,
          "Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a collaborator of the repository.",
        );
      if (reviewer.id === pull.userId) throw new Fault(422, "Review cannot be requested from pull request author.");
      if (core.db.run("insert or ignore into reviewRequests (issueId, accountId) values (?, ?)", pull.id, reviewer.id) === 0) continue;
      note(core, pull.id, "review_requested", user, { reviewer: reviewer.login });
      emitPull(core, repository, pull, "review_requested", user, { requested_reviewer: userJson(core, reviewer) });
    }
    published(core, repository, number);
    return pull;
  });
}

export function removeReviewers(core: ForgeCore, actor: Actor, repository: Repository, number: number, logins: string[]): PullRequest {
  authorizeWrite(core, actor, repository, "pull_requests", "triage");
  const pull = findPull(core, repository, number);
  for (const login of logins) {
    const reviewer = core.state.accountByLogin(login);
    if (reviewer !== undefined) core.db.run("delete from reviewRequests where issueId = ? and accountId = ?", pull.id, reviewer.id);
  }
  published(core, repository, number);
  return pull;
}
