import { execFile } from "node:child_process";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { LanguageModelV4CallOptions } from "@ai-sdk/provider";
import { afterEach, beforeEach, expect, test } from "vitest";
import { planHash } from "../../src/core/plan.ts";
import type { WorkAssignment, WorkResult } from "../../src/core/runner-protocol.ts";
import type { ArchitectAnswer } from "../../src/plan/draft.ts";
import { createRunnerClient } from "../../src/verify/runner-client.ts";
import { runWork, type RunWorkOptions } from "../../src/work/run-work.ts";
import { TINY_CONTRACT, tinyApp } from "../fixtures/tiny-app.ts";
import { createScriptedModel, toolResults, type ScriptedModel, type ScriptStep } from "../support/scripted-model.ts";
import { verifyTools, writeProject } from "../support/verify-bench.ts";
import { makeRepository, type TestRepository } from "../support/verify-repository.ts";
import { startWorkControlPlane, type WorkControlPlane, type WorkControlPlaneOptions } from "../support/work-control-plane.ts";

const run = promisify(execFile);
const GIT_BRANCH = "adorable/issue-7";
const PLAN: ArchitectAnswer = {
  outcome: "plan",
  answer: null,
  plan: {
    title: "Add a tiny app",
    summary: "Notes in a list.",
    createsApps: [{ feature: "notes", slug: "tiny", name: "Tiny" }],
    contracts: [{ app: "$NEW:notes", ...TINY_CONTRACT }],
    tasks: [{ id: "build", title: "Build the app", app: "$NEW:notes", scope: ["**"], acceptance: ["It lists notes."] }],
  },
};
const DONE = { calls: [{ tool: "done", input: { summary: "Notes can be listed." } }] };
const write = (path: string, content: string): ScriptStep => ({ calls: [{ tool: "write_file", input: { path, content } }] });
const writeAll = (files: Record<string, string>): ScriptStep => ({
  calls: Object.entries(files).map(([path, content]) => ({ tool: "write_file", input: { path, content } })),
});

let home: string;
let repository: TestRepository;
let planes: WorkControlPlane[];

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "adorable-work-test-"));
  repository = await makeRepository(home);
  planes = [];
});

afterEach(async () => {
  for (const plane of planes) await plane.close();
  await rm(home, { recursive: true, force: true });
});

interface Outcome {
  plane: WorkControlPlane;
  result: WorkResult;
  producer: ScriptedModel;
}

async function work(
  script: (call: number, options: LanguageModelV4CallOptions) => ScriptStep,
  options: {
    plan?: ArchitectAnswer;
    start?: string;
    assignment?: Partial<WorkAssignment>;
    plane?: WorkControlPlaneOptions;
    run?: Partial<RunWorkOptions>;
  } = {},
): Promise<Outcome> {
  const startCommit = options.start ?? (await repository.commit([], (dir) => writeProject(dir, {})));
  const producer = createScriptedModel(script);
  const architect = createScriptedModel(() => ({ text: JSON.stringify(options.plan ?? PLAN) }));
  const plane = await startWorkControlPlane({ model: (role) => (role === "architect" ? architect : producer), ...options.plane });
  planes.push(plane);
  const assignment: WorkAssignment = {
    kind: "work",
    runId: "run_test",
    repository: { fullName: "ada/project", cloneUrl: `file://${repository.dir}`, defaultBranch: "main" },
    startCommit,
    gitBranch: GIT_BRANCH,
    prompt: "add a tiny app",
    requester: "ada",
    issue: { number: 7, title: "A tiny app", body: "" },
    approval: { mode: "auto" },
    budget: { steps: 50, minutes: 5, tokens: 1_000_000 },
    ...options.assignment,
  };
  const result = await runWork({
    assignment,
    client: createRunnerClient(plane.url, plane.token),
    workDir: join(home, `work-${planes.length}`),
    tools: await verifyTools(),
    ...options.run,
  });
  return { plane, result, producer };
}

async function show(ref: string, path: string): Promise<string> {
  return (await run("git", ["--git-dir", repository.dir, "show", `${ref}:${path}`])).stdout;
}

async function tree(commit: string): Promise<string[]> {
  return (await run("git", ["--git-dir", repository.dir, "ls-tree", "-r", "--name-only", commit])).stdout.trim().split("\n");
}

