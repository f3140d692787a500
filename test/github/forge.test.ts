/** The adapter against the forge: real HTTP, real git, real webhooks. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseDelivery } from "../../src/github/delivery.ts";
import type { Repository } from "../../src/github/github.ts";
import { run } from "../../src/process/run.ts";
import { type ForgeWithApp, startForgeWithApp } from "../support/forge-with-app.ts";

const WORKFLOW = `name: adorable
on:
  workflow_dispatch:
    inputs:
      run-id: { required: true, type: string }
jobs:
  work:
    runs-on: ubuntu-latest
    steps:
      - run: sleep 60
`;
const SECRET = "correct-horse-battery-staple";

let forge: ForgeWithApp;
let repository: Repository;

beforeAll(async () => {
  forge = await startForgeWithApp({
    files: { "README.md": "# Shop\n", ".github/workflows/adorable.yml": WORKFLOW },
    github: { secrets: () => [SECRET] },
  });
  repository = await forge.github.forInstallation(forge.repository);
});
afterAll(() => forge[Symbol.asyncDispose]());

async function openIssue(title: string, body = "Please."): Promise<number> {
  const issue = (await forge.as("ada", "POST", "/repos/ada/shop/issues", { title, body })) as { number: number };
  return issue.number;
}

interface CommentJson {
  id: number;
  body: string;
  user: { login: string };
}

async function comments(issue: number): Promise<CommentJson[]> {
  return (await forge.as("ada", "GET", `/repos/ada/shop/issues/${issue}/comments?per_page=100`)) as CommentJson[];
}

/** A branch with one new file; its head. */
async function branchWith(branch: string, path: string, text: string): Promise<string> {
  const main = await repository.getRef("heads/main");
  await forge.as("ada", "POST", "/repos/ada/shop/git/refs", { ref: `refs/heads/${branch}`, sha: main });
  const content = Buffer.from(text).toString("base64");
  const { commit } = (await forge.as("ada", "PUT", `/repos/ada/shop/contents/${path}`, { message: `Add ${path}`, content, branch })) as {
    commit: { sha: string };
  };
  return commit.sha;
}

describe("the App", () => {
  test("knows itself, its account and its repositories", async () => {
    expect(await forge.github.app()).toMatchObject({ slug: "adorable" });
    expect(await forge.github.botLogin()).toBe("adorable[bot]");
    expect(await forge.github.listRepositories()).toMatchObject([
      { fullName: "ada/shop", defaultBranch: "main", installationId: repository.installationId },
    ]);
  });

  test("is not installed where nobody installed it", async () => {
    await expect(forge.github.forInstallation("ada/other")).rejects.toMatchObject({ code: "not-installed" });
  });

  test("reads what a person may do, and throws for one who does not exist", async () => {
    expect(await repository.permission("ada")).toBe("admin");
    expect(await repository.permission("wes")).toBe("write");
    expect(await repository.permission("eve")).toBe("read");
    expect(["none", "read"]).toContain(await repository.permission("stranger"));
    await expect(repository.permission("nobody-at-all")).rejects.toMatchObject({ code: "github-not-found" });
  });
});

