/** "Closes #7": finds the issues that a pull request or a commit says it closes, and closes them once it is in the default branch. */
import { timestamp, type ForgeCore } from "./core.ts";
import { changedIssue, note } from "./issue-changes.ts";
import type { CommitObject } from "./objects.ts";
import type { Account, Issue, PullRequest, Repository } from "./records.ts";

/** GitHub's words, each before one reference: `#7`, `GH-7`, `owner/name#7` or the issue's address. */
const CLOSING =
  /(?<![\w-])(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?[ \t]+(?:(?<place>[\w./:-]*)(?:#|\/issues\/)|GH-)(?<number>\d+)(?![\w/])/gi;
/** What Markdown shows as code, or not at all, says nothing. */
const UNREAD = /<!--[\s\S]*?(?:-->|$)|^ {0,3}(`{3,}|~{3,})[\s\S]*?(?:^ {0,3}\1|(?![\s\S]))|(`+)[^`][\s\S]*?\2/gm;

/** The numbers that a text closes in the repository, each once. */
export function closedIn(core: ForgeCore, repository: Repository, text: string | null): number[] {
  const own = ["", repository.fullName, `${core.url}/${repository.fullName}`].map((place) => place.toLowerCase());
  const found = [...(text ?? "").replaceAll(UNREAD, " ").matchAll(CLOSING)].filter(({ groups }) =>
    own.includes((groups?.["place"] ?? "").toLowerCase()),
  );
  return [...new Set(found.map(({ groups }) => Number(groups?.["number"])))];
}

/** The issues that merging a pull request closes, or closed: none unless it goes into the default branch. */
export function issuesClosedBy(core: ForgeCore, repository: Repository, pull: PullRequest): Issue[] {
  if (pull.baseRef !== repository.defaultBranch) return [];
  return issuesOf(core, repository, pull.body);
}

function issuesOf(core: ForgeCore, repository: Repository, text: string | null): Issue[] {
  const items = closedIn(core, repository, text).map((number) => core.state.issue(repository.id, number));
  return items.filter((item) => item !== undefined && !item.isPull) as Issue[];
}

/** Call it inside the transaction that announces the merge. */
export function closeByPull(core: ForgeCore, repository: Repository, pull: PullRequest, merger: Account): void {
  for (const issue of issuesClosedBy(core, repository, pull)) close(core, repository, issue, merger, { number: pull.number });
}

/** Call it inside the transaction that announces the push. Oldest first: an issue is closed by the first commit that says so. */
export function closeByCommits(core: ForgeCore, repository: Repository, pusher: Account, commits: readonly CommitObject[]): void {
  for (const { sha, message } of commits)
    for (const issue of issuesOf(core, repository, message)) close(core, repository, issue, pusher, { sha });
}

function close(core: ForgeCore, repository: Repository, found: Issue, user: Account, by: Record<string, string | number>): void {
  if (core.state.issueById(found.id)?.state !== "open") return;
  const now = timestamp();
  core.db.update("issues", found.id, { state: "closed", stateReason: "completed", closedAt: now, closedById: user.id, updatedAt: now });
  note(core, found.id, "closed", user, by);
  changedIssue(core, repository, found.id, "closed", user);
}
