/** JSON of issues, comments, labels, reactions and reviews, as GitHub documents them. */
import type { ForgeCore } from "../core.ts";
import {
  REACTIONS,
  type Comment,
  type Issue,
  type Label,
  type Reaction,
  type ReactionSubject,
  type Repository,
  type Review,
  type ReviewComment,
} from "../records.ts";
import { appJson, nodeId, userById, userJson, type Json } from "./common.ts";
import { repositoryPage, repositoryUrl } from "./repositories.ts";

/** What `author_association` says; it decides nothing. */
export function association(core: ForgeCore, repository: Repository, userId: number): string {
  if (userId === repository.ownerId) return "OWNER";
  return core.state.collaborators(repository.id).some((item) => item.accountId === userId) ? "COLLABORATOR" : "NONE";
}

export function reactionsJson(core: ForgeCore, subject: ReactionSubject, id: number, url: string): Json {
  const { items } = core.state.reactions(subject, id);
  const counts = Object.fromEntries(REACTIONS.map((content) => [content, items.filter((item) => item.content === content).length]));
  return { url: `${url}/reactions`, total_count: items.length, ...counts };
}

export function reactionJson(core: ForgeCore, reaction: Reaction): Json {
  return {
    id: reaction.id,
    node_id: nodeId("REA", reaction.id),
    user: userById(core, reaction.userId),
    content: reaction.content,
    created_at: reaction.createdAt,
  };
}

export function labelJson(core: ForgeCore, repository: Repository, label: Label): Json {
  const { id, name, color, description } = label;
  return {
    id,
    node_id: nodeId("LA", id),
    url: `${repositoryUrl(core, repository)}/labels/${encodeURIComponent(name)}`,
    name,
    color,
    default: false,
    description,
  };
}

export function issueJson(core: ForgeCore, repository: Repository, issue: Issue): Json {
  const url = `${repositoryUrl(core, repository)}/issues/${issue.number}`;
  const assignees = core.state.assignees(issue.id).map((account) => userJson(core, account));
  return {
    id: issue.id,
    node_id: nodeId("I", issue.id),
    url,
    repository_url: repositoryUrl(core, repository),
    labels_url: `${url}/labels{/name}`,
    comments_url: `${url}/comments`,
    events_url: `${url}/events`,
    html_url: issuePage(core, repository, issue),
    timeline_url: `${url}/timeline`,
    number: issue.number,
    state: issue.state,
    state_reason: issue.stateReason,
    title: issue.title,
    body: issue.body,
    user: userById(core, issue.userId),
    labels: core.state.labelsOf(issue.id).map((label) => labelJson(core, repository, label)),
    assignee: assignees[0] ?? null,
    assignees,
    milestone: null,
    locked: issue.isLocked,
    active_lock_reason: null,
    comments: issue.commentCount,
    closed_at: issue.closedAt,
    closed_by: issue.closedById === null ? null : userById(core, issue.closedById),
    created_at: issue.createdAt,
    updated_at: issue.updatedAt,
    author_association: association(core, repository, issue.userId),
    reactions: reactionsJson(core, "issue", issue.id, url),
    performed_via_github_app: null,
    ...(issue.isPull ? { draft: core.state.pullById(issue.id)?.isDraft ?? false, pull_request: pullLinks(core, repository, issue) } : {}),
  };
}

function pullLinks(core: ForgeCore, repository: Repository, issue: Issue): Json {
  const url = `${repositoryUrl(core, repository)}/pulls/${issue.number}`;
  const page = issuePage(core, repository, issue);
  return {
    url,
    html_url: page,
    diff_url: `${page}.diff`,
    patch_url: `${page}.patch`,
    merged_at: core.state.pullById(issue.id)?.mergedAt ?? null,
  };
}

export function issuePage(core: ForgeCore, repository: Repository, issue: Issue): string {
  return `${repositoryPage(core, repository)}/${issue.isPull ? "pull" : "issues"}/${issue.number}`;
}

export function commentJson(core: ForgeCore, repository: Repository, issue: Issue, comment: Comment): Json {
  const url = `${repositoryUrl(core, repository)}/issues/comments/${comment.id}`;
  const app = comment.appId === null ? undefined : core.state.app(comment.appId);
  return {
    id: comment.id,
    node_id: nodeId("IC", comment.id),
    url,
    html_url: `${issuePage(core, repository, issue)}#issuecomment-${comment.id}`,
    issue_url: `${repositoryUrl(core, repository)}/issues/${issue.number}`,
    body: comment.body,
    user: userById(core, comment.userId),
    created_at: comment.createdAt,
    updated_at: comment.updatedAt,
    author_association: association(core, repository, comment.userId),
    reactions: reactionsJson(core, "comment", comment.id, url),
    performed_via_github_app: app === undefined ? null : appJson(core, app),
  };
}

export function reviewJson(core: ForgeCore, repository: Repository, issue: Issue, review: Review): Json {
  const page = `${issuePage(core, repository, issue)}#pullrequestreview-${review.id}`;
  const pull = `${repositoryUrl(core, repository)}/pulls/${issue.number}`;
  return {
    id: review.id,
    node_id: nodeId("PRR", review.id),
    user: userById(core, review.userId),
    body: review.body,
    state: review.state,
    html_url: page,
    pull_request_url: pull,
    _links: { html: { href: page }, pull_request: { href: pull } },
    commit_id: review.commitSha,
    author_association: association(core, repository, review.userId),
    ...(review.submittedAt === null ? {} : { submitted_at: review.submittedAt }),
  };
}

export function reviewCommentJson(core: ForgeCore, repository: Repository, issue: Issue, comment: ReviewComment): Json {
  const url = `${repositoryUrl(core, repository)}/pulls/comments/${comment.id}`;
  const pull = `${repositoryUrl(core, repository)}/pulls/${issue.number}`;
  const page = `${issuePage(core, repository, issue)}#discussion_r${comment.id}`;
  return {
    id: comment.id,
    node_id: nodeId("PRRC", comment.id),
    url,
    pull_request_review_id: comment.reviewId,
    diff_hunk: comment.diffHunk,
    path: comment.path,
    position: comment.line,
    original_position: comment.line,
    commit_id: comment.commitSha,
    original_commit_id: comment.commitSha,
    ...(comment.inReplyToId === null ? {} : { in_reply_to_id: comment.inReplyToId }),
    user: userById(core, comment.userId),
    body: comment.body,
    created_at: comment.createdAt,
    updated_at: comment.updatedAt,
    html_url: page,
    pull_request_url: pull,
    author_association: association(core, repository, comment.userId),
    _links: { self: { href: url }, html: { href: page }, pull_request: { href: pull } },
    start_line: null,
    original_start_line: null,
    start_side: null,
    line: comment.line,
    original_line: comment.line,
    side: comment.side,
    subject_type: comment.line === null ? "file" : "line",
    reactions: reactionsJson(core, "review_comment", comment.id, url),
  };
}
