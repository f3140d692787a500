/** Reactions and comments on issues and pull requests. */
import { type Connection, orUndefined } from "./connection.ts";
import { type CommentRef, type Issue, type Permission, PERMISSIONS, type ReactionTarget } from "./github.ts";
import { MAX_TEXT } from "./outgoing.ts";
import { hasStatus } from "./errors.ts";
import { AdorableError } from "../core/errors.ts";
import { toIssue } from "./records.ts";

export async function permission({ octokit, owner, repo }: Connection, login: string): Promise<Permission> {
  const { data } = await octokit.rest.repos.getCollaboratorPermissionLevel({ owner, repo, username: login });
  // `permission` knows neither triage nor maintain; `role_name` may be an organisation's own role.
  const known = PERMISSIONS.find((name) => name === data.role_name) ?? PERMISSIONS.find((name) => name === data.permission);
  if (known !== undefined) return known;
  const message = `GitHub names the permission of "${login}" on "${owner}/${repo}" as "${data.permission}", which is unknown.`;
  throw new AdorableError({ code: "permission-unknown", remedy: "operator", message });
}

export async function react(
  { octokit, owner, repo }: Connection,
  target: ReactionTarget,
  content: "eyes" | "rocket" | "confused",
): Promise<void> {
  if (target.kind === "issue") await octokit.rest.reactions.createForIssue({ owner, repo, issue_number: target.number, content });
  else if (target.kind === "comment") await octokit.rest.reactions.createForIssueComment({ owner, repo, comment_id: target.id, content });
  else await octokit.rest.reactions.createForPullRequestReviewComment({ owner, repo, comment_id: target.id, content });
}

export async function getIssue({ octokit, owner, repo }: Connection, number: number): Promise<Issue> {
  const { data } = await octokit.rest.issues.get({ owner, repo, issue_number: number });
  return toIssue(data);
}

/** Leaves what stands when `rewrite` is false. */
export async function postMarked(
  connection: Connection,
  issue: number,
  marker: string,
  body: string,
  options: { rewrite: boolean; knownId?: number | undefined },
): Promise<CommentRef> {
  const { octokit, owner, repo } = connection;
  const hidden = `\n\n${hiddenMarker(marker)}`;
  const text = connection.outgoing(body, MAX_TEXT - hidden.length) + hidden;
  const found = await findMarked(connection, issue, marker, options.knownId);
  if (found === undefined) {
    const { data } = await octokit.rest.issues.createComment({ owner, repo, issue_number: issue, body: text });
    return { id: data.id, url: data.html_url, outcome: "created" };
  }
  if (!options.rewrite || found.body === text) return { id: found.id, url: found.url, outcome: "unchanged" };
  try {
    await octokit.rest.issues.updateComment({ owner, repo, comment_id: found.id, body: text });
  } catch (error) {
    if (!hasStatus(error, 404)) throw error;
    // Deleted since it was found: the next look will not find it.
    return postMarked(connection, issue, marker, body, { ...options, knownId: undefined });
  }
  return { id: found.id, url: found.url, outcome: "updated" };
}

/** Invisible in rendered Markdown. Nothing in `marker` may end the HTML comment. */
export function hiddenMarker(marker: string): string {
  return `<!-- adorable:${marker
    .replace(/^adorable:/, "")
    .replaceAll(/[^A-Za-z0-9_.:/=-]/g, "_")
    .replaceAll("--", "__")} -->`;
}

interface FoundComment {
  id: number;
  url: string;
  body: string;
}

/** Ours by author and by marker: anyone can paste a marker. The oldest wins, so that two writers agree. */
async function findMarked(connection: Connection, issue: number, marker: string, knownId?: number): Promise<FoundComment | undefined> {
  const { octokit, owner, repo } = connection;
  const [botLogin, hidden] = [await connection.botLogin(), hiddenMarker(marker)];
  const ours = (comment: { user: { login: string } | null; body?: string }) =>
    comment.user?.login === botLogin && (comment.body ?? "").trimEnd().endsWith(hidden);

  if (knownId !== undefined) {
    const known = await orUndefined(octokit.rest.issues.getComment({ owner, repo, comment_id: knownId }));
    if (known !== undefined && ours(known.data)) return { id: known.data.id, url: known.data.html_url, body: known.data.body ?? "" };
  }
  const pages = octokit.paginate.iterator(octokit.rest.issues.listComments, { owner, repo, issue_number: issue, per_page: 100 });
  for await (const { data } of pages) {
    const comment = data.find(ours);
    if (comment !== undefined) return { id: comment.id, url: comment.html_url, body: comment.body ?? "" };
  }
  return undefined;
}
