/** Deployments, releases, tags, statuses, reviews, labels and comparisons, as a client of GitHub sees them. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Octokit } from "@octokit/rest";
import { startWorld, type World } from "./support.ts";

const SHOP = { owner: "ann", repo: "shop" };
let world: World;
let app: Octokit;
let main: string;
let head: string;

beforeAll(async () => {
  world = await startWorld();
  app = await world.asApp();
  main = (await app.rest.git.getRef({ ...SHOP, ref: "heads/main" })).data.object.sha;
  await app.rest.git.createRef({ ...SHOP, ref: "refs/heads/feature/x", sha: main });
  const file = {
    ...SHOP,
    path: "apps/a b/ü.ts",
    branch: "feature/x",
    message: "Add",
    content: Buffer.from("export {};\n").toString("base64"),
  };
  head = (await app.rest.repos.createOrUpdateFileContents(file)).data.commit.sha ?? "";
  await app.rest.pulls.create({ ...SHOP, title: "X", head: "feature/x", base: "main" });
});
afterAll(() => world.close());

describe("a deployment", () => {
  it("has a status with an address, is told to the App, and retires the one before it", async () => {
    const deploy = async () => {
      const { data } = await app.rest.repos.createDeployment({
        ...SHOP,
        ref: "main",
        environment: "production",
        required_contexts: [],
        auto_merge: false,
        payload: { release: 1 },
      });
      const { id } = data as { id: number };
      await app.rest.repos.createDeploymentStatus({
        ...SHOP,
        deployment_id: id,
        state: "success",
        environment_url: "http://shop.localhost",
        log_url: "http://log",
      });
      return id;
    };
    const [first, second] = [await deploy(), await deploy()];
    const states = async (id: number) =>
      (await app.rest.repos.listDeploymentStatuses({ ...SHOP, deployment_id: id })).data.map((status) => status.state);
    expect(await states(first)).toEqual(["inactive", "success"]);
    expect(await states(second)).toEqual(["success"]);
    const [listed] = (await app.rest.repos.listDeployments({ ...SHOP, environment: "production" })).data;
    expect(listed).toMatchObject({
      id: second,
      sha: main,
      payload: { release: 1 },
      production_environment: true,
      creator: { login: "adorable[bot]" },
    });
    await expect.poll(() => world.receiver.of("deployment_status", "created").length).toBe(2);
    expect(world.receiver.of("deployment_status")[0].deployment_status).toMatchObject({
      state: "success",
      environment_url: "http://shop.localhost",
    });
    await expect(app.rest.repos.createDeployment({ ...SHOP, ref: "nowhere" })).rejects.toMatchObject({ status: 422 });
  });
});

describe("a release", () => {
  it("stands on an annotated tag that was made before, or makes its own", async () => {
    const tag = (await app.rest.git.createTag({ ...SHOP, tag: "release-1", message: "ledger abc", object: main, type: "commit" })).data;
    await app.rest.git.createRef({ ...SHOP, ref: "refs/tags/release-1", sha: tag.sha });
    expect((await app.rest.git.getRef({ ...SHOP, ref: "tags/release-1" })).data.object).toMatchObject({ type: "tag", sha: tag.sha });
    expect((await app.rest.git.getTag({ ...SHOP, tag_sha: tag.sha })).data).toMatchObject({
      tag: "release-1",
      message: "ledger abc",
      object: { sha: main },
    });
    const release = (await app.rest.repos.createRelease({ ...SHOP, tag_name: "release-1", name: "Release 1", body: "first" })).data;
    expect((await app.rest.repos.getReleaseByTag({ ...SHOP, tag: "release-1" })).data.id).toBe(release.id);
    await expect(app.rest.repos.createRelease({ ...SHOP, tag_name: "release-1" })).rejects.toMatchObject({ status: 422 });
    await app.rest.repos.createRelease({ ...SHOP, tag_name: "own/2", target_commitish: head });
    expect((await app.rest.git.getRef({ ...SHOP, ref: "tags/own/2" })).data.object).toMatchObject({ type: "commit", sha: head });
    expect((await app.rest.repos.getLatestRelease(SHOP)).data.tag_name).toBe("own/2");
    expect((await app.rest.repos.updateRelease({ ...SHOP, release_id: release.id, body: "changed" })).data.body).toBe("changed");
  });
});

describe("a commit", () => {
  it("has statuses of which the newest of each context count", async () => {
    const say = (state: "pending" | "success" | "failure", context: string) =>
      app.rest.repos.createCommitStatus({ ...SHOP, sha: head, state, context });
    await say("pending", "a");
    await say("success", "b");
    expect((await app.rest.repos.getCombinedStatusForRef({ ...SHOP, ref: "feature/x" })).data.state).toBe("pending");
    await say("success", "a");
    expect((await app.rest.repos.getCombinedStatusForRef({ ...SHOP, ref: head })).data).toMatchObject({ state: "success", total_count: 2 });
  });

  it("is found by branch, tag and sha, with its files, tree and blobs, whatever their names", async () => {
    expect((await app.rest.repos.getCommit({ ...SHOP, ref: "feature/x" })).data).toMatchObject({
      sha: head,
      files: [{ filename: "apps/a b/ü.ts" }],
    });
    expect((await app.rest.repos.getBranch({ ...SHOP, branch: "feature/x" })).data.commit.sha).toBe(head);
    const content = (await app.rest.repos.getContent({ ...SHOP, path: "apps/a b/ü.ts", ref: "feature/x" })).data;
    expect(content).toMatchObject({ type: "file", encoding: "base64", content: expect.stringContaining("ZXhwb3J0") });
    const tree = (await app.rest.git.getTree({ ...SHOP, tree_sha: head, recursive: "1" })).data.tree;
    expect(tree.map((entry) => entry.path)).toContain("apps/a b/ü.ts");
    const compared = (await app.rest.repos.compareCommitsWithBasehead({ ...SHOP, basehead: "main...feature/x" })).data;
    expect(compared).toMatchObject({
      status: "ahead",
      ahead_by: 1,
      behind_by: 0,
      merge_base_commit: { sha: main },
      files: [{ status: "added" }],
    });
    await expect(app.rest.repos.getContent({ ...SHOP, path: "none" })).rejects.toMatchObject({ status: 404 });
  });

  it("is made from blobs and trees, and put on a branch only as a fast forward", async () => {
    const blob = (await app.rest.git.createBlob({ ...SHOP, content: "aGk=", encoding: "base64" })).data;
    const base = (await app.rest.git.getCommit({ ...SHOP, commit_sha: main })).data.tree.sha;
    const tree = (
      await app.rest.git.createTree({
        ...SHOP,
        base_tree: base,
        tree: [
          { path: "hi.txt", mode: "100644", type: "blob", sha: blob.sha },
          { path: "README.md", mode: "100644", type: "blob", sha: null },
        ],
      })
    ).data;
    expect(tree.tree.map((entry) => entry.path)).toEqual([".github", "hi.txt"]);
    const commit = (await app.rest.git.createCommit({ ...SHOP, message: "By hand", tree: tree.sha, parents: [main] })).data;
    await expect(app.rest.git.updateRef({ ...SHOP, ref: "heads/feature/x", sha: commit.sha })).rejects.toMatchObject({ status: 422 });
    await app.rest.git.createRef({ ...SHOP, ref: "refs/heads/by-hand", sha: main });
    await app.rest.git.updateRef({ ...SHOP, ref: "heads/by-hand", sha: commit.sha });
    await app.rest.git.deleteRef({ ...SHOP, ref: "heads/by-hand" });
    await expect(app.rest.git.getRef({ ...SHOP, ref: "heads/by-hand" })).rejects.toMatchObject({ status: 404 });
  });
});

describe("a review", () => {
  it("with comments on lines is told to the App, can be answered, and is asked for from collaborators only", async () => {
    const wren = world.as("wren");
    await expect(app.rest.pulls.requestReviewers({ ...SHOP, pull_number: 1, reviewers: ["nobody"] })).rejects.toMatchObject({
      status: 422,
    });
    expect(
      (await app.rest.pulls.requestReviewers({ ...SHOP, pull_number: 1, reviewers: ["wren"] })).data.requested_reviewers,
    ).toMatchObject([{ login: "wren" }]);
    const comments = [{ path: "apps/a b/ü.ts", line: 1, body: "@adorable rename this" }];
    const review = (await wren.rest.pulls.createReview({ ...SHOP, pull_number: 1, event: "REQUEST_CHANGES", body: "Please.", comments }))
      .data;
    expect(review).toMatchObject({ state: "CHANGES_REQUESTED", commit_id: head });
    await expect.poll(() => world.receiver.of("pull_request_review_comment").length).toBe(1);
    expect(world.receiver.of("pull_request_review_comment", "created")[0]).toMatchObject({
      comment: { path: "apps/a b/ü.ts", line: 1, body: "@adorable rename this" },
      pull_request: { number: 1 },
    });
    const [comment] = (await wren.rest.pulls.listReviewComments({ ...SHOP, pull_number: 1 })).data;
    await app.rest.reactions.createForPullRequestReviewComment({ ...SHOP, comment_id: comment?.id ?? 0, content: "eyes" });
    const reply = (
      await app.rest.pulls.createReplyForReviewComment({ ...SHOP, pull_number: 1, comment_id: comment?.id ?? 0, body: "Done." })
    ).data;
    expect(reply.in_reply_to_id).toBe(comment?.id);
    await expect(
      wren.rest.pulls.createReview({ ...SHOP, pull_number: 1, event: "COMMENT", comments: [{ path: "none", line: 1, body: "x" }] }),
    ).rejects.toMatchObject({ status: 422 });
    expect((await wren.rest.pulls.get({ ...SHOP, pull_number: 1 })).data.requested_reviewers).toEqual([]);
  });
});

describe("an issue", () => {
  it("is labelled, renamed, closed and reopened, and each is told", async () => {
    const wren = world.as("wren");
    const { number } = (await wren.rest.issues.create({ ...SHOP, title: "Old", labels: ["bug"] })).data;
    await app.rest.issues.addLabels({ ...SHOP, issue_number: number, labels: ["bug", "adorable"] });
    await app.rest.issues.removeLabel({ ...SHOP, issue_number: number, name: "bug" });
    await wren.rest.issues.update({ ...SHOP, issue_number: number, title: "New" });
    await wren.rest.issues.update({ ...SHOP, issue_number: number, state: "closed", state_reason: "not_planned" });
    await wren.rest.issues.update({ ...SHOP, issue_number: number, state: "open" });
    const issue = (await wren.rest.issues.get({ ...SHOP, issue_number: number })).data;
    expect(issue).toMatchObject({ title: "New", state: "open", state_reason: "reopened", labels: [{ name: "adorable" }] });
    await expect.poll(() => world.receiver.of("issues").filter((item) => item.issue.number === number).length).toBe(7);
    const actions = world.receiver
      .of("issues")
      .filter((item) => item.issue.number === number)
      .map((item) => item.action);
    expect(actions.sort()).toEqual(["closed", "edited", "labeled", "labeled", "opened", "reopened", "unlabeled"]);
    expect((await wren.rest.issues.listForRepo({ ...SHOP, labels: "adorable" })).data.map((item) => item.number)).toEqual([number]);
  });
});
