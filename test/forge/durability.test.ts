/** What survives: state over restarts, deliveries and runs that a kill cut off, refs that moved without their rows. */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Octokit } from "@octokit/rest";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import { assertForgeIsTrue } from "../support/forge-observer.ts";
import { isRunning, PLATFORM_FILES, startWorld, WEBHOOK_SECRET } from "./support.ts";

const SHOP = { owner: "ann", repo: "shop" };
const ROOT = fileURLToPath(new URL("../../src/forge.ts", import.meta.url));

describe("a restart", () => {
  it("keeps everything, and delivers once what was still pending", async () => {
    const world = await startWorld();
    onTestFinished(() => world.close());
    const wren = world.as("wren");
    await wren.rest.issues.create({ ...SHOP, title: "before" });
    await expect.poll(() => world.receiver.of("issues").length).toBe(1);
    const { db } = world.forge.core;
    db.run("update deliveries set state = 'pending' where event = 'issues'"); // as if the forge had died before it noted the answer
    await world.restart();
    await expect.poll(() => world.receiver.of("issues").length).toBe(2);
    expect(new Set(world.receiver.received.filter((item) => item.event === "issues").map((item) => item.guid)).size).toBe(1);
    expect((await wren.rest.issues.listForRepo(SHOP)).data.map((issue) => issue.title)).toEqual(["before"]);
    await world.restart();
    expect(world.receiver.of("issues")).toHaveLength(2);
  });

  it("announces a ref that moved while nobody noted it, and finishes a merge that was cut off", async () => {
    const world = await startWorld();
    onTestFinished(() => world.close());
    const wren = world.as("wren");
    const main = (await wren.rest.git.getRef({ ...SHOP, ref: "heads/main" })).data.object.sha;
    await wren.rest.git.createRef({ ...SHOP, ref: "refs/heads/topic", sha: main });
    const { commit } = (
      await wren.rest.repos.createOrUpdateFileContents({ ...SHOP, path: "t.txt", message: "t", branch: "topic", content: "dA==" })
    ).data;
    await wren.rest.pulls.create({ ...SHOP, title: "Topic", head: "topic", base: "main" });
    const { core } = world.forge;
    const repository = core.state.repository("ann", "shop");
    const pull = core.state.pull(repository?.id ?? 0, 1);
    const wrenId = core.state.accountByLogin("wren")?.id ?? 0;
    // What mergePull has done when it is killed right after the branch moved.
    core.db.update(
      "pulls",
      pull?.id ?? 0,
      { mergeIntent: { sha: pull?.testMergeSha, actorId: wrenId, method: "merge", base: main } },
      "issueId",
    );
    await core.git.run(repository?.id ?? 0, ["update-ref", "refs/heads/main", pull?.testMergeSha ?? ""]);
    await world.restart();
    const merged = (await wren.rest.pulls.get({ ...SHOP, pull_number: 1 })).data;
    expect(merged).toMatchObject({
      merged: true,
      merge_commit_sha: pull?.testMergeSha,
      merged_by: { login: "wren" },
      head: { sha: commit.sha },
    });
    await expect.poll(() => world.receiver.of("pull_request", "closed").length).toBe(1);
    expect(world.receiver.of("push").filter((item) => item.ref === "refs/heads/main" && item.after === pull?.testMergeSha)).toHaveLength(1);
  });

  it("keeps deliveries with their answers, and redelivers one on demand under the same GUID", async () => {
    const world = await startWorld();
    onTestFinished(() => world.close());
    const { appJwt } = await import("./support.ts");
    const jwt = new Octokit({ auth: appJwt(world.app.id, world.app.pem), baseUrl: `${world.forge.url}/api/v3` });
    await world.as("wren").rest.issues.create({ ...SHOP, title: "x" });
    await expect.poll(() => world.receiver.of("issues").length).toBe(1);
    await expect.poll(async () => (await jwt.rest.apps.listWebhookDeliveries({ per_page: 1 })).data[0]?.status).toBe("OK");
    const [delivery] = (await jwt.rest.apps.listWebhookDeliveries({ per_page: 1 })).data;
    expect(delivery).toMatchObject({ event: "issues", action: "opened", status_code: 202, redelivery: false });
    await jwt.rest.apps.redeliverWebhookDelivery({ delivery_id: delivery?.id ?? 0 });
    await expect.poll(() => world.receiver.of("issues").length).toBe(2);
    expect(world.receiver.received.filter((item) => item.event === "issues").map((item) => item.guid)).toEqual([
      delivery?.guid,
      delivery?.guid,
    ]);
  });
});

