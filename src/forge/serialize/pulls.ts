/** JSON of pull requests, as GitHub documents them. */
import type { ForgeCore } from "../core.ts";
import type { PullRequest, Repository } from "../records.ts";
import { nodeId, userById, userJson, type Json } from "./common.ts";
import { association, issuePage, labelJson } from "./issues.ts";
import { repositoryJson, repositoryUrl } from "./repositories.ts";

/** As GitHub's lists show it; `pullJson` adds what only a single pull request tells. */
export function pullSummaryJson(core: ForgeCore, repository: Repository, pull: PullRequest): Json {
  const url = `${repositoryUrl(core, repository)}/pulls/${pull.number}`;
  const issueUrl = `${repositoryUrl(core, repository)}/issues/${pull.number}`;
  const statusesUrl = `${repositoryUrl(core, repository)}/statuses/${pull.headSha}`;
  const page = issuePage(core, repository, pull);
  const assignees = core.state.assignees(pull.id).map((account) => userJson(core, account));
  const repo = repositoryJson(core, repository);
  const side = (ref: string, sha: string): Json => ({
    label: `${repository.owner}:${ref}`,
    ref,
    sha,
    user: userById(core, repository.ownerId),
    repo,
  });
  return {
    id: pull.id,
    node_id: nodeId("PR", pull.id),
    url,
    html_url: page,
    diff_url: `${page}.diff`,
    patch_url: `${page}.patch`,
    issue_url: issueUrl,
    commits_url: `${url}/commits`,
    review_comments_url: `${url}/comments`,
    review_comment_url: `${repositoryUrl(core, repository)}/pulls/comments{/number}`,
    comments_url: `${issueUrl}/comments`,
    statuses_url: statusesUrl,
    number: pull.number,
    state: pull.state,
    locked: pull.isLocked,
    active_lock_reason: null,
    title: pull.title,
    body: pull.body,
    user: userById(core, pull.userId),
    labels: core.state.labelsOf(pull.id).map((label) => labelJson(core, repository, label)),
    milestone: null,
    created_at: pull.createdAt,
    updated_at: pull.updatedAt,
    closed_at: pull.closedAt,
    merged_at: pull.mergedAt,
    merge_commit_sha: pull.mergeCommitSha ?? pull.testMergeSha,
    assignee: assignees[0] ?? null,
    assignees,
    requested_reviewers: core.state.reviewers(pull.id).map((account) => userJson(core, account)),
    requested_teams: [],
    head: side(pull.headRef, pull.headSha),
    base: side(pull.baseRef, pull.baseSha),
    author_association: association(core, repository, pull.userId),
    auto_merge: null,
    draft: pull.isDraft,
    _links: {
      self: { href: url },
      html: { href: page },
      issue: { href: issueUrl },
      comments: { href: `${issueUrl}/comments` },
      review_comments: { href: `${url}/comments` },
      review_comment: { href: `${repositoryUrl(core, repository)}/pulls/comments{/number}` },
      commits: { href: `${url}/commits` },
      statuses: { href: statusesUrl },
    },
  };
}

export function pullJson(core: ForgeCore, repository: Repository, pull: PullRequest): Json {
  return {
    ...pullSummaryJson(core, repository, pull),
    merged: pull.isMerged,
    mergeable: pull.isMerged ? null : pull.isMergeable,
    rebaseable: pull.isMerged ? null : pull.isMergeable,
    mergeable_state: mergeableState(core, pull),
    merged_by: pull.mergedById === null ? null : userById(core, pull.mergedById),
    comments: pull.commentCount,
    review_comments: core.state.reviewComments(pull.id).total,
    maintainer_can_modify: false,
    commits: pull.commits,
    additions: pull.additions,
    deletions: pull.deletions,
    changed_files: pull.changedFiles,
  };
}

function mergeableState(core: ForgeCore, pull: PullRequest): string {
  if (pull.isMerged || pull.isMergeable === null) return "unknown";
  if (!pull.isMergeable) return "dirty";
  if (pull.isDraft) return "draft";
  const checks = core.state.checkRuns(pull.repositoryId, pull.headSha).items;
  const isSteady = checks.every((check) => ["success", "neutral", "skipped"].includes(check.conclusion ?? ""));
  return isSteady ? "clean" : "unstable";
}
