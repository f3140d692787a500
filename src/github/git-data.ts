/** Commits, refs and files, read through the API: enough to decide without a clone. */
import { AdorableError } from "../core/errors.ts";
import { type Connection, orUndefined } from "./connection.ts";
import type { Activity, Commit, Comparison, GitRemote } from "./github.ts";
import { toFile } from "./records.ts";

export async function getFile({ octokit, owner, repo }: Connection, path: string, ref: string): Promise<string | undefined> {
  const answer = await orUndefined(octokit.rest.repos.getContent({ owner, repo, path, ref }));
  if (answer === undefined) return undefined;
  const { data } = answer;
  if (Array.isArray(data) || data.type !== "file") return undefined;
  // Above 1 MB the content is left out, and the blob has to be asked for.
  const content =
    data.encoding === "base64" ? data.content : (await octokit.rest.git.getBlob({ owner, repo, file_sha: data.sha })).data.content;
  return Buffer.from(content, "base64").toString("utf8");
}

export async function getRef({ octokit, owner, repo }: Connection, ref: string): Promise<string | undefined> {
  const answer = await orUndefined(octokit.rest.git.getRef({ owner, repo, ref }));
  return answer?.data.object.sha;
}

export async function getCommit({ octokit, owner, repo }: Connection, sha: string): Promise<Commit> {
  const { data } = await octokit.rest.git.getCommit({ owner, repo, commit_sha: sha });
  return { sha: data.sha, tree: data.tree.sha, parents: data.parents.map((parent) => parent.sha), message: data.message };
}

export async function listActivity({ octokit, owner, repo }: Connection, branch: string): Promise<Activity[]> {
  const ref = `refs/heads/${branch}`;
  const answer = await orUndefined(octokit.rest.repos.listActivities({ owner, repo, ref, direction: "desc", per_page: 100 }));
  return (answer?.data ?? [])
    .filter((one) => one.ref === ref)
    .map((one) => ({ before: one.before, after: one.after, kind: one.activity_type, actor: one.actor?.login, at: one.timestamp }));
}

export async function compareCommits({ octokit, owner, repo }: Connection, base: string, head: string): Promise<Comparison> {
  const { data } = await octokit.rest.repos.compareCommitsWithBasehead({ owner, repo, basehead: `${base}...${head}` });
  return {
    status: data.status,
    mergeBase: data.merge_base_commit.sha,
    aheadBy: data.ahead_by,
    behindBy: data.behind_by,
    files: (data.files ?? []).map(toFile),
  };
}

export function gitRemote(cloneUrl: string, token: string): GitRemote {
  if (!/^https?:\/\//.test(cloneUrl)) {
    throw new AdorableError({ code: "github-refused", remedy: "operator", message: `"${cloneUrl}" is not an HTTP address to clone from.` });
  }
  const authorization = `Basic ${Buffer.from(`x-access-token:${token}`).toString("base64")}`;
  return { url: cloneUrl, username: "x-access-token", token, authorization };
}
