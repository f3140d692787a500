/** Routes of reviews and of the comments that they leave on lines. */
import { z } from "zod";
import { authorize } from "../auth.ts";
import type { ForgeCore } from "../core.ts";
import { findPull } from "../pulls.ts";
import type { PullRequest, Repository, Review } from "../records.ts";
import * as reviews from "../reviews.ts";
import { reviewCommentJson, reviewJson } from "../serialize/issues.ts";
import { bodyOf, listAnswer, numberParam, pageOf, repositoryOf, type Api, type Call } from "./http.ts";

const event = z.enum(["APPROVE", "REQUEST_CHANGES", "COMMENT"]);
const lineComment = z.object({
  path: z.string(),
  body: z.string(),
  line: z.number().int().positive().optional(),
  position: z.number().int().positive().optional(),
  side: z.enum(["LEFT", "RIGHT"]).optional(),
});
const newReview = z.object({
  event: event.optional(),
  body: z.string().nullish(),
  commit_id: z.string().optional(),
  comments: z.array(lineComment).default([]),
});
const newComment = lineComment.partial({ path: true }).extend({ commit_id: z.string().optional(), in_reply_to: z.number().optional() });
const text = z.object({ body: z.string() });

export function reviewRoutes(core: ForgeCore, api: Api): void {
  const path = "/repos/:owner/:repo/pulls";
  const one = `${path}/:number{[0-9]+}/reviews/:review`;
  const reading = (c: Call): Repository => {
    const repository = repositoryOf(core, c);
    authorize(core, c.get("actor"), repository, { permission: "pull_requests", level: "read" });
    return repository;
  };
  const pullOf = (c: Call, repository: Repository): PullRequest => findPull(core, repository, numberParam(c, "number"));
  const answer = (c: Call, repository: Repository, review: Review): Response =>
    c.json(reviewJson(core, repository, pullOf(c, repository), review));
  const ids = (c: Call): [number: number, id: number] => [numberParam(c, "number"), numberParam(c, "review")];

  api.get(`${path}/:number{[0-9]+}/reviews`, (c) => {
    const repository = reading(c);
    const pull = pullOf(c, repository);
    const listed = core.state.reviews(pull.id, pageOf(c), c.get("actor").account?.id);
    return listAnswer(core, c, listed, (review) => reviewJson(core, repository, pull, review));
  });
  api.post(`${path}/:number{[0-9]+}/reviews`, async (c) => {
    const repository = repositoryOf(core, c);
    const wanted = await bodyOf(c, newReview);
    const review = await reviews.createReview(core, c.get("actor"), repository, numberParam(c, "number"), {
      event: wanted.event,
      body: wanted.body ?? "",
      commitSha: wanted.commit_id,
      comments: wanted.comments.map(toLineComment),
    });
    return answer(c, repository, review);
  });
  api.get(one, (c) => {
    const repository = reading(c);
    return answer(c, repository, reviews.findReview(core, c.get("actor"), pullOf(c, repository), numberParam(c, "review")));
  });
  api.put(one, async (c) => {
    const repository = repositoryOf(core, c);
    const { body } = await bodyOf(c, text);
    return answer(c, repository, reviews.editReview(core, c.get("actor"), repository, ...ids(c), body));
  });
  api.delete(one, (c) => {
    const repository = repositoryOf(core, c);
    return answer(c, repository, reviews.deleteReview(core, c.get("actor"), repository, ...ids(c)));
  });
  api.post(`${one}/events`, async (c) => {
    const repository = repositoryOf(core, c);
    const wanted = await bodyOf(c, z.object({ event, body: z.string().optional() }));
    return answer(c, repository, reviews.submitReview(core, c.get("actor"), repository, ...ids(c), wanted));
  });
  api.put(`${one}/dismissals`, async (c) => {
    const repository = repositoryOf(core, c);
    const { message } = await bodyOf(c, z.object({ message: z.string(), event: z.literal("DISMISS").optional() }));
    return answer(c, repository, reviews.dismissReview(core, c.get("actor"), repository, ...ids(c), message));
  });
  api.get(`${one}/comments`, (c) => {
    const repository = reading(c);
    const pull = pullOf(c, repository);
    const review = reviews.findReview(core, c.get("actor"), pull, numberParam(c, "review"));
    return listAnswer(core, c, core.state.commentsOfReview(review.id, pageOf(c)), (comment) =>
      reviewCommentJson(core, repository, pull, comment),
    );
  });

  api.get(`${path}/:number{[0-9]+}/comments`, (c) => {
    const repository = reading(c);
    const pull = pullOf(c, repository);
    return listAnswer(core, c, core.state.reviewComments(pull.id, pageOf(c)), (comment) =>
      reviewCommentJson(core, repository, pull, comment),
    );
  });
  api.post(`${path}/:number{[0-9]+}/comments`, async (c) => {
    const repository = repositoryOf(core, c);
    const actor = c.get("actor");
    const number = numberParam(c, "number");
    const wanted = await bodyOf(c, newComment);
    const line = toLineComment({ ...wanted, path: wanted.path ?? "" });
    const comment =
      wanted.in_reply_to === undefined
        ? await reviews.createReviewComment(core, actor, repository, number, line, wanted.commit_id)
        : reviews.replyToReviewComment(core, actor, repository, number, wanted.in_reply_to, wanted.body);
    return c.json(reviewCommentJson(core, repository, pullOf(c, repository), comment), 201);
  });
  api.post(`${path}/:number{[0-9]+}/comments/:id/replies`, async (c) => {
    const repository = repositoryOf(core, c);
    const { body } = await bodyOf(c, text);
    const comment = reviews.replyToReviewComment(core, c.get("actor"), repository, numberParam(c, "number"), numberParam(c, "id"), body);
    return c.json(reviewCommentJson(core, repository, pullOf(c, repository), comment), 201);
  });
  api.get(`${path}/comments/:id`, (c) => {
    const repository = reading(c);
    const { comment, pull } = reviews.findReviewComment(core, c.get("actor"), repository, numberParam(c, "id"));
    return c.json(reviewCommentJson(core, repository, pull, comment));
  });
  api.patch(`${path}/comments/:id`, async (c) => {
    const repository = repositoryOf(core, c);
    const { body } = await bodyOf(c, text);
    const edited = reviews.editReviewComment(core, c.get("actor"), repository, numberParam(c, "id"), body);
    const { pull } = reviews.findReviewComment(core, c.get("actor"), repository, edited.id);
    return c.json(reviewCommentJson(core, repository, pull, edited));
  });
  api.delete(`${path}/comments/:id`, (c) => {
    reviews.deleteReviewComment(core, c.get("actor"), repositoryOf(core, c), numberParam(c, "id"));
    return c.body(null, 204);
  });
}

function toLineComment(comment: z.infer<typeof lineComment>): reviews.NewReviewComment {
  return { path: comment.path, body: comment.body, line: comment.line ?? comment.position ?? null, side: comment.side ?? "RIGHT" };
}
