/** GitHub's answers as this project's records. */
import type { RestEndpointMethodTypes } from "@octokit/rest";
import type { Account, Issue, PullRequest, PullRequestFile, RepositoryInfo } from "./github.ts";

type PullData = RestEndpointMethodTypes["pulls"]["get"]["response"]["data"];
type ListedPullData = RestEndpointMethodTypes["pulls"]["list"]["response"]["data"][number];
type IssueData = RestEndpointMethodTypes["issues"]["get"]["response"]["data"];
type FileData = RestEndpointMethodTypes["pulls"]["listFiles"]["response"]["data"][number];
type RepositoryData = Pick<
  RestEndpointMethodTypes["repos"]["get"]["response"]["data"],
  "id" | "full_name" | "private" | "html_url" | "clone_url" | "default_branch"
>;

/** An account that was deleted is GitHub's "ghost", which may do nothing. */
export function toAccount(user: { login: string; id: number; type?: string } | null | undefined): Account {
  return user ? { login: user.login, id: user.id, type: user.type ?? "User" } : { login: "ghost", id: 0, type: "Ghost" };
}

export function toIssue(data: IssueData): Issue {
  return {
    number: data.number,
    title: data.title,
    body: data.body ?? "",
    author: toAccount(data.user),
    state: data.state === "closed" ? "closed" : "open",
    isPullRequest: data.pull_request !== undefined,
    url: data.html_url,
    createdAt: data.created_at,
    updatedAt: data.updated_at,
  };
}

export function toPullRequest(data: PullData | ListedPullData): PullRequest {
  const isMerged = data.merged_at !== null;
  return {
    number: data.number,
    title: data.title,
    body: data.body ?? "",
    author: toAccount(data.user),
    state: data.state === "closed" ? "closed" : "open",
    isDraft: data.draft ?? false,
    isMerged,
    // Before the merge the same field holds the commit of the test merge.
    mergeCommit: isMerged ? (data.merge_commit_sha ?? undefined) : undefined,
    mergedBy: "merged_by" in data ? data.merged_by?.login : undefined,
    isMergeable: "mergeable" in data ? (data.mergeable ?? undefined) : undefined,
    headRef: data.head.ref,
    headSha: data.head.sha,
    headRepository: (data.head.repo as { full_name: string } | null)?.full_name,
    baseRef: data.base.ref,
    baseSha: data.base.sha,
    url: data.html_url,
    createdAt: data.created_at,
    updatedAt: data.updated_at,
  };
}

export function toFile(data: Pick<FileData, "filename" | "status" | "previous_filename">): PullRequestFile {
  const previous = data.previous_filename;
  return { path: data.filename, status: data.status, ...(previous === undefined ? {} : { previousPath: previous }) };
}

export function toRepositoryInfo(data: RepositoryData, installationId: number): RepositoryInfo {
  return {
    id: data.id,
    fullName: data.full_name,
    installationId,
    defaultBranch: data.default_branch,
    isPrivate: data.private,
    url: data.html_url,
    cloneUrl: data.clone_url,
  };
}
