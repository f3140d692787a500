/** Issues, comments, labels and reactions: every change checks who makes it, is stored, and tells the Apps in the same transaction. */
import { authorize, authorizeWrite, isAtLeast, type Actor } from "./auth.ts";
import { timestamp, type ForgeCore } from "./core.ts";
import { assignable, attachAssignee, reassign } from "./assignees.ts";
import { invalid, notFound } from "./faults.ts";
import { changedIssue, findIssue, note, permissionFor, published } from "./issue-changes.ts";
import { attachLabel, replaceLabels } from "./labels.ts";
import {
  REACTIONS,
  type Account,
  type Comment,
  type Issue,
  type Reaction,
  type ReactionContent,
  type ReactionSubject,
  type Repository,
} from "./records.ts";
import { userJson, type Json } from "./serialize/common.ts";
import { commentJson, issueJson, labelJson } from "./serialize/issues.ts";
import { emit } from "./webhooks.ts";

export const MAX_BODY_CHARACTERS = 65_536;
const MAX_TITLE_CHARACTERS = 256;

/** Throws 422 for an empty or over-long text, in GitHub's words. */
export function checkBody(resource: string, body: string | null | undefined, isRequired = false): void {
  if (isRequired && (body ?? "").trim() === "") throw invalid({ resource, field: "body", code: "missing_field" });
  if (characters(body ?? "") > MAX_BODY_CHARACTERS) {
    throw invalid({ resource, field: "body", code: "custom", message: `body is too long (maximum is ${MAX_BODY_CHARACTERS} characters)` });
  }
}

/** What people count: code points, not UTF-16 units. */
function characters(text: string): number {
  return text.length <= MAX_BODY_CHARACTERS ? text.length : Array.from(text).length;
}

export function checkTitle(resource: string, title: string): void {
  if (title.trim() === "") throw invalid({ resource, field: "title", code: "missing_field" });
  if (title.length > MAX_TITLE_CHARACTERS) {
    throw invalid({
      resource,
      field: "title",
      code: "custom",
      message: `title is too long (maximum is ${MAX_TITLE_CHARACTERS} characters)`,
    });
  }
}

/** The next number of a repository's issues and pull requests. */
export function takeNumber(core: ForgeCore, repository: Repository): number {
  const number = core.db.get<{ nextNumber: number }>("select nextNumber from repositories where id = ?", repository.id)?.nextNumber ?? 1;
  core.db.update("repositories", repository.id, { nextNumber: number + 1 });
  return number;
}

export interface NewIssue {
  title: string;
  body?: string | null;
  labels?: string[];
  assignees?: string[];
}

export function createIssue(core: ForgeCore, actor: Actor, repository: Repository, wanted: NewIssue): Issue {
  const user = authorizeWrite(core, actor, repository, "issues", "read");
  checkTitle("Issue", wanted.title);
  checkBody("Issue", wanted.body);
  return core.db.transaction(() => {
    const now = timestamp();
    const number = takeNumber(core, repository);
    const record = { repositoryId: repository.id, number, isPull: false, title: wanted.title, body: wanted.body ?? null, state: "open" };
    const id = core.db.insert("issues", { ...record, userId: user.id, createdAt: now, updatedAt: now });
    const mayTriage = actor.kind === "integration" || isAtLeast(core.state.role(repository, user), "triage");
    const labels = mayTriage ? (wanted.labels ?? []).flatMap((name) => attachLabel(core, repository, id, user, name) ?? []) : [];
    const assignees = mayTriage ? assignable(core, repository, wanted.assignees ?? []).filter((one) => attachAssignee(core, id, one)) : [];
    const issue = changedIssue(core, repository, id, "opened", user);
    for (const label of labels) changedIssue(core, repository, id, "labeled", user, { label: labelJson(core, repository, label) });
    for (const one of assignees) changedIssue(core, repository, id, "assigned", user, { assignee: userJson(core, one) });
    return issue;
  });
}

export interface IssueEdit {
  title?: string | undefined;
  body?: string | null | undefined;
  state?: "open" | "closed" | undefined;
  stateReason?: "completed" | "not_planned" | "reopened" | null | undefined;
  labels?: string[] | undefined;
  assignees?: string[] | undefined;
}

