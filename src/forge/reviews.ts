/** Reviews of pull requests and the comments that they leave on lines. */
import { authorizeWrite, type Actor } from "./auth.ts";
import { timestamp, type ForgeCore } from "./core.ts";
import { Fault, notFound } from "./faults.ts";
import { checkBody } from "./issues.ts";
import { objectsOf } from "./objects.ts";
import { findPull } from "./pulls.ts";
import type { Account, PullRequest, Repository, Review, ReviewComment } from "./records.ts";
import { reviewCommentJson, reviewJson } from "./serialize/issues.ts";
import type { Json } from "./serialize/common.ts";
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

/**
 * A review with its comments; without an event it waits for its author to submit it, and nobody else sees it. Throws 422 when the author of the
 * pull request approves, for a second one that waits, and for a path that the pull request does not change.
 */
export async function createReview(
  core: ForgeCore,
  actor: Actor,
  repository: Repository,
  number: number,
  wanted: { event?: ReviewEvent | undefined; body: string; commitSha?: string | undefined; comments: NewReviewComment[] },
): Promise<Review> {
  const user = authorizeWrite(core, actor, repository, "pull_requests", "read");
  const pull = findPull(core, repository, number);
  checkBody("PullRequestReview", wanted.body, wanted.event === "REQUEST_CHANGES");
  checkVerdict(pull, user, wanted.event);
  const waiting = core.state.reviews(pull.id, undefined, user.id).items.find((review) => review.state === "PENDING");
  if (waiting !== undefined) throw new Fault(422, "Unprocessable Entity", ["User can only have one pending review per pull request"]);
  const hunks = await hunksOf(core, repository, pull, wanted.comments);
  return core.db.transaction(() => {
    const commitSha = wanted.commitSha ?? pull.headSha;
    const id = core.db.insert("reviews", {
      issueId: pull.id,
      userId: user.id,
      body: wanted.body,
      state: "PENDING",
      commitSha,
    });
    wanted.comments.forEach((comment, index) =>
      storeComment(core, pull, user, { ...comment, reviewId: id, commitSha, diffHunk: hunks[index] ?? "", inReplyToId: null }),
    );
    if (wanted.event !== undefined) submit(core, repository, pull, user, id, wanted.event);
    return reviewById(core, id);
  });
}

function checkVerdict(pull: PullRequest, user: Account, event: ReviewEvent | undefined): void {
  if (event === undefined || event === "COMMENT" || pull.userId !== user.id) return;
  throw new Fault(422, "Unprocessable Entity", [`Can not ${event === "APPROVE" ? "approve" : "request changes on"} your own pull request`]);
}

/** What was written becomes visible, and is told: the review, then each comment. */
function submit(core: ForgeCore, repository: Repository, pull: PullRequest, user: Account, id: number, event: ReviewEvent): void {
  core.db.update("reviews", id, { state: STATE[event], submittedAt: timestamp() });
  core.db.run("delete from reviewRequests where issueId = ? and accountId = ?", pull.id, user.id);
  tellReview(core, repository, pull, user, reviewById(core, id), "submitted");
  for (const comment of core.state.commentsOfReview(id).items) tellComment(core, repository, pull, user, comment, "created");
}

function reviewById(core: ForgeCore, id: number): Review {
  const review = core.state.review(id);
  if (review === undefined) throw notFound();
  return review;
}

/** Throws 404 for one of another pull request, and for one that waits, to everybody but its author. */
export function findReview(core: ForgeCore, actor: Actor, pull: PullRequest, id: number): Review {
  const review = core.state.review(id);
  if (review?.issueId !== pull.id || (review.state === "PENDING" && review.userId !== actor.account?.id)) throw notFound();
  return review;
}

/** Submits one's own review that waits. */
export function submitReview(
  core: ForgeCore,
  actor: Actor,
  repository: Repository,
  number: number,
  id: number,
  wanted: { event: ReviewEvent; body?: string | undefined },
): Review {
  const user = authorizeWrite(core, actor, repository, "pull_requests", "read");
  const pull = findPull(core, repository, number);
  const review = findReview(core, actor, pull, id);
  if (review.state !== "PENDING") throw new Fault(422, "Unprocessable Entity", ["Could not submit: the review was submitted"]);
  checkVerdict(pull, user, wanted.event);
  checkBody("PullRequestReview", wanted.body ?? review.body, wanted.event === "REQUEST_CHANGES");
  return core.db.transaction(() => {
    core.db.update("reviews", id, { body: wanted.body });
    submit(core, repository, pull, user, id, wanted.event);
    return reviewById(core, id);
  });
}

/** Takes the verdict of a review back, with the reason as its text. Throws 422 for one that has none. */
export function dismissReview(core: ForgeCore, actor: Actor, repository: Repository, number: number, id: number, message: string): Review {
  const user = authorizeWrite(core, actor, repository, "pull_requests", "write");
  const pull = findPull(core, repository, number);
  const review = findReview(core, actor, pull, id);
  if (message.trim() === "") throw new Fault(422, "Unprocessable Entity", ["Message can't be blank"]);
  if (review.state !== "APPROVED" && review.state !== "CHANGES_REQUESTED")
    throw new Fault(422, "Unprocessable Entity", ["Can not dismiss a commented pull request review"]);
  return core.db.transaction(() => {
    core.db.update("reviews", id, { state: "DISMISSED" });
    const dismissed = reviewById(core, id);
    tellReview(core, repository, pull, user, dismissed, "dismissed");
    return dismissed;
  });
}