describe("the forge's process", () => {
  const folders: string[] = [];
  const processes: ChildProcess[] = [];
  afterEach(async () => {
    for (const child of processes.splice(0)) child.kill("SIGKILL");
    for (const folder of folders.splice(0)) {
      const data = join(folder, "forge");
      if (existsSync(data)) assertForgeIsTrue(data);
      await rm(folder, { recursive: true, force: true });
    }
  });

  async function start(dataDir: string, port: number): Promise<{ child: ChildProcess; url: string; exited: Promise<number | null> }> {
    const platform = join(dataDir, "platform");
    for (const [path, text] of Object.entries(PLATFORM_FILES)) {
      await mkdir(dirname(join(platform, path)), { recursive: true });
      await writeFile(join(platform, path), text);
    }
    const env = {
      PATH: process.env["PATH"],
      ADORABLE_FORGE_DATA: join(dataDir, "forge"),
      ADORABLE_FORGE_PORT: String(port),
      ADORABLE_FORGE_ADMIN_TOKEN: "admin",
      ADORABLE_FORGE_PLATFORM_FILES: platform,
      ADORABLE_FORGE_OBSERVER: process.env["ADORABLE_FORGE_OBSERVER"],
    };
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", ROOT], { env, stdio: ["pipe", "pipe", "inherit"] });
    processes.push(child);
    const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
    const line = await new Promise<string>((resolve, reject) => {
      let text = "";
      child.stdout?.on("data", (chunk: Buffer) => (text += chunk.toString()).includes("\n") && resolve(text));
      void exited.then((code) => reject(new Error(`ended with ${code}`)));
    });
    return { child, url: JSON.parse(line).url, exited };
  }

  async function admin(url: string, path: string, body: unknown): Promise<any> {
    return (
      await fetch(`${url}/_forge/${path}`, { method: "POST", headers: { authorization: "Bearer admin" }, body: JSON.stringify(body) })
    ).json();
  }

  it("loses nothing that it acknowledged when it is killed, kills its jobs' processes, and calls their runs failed", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "forge-kill-"));
    folders.push(dataDir);
    const { CALLER } = await import("./support.ts");
    let answers = 0;
    const receiver = createServer((request, response) => {
      request.resume();
      request.on("end", () => {
        answers += 1;
        response.end();
      });
    });
    await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void receiver.close());
    const first = await start(dataDir, 0);
    const { url } = first;
    await admin(url, "accounts", { login: "ann", token: "token-ann" });
    await admin(url, "repositories", { owner: "ann", name: "shop", files: { ".github/workflows/adorable.yml": CALLER } });
    const hook = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
    await admin(url, "apps", {
      slug: "adorable",
      owner: "ann",
      webhookUrl: hook,
      webhookSecret: WEBHOOK_SECRET,
      permissions: { actions: "write" },
      events: ["workflow_run"],
    });
    await admin(url, "installations", { app: "adorable", owner: "ann", repositories: "all" });
    const ann = new Octokit({ auth: "token-ann", baseUrl: `${url}/api/v3` });
    const { data } = await ann.request("POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches", {
      ...SHOP,
      workflow_id: "adorable.yml",
      ref: "main",
      inputs: { phase: "work", mode: "hang" },
      return_run_details: true,
    });
    const run_id = (data as { workflow_run_id: number }).workflow_run_id;
    let pid = 0;
    await expect
      .poll(async () => {
        const { jobs } = (await ann.rest.actions.listJobsForWorkflowRun({ ...SHOP, run_id })).data;
        const log =
          jobs[0] === undefined ? "" : String((await ann.rest.actions.downloadJobLogsForWorkflowRun({ ...SHOP, job_id: jobs[0].id })).data);
        return (pid = Number(/child (\d+)/.exec(log)?.[1] ?? 0));
      })
      .toBeGreaterThan(0);
    const created = await Promise.all(
      Array.from({ length: 10 }, (_, index) => ann.rest.issues.create({ ...SHOP, title: `issue ${index}` })),
    );
    first.child.kill("SIGKILL");
    await first.exited;

    const second = await start(dataDir, Number(new URL(url).port));
    expect(await isRunning(pid)).toBe(false);
    const run = (await ann.rest.actions.getWorkflowRun({ ...SHOP, run_id })).data;
    expect(run).toMatchObject({ status: "completed", conclusion: "failure" });
    const found = await ann.paginate(ann.rest.issues.listForRepo, SHOP);
    expect(found.map((issue) => issue.number).sort()).toEqual(created.map((answer) => answer.data.number).sort());
    await expect.poll(() => answers).toBeGreaterThanOrEqual(4); // installation; requested, in_progress, completed
    second.child.stdin?.end();
    expect(await second.exited).toBe(0);
  });

  it("says which setting is missing or wrong, and that a port is taken", async () => {
    const fails = async (env: Record<string, string>): Promise<string> => {
      const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", ROOT], {
        env: { PATH: process.env["PATH"] ?? "", ...env },
      });
      let errors = "";
      child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
      const code = await new Promise((resolve) => child.once("exit", resolve));
      return `${code} ${errors.trim()}`;
    };
    const dataDir = await mkdtemp(join(tmpdir(), "forge-port-"));
    folders.push(dataDir);
    const blocker = createServer();
    await new Promise<void>((resolve) => blocker.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void blocker.close());
    expect(await fails({})).toBe("1 ADORABLE_FORGE_DATA must name the forge's data directory.");
    expect(await fails({ ADORABLE_FORGE_DATA: dataDir, ADORABLE_FORGE_PORT: "x" })).toBe('1 ADORABLE_FORGE_PORT "x" is not a port.');
    expect(await fails({ ADORABLE_FORGE_DATA: dataDir, ADORABLE_FORGE_PORT: String((blocker.address() as AddressInfo).port) })).toContain(
      "EADDRINUSE",
    );
  });
});
