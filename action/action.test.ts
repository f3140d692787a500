import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { WorkAssignment } from "../src/core/runner-protocol.ts";
import type { ArchitectAnswer } from "../src/plan/draft.ts";
import { TINY_CONTRACT, TINY_MIGRATION, tinyApp } from "../test/fixtures/tiny-app.ts";
import { createScriptedModel } from "../test/support/scripted-model.ts";
import { startThrowawayPostgres } from "../test/support/throwaway-postgres.ts";
import { PLATFORM_ROOT, verifyTools, writeProject } from "../test/support/verify-bench.ts";
import { makeRepository } from "../test/support/verify-repository.ts";
import { startWorkControlPlane, type WorkControlPlane } from "../test/support/work-control-plane.ts";
import { buildAction } from "./build.ts";

let home: string;
let oidc: { url: string; audiences: (string | null)[]; close(): Promise<void> };
let plane: WorkControlPlane | undefined;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "adorable-action-test-"));
  await chmod(home, 0o755);
  await buildAction(join(home, "action"));
  await verifyTools();
  oidc = await startOidc();
});

afterEach(async () => {
  await plane?.close();
  plane = undefined;
});

afterAll(async () => {
  await oidc.close();
  await rm(home, { recursive: true, force: true });
});

test("the bundle stands alone: outside the platform's folder it starts in well under a second and says what is missing", async () => {
  const startedAt = performance.now();
  const { code, output } = await start({});
  expect(performance.now() - startedAt).toBeLessThan(2000);
  expect(code).toBe(1);
  expect(output).toContain("::error::");
  expect(output).toContain("control-plane");
  expect(await readdir(join(home, "action", "dist"))).toEqual(["main.js"]);
});

test("a work job proves itself by OIDC, builds, hands over a bundle and a result, and leaves nothing behind", async () => {
  const { repository, assignment } = await project();
  const architect: ArchitectAnswer = {
    outcome: "plan",
    answer: null,
    plan: {
      title: "Add a tiny app",
      summary: "Notes.",
      createsApps: [{ feature: "tiny", slug: "tiny", name: "Tiny" }],
      contracts: [{ app: "$NEW:tiny", ...TINY_CONTRACT }],
      tasks: [{ id: "build", title: "Build", app: "$NEW:tiny", scope: ["**"], acceptance: ["It lists notes."] }],
    },
  };
  const producer = createScriptedModel((call) =>
    call === 0
      ? { calls: Object.entries(tinyApp()).map(([path, content]) => ({ tool: "write_file", input: { path, content } })) }
      : { calls: [{ tool: "done", input: { summary: "Done." } }] },
  );
  plane = await startWorkControlPlane({
    assignment,
    model: (role) => (role === "architect" ? createScriptedModel(() => ({ text: JSON.stringify(architect) })) : producer),
  });
  const { code, output, outputs, summary } = await start({
    "INPUT_CONTROL-PLANE": plane.url,
    "INPUT_RUN-ID": "run_test",
    INPUT_PHASE: "work",
  });
  expect(output).toContain("Add a tiny app");
  expect(code).toBe(0);
  expect(plane.oidcTokens).toEqual(["an-oidc-token"]);
  expect(oidc.audiences).toContain("adorable");
  expect(output).toContain("::add-mask::");
  expect(outputs).toContain("changed");
  expect(summary).toContain("## Add a tiny app");
  const tip = await plane.fetchBundle(repository, assignment.gitBranch);
  expect(plane.result).toMatchObject({ outcome: "changed", commit: tip });
  expect((await readdir(join(home, "temp"))).filter((name) => name.startsWith("adorable-"))).toEqual([]);
});

test("a verify job judges the merge with the bundle's own gates, and hands over evidence and the built app", async () => {
  const place = await mkdtemp(join(home, "project-"));
  const repository = await makeRepository(place);
  const base = await repository.commit([], (dir) => writeProject(dir, {}));
  const head = await repository.commit([base], (dir) => writeProject(dir, { tiny: { files: tinyApp(), contract: TINY_CONTRACT } }));
  const postgres = await startThrowawayPostgres();
  try {
    plane = await startWorkControlPlane({
      assignment: await repository.assignment(base, head),
      forks: { server: postgres, migrations: { tiny: TINY_MIGRATION } },
    });
    const { code, outputs, summary, output } = await start({
      "INPUT_CONTROL-PLANE": plane.url,
      "INPUT_RUN-ID": "run_test",
      INPUT_PHASE: "verify",
    });
    const { result } = plane;
    if (result?.kind !== "verify") throw new Error(output);
    expect(
      result.evidence.map(({ gate, conclusion, title }) => `${gate} ${conclusion} ${conclusion === "success" ? "" : title}`.trim()),
    ).toEqual(["types", "modules", "contract", "tests", "browse"].map((gate) => `${gate} success`));
    expect(code).toBe(0);
    expect(outputs).toContain("success");
    expect(summary).toContain("| browse | success |");
    expect(plane.files.has(result.artifacts["tiny"] ?? "")).toBe(true);
  } finally {
    await postgres.close();
  }
});

