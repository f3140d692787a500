/** The forge as the product uses it: from a comment to a reverted pull request, over HTTP and git. */
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { git, isRunning, remote, startWorld, type World } from "./support.ts";

const SHOP = { owner: "ann", repo: "shop" };
let world: World;
let clone: string;

beforeAll(async () => {
  world = await startWorld();
  clone = await mkdtemp(join(tmpdir(), "forge-clone-"));
});
afterAll(async () => {
  await world.close();
  await rm(clone, { recursive: true, force: true });
});

/** Dispatches the caller file and waits for the run's end. */
async function runWorkflow(inputs: Record<string, string>): Promise<any> {
  const app = await world.asApp();
  const { data } = await app.request("POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches", {
    ...SHOP,
    workflow_id: "adorable.yml",
    ref: "main",
    inputs,
    return_run_details: true,
  });
  const id = (data as { workflow_run_id: number }).workflow_run_id;
  await expect
    .poll(async () => (await app.rest.actions.getWorkflowRun({ ...SHOP, run_id: id })).data.status, { timeout: 15_000, interval: 50 })
    .toBe("completed");
  return (await app.rest.actions.getWorkflowRun({ ...SHOP, run_id: id })).data;
}

async function logOf(runId: number, name: string): Promise<string> {
  const app = await world.asApp();
  const { jobs } = (await app.rest.actions.listJobsForWorkflowRun({ ...SHOP, run_id: runId })).data;
  const job = jobs.find((item) => item.name === name);
  return String((await app.rest.actions.downloadJobLogsForWorkflowRun({ ...SHOP, job_id: job?.id ?? 0 })).data);
}

