/** Reviews and their comments on lines: written, submitted, dismissed, changed, and told only once they are submitted. */
import type { Octokit } from "@octokit/rest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startWorld, type World } from "./support.ts";

const SHOP = { owner: "ann", repo: "shop" };
const PULL = { ...SHOP, pull_number: 1 };
let world: World;
let app: Octokit;
let wren: Octokit;

beforeAll(async () => {
  world = await startWorld();
  app = await world.asApp();
  wren = world.as("wren");
  const main = (await app.rest.git.getRef({ ...SHOP, ref: "heads/main" })).data.object.sha;
  await app.rest.git.createRef({ ...SHOP, ref: "refs/heads/topic", sha: main });
  const content = Buffer.from("one\ntwo\nthree\n").toString("base64");
  await app.rest.repos.createOrUpdateFileContents({ ...SHOP, path: "a.txt", branch: "topic", message: "Add", content });
  await app.rest.pulls.create({ ...SHOP, title: "Topic", head: "topic", base: "main" });
});
afterAll(() => world.close());

const states = async (client: Octokit) => (await client.rest.pulls.listReviews(PULL)).data.map((review) => review.state);

describe("a review", () => {
  it("that is not submitted is its author's alone: neither seen nor told, with its comments", async () => {
    const comments = [{ path: "a.txt", line: 2, body: "Why two?" }];
    const { id } = (await wren.rest.pulls.createReview({ ...PULL, body: "Later", comments })).data;
    expect(await states(wren)).toEqual(["PENDING"]);
    expect(await states(app)).toEqual([]);
    await expect(app.rest.pulls.getReview({ ...PULL, review_id: id })).rejects.toMatchObject({ status: 404 });
    expect((await app.rest.pulls.listReviewComments(PULL)).data).toEqual([]);
    expect((await wren.rest.pulls.listCommentsForReview({ ...PULL, review_id: id })).data).toMatchObject([{ body: "Why two?" }]);
    await expect(wren.rest.pulls.createReview({ ...PULL, body: "Another" })).rejects.toMatchObject({
      status: 422,
      response: { data: { errors: ["User can only have one pending review per pull request"] } },
    });
    expect(world.receiver.of("pull_request_review")).toEqual([]);

    const submitted = (await wren.rest.pulls.submitReview({ ...PULL, review_id: id, event: "REQUEST_CHANGES", body: "Say why." })).data;
    expect(submitted).toMatchObject({ id, state: "CHANGES_REQUESTED", body: "Say why." });
    await expect.poll(() => world.receiver.of("pull_request_review_comment", "created").length).toBe(1);
    expect(world.receiver.of("pull_request_review", "submitted")[0].review).toMatchObject({ id, state: "changes_requested" });
    expect((await app.rest.pulls.listReviewComments(PULL)).data).toMatchObject([{ path: "a.txt", line: 2, body: "Why two?" }]);
    await expect(wren.rest.pulls.submitReview({ ...PULL, review_id: id, event: "APPROVE" })).rejects.toMatchObject({ status: 422 });
    await expect(wren.rest.pulls.deletePendingReview({ ...PULL, review_id: id })).rejects.toMatchObject({ status: 422 });
  });

  it("that is not submitted can be thrown away", async () => {
    const { id } = (await wren.rest.pulls.createReview({ ...PULL, comments: [{ path: "a.txt", line: 1, body: "Hm" }] })).data;
    expect((await wren.rest.pulls.deletePendingReview({ ...PULL, review_id: id })).data.state).toBe("PENDING");
    expect(await states(wren)).toEqual(["CHANGES_REQUESTED"]);
    expect((await wren.rest.pulls.listReviewComments(PULL)).data).toHaveLength(1);
  });

  it("with a verdict is dismissed by a writer, with a reason; one without has nothing to dismiss", async () => {
    const [asked] = (await app.rest.pulls.listReviews(PULL)).data;
    const review_id = asked?.id ?? 0;
    await expect(world.as("rita").rest.pulls.dismissReview({ ...PULL, review_id, message: "No" })).rejects.toMatchObject({ status: 403 });
    await expect(wren.rest.pulls.dismissReview({ ...PULL, review_id, message: " " })).rejects.toMatchObject({ status: 422 });
    expect((await wren.rest.pulls.dismissReview({ ...PULL, review_id, message: "It is said." })).data.state).toBe("DISMISSED");
    await expect.poll(() => world.receiver.of("pull_request_review", "dismissed").length).toBe(1);
    const remark = (await world.as("rita").rest.pulls.createReview({ ...PULL, event: "COMMENT", body: "Nice" })).data;
    await expect(wren.rest.pulls.dismissReview({ ...PULL, review_id: remark.id, message: "x" })).rejects.toMatchObject({ status: 422 });
    const edited = (await world.as("rita").rest.pulls.updateReview({ ...PULL, review_id: remark.id, body: "Very nice" })).data;
    expect(edited.body).toBe("Very nice");
    await expect(wren.rest.pulls.updateReview({ ...PULL, review_id: remark.id, body: "Mine" })).rejects.toMatchObject({ status: 403 });
    await expect.poll(() => world.receiver.of("pull_request_review", "edited")[0]?.changes).toEqual({ body: { from: "Nice" } });
  });

  it("approves, but not one's own pull request", async () => {
    const approved = (await wren.rest.pulls.createReview({ ...PULL, event: "APPROVE" })).data;
    expect(approved).toMatchObject({ state: "APPROVED", user: { login: "wren" } });
    await expect(app.rest.pulls.createReview({ ...PULL, event: "APPROVE" })).rejects.toMatchObject({
      status: 422,
      response: { data: { errors: ["Can not approve your own pull request"] } },
    });
    expect(await states(app)).toEqual(["DISMISSED", "COMMENTED", "APPROVED"]);
  });
});