/** Its author changes what a review says. */
export function editReview(core: ForgeCore, actor: Actor, repository: Repository, number: number, id: number, body: string): Review {
  const user = authorizeWrite(core, actor, repository, "pull_requests", "read");
  const pull = findPull(core, repository, number);
  const review = findReview(core, actor, pull, id);
  if (review.userId !== user.id) throw new Fault(403, "Must have admin rights to Repository.");
  checkBody("PullRequestReview", body);
  return core.db.transaction(() => {
    core.db.update("reviews", id, { body });
    const edited = reviewById(core, id);
    if (edited.state !== "PENDING")
      tellReview(core, repository, pull, user, edited, "edited", { changes: { body: { from: review.body } } });
    return edited;
  });
}

/** Only one that waits can go, with its comments. */
export function deleteReview(core: ForgeCore, actor: Actor, repository: Repository, number: number, id: number): Review {
  authorizeWrite(core, actor, repository, "pull_requests", "read");
  const review = findReview(core, actor, findPull(core, repository, number), id);
  if (review.state !== "PENDING") throw new Fault(422, "Unprocessable Entity", ["Can not delete a non-pending pull request review"]);
  core.db.transaction(() => {
    core.db.run("delete from reviewComments where reviewId = ?", id);
    core.db.run("delete from reviews where id = ?", id);
  });
  return review;
}

function tellReview(
  core: ForgeCore,
  repository: Repository,
  pull: PullRequest,
  user: Account,
  review: Review,
  action: string,
  extra: Json = {},
): void {
  const json = { ...reviewJson(core, repository, pull, review), state: review.state.toLowerCase() };
  emit(core, repository, "pull_request_review", user, {
    action,
    review: json,
    pull_request: pullSummaryJson(core, repository, pull),
    ...extra,
  });
  core.db.afterCommit(() => core.changes.publish({ repositoryId: repository.id, subject: "pull", number: pull.number }));
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
  return core.db.transaction(() => {
    const inReplyToId = parent.inReplyToId ?? parent.id;
    const reply = storeComment(core, pull, user, { reviewId, path, line, side, commitSha, diffHunk, body, inReplyToId });
    tellComment(core, repository, pull, user, reply, "created");
    return reply;
  });
}

function storeComment(
  core: ForgeCore,
  pull: PullRequest,
  user: Account,
  fields: NewReviewComment & { reviewId: number; commitSha: string; diffHunk: string; inReplyToId: number | null },
): ReviewComment {
  const now = timestamp();
  const id = core.db.insert("reviewComments", { ...fields, issueId: pull.id, userId: user.id, createdAt: now, updatedAt: now });
  return commentById(core, id);
}

function commentById(core: ForgeCore, id: number): ReviewComment {
  const comment = core.state.reviewComment(id);
  if (comment === undefined) throw notFound();
  return comment;
}

/** A comment on a line with its pull request. Throws 404 for one whose review waits, to everybody but its author. */
export function findReviewComment(
  core: ForgeCore,
  actor: Actor,
  repository: Repository,
  id: number,
): { comment: ReviewComment; pull: PullRequest } {
  const comment = core.state.reviewComment(id);
  const pull = comment === undefined ? undefined : core.state.pullById(comment.issueId);
  if (comment === undefined || pull?.repositoryId !== repository.id) throw notFound();
  findReview(core, actor, pull, comment.reviewId);
  return { comment, pull };
}

/** The author may; others need `write`. */
export function editReviewComment(core: ForgeCore, actor: Actor, repository: Repository, id: number, body: string): ReviewComment {
  const { comment, pull } = findReviewComment(core, actor, repository, id);
  const isAuthor = actor.account?.id === comment.userId;
  const user = authorizeWrite(core, actor, repository, "pull_requests", isAuthor ? "read" : "write");
  checkBody("PullRequestReviewComment", body, true);
  return core.db.transaction(() => {
    core.db.update("reviewComments", id, { body, updatedAt: timestamp() });
    const edited = commentById(core, id);
    tellComment(core, repository, pull, user, edited, "edited", { changes: { body: { from: comment.body } } });
    return edited;
  });
}

export function deleteReviewComment(core: ForgeCore, actor: Actor, repository: Repository, id: number): void {
  const { comment, pull } = findReviewComment(core, actor, repository, id);
  const isAuthor = actor.account?.id === comment.userId;
  const user = authorizeWrite(core, actor, repository, "pull_requests", isAuthor ? "read" : "write");
  core.db.transaction(() => {
    tellComment(core, repository, pull, user, comment, "deleted");
    core.db.run("delete from reviewComments where id = ?", id);
    core.db.run("delete from reactions where subjectType = 'review_comment' and subjectId = ?", id);
  });
}

/** Nobody is told of what waits. */
function tellComment(
  core: ForgeCore,
  repository: Repository,
  pull: PullRequest,
  user: Account,
  comment: ReviewComment,
  action: string,
  extra: Json = {},
): void {
  if (core.state.review(comment.reviewId)?.state === "PENDING") return;
  const json = reviewCommentJson(core, repository, pull, comment);
  const body = { action, comment: json, pull_request: pullSummaryJson(core, repository, pull), ...extra };
  emit(core, repository, "pull_request_review_comment", user, body);
  core.db.afterCommit(() => core.changes.publish({ repositoryId: repository.id, subject: "pull", number: pull.number }));
}
