/** What every change of an issue or a pull request does: it is found, noted in its timeline, and told to Apps and pages. */
import type { Actor } from "./auth.ts";
import { timestamp, type ForgeCore } from "./core.ts";
import { notFound } from "./faults.ts";
import type { Account, Issue, PullRequest, Repository } from "./records.ts";
import type { Json } from "./serialize/common.ts";
import { issueJson } from "./serialize/issues.ts";
import { pullJson } from "./serialize/pulls.ts";
import { emit } from "./webhooks.ts";

export function findIssue(core: ForgeCore, repository: Repository, number: number): Issue {
  const issue = core.state.issue(repository.id, number);
  if (issue === undefined) throw notFound();
  return issue;
}

export function note(core: ForgeCore, issueId: number, kind: string, actor: Account, detail: Record<string, string | number>): void {
  core.db.insert("timeline", { issueId, kind, actorId: actor.id, detail, createdAt: timestamp() });
}

/** Tells the Apps and the pages that an issue or a pull request changed, and returns it as it is. */
export function changedIssue(core: ForgeCore, repository: Repository, id: number, action: string, user: Account, extra: Json = {}): Issue {
  const issue = core.state.issueById(id);
  if (issue === undefined) throw notFound();
  const pull = issue.isPull ? core.state.pullById(id) : undefined;
  if (pull !== undefined) emitPull(core, repository, pull, action, user, extra);
  else emit(core, repository, "issues", user, { action, issue: issueJson(core, repository, issue), ...extra });
  published(core, repository, issue);
  return issue;
}

/** Queues a `pull_request` event with the pull request as it now is. */
export function emitPull(
  core: ForgeCore,
  repository: Repository,
  pull: PullRequest,
  action: string,
  sender: Account,
  extra: Json = {},
): void {
  const now = core.state.pullById(pull.id);
  if (now !== undefined)
    emit(core, repository, "pull_request", sender, {
      action,
      number: pull.number,
      pull_request: pullJson(core, repository, now),
      ...extra,
    });
}

export function published(core: ForgeCore, repository: Repository, issue: Issue): void {
  core.db.afterCommit(() =>
    core.changes.publish({ repositoryId: repository.id, subject: issue.isPull ? "pull" : "issue", number: issue.number }),
  );
}

/** A pull request's issue side is open to Apps with either permission, as on GitHub. */
export function permissionFor(actor: Actor, issue: Issue): string {
  return issue.isPull && actor.kind === "integration" && actor.permissions["issues"] !== "write" ? "pull_requests" : "issues";
}