test("a job without tools gives a result that says so, and fails once", async () => {
  const { assignment } = await project();
  plane = await startWorkControlPlane({ assignment });
  const { code, output } = await start({
    "INPUT_CONTROL-PLANE": plane.url,
    "INPUT_RUN-ID": "run_test",
    INPUT_PHASE: "work",
    ADORABLE_TOOLS: "",
  });
  expect(code).toBe(1);
  expect(output.match(/::error::/g)).toHaveLength(1);
  expect(plane.result).toMatchObject({ outcome: "failed", code: "tools-missing" });
});

test("a job whose session is for the other phase is refused and reported", async () => {
  const { assignment } = await project();
  plane = await startWorkControlPlane({ assignment });
  const { code, output } = await start({ "INPUT_CONTROL-PLANE": plane.url, "INPUT_RUN-ID": "run_test", INPUT_PHASE: "verify" });
  expect(code).toBe(1);
  expect(output).toContain("phase-mismatch");
  expect(plane.result).toMatchObject({ outcome: "failed", code: "phase-mismatch" });
});

test("a cancelled job tells the control plane before it ends", async () => {
  const { assignment } = await project();
  plane = await startWorkControlPlane({ assignment, model: () => createScriptedModel(() => new Promise(() => undefined)) });
  const running = start({ "INPUT_CONTROL-PLANE": plane.url, "INPUT_RUN-ID": "run_test", INPUT_PHASE: "work" });
  await expect.poll(() => plane?.modelCalls.length, { timeout: 20_000 }).toBe(1);
  (await running.child).kill("SIGINT");
  const { code } = await running;
  expect(code).toBe(1);
  expect(plane.result).toMatchObject({ outcome: "failed", code: "run-cancelled" });
});

async function project(): Promise<{ repository: string; assignment: WorkAssignment }> {
  const place = await mkdtemp(join(home, "project-"));
  const repository = await makeRepository(place);
  const startCommit = await repository.commit([], (dir) => writeProject(dir, {}));
  return {
    repository: repository.dir,
    assignment: {
      kind: "work",
      runId: "run_test",
      repository: { fullName: "ada/project", cloneUrl: `file://${repository.dir}`, defaultBranch: "main" },
      startCommit,
      gitBranch: "adorable/issue-1",
      prompt: "add a tiny app",
      requester: "ada",
      issue: { number: 1, title: "Tiny", body: "" },
      approval: { mode: "auto" },
      budget: { steps: 20, minutes: 5, tokens: 1_000_000 },
    },
  };
}

interface Ended {
  code: number | null;
  output: string;
  outputs: string;
  summary: string;
}

/** Starts the bundle as GitHub's runner does: inputs and files by environment, nothing else. */
function start(env: Record<string, string>): Promise<Ended> & { child: Promise<ReturnType<typeof spawn>> } {
  const child = (async () => {
    const tools = await verifyTools();
    const temp = join(home, "temp");
    await mkdir(temp, { recursive: true, mode: 0o755 });
    for (const name of ["output", "summary"]) await writeFile(join(home, name), "");
    return spawn(process.execPath, [join(home, "action", "dist", "main.js")], {
      cwd: home,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        PATH: process.env["PATH"] ?? "",
        RUNNER_TEMP: temp,
        GITHUB_OUTPUT: join(home, "output"),
        GITHUB_STEP_SUMMARY: join(home, "summary"),
        ACTIONS_ID_TOKEN_REQUEST_URL: `${oidc.url}/token?run=1`,
        ACTIONS_ID_TOKEN_REQUEST_TOKEN: "request-token",
        ADORABLE_TOOLS: PLATFORM_ROOT,
        ADORABLE_MODULES: join(tools.modulesDir, "..", ".."),
        ADORABLE_BROWSER_CACHE: tools.browserCacheDir,
        ADORABLE_SANDBOX: "optional",
        ...env,
      },
    });
  })();
  const ended = (async (): Promise<Ended> => {
    const process_ = await child;
    let output = "";
    process_.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
    process_.stderr?.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const code = await new Promise<number | null>((resolve) => process_.once("close", resolve));
    return { code, output, outputs: await readFile(join(home, "output"), "utf8"), summary: await readFile(join(home, "summary"), "utf8") };
  })();
  return Object.assign(ended, { child });
}

async function startOidc(): Promise<typeof oidc> {
  const audiences: (string | null)[] = [];
  const server = createServer((request, response) => {
    audiences.push(new URL(request.url ?? "", "http://localhost").searchParams.get("audience"));
    const known = request.headers.authorization === "Bearer request-token";
    response.writeHead(known ? 200 : 401, { "content-type": "application/json" }).end(JSON.stringify({ value: "an-oidc-token" }));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return { url: `http://127.0.0.1:${port}`, audiences, close: () => new Promise<void>((done) => void server.close(() => done())) };
}