describe("a comment on a line", () => {
  it("is answered, changed, reacted to and removed, and each but the reaction is told", async () => {
    const commit_id = (await app.rest.pulls.get(PULL)).data.head.sha;
    const comment = (await wren.rest.pulls.createReviewComment({ ...PULL, path: "a.txt", line: 3, commit_id, body: "Three?" })).data;
    const reply = (await app.rest.pulls.createReplyForReviewComment({ ...PULL, comment_id: comment.id, body: "Yes." })).data;
    expect(reply).toMatchObject({ in_reply_to_id: comment.id, path: "a.txt", line: 3 });
    const edited = (await wren.rest.pulls.updateReviewComment({ ...SHOP, comment_id: comment.id, body: "Three??" })).data;
    expect(edited.body).toBe("Three??");
    const { id: reaction_id } = (
      await app.rest.reactions.createForPullRequestReviewComment({ ...SHOP, comment_id: comment.id, content: "rocket" })
    ).data;
    expect((await app.rest.reactions.listForPullRequestReviewComment({ ...SHOP, comment_id: comment.id })).data).toHaveLength(1);
    await app.rest.reactions.deleteForPullRequestComment({ ...SHOP, comment_id: comment.id, reaction_id });
    await expect(world.as("rita").rest.pulls.deleteReviewComment({ ...SHOP, comment_id: reply.id })).rejects.toMatchObject({ status: 403 });
    expect((await wren.rest.pulls.deleteReviewComment({ ...SHOP, comment_id: reply.id })).status).toBe(204);
    await expect(wren.rest.pulls.getReviewComment({ ...SHOP, comment_id: reply.id })).rejects.toMatchObject({ status: 404 });
    const actions = () =>
      world.receiver
        .of("pull_request_review_comment")
        .filter((one) => [comment.id, reply.id].includes(one.comment.id))
        .map((one) => one.action);
    await expect.poll(() => actions().sort()).toEqual(["created", "created", "deleted", "edited"]);
  });
});