test("work ends in a bundle that git verifies, with the files, the spec and the requester's credit", async () => {
  const { plane, result } = await work((call) =>
    call === 0 ? writeAll(tinyApp()) : call === 1 ? { calls: [{ tool: "apply_migrations", input: {} }] } : DONE,
  );
  expect(result).toMatchObject({ outcome: "changed", title: "Add a tiny app", summary: "Notes can be listed." });
  expect(plane.result).toEqual(result);
  const tip = await plane.fetchBundle(repository.dir, GIT_BRANCH);
  expect(result).toMatchObject({ commit: tip });
  expect(await tree(tip)).toEqual([".adorable/spec.json", ...Object.keys(tinyApp()).map((path) => `apps/tiny/${path}`)].sort());
  expect(JSON.parse(await show(tip, ".adorable/spec.json"))).toEqual({
    version: 1,
    apps: [{ slug: "tiny", name: "Tiny", contract: TINY_CONTRACT }],
  });
  const { stdout } = await run("git", ["--git-dir", repository.dir, "log", "-1", "--format=%an <%ae>%n%B", tip]);
  expect(stdout).toContain("Adorable <adorable[bot]@users.noreply.github.com>");
  expect(stdout).toContain("Co-authored-by: ada <ada@users.noreply.github.com>");
  expect(plane.migrations).toEqual([{ app: "tiny", applied: ["apps/tiny/db/migrations/20260101000000_notes.sql"] }]);
  expect(plane.events.filter(({ type }) => type === "phase" || type === "task")).toEqual([
    { type: "phase", phase: "plan" },
    { type: "phase", phase: "work" },
    { type: "task", id: "build", state: "started" },
    { type: "task", id: "build", state: "done" },
  ]);
});

test("a plan that waits for approval ends the job, and the approved plan is built without the architect", async () => {
  const first = await work(() => DONE, { plane: { planOnly: true }, assignment: { approval: { mode: "plan" } } });
  expect(first.result).toEqual({ kind: "work", outcome: "planned" });
  expect(first.plane.modelCalls.map(({ role }) => role)).toEqual(["architect"]);
  const [plan] = first.plane.plans;
  if (plan === undefined) throw new Error("no plan");
  const second = await work((call) => (call === 0 ? writeAll(tinyApp()) : DONE), { assignment: { approval: { mode: "approved", plan } } });
  expect(second.result).toMatchObject({ outcome: "changed" });
  expect(second.plane.modelCalls.some(({ role }) => role === "architect")).toBe(false);
  expect(second.plane.plans.map(planHash)).toEqual([planHash(plan)]);
});

test("an answer of the architect is the result, and nothing is built", async () => {
  const { result, plane } = await work(() => DONE, { plan: { outcome: "answer", answer: "Which app do you mean?", plan: null } });
  expect(result).toEqual({ kind: "work", outcome: "answered", answer: "Which app do you mean?" });
  expect(plane.plans).toEqual([]);
});

test("a plan for an app that is not there fails closed", async () => {
  const plan = structuredClone(PLAN);
  if (plan.plan?.tasks[0]) plan.plan.tasks[0].app = "$NEW:other";
  const { result, plane } = await work(() => DONE, { plan });
  expect(result).toMatchObject({ outcome: "failed", code: "plan-invalid", message: expect.stringContaining('"$NEW:other"') as string });
  expect(plane.plans).toEqual([]);
});

test("done is a claim: the gates reopen the task with what they found, until it is mended", async () => {
  const broken = tinyApp({ "src/shared/note.ts": 'export const noteSchema: number = "text";\nexport type Note = { text: string };\n' });
  const mended = tinyApp()["src/shared/note.ts"] ?? "";
  const { result, producer } = await work((call) =>
    call === 0 ? writeAll(broken) : call === 1 ? DONE : call === 2 ? write("src/shared/note.ts", mended) : DONE,
  );
  expect(result).toMatchObject({ outcome: "changed" });
  expect(JSON.stringify(producer.asked[2]?.prompt.at(-1))).toContain("src/shared/note.ts:1 TS2322");
});

test("a claim that never holds fails by name, and the work is kept", async () => {
  const broken = tinyApp({ "src/shared/note.ts": "export const noteSchema = missing;\n" });
  const { result, plane } = await work((call) => (call === 0 ? writeAll(broken) : DONE));
  expect(result).toMatchObject({ outcome: "failed", code: "gates-failed" });
  const tip = await plane.fetchBundle(repository.dir, GIT_BRANCH);
  expect(await tree(tip)).toContain("apps/tiny/src/shared/note.ts");
});

test("paths that leave the app, or lead to what is the platform's, are refused before they are touched", async () => {
  const start = await repository.commit([], async (dir) => {
    await writeProject(dir, { tiny: { contract: TINY_CONTRACT, files: tinyApp() } });
    await symlink("/etc", join(dir, "apps", "tiny", "etc"));
  });
  const paths = [
    "../other/x.ts",
    "/etc/passwd",
    "etc/passwd",
    ".github/workflows/x.yml",
    "src/../../x",
    ".adorable/spec.json",
    ".git/config",
    "node_modules/pg/index.js",
    "a\\b",
    "src",
    ".Git/config",
    "",
  ];
  const plan: ArchitectAnswer = {
    outcome: "plan",
    answer: null,
    plan: {
      ...(PLAN.plan ?? never()),
      createsApps: [],
      contracts: [{ app: "tiny", ...TINY_CONTRACT }],
      tasks: [{ id: "t", title: "t", app: "tiny", scope: ["**"], acceptance: ["a"] }],
    },
  };
  const { result, producer } = await work(
    (call) =>
      call === 0
        ? {
            calls: paths.flatMap((path) =>
              ["write_file", "read_file", "delete_file"].map((tool) => ({ tool, input: { path, content: "x" } })),
            ),
          }
        : { calls: [{ tool: "answer", input: { answer: "Nothing." } }] },
    { plan, start },
  );
  expect(result).toMatchObject({ outcome: "answered" });
  const results = toolResults(producer.asked[1] ?? never());
  expect(results).toHaveLength(paths.length * 3);
  for (const text of results) expect(text).toMatch(/error-text/);
});

