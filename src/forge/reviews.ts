/** Reviews of pull requests and the comments that they leave on lines. */
import { authorizeWrite, type Actor } from "./auth.ts";
import { timestamp, type ForgeCore } from "./core.ts";
import { Fault, notFound } from "./faults.ts";
import { checkBody } from "./issues.ts";
import { objectsOf } from "./objects.ts";
import { findPull } from "./pulls.ts";
import type { Account, PullRequest, Repository, Review, ReviewComment } from "./records.ts";
import { reviewCommentJson, reviewJson } from "./serialize/issues.ts";
import { pullSummaryJson } from "./serialize/pulls.ts";
import { emit } from "./webhooks.ts";

export interface NewReviewComment {
  path: string;
  body: string;
  line: number | null;
  side: "LEFT" | "RIGHT";
}
export type ReviewEvent = "APPROVE" | "REQUEST_CHANGES" | "COMMENT";
const STATE: Record<ReviewEvent, Review["state"]> = { APPROVE: "APPROVED", REQUEST_CHANGES: "CHANGES_REQUESTED", COMMENT: "COMMENTED" };

/** A submitted review with its comments. Throws 422 when its author approves, and for a path that the pull request does not change. */
export async function createReview(
  core: ForgeCore,
  actor: Actor,
  repository: Repository,
  number: number,
  wanted: { event: ReviewEvent; body: string; commitSha?: string | undefined; comments: NewReviewComment[] },
): Promise<Review> {
  const user = authorizeWrite(core, actor, repository, "pull_requests", "read");
  const pull = findPull(core, repository, number);
  checkBody("PullRequestReview", wanted.body, wanted.event === "REQUEST_CHANGES");
  if (wanted.event !== "COMMENT" && pull.userId === user.id) {
    throw new Fault(422, `Review Can not ${wanted.event === "APPROVE" ? "approve" : "request changes on"} your own pull request`);
  }
  const hunks = await hunksOf(core, repository, pull, wanted.comments);
  return core.db.transaction(() => {
    const submittedAt = timestamp();
    const commitSha = wanted.commitSha ?? pull.headSha;
    const id = core.db.insert("reviews", {
      issueId: pull.id,
      userId: user.id,
      body: wanted.body,
      state: STATE[wanted.event],
      commitSha,
      submittedAt,
    });
    core.db.run("delete from reviewRequests where issueId = ? and accountId = ?", pull.id, user.id);
    const review = core.state.review(id);
    if (review === undefined) throw notFound();
    const pull_request = pullSummaryJson(core, repository, pull);
    emit(core, repository, "pull_request_review", user, {
      action: "submitted",
      review: { ...reviewJson(core, repository, pull, review), state: review.state.toLowerCase() },
      pull_request,
    });
    wanted.comments.forEach((comment, index) =>
      addComment(core, repository, pull, user, { ...comment, reviewId: id, commitSha, diffHunk: hunks[index] ?? "", inReplyToId: null }),
    );
    return review;
  });
}

async function hunksOf(core: ForgeCore, repository: Repository, pull: PullRequest, comments: NewReviewComment[]): Promise<string[]> {
  if (comments.length === 0) return [];
  const objects = objectsOf(core.git, repository.id);
  const fork = (await objects.mergeBase(pull.baseSha, pull.headSha)) ?? pull.baseSha;
  const changes = await objects.changes(fork, pull.headSha);
  return comments.map((comment) => {
    checkBody("PullRequestReviewComment", comment.body, true);
    const change = changes.find((item) => item.path === comment.path);
    if (change === undefined) throw new Fault(422, "Unprocessable Entity", ["Path could not be resolved"]);
    return (change.patch ?? "").split("\n").slice(0, 4).join("\n");
  });
}

/** A comment on a line by itself: GitHub wraps it in a review of its own. */
export async function createReviewComment(
  core: ForgeCore,
  actor: Actor,
  repository: Repository,
  number: number,
  comment: NewReviewComment,
  commitSha?: string,
): Promise<ReviewComment> {
  const review = await createReview(core, actor, repository, number, { event: "COMMENT", body: "", commitSha, comments: [comment] });
  const found = core.db.get<ReviewComment>("select * from reviewComments where reviewId = ?", review.id);
  if (found === undefined) throw notFound();
  return found;
}

export function replyToReviewComment(
  core: ForgeCore,
  actor: Actor,
  repository: Repository,
  number: number,
  commentId: number,
  body: string,
): ReviewComment {
  const user = authorizeWrite(core, actor, repository, "pull_requests", "read");
  const pull = findPull(core, repository, number);
  const parent = core.state.reviewComment(commentId);
  if (parent?.issueId !== pull.id) throw notFound();
  checkBody("PullRequestReviewComment", body, true);
  const { reviewId, path, line, side, commitSha, diffHunk } = parent;
  return core.db.transaction(() =>
    addComment(core, repository, pull, user, {
      reviewId,
      path,
      line,
      side,
      commitSha,
      diffHunk,
      body,
      inReplyToId: parent.inReplyToId ?? parent.id,
    }),
  );
}

function addComment(
  core: ForgeCore,
  repository: Repository,
  pull: PullRequest,
  user: Account,
  fields: NewReviewComment & { reviewId: number; commitSha: string; diffHunk: string; inReplyToId: number | null },
): ReviewComment {
  const now = timestamp();
  const id = core.db.insert("reviewComments", { ...fields, issueId: pull.id, userId: user.id, createdAt: now, updatedAt: now });
  const comment = core.state.reviewComment(id);
  if (comment === undefined) throw notFound();
  emit(core, repository, "pull_request_review_comment", user, {
    action: "created",
    comment: reviewCommentJson(core, repository, pull, comment),
    pull_request: pullSummaryJson(core, repository, pull),
  });
  core.db.afterCommit(() => core.changes.publish({ repositoryId: repository.id, subject: "pull", number: pull.number }));
  return comment;
}