/** Edits an issue, or the issue side of a pull request. The author may edit and close; others need `triage`, or the permission as an App. */
export function editIssue(core: ForgeCore, actor: Actor, repository: Repository, number: number, edit: IssueEdit): Issue {
  const issue = findIssue(core, repository, number);
  const isAuthor = actor.account !== null && actor.account.id === issue.userId;
  const user = authorizeWrite(core, actor, repository, permissionFor(actor, issue), isAuthor ? "read" : "triage");
  if (edit.title !== undefined) checkTitle("Issue", edit.title);
  checkBody("Issue", edit.body);
  return core.db.transaction(() => {
    const now = timestamp();
    const changes: Json = {};
    if (edit.title !== undefined && edit.title !== issue.title) changes["title"] = { from: issue.title };
    if (edit.body !== undefined && (edit.body ?? null) !== issue.body) changes["body"] = { from: issue.body };
    core.db.update("issues", issue.id, { title: edit.title, body: edit.body, updatedAt: now });
    if (changes["title"] !== undefined) note(core, issue.id, "renamed", user, { from: issue.title, to: edit.title ?? "" });
    if (Object.keys(changes).length > 0) changedIssue(core, repository, issue.id, "edited", user, { changes });
    if (edit.labels !== undefined) replaceLabels(core, repository, issue, user, edit.labels);
    if (edit.assignees !== undefined) reassign(core, repository, issue, user, edit.assignees);
    if (edit.state !== undefined && edit.state !== issue.state) changeState(core, repository, issue, user, edit);
    return findIssue(core, repository, number);
  });
}

function changeState(core: ForgeCore, repository: Repository, issue: Issue, user: Account, edit: IssueEdit): void {
  const now = timestamp();
  const isClosing = edit.state === "closed";
  if (issue.isPull && !isClosing) {
    const pull = core.state.pullById(issue.id);
    if (pull?.isMerged === true)
      throw invalid({
        resource: "PullRequest",
        field: "state",
        code: "invalid",
        message: "state cannot be changed. The pull request was merged.",
      });
    const head = pull === undefined ? undefined : core.state.ref(repository.id, `refs/heads/${pull.headRef}`);
    if (pull === undefined || head === undefined) {
      throw invalid({
        resource: "PullRequest",
        field: "state",
        code: "invalid",
        message: `state cannot be changed. The ${pull?.headRef ?? "head"} branch has been deleted.`,
      });
    }
    core.db.update("pulls", issue.id, { headSha: head }, "issueId");
  }
  const closing = {
    state: "closed",
    stateReason: issue.isPull ? null : (edit.stateReason ?? "completed"),
    closedAt: now,
    closedById: user.id,
    updatedAt: now,
  };
  const opening = { state: "open", stateReason: issue.isPull ? null : "reopened", closedAt: null, closedById: null, updatedAt: now };
  core.db.update("issues", issue.id, isClosing ? closing : opening);
  note(
    core,
    issue.id,
    isClosing ? "closed" : "reopened",
    user,
    isClosing && closing.stateReason !== null ? { reason: closing.stateReason } : {},
  );
  changedIssue(core, repository, issue.id, isClosing ? "closed" : "reopened", user);
}

export function createComment(core: ForgeCore, actor: Actor, repository: Repository, number: number, body: string): Comment {
  const issue = findIssue(core, repository, number);
  const user = authorizeWrite(core, actor, repository, permissionFor(actor, issue), "read");
  checkBody("IssueComment", body, true);
  return core.db.transaction(() => {
    const now = timestamp();
    const appId = actor.kind === "integration" ? actor.app.id : null;
    const id = core.db.insert("comments", { issueId: issue.id, userId: user.id, appId, body, createdAt: now, updatedAt: now });
    core.db.update("issues", issue.id, { updatedAt: now });
    return changedComment(core, repository, issue, id, "created", user);
  });
}