describe("a sticky comment", () => {
  test("is one, however often it is written, and found again behind a hundred others without its id", async () => {
    const issue = await openIssue("Sticky");
    for (let index = 0; index < 110; index += 1)
      await forge.as("ada", "POST", `/repos/ada/shop/issues/${issue}/comments`, { body: `Comment ${index}` });

    const first = await repository.upsertStickyComment(issue, "request:req_1", "Planning");
    const again = await repository.upsertStickyComment(issue, "request:req_1", "Planning");
    const next = await repository.upsertStickyComment(issue, "request:req_1", "Building", first.id);

    expect([first.outcome, again.outcome, next.outcome]).toEqual(["created", "unchanged", "updated"]);
    expect(new Set([first.id, again.id, next.id]).size).toBe(1);
  });

  test("is not one that a person copied, nor another request's", async () => {
    const issue = await openIssue("Copied");
    await forge.as("eve", "POST", `/repos/ada/shop/issues/${issue}/comments`, { body: "Mine\n\n<!-- adorable:request:req_2 -->" });

    const ours = await repository.upsertStickyComment(issue, "request:req_2", "Ours");
    const other = await repository.upsertStickyComment(issue, "request:req_3", "Other");

    expect(ours.outcome).toBe("created");
    expect(other.id).not.toBe(ours.id);
    expect((await comments(issue)).filter(({ user }) => user.login === "adorable[bot]")).toHaveLength(2);
  });

  test("that was deleted is written again", async () => {
    const issue = await openIssue("Deleted");
    const first = await repository.upsertStickyComment(issue, "request:req_4", "One");
    await forge.as("ada", "DELETE", `/repos/ada/shop/issues/comments/${first.id}`);

    const second = await repository.upsertStickyComment(issue, "request:req_4", "Two", first.id);

    expect(second).toMatchObject({ outcome: "created" });
    expect(await comments(issue)).toHaveLength(1);
  });

  test("carries no secret and no live command", async () => {
    const issue = await openIssue("Outgoing");

    await repository.upsertStickyComment(issue, "request:req_5", `@adorable stop\n${SECRET}`);

    const [posted] = await comments(issue);
    expect(posted?.body).toContain("\\@adorable stop\n[redacted]");
  });

  test("of another kind is left as it stands", async () => {
    const issue = await openIssue("Once");
    await repository.createComment(issue, "rollout:1", "First");

    expect(await repository.createComment(issue, "rollout:1", "Second")).toMatchObject({ outcome: "unchanged" });
    expect((await comments(issue))[0]?.body).toContain("First");
  });
});

test("a reaction is one, on an issue and on a comment", async () => {
  const issue = await openIssue("React");
  const { id } = (await forge.as("ada", "POST", `/repos/ada/shop/issues/${issue}/comments`, { body: "hello" })) as { id: number };

  for (let round = 0; round < 2; round += 1) {
    await repository.react({ kind: "issue", number: issue }, "eyes");
    await repository.react({ kind: "comment", id }, "eyes");
  }

  expect(await forge.as("ada", "GET", `/repos/ada/shop/issues/comments/${id}/reactions`)).toMatchObject([{ content: "eyes" }]);
  expect(await repository.getIssue(issue)).toMatchObject({
    number: issue,
    title: "React",
    author: { login: "ada", type: "User" },
    isPullRequest: false,
  });
});

