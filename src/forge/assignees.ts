/** Who an issue or a pull request is assigned to. */
import { authorizeWrite, type Actor } from "./auth.ts";
import type { ForgeCore } from "./core.ts";
import { changedIssue, findIssue, permissionFor } from "./issue-changes.ts";
import type { Account, Issue, Repository } from "./records.ts";
import { userJson } from "./serialize/common.ts";

/** As GitHub: whoever cannot see the repository is left out without a word. */
export function assignable(core: ForgeCore, repository: Repository, logins: string[]): Account[] {
  const accounts = logins.flatMap((login) => core.state.accountByLogin(login) ?? []);
  return accounts.filter((account) => core.state.role(repository, account) !== "none");
}

export function attachAssignee(core: ForgeCore, issueId: number, account: Account): boolean {
  return core.db.run("insert or ignore into assignees (issueId, accountId) values (?, ?)", issueId, account.id) > 0;
}

/** Inside the transaction of the change; tells of each that is new. */
export function assign(core: ForgeCore, repository: Repository, issue: Issue, user: Account, logins: string[]): void {
  for (const account of assignable(core, repository, logins))
    if (attachAssignee(core, issue.id, account))
      changedIssue(core, repository, issue.id, "assigned", user, { assignee: userJson(core, account) });
}

export function unassign(core: ForgeCore, repository: Repository, issue: Issue, user: Account, accounts: Account[]): void {
  for (const account of accounts)
    if (core.db.run("delete from assignees where issueId = ? and accountId = ?", issue.id, account.id) > 0)
      changedIssue(core, repository, issue.id, "unassigned", user, { assignee: userJson(core, account) });
}

/** Inside the transaction of the change: these and no others. */
export function reassign(core: ForgeCore, repository: Repository, issue: Issue, user: Account, logins: string[]): void {
  const kept = new Set(assignable(core, repository, logins).map((account) => account.id));
  unassign(
    core,
    repository,
    issue,
    user,
    core.state.assignees(issue.id).filter((account) => !kept.has(account.id)),
  );
  assign(core, repository, issue, user, logins);
}

export function changeAssignees(
  core: ForgeCore,
  actor: Actor,
  repository: Repository,
  number: number,
  change: { add: string[] } | { remove: string[] },
): Issue {
  const issue = findIssue(core, repository, number);
  const user = authorizeWrite(core, actor, repository, permissionFor(actor, issue), "triage");
  return core.db.transaction(() => {
    if ("add" in change) assign(core, repository, issue, user, change.add);
    else unassign(core, repository, issue, user, assignable(core, repository, change.remove));
    return findIssue(core, repository, number);
  });
}