export function findComment(core: ForgeCore, repository: Repository, id: number): { comment: Comment; issue: Issue } {
  const comment = core.state.comment(id);
  const issue = comment === undefined ? undefined : core.state.issueById(comment.issueId);
  if (comment === undefined || issue?.repositoryId !== repository.id) throw notFound();
  return { comment, issue };
}

/** The author may edit; others need `write`. An App may edit only what an App wrote if it lacks that author. */
export function editComment(core: ForgeCore, actor: Actor, repository: Repository, id: number, body: string): Comment {
  const { comment, issue } = findComment(core, repository, id);
  const user = authorizeWrite(
    core,
    actor,
    repository,
    permissionFor(actor, issue),
    actor.account?.id === comment.userId ? "read" : "write",
  );
  checkBody("IssueComment", body, true);
  return core.db.transaction(() => {
    core.db.update("comments", id, { body, updatedAt: timestamp() });
    return changedComment(core, repository, issue, id, "edited", user, { changes: { body: { from: comment.body } } });
  });
}

export function deleteComment(core: ForgeCore, actor: Actor, repository: Repository, id: number): void {
  const { comment, issue } = findComment(core, repository, id);
  const user = authorizeWrite(
    core,
    actor,
    repository,
    permissionFor(actor, issue),
    actor.account?.id === comment.userId ? "read" : "write",
  );
  core.db.transaction(() => {
    changedComment(core, repository, issue, id, "deleted", user);
    core.db.run("delete from comments where id = ?", id);
    core.db.run("delete from reactions where subjectType = 'comment' and subjectId = ?", id);
  });
}

function changedComment(
  core: ForgeCore,
  repository: Repository,
  issue: Issue,
  id: number,
  action: string,
  user: Account,
  extra: Json = {},
): Comment {
  const comment = core.state.comment(id);
  const now = core.state.issueById(issue.id);
  if (comment === undefined || now === undefined) throw notFound();
  const body = { action, issue: issueJson(core, repository, now), comment: commentJson(core, repository, issue, comment), ...extra };
  emit(core, repository, "issue_comment", user, body);
  published(core, repository, issue);
  return comment;
}

/** Idempotent: a reaction that is there is returned, with `isNew` false. */
export function react(
  core: ForgeCore,
  actor: Actor,
  repository: Repository,
  subject: { type: ReactionSubject; id: number; issue: Issue },
  content: string,
) {
  const user = authorizeWrite(
    core,
    actor,
    repository,
    subject.type === "review_comment" ? "pull_requests" : permissionFor(actor, subject.issue),
    "read",
  );
  if (!REACTIONS.includes(content as ReactionContent))
    throw invalid({ resource: "Reaction", field: "content", code: "invalid", value: content });
  const known = core.db.get<Reaction>(
    "select * from reactions where subjectType = ? and subjectId = ? and userId = ? and content = ?",
    subject.type,
    subject.id,
    user.id,
    content,
  );
  if (known !== undefined) return { reaction: known, isNew: false };
  const id = core.db.insert("reactions", {
    subjectType: subject.type,
    subjectId: subject.id,
    userId: user.id,
    content,
    createdAt: timestamp(),
  });
  published(core, repository, subject.issue);
  return { reaction: core.db.get<Reaction>("select * from reactions where id = ?", id) as Reaction, isNew: true };
}

export function unreact(
  core: ForgeCore,
  actor: Actor,
  repository: Repository,
  subject: { type: ReactionSubject; id: number; issue: Issue },
  reactionId: number,
): void {
  const permission = subject.type === "review_comment" ? "pull_requests" : permissionFor(actor, subject.issue);
  const user = authorizeWrite(core, actor, repository, permission, "read");
  const removed = core.db.run(
    "delete from reactions where id = ? and subjectType = ? and subjectId = ? and userId = ?",
    reactionId,
    subject.type,
    subject.id,
    user.id,
  );
  if (removed === 0) throw notFound();
  published(core, repository, subject.issue);
}

/** Throws 404 when the actor may not see the repository. */
export function readIssues(core: ForgeCore, actor: Actor, repository: Repository): void {
  authorize(core, actor, repository, { permission: "issues", level: "read" });
}
