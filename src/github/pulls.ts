/** Pull requests. */
import { AdorableError } from "../core/errors.ts";
import { type Connection, orUndefined } from "./connection.ts";
import { hasStatus } from "./errors.ts";
import type { PullRequest, PullRequestFile } from "./github.ts";
import { toFile, toPullRequest } from "./records.ts";

const MAX_TITLE = 256;

export async function getPullRequest({ octokit, owner, repo }: Connection, number: number): Promise<PullRequest> {
  const { data } = await octokit.rest.pulls.get({ owner, repo, pull_number: number });
  return toPullRequest(data);
}

export async function listPullRequestFiles({ octokit, owner, repo }: Connection, number: number): Promise<PullRequestFile[]> {
  const files = await octokit.paginate(octokit.rest.pulls.listFiles, { owner, repo, pull_number: number, per_page: 100 });
  return files.map(toFile);
}

export async function pullRequestsOf({ octokit, owner, repo }: Connection, commit: string): Promise<number[]> {
  const answer = octokit.rest.repos.listPullRequestsAssociatedWithCommit({ owner, repo, commit_sha: commit, per_page: 100 });
  return ((await orUndefined(answer))?.data ?? []).map((pull) => pull.number);
}

export async function queuedBy({ octokit, owner, repo }: Connection, pull: number): Promise<string | undefined> {
  const events = await octokit.paginate(octokit.rest.issues.listEvents, { owner, repo, issue_number: pull, per_page: 100 });
  // GitHub's description does not know the event, its answers do.
  return events.findLast((one) => (one.event as string) === "added_to_merge_queue")?.actor?.login;
}

export async function findPullRequestByHead(
  { octokit, owner, repo }: Connection,
  branch: string,
  state: "open" | "all",
): Promise<PullRequest | undefined> {
  const { data } = await octokit.rest.pulls.list({
    owner,
    repo,
    state,
    head: `${owner}:${branch}`,
    sort: "created",
    direction: "desc",
    per_page: 100,
  });
  // A server that does not know the filter answers with all of them.
  const found = data.find(
    (pull) => pull.head.ref === branch && pull.head.repo?.full_name.toLowerCase() === `${owner}/${repo}`.toLowerCase(),
  );
  return found === undefined ? undefined : toPullRequest(found);
}

export interface PullRequestInput {
  head: string;
  base: string;
  title: string;
  body: string;
  isDraft?: boolean;
}

export async function createPullRequest(connection: Connection, input: PullRequestInput): Promise<PullRequest> {
  const { octokit, owner, repo } = connection;
  const standing = await findPullRequestByHead(connection, input.head, "open");
  if (standing !== undefined) return standing;
  const { head, base, isDraft: draft = false } = input;
  const text = { title: connection.outgoing(input.title).slice(0, MAX_TITLE), body: connection.outgoing(input.body) };
  try {
    const { data } = await octokit.rest.pulls.create({ owner, repo, head, base, draft, ...text });
    return toPullRequest(data);
  } catch (error) {
    // Someone opened it in the meantime, or the first answer was lost.
    const other = hasStatus(error, 422) ? await findPullRequestByHead(connection, head, "open") : undefined;
    if (other === undefined) throw error;
    return other;
  }
}

export async function updatePullRequest(
  connection: Connection,
  number: number,
  change: { title?: string; body?: string; state?: "open" | "closed" },
): Promise<PullRequest> {
  const { octokit, owner, repo } = connection;
  const { data } = await octokit.rest.pulls.update({
    owner,
    repo,
    pull_number: number,
    ...(change.title === undefined ? {} : { title: connection.outgoing(change.title).slice(0, MAX_TITLE) }),
    ...(change.body === undefined ? {} : { body: connection.outgoing(change.body) }),
    ...(change.state === undefined ? {} : { state: change.state }),
  });
  return toPullRequest(data);
}

export async function requestReviewer({ octokit, owner, repo }: Connection, number: number, login: string): Promise<boolean> {
  try {
    await octokit.rest.pulls.requestReviewers({ owner, repo, pull_number: number, reviewers: [login] });
    return true;
  } catch (error) {
    if (hasStatus(error, 422)) return false;
    throw error;
  }
}

export async function mergePullRequest(
  connection: Connection,
  number: number,
  headSha: string,
  method: "merge" | "squash" | "rebase",
): Promise<{ sha: string }> {
  const { octokit, owner, repo } = connection;
  try {
    const { data } = await octokit.rest.pulls.merge({ owner, repo, pull_number: number, sha: headSha, merge_method: method });
    return { sha: data.sha };
  } catch (error) {
    if (!hasStatus(error, 405, 409)) throw error;
    const pull = await getPullRequest(connection, number);
    if (pull.mergeCommit !== undefined) return { sha: pull.mergeCommit };
    const which = `"${owner}/${repo}#${number}"`;
    if (pull.headSha !== headSha) {
      const message = `The head of ${which} moved from "${headSha}" to "${pull.headSha}" before the merge.`;
      throw new AdorableError({
        code: "head-moved",
        remedy: "author",
        message,
        hint: "Look at the new commits and merge again.",
        cause: error,
      });
    }
    const message = `GitHub refuses to merge ${which}: ${error instanceof Error ? error.message : "no reason given"}`;
    const hint = "Solve the conflicts, or satisfy the branch's rules, and merge again.";
    throw new AdorableError({ code: "merge-conflict", remedy: "author", message, hint, cause: error });
  }
}