test("calls of one step run in their order", async () => {
  const calls = [
    ...Array.from({ length: 20 }, (_, index) => ({
      tool: "write_file",
      input: { path: "src/last.ts", content: `export const last = ${index};\n` },
    })),
    { tool: "read_file", input: { path: "src/last.ts" } },
    { tool: "delete_file", input: { path: "src/last.ts" } },
    { tool: "list_files", input: {} },
  ];
  const { producer } = await work((call) => (call === 0 ? { calls } : { text: "Enough." }));
  const results = toolResults(producer.asked[1] ?? never());
  expect(results.at(-3)).toContain("last = 19");
  expect(results.at(-1)).not.toContain("last.ts");
});

test("an oversized file is refused before it reaches the disk", async () => {
  const { result, producer, plane } = await work((call) =>
    call === 0 ? writeAll({ ...tinyApp(), "src/shared/big.ts": `// ${"x".repeat(60_000)}\n` }) : DONE,
  );
  expect(toolResults(producer.asked[1] ?? never()).join("\n")).toContain("file-too-large");
  expect(result).toMatchObject({ outcome: "changed" });
  expect(await tree(await plane.fetchBundle(repository.dir, GIT_BRANCH))).not.toContain("apps/tiny/src/shared/big.ts");
});

test("looking without acting gets one forced message, then the end", async () => {
  const { result, producer } = await work(() => ({ calls: [{ tool: "list_files", input: {} }] }), {
    run: { spiral: { warnAfter: 4, stopAfter: 3 } },
  });
  expect(result).toMatchObject({ outcome: "failed", code: "producer-spiral" });
  expect(producer.asked).toHaveLength(7);
  const forced = producer.asked.map(
    ({ prompt }) => prompt.filter((message) => JSON.stringify(message).includes("without changing a file")).length,
  );
  expect(forced).toEqual([0, 0, 0, 0, 1, 1, 1]);
});

test.each([
  ["steps", { steps: 3, minutes: 5, tokens: 1_000_000 }],
  ["tokens", { steps: 50, minutes: 5, tokens: 30 }],
])("at the limit of %s the run stops, keeps the work and says so", async (what, budget) => {
  const { result, plane } = await work((call) => write(`src/part-${call}.ts`, "export {};\n"), { assignment: { budget } });
  expect(result).toMatchObject({ outcome: "failed", code: "budget-exceeded", message: expect.stringContaining(what) as string });
  expect(await tree(await plane.fetchBundle(repository.dir, GIT_BRANCH))).toContain("apps/tiny/src/part-0.ts");
});

test("at the limit of minutes the run stops while the model is thinking", async () => {
  const { result } = await work(() => ({ calls: [{ tool: "list_files", input: {} }] }), {
    assignment: { budget: { steps: 100_000, minutes: 0.01, tokens: 1e9 } },
    run: { spiral: { warnAfter: 1e6, stopAfter: 1 } },
  });
  expect(result).toMatchObject({ outcome: "failed", code: "budget-exceeded", message: expect.stringContaining("minutes") as string });
});

test("when the conversation is compressed, what was done stays known, and each step keeps its results", async () => {
  const { result, producer } = await work(
    (call) => (call < 30 ? write(`src/part-${call}.ts`, `// ${"x".repeat(1000)}\nexport {};\n`) : call === 30 ? writeAll(tinyApp()) : DONE),
    { run: { maxContextCharacters: 20_000 } },
  );
  expect(result).toMatchObject({ outcome: "changed" });
  const last = producer.asked[29] ?? never();
  const text = JSON.stringify(last.prompt);
  expect(text.length).toBeLessThan(30_000);
  expect(text).toContain("src/part-0.ts");
  const calls = last.prompt.flatMap((message) =>
    message.role === "assistant" ? message.content.flatMap((part) => (part.type === "tool-call" ? [part.toolCallId] : [])) : [],
  );
  const answers = last.prompt.flatMap((message) =>
    message.role === "tool" ? message.content.flatMap((part) => (part.type === "tool-result" ? [part.toolCallId] : [])) : [],
  );
  expect(answers).toEqual(calls);
});

test("a model that stops without finishing is asked once, then the task fails with what it said", async () => {
  const { result } = await work(() => ({ text: "I would rather not." }));
  expect(result).toMatchObject({
    outcome: "failed",
    code: "producer-stopped",
    message: expect.stringContaining("I would rather not.") as string,
  });
});

test("a repository that cannot be fetched is a stated failure", async () => {
  const { result } = await work(() => DONE, { assignment: { startCommit: "0".repeat(40) } });
  expect(result).toMatchObject({ outcome: "failed", code: "repository-unreachable" });
});

function never(): never {
  throw new Error("not there");
}