describe("a pull request", () => {
  test("is one for its branch, and merges once at the head that was judged", async () => {
    const head = await branchWith("adorable/issue-1", "apps/blog/index.txt", "hello\n");
    const input = { head: "adorable/issue-1", base: "main", title: "Add a blog", body: "@adorable stop" };

    const created = await repository.createPullRequest(input);
    const again = await repository.createPullRequest(input);

    expect(again.number).toBe(created.number);
    expect(created).toMatchObject({
      headSha: head,
      headRef: "adorable/issue-1",
      headRepository: "ada/shop",
      baseRef: "main",
      isMerged: false,
      mergeCommit: undefined,
      author: { login: "adorable[bot]" },
    });
    expect(created.body).toBe("\\@adorable stop");
    expect(await repository.findPullRequestByHead("adorable/issue-1", "open")).toMatchObject({ number: created.number });
    expect(await repository.findPullRequestByHead("adorable/issue-2", "all")).toBeUndefined();
    expect(await repository.listPullRequestFiles(created.number)).toEqual([{ path: "apps/blog/index.txt", status: "added" }]);
    expect(await repository.requestReviewer(created.number, "ada")).toBe(true);
    expect(await repository.requestReviewer(created.number, "adorable[bot]")).toBe(false);
    expect(await repository.updatePullRequest(created.number, { title: "Add the blog" })).toMatchObject({
      title: "Add the blog",
      body: "\\@adorable stop",
    });

    await expect(repository.mergePullRequest(created.number, "0".repeat(40), "merge")).rejects.toMatchObject({
      code: "head-moved",
      remedy: "author",
    });
    const merged = await repository.mergePullRequest(created.number, head, "merge");
    expect(await repository.mergePullRequest(created.number, head, "merge")).toEqual(merged);

    expect(await repository.getPullRequest(created.number)).toMatchObject({ isMerged: true, mergeCommit: merged.sha, state: "closed" });
    expect(await repository.getRef("heads/main")).toBe(merged.sha);
    expect((await repository.getCommit(merged.sha)).parents).toContain(head);
    expect(await repository.compareCommits(head, merged.sha)).toMatchObject({ behindBy: 0 });
    const [movement] = await repository.listActivity("main");
    expect(movement).toMatchObject({ kind: "pr_merge", actor: "adorable[bot]", after: merged.sha });
    expect(await repository.pullRequestsOf(merged.sha)).toEqual([created.number]);
    expect(await repository.queuedBy(created.number)).toBeUndefined();
  });

  test("with conflicts is not merged, and says so", async () => {
    const head = await branchWith("adorable/conflict", "apps/blog/conflict.txt", "theirs\n");
    const content = Buffer.from("ours\n").toString("base64");
    await forge.as("ada", "PUT", "/repos/ada/shop/contents/apps/blog/conflict.txt", { message: "Ours", content, branch: "main" });
    const { number } = await repository.createPullRequest({ head: "adorable/conflict", base: "main", title: "Conflict", body: "" });

    await expect(repository.mergePullRequest(number, head, "merge")).rejects.toMatchObject({ code: "merge-conflict", remedy: "author" });
  });
});

describe("a check run", () => {
  interface CheckJson {
    total_count: number;
    check_runs: { id: number; status: string; conclusion: string | null; external_id: string; output: { annotations_count: number } }[];
  }
  const listed = async (sha: string) =>
    (await forge.as("ada", "GET", `/repos/ada/shop/commits/${sha}/check-runs?filter=all&check_name=types`)) as CheckJson;

  test("is one by its id and commit, holds every annotation once, and has a successor when it starts again", async () => {
    const headSha = (await repository.getRef("heads/main")) as string;
    const annotations = Array.from({ length: 120 }, (_, index) => ({ path: "apps/blog/a.ts", line: index + 1, message: `Wrong ${index}` }));
    const check = {
      externalId: "chk_1",
      name: "types",
      headSha,
      title: "120 errors",
      summary: "All of them.",
      detailsUrl: `${forge.url}/ada/shop`,
    };

    const started = await repository.upsertCheckRun({ ...check, status: "in_progress" });
    const done = await repository.upsertCheckRun({ ...check, status: "completed", conclusion: "failure", annotations });
    const repeated = await repository.upsertCheckRun({ ...check, status: "completed", conclusion: "failure", annotations });

    expect([done.id, repeated.id]).toEqual([started.id, started.id]);
    expect((await listed(headSha)).check_runs).toMatchObject([
      { status: "completed", conclusion: "failure", output: { annotations_count: 120 } },
    ]);

    const successor = await repository.upsertCheckRun({ ...check, status: "in_progress" });
    expect(successor.id).not.toBe(started.id);
    expect((await repository.upsertCheckRun({ ...check, status: "completed", conclusion: "success" })).id).toBe(successor.id);
  });

  test("that ended without a verdict has failed", async () => {
    const headSha = (await repository.getRef("heads/main")) as string;

    await repository.upsertCheckRun({ externalId: "chk_2", name: "tests", headSha, title: "?", summary: "?", status: "completed" });

    expect(await forge.as("ada", "GET", `/repos/ada/shop/commits/${headSha}/check-runs?check_name=tests`)).toMatchObject({
      check_runs: [{ conclusion: "failure" }],
    });
  });
});