describe("the way of a request", () => {
  it("tells the App of an installation, an issue and a comment, signed", async () => {
    const wren = world.as("wren");
    const issue = (await wren.rest.issues.create({ ...SHOP, title: "A blog", body: "please" })).data;
    const comment = (await wren.rest.issues.createComment({ ...SHOP, issue_number: issue.number, body: "@adorable add a blog app" })).data;
    await expect.poll(() => world.receiver.of("issue_comment", "created").length).toBe(1);
    const [told] = world.receiver.of("issue_comment", "created");
    expect(told.comment).toMatchObject({ id: comment.id, body: "@adorable add a blog app", user: { login: "wren", type: "User" } });
    expect(told).toMatchObject({
      installation: { id: world.installationId },
      repository: { full_name: "ann/shop" },
      sender: { login: "wren" },
      issue: { number: issue.number },
    });
    expect(world.receiver.of("installation", "created")).toHaveLength(1);
    expect(world.receiver.received.every((item) => item.isSigned && /^[0-9a-f-]{36}$/.test(item.guid))).toBe(true);
  });

  it("lets the App acknowledge, answer and rewrite its answer", async () => {
    const app = await world.asApp();
    const [comment] = (await app.rest.issues.listComments({ ...SHOP, issue_number: 1 })).data;
    const { status } = await app.rest.reactions.createForIssueComment({ ...SHOP, comment_id: comment?.id ?? 0, content: "eyes" });
    expect(status).toBe(201);
    const sticky = (await app.rest.issues.createComment({ ...SHOP, issue_number: 1, body: "Working." })).data;
    expect(sticky.user).toMatchObject({ login: "adorable[bot]", type: "Bot" });
    await app.rest.issues.updateComment({ ...SHOP, comment_id: sticky.id, body: "Done." });
    const bodies = (await world.as("rita").rest.issues.listComments({ ...SHOP, issue_number: 1 })).data.map((item) => item.body);
    expect(bodies).toEqual(["@adorable add a blog app", "Done."]);
    const permission = await app.rest.repos.getCollaboratorPermissionLevel({ ...SHOP, username: "rita" });
    expect(permission.data.permission).toBe("read");
  });

  it("runs the called workflow's action with the runner's files, a masked log and an identity that the issuer signed", async () => {
    process.env["FORGE_TEST_LEAK"] = "yes";
    const run = await runWorkflow({ phase: "work" });
    delete process.env["FORGE_TEST_LEAK"];
    expect(run).toMatchObject({ conclusion: "success", display_title: "Adorable work" });
    const app = await world.asApp();
    const { jobs } = (await app.rest.actions.listJobsForWorkflowRun({ ...SHOP, run_id: run.id })).data;
    expect(Object.fromEntries(jobs.map((job) => [job.name, job.conclusion]))).toEqual({
      "run / work": "success",
      "run / after": "success",
      "run / verify": "skipped",
    });
    const log = await logOf(run.id, "run / work");
    expect(log).toContain("the secret is ***, the token is ***");
    expect(log).toContain('"phase":"work","repository":"ann/shop","inputs":{"phase":"work","mode":"pass"},"leaked":null,"extra":"given"');
    expect(log).toContain("api 200");
    expect(await logOf(run.id, "run / after")).toContain("word is spoken");

    const token = /identity (\S+)/.exec(log)?.[1] ?? "";
    const keys = createRemoteJWKSet(new URL(`${world.forge.url}/oidc/.well-known/jwks`));
    const { payload } = await jwtVerify(token, keys, { issuer: `${world.forge.url}/oidc`, audience: "adorable" });
    expect(payload).toMatchObject({
      repository: "ann/shop",
      repository_owner: "ann",
      run_id: String(run.id),
      run_attempt: "1",
      event_name: "workflow_dispatch",
      ref: "refs/heads/main",
      sub: "repo:ann/shop:ref:refs/heads/main",
      workflow_ref: "ann/shop/.github/workflows/adorable.yml@refs/heads/main",
      job_workflow_ref: "adorable/platform/.github/workflows/run.yml@refs/heads/main",
      job_workflow_sha: world.forge.platformSha,
      actor: "adorable[bot]",
    });
    expect(payload["repository_id"]).toBe(String(run.repository.id));
    await expect.poll(() => world.receiver.of("workflow_run", "completed").length).toBe(1);
    expect(world.receiver.of("workflow_run").map((item) => item.action)).toEqual(["requested", "in_progress", "completed"]);

    // Each job is a check run too, and all of them are one suite.
    await expect.poll(() => world.receiver.of("check_suite", "completed").length).toBe(1);
    const toldJobs = (action: string) =>
      world.receiver.of("workflow_job", action).map(({ workflow_job: job }) => `${job.name} ${job.conclusion}`);
    const toldChecks = (action: string) =>
      world.receiver.of("check_run", action).map(({ check_run: one }) => `${one.name} ${one.conclusion}`);
    expect(toldChecks("created").sort()).toEqual(toldJobs("queued").sort());
    expect(toldChecks("completed").sort()).toEqual(toldJobs("completed").sort());
    const [{ check_run: check, sender }] = world.receiver.of("check_run", "completed");
    expect(check.app.slug).toBe("github-actions");
    expect(sender.login).toBe("github-actions[bot]");
    expect(check.details_url).toMatch(new RegExp(`/ann/shop/actions/runs/${run.id}/job/\\d+$`));
    expect(world.receiver.of("check_suite", "completed")[0].check_suite).toMatchObject({ head_sha: run.head_sha, conclusion: "success" });
  });

  it("fails a run whose step fails, with the error as annotation", async () => {
    const run = await runWorkflow({ phase: "work", mode: "fail" });
    expect(run.conclusion).toBe("failure");
    const app = await world.asApp();
    const { jobs } = (await app.rest.actions.listJobsForWorkflowRun({ ...SHOP, run_id: run.id })).data;
    const checkRunId = Number(
      jobs
        .find((job) => job.name === "run / work")
        ?.check_run_url.split("/")
        .at(-1),
    );
    const annotations = (await app.rest.checks.listAnnotations({ ...SHOP, check_run_id: checkRunId })).data;
    expect(annotations).toMatchObject([
      { path: "src/a.ts", start_line: 3, annotation_level: "failure", title: "Wrong", message: "it is\nwrong" },
    ]);
  });

  it("cancels a run and leaves no process of it, not even one that left the group", async () => {
    const app = await world.asApp();
    const { data } = await app.request("POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches", {
      ...SHOP,
      workflow_id: "adorable.yml",
      ref: "main",
      inputs: { phase: "work", mode: "hang" },
      return_run_details: true,
    });
    const id = (data as { workflow_run_id: number }).workflow_run_id;
    let pid = 0;
    await expect
      .poll(async () => (pid = Number(/child (\d+)/.exec(await logOf(id, "run / work").catch(() => ""))?.[1] ?? 0)))
      .toBeGreaterThan(0);
    expect((await app.rest.actions.cancelWorkflowRun({ ...SHOP, run_id: id })).status).toBe(202);
    await expect.poll(async () => (await app.rest.actions.getWorkflowRun({ ...SHOP, run_id: id })).data.conclusion).toBe("cancelled");
    expect(await isRunning(pid)).toBe(false);
  });

  it("takes a push by installation token, opens a pull request, judges it by checks and merges it three ways", async () => {
    const { url } = world.forge;
    await git(clone, "clone", "-q", remote(url, "ann/shop", "x-access-token", await world.appToken()), "shop");
    const work = join(clone, "shop");
    await git(work, "checkout", "-q", "-b", "adorable/issue-1");
    await writeFile(join(work, "blog.ts"), "export const posts = [];\n");
    await git(work, "add", "-A");
    await git(work, "commit", "-qm", "Add a blog");
    await git(work, "push", "-q", "origin", "adorable/issue-1");
    const head = await git(work, "rev-parse", "HEAD");

    const app = await world.asApp();
    const pull = (await app.rest.pulls.create({ ...SHOP, title: "Add a blog", body: "Closes #1", head: "adorable/issue-1", base: "main" }))
      .data;
    expect(pull).toMatchObject({
      number: 2,
      state: "open",
      mergeable: true,
      commits: 1,
      additions: 1,
      changed_files: 1,
      head: { sha: head },
    });
    const files = (await app.rest.pulls.listFiles({ ...SHOP, pull_number: 2 })).data;
    expect(files).toMatchObject([{ filename: "blog.ts", status: "added", patch: "@@ -0,0 +1 @@\n+export const posts = [];" }]);
    const check = (await app.rest.checks.create({ ...SHOP, name: "tests", head_sha: head, status: "in_progress" })).data;
    await app.rest.checks.update({
      ...SHOP,
      check_run_id: check.id,
      conclusion: "success",
      output: {
        title: "11 passed",
        summary: "All.",
        annotations: [{ path: "blog.ts", start_line: 1, end_line: 1, annotation_level: "notice", message: "fine" }],
      },
    });
    const checks = (await app.rest.checks.listForRef({ ...SHOP, ref: "adorable/issue-1" })).data;
    expect(checks).toMatchObject({
      total_count: 1,
      check_runs: [{ name: "tests", conclusion: "success", output: { title: "11 passed", annotations_count: 1 } }],
    });

    await world.as("wren").rest.repos.createOrUpdateFileContents({
      ...SHOP,
      path: "other.txt",
      message: "Meanwhile",
      content: Buffer.from("x\n").toString("base64"),
    });
    await expect(app.rest.pulls.merge({ ...SHOP, pull_number: 2, sha: "0".repeat(40) })).rejects.toMatchObject({ status: 409 });
    await expect(world.as("rita").rest.pulls.merge({ ...SHOP, pull_number: 2 })).rejects.toMatchObject({ status: 403 });
    const merged = (await world.as("wren").rest.pulls.merge({ ...SHOP, pull_number: 2, sha: head })).data;
    const commit = (await app.rest.git.getCommit({ ...SHOP, commit_sha: merged.sha })).data;
    expect(commit.message).toBe("Merge pull request #2 from ann/adorable/issue-1\n\nAdd a blog");
    expect(commit.parents.map((parent) => parent.sha)).toContain(head);
    const names = ((await app.rest.repos.getContent({ ...SHOP, path: "" })).data as { name: string }[]).map((item) => item.name);
    expect(names).toEqual([".github", "README.md", "blog.ts", "other.txt"]);
    await expect.poll(() => world.receiver.of("pull_request", "closed").length).toBe(1);
    expect(world.receiver.of("pull_request", "closed")[0]).toMatchObject({
      sender: { login: "wren" },
      pull_request: { merged: true, merge_commit_sha: merged.sha, merged_by: { login: "wren" } },
    });
    expect(world.receiver.of("push").map((item) => item.ref)).toContain("refs/heads/adorable/issue-1");
  });

  it("reverts a merged pull request with GitHub's branch, title and body", async () => {
    const wren = world.as("wren");
    const pull = (await wren.rest.pulls.get({ ...SHOP, pull_number: 2 })).data;
    const result: any = await wren.graphql(
      "mutation($id: ID!) { revertPullRequest(input: {pullRequestId: $id}) { revertPullRequest { number } } }",
      { id: pull.node_id },
    );
    const { number } = result.revertPullRequest.revertPullRequest;
    const revert = (await wren.rest.pulls.get({ ...SHOP, pull_number: number })).data;
    expect(revert).toMatchObject({
      title: 'Revert "Add a blog"',
      body: "Reverts ann/shop#2",
      head: { ref: "revert-2-adorable/issue-1" },
      base: { ref: "main" },
      mergeable: true,
    });
    await wren.rest.pulls.merge({ ...SHOP, pull_number: number, merge_method: "squash" });
    const names = ((await wren.rest.repos.getContent({ ...SHOP, path: "" })).data as { name: string }[]).map((item) => item.name);
    expect(names).toEqual([".github", "README.md", "other.txt"]);
    const again = await wren
      .graphql("mutation($id: ID!) { revertPullRequest(input: {pullRequestId: $id}) { revertPullRequest { number } } }", {
        id: pull.node_id,
      })
      .catch((error: Error) => error.message);
    expect(again).toContain("could not be automatically reverted");
  });

  it("deletes a repository with all that belongs to it, and tells the App", async () => {
    const { core } = world.forge;
    const id = core.state.repository("ann", "shop")?.id ?? 0;
    await expect(world.as("wren").rest.repos.delete(SHOP)).rejects.toMatchObject({ status: 403 });
    await world.as("ann").rest.repos.delete(SHOP);
    await expect.poll(() => world.receiver.of("repository", "deleted").map((item) => item.repository.full_name)).toEqual(["ann/shop"]);
    for (const table of ["issues", "refs", "checkRuns", "workflowRuns", "deployments", "collaborators", "installationRepositories"]) {
      expect(core.db.all(`select * from ${table} where repositoryId = ?`, id), table).toEqual([]);
    }
    expect(await readdir(join(world.dataDir, "git"))).not.toContain(`${id}.git`);
    expect(await readdir(join(world.dataDir, "work"))).toEqual([]);
  });
});