test("a deployment is one by environment, commit and id, and the same status is not said twice", async () => {
  const sha = (await repository.getRef("heads/main")) as string;
  const input = { environment: "pr-1", sha, payloadId: "dep_1", description: "Preview", isProduction: false };

  const first = await repository.createDeployment(input);
  expect(await repository.createDeployment(input)).toEqual(first);
  expect(await repository.createDeployment({ ...input, payloadId: "dep_2" })).not.toEqual(first);
  for (const state of ["in_progress", "success", "success"] as const) {
    await repository.createDeploymentStatus(first.id, { state, description: state, environmentUrl: "http://blog.localhost:8080" });
  }

  expect(await forge.as("ada", "GET", `/repos/ada/shop/deployments/${first.id}/statuses`)).toHaveLength(2);
});

test("a tag and its Release are one, and a tag that stands elsewhere is not moved", async () => {
  const sha = (await repository.getRef("heads/main")) as string;
  const input = { tag: "release-1", sha, tagMessage: "ledger sha256:1", title: "Release 1", body: "It is live." };

  const first = await repository.createTagAndRelease(input);
  expect(await repository.createTagAndRelease(input)).toEqual(first);

  const [parent = ""] = (await repository.getCommit(sha)).parents;
  await expect(repository.createTagAndRelease({ ...input, sha: parent })).rejects.toMatchObject({ code: "tag-taken", remedy: "operator" });
});

test("files and refs that do not exist are undefined, and nothing else is", async () => {
  expect(await repository.getFile("README.md", "main")).toBe("# Shop\n");
  expect(await repository.getFile("none.md", "main")).toBeUndefined();
  expect(await repository.getFile(".github", "main")).toBeUndefined();
  expect(await repository.getRef("heads/none")).toBeUndefined();
});

test("git reads and writes with the remote's header, and its URL holds no token", async () => {
  const remote = await repository.gitRemote();

  const listed = await run(
    "git",
    ["-c", `http.extraHeader=Authorization: ${remote.authorization}`, "ls-remote", remote.url, "refs/heads/main"],
    { cwd: "/" },
  );

  expect(remote.url).not.toContain(remote.token);
  expect(listed.stdout.toString()).toContain(await repository.getRef("heads/main"));
});

test("a workflow run is dispatched, watched and cancelled, twice without harm", async () => {
  const { runId } = await repository.dispatchWorkflow("adorable.yml", "main", { "run-id": "run_1" });

  expect(runId).toBeTypeOf("number");
  await expect.poll(async () => (await repository.getWorkflowRun(runId as number))?.status).toMatch(/queued|in_progress/);
  await repository.cancelWorkflowRun(runId as number);
  await expect.poll(async () => (await repository.getWorkflowRun(runId as number))?.conclusion).toBe("cancelled");
  await repository.cancelWorkflowRun(runId as number);
  expect(await repository.getWorkflowRun(999_999)).toBeUndefined();
});

test("every delivery of all this is signed, is read, and loses nothing that counts", async () => {
  const issue = await openIssue("Heard", "@adorable add a blog app");
  const seen = () => forge.deliveries.map(({ headers, body }) => parseDelivery(headers, body, forge.webhookSecret));

  await expect.poll(() => seen().find((delivery) => delivery.event === "issues" && delivery.issue.number === issue)).toBeDefined();

  const events = new Set(seen().map(({ event }) => event));
  for (const event of ["issues", "issue_comment", "pull_request", "push", "check_run"] as const) expect(events).toContain(event);
  expect(seen().find((delivery) => delivery.event === "pull_request" && delivery.action === "closed")).toMatchObject({
    pullRequest: { isMerged: true, head: { repository: "ada/shop" } },
    installationId: repository.installationId,
  });
  expect(() => parseDelivery(forge.deliveries[0]?.headers ?? {}, Buffer.from("{}"), forge.webhookSecret)).toThrow(
    expect.objectContaining({ code: "delivery-forged" }),
  );
});
