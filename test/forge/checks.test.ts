/** Check runs and their suites: made and changed by an App, read in pages, asked for anew by people. */
import type { Octokit } from "@octokit/rest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startWorld, type World } from "./support.ts";

const SHOP = { owner: "ann", repo: "shop" };
let world: World;
let app: Octokit;
let head: string;

beforeAll(async () => {
  world = await startWorld();
  app = await world.asApp();
  const main = (await app.rest.git.getRef({ ...SHOP, ref: "heads/main" })).data.object.sha;
  await app.rest.git.createRef({ ...SHOP, ref: "refs/heads/topic", sha: main });
  const file = { ...SHOP, path: "a.txt", branch: "topic", message: "Add", content: Buffer.from("a\n").toString("base64") };
  head = (await app.rest.repos.createOrUpdateFileContents(file)).data.commit.sha ?? "";
  await app.rest.pulls.create({ ...SHOP, title: "Topic", head: "topic", base: "main" });
});
afterAll(() => world.close());

const create = (name: string, more: object = {}) => app.rest.checks.create({ ...SHOP, name, head_sha: head, ...more });
const annotation = (line: number) => ({
  path: "a.txt",
  start_line: line,
  end_line: line,
  annotation_level: "warning" as const,
  message: `Line ${line}`,
});

describe("a check suite", () => {
  it("is made by a push, for the App that writes checks, which hears of it without listening", async () => {
    await expect.poll(() => world.receiver.of("check_suite", "requested").map((item) => item.check_suite.head_sha)).toContain(head);
    const { check_suites: suites } = (await app.rest.checks.listSuitesForRef({ ...SHOP, ref: "topic" })).data;
    expect(suites).toMatchObject([{ head_branch: "topic", head_sha: head, status: "queued", conclusion: null, app: { slug: "adorable" } }]);
    // Making it again finds it.
    expect((await app.rest.checks.createSuite({ ...SHOP, head_sha: head })).data.id).toBe(suites[0]?.id);
  });

  it("says what its runs come to together, and is told when the last has ended", async () => {
    const runs: Awaited<ReturnType<typeof create>>["data"][] = [];
    for (const name of ["types", "tests", "browser"]) runs.push((await create(name, { status: "in_progress" })).data);
    const suiteId = runs[0]?.check_suite?.id ?? 0;
    const suite = async () => (await app.rest.checks.getSuite({ ...SHOP, check_suite_id: suiteId })).data;
    expect(await suite()).toMatchObject({ status: "in_progress", conclusion: null, latest_check_runs_count: 3 });
    const end = (index: number, conclusion: "success" | "failure") =>
      app.rest.checks.update({ ...SHOP, check_run_id: runs[index]?.id ?? 0, conclusion });
    await end(0, "success");
    await end(1, "failure");
    expect(world.receiver.of("check_suite", "completed")).toEqual([]);
    await end(2, "success");
    expect(await suite()).toMatchObject({ status: "completed", conclusion: "failure" });
    await expect.poll(() => world.receiver.of("check_suite", "completed").length).toBe(1);
    expect(world.receiver.of("check_suite", "completed")[0].check_suite).toMatchObject({
      conclusion: "failure",
      pull_requests: [{ number: 1 }],
    });
    const listed = (await app.rest.checks.listForSuite({ ...SHOP, check_suite_id: suiteId, per_page: 2 })).data;
    expect(listed.total_count).toBe(3);
    expect(listed.check_runs.map((run) => run.name)).toEqual(["types", "tests"]);
  });

  it("is asked for anew by a writer: it waits again, its App alone is told, and the runs stay until the App changes them", async () => {
    const { check_suites: suites } = (await app.rest.checks.listSuitesForRef({ ...SHOP, ref: head })).data;
    const id = suites[0]?.id ?? 0;
    await expect(world.as("rita").rest.checks.rerequestSuite({ ...SHOP, check_suite_id: id })).rejects.toMatchObject({ status: 403 });
    expect((await world.as("wren").rest.checks.rerequestSuite({ ...SHOP, check_suite_id: id })).status).toBe(201);
    await expect.poll(() => world.receiver.of("check_suite", "rerequested").length).toBe(1);
    expect(world.receiver.of("check_suite", "rerequested")[0]).toMatchObject({ sender: { login: "wren" }, check_suite: { id } });
    expect((await app.rest.checks.getSuite({ ...SHOP, check_suite_id: id })).data).toMatchObject({ status: "queued", conclusion: null });
    expect((await app.rest.checks.listForRef({ ...SHOP, ref: head })).data.check_runs.every((run) => run.status === "completed")).toBe(
      true,
    );
  });
});

describe("a check run", () => {
  it("is asked for anew, and its App hears which", async () => {
    const [run] = (await app.rest.checks.listForRef({ ...SHOP, ref: head, check_name: "tests" })).data.check_runs;
    const id = run?.id ?? 0;
    expect((await world.as("wren").rest.checks.rerequestRun({ ...SHOP, check_run_id: id })).status).toBe(201);
    await expect.poll(() => world.receiver.of("check_run", "rerequested").length).toBe(1);
    expect(world.receiver.of("check_run", "rerequested")[0]).toMatchObject({
      check_run: { id, name: "tests", check_suite: { head_branch: "topic" } },
      sender: { login: "wren" },
    });
    // The App decides: it puts the run back.
    const again = (await app.rest.checks.update({ ...SHOP, check_run_id: id, status: "in_progress" })).data;
    expect(again).toMatchObject({ status: "in_progress", conclusion: null, completed_at: null });
  });

  it("gathers annotations over several calls, which are read in pages", async () => {
    const output = (from: number, count: number) => ({
      title: "Lint",
      summary: "Some",
      annotations: Array.from({ length: count }, (_, index) => annotation(from + index)),
    });
    await expect(create("lint", { output: output(1, 51) })).rejects.toMatchObject({ status: 422 });
    const { id } = (await create("lint", { output: output(1, 50) })).data;
    await app.rest.checks.update({ ...SHOP, check_run_id: id, conclusion: "neutral", output: output(51, 20) });
    const first = await app.rest.checks.listAnnotations({ ...SHOP, check_run_id: id, per_page: 60 });
    expect(first.data).toHaveLength(60);
    expect(first.headers.link).toContain('page=2>; rel="next"');
    const all = await app.paginate(app.rest.checks.listAnnotations, { ...SHOP, check_run_id: id, per_page: 60 });
    expect(all.map((item) => item.message)).toEqual(Array.from({ length: 70 }, (_, index) => `Line ${index + 1}`));
    expect((await app.rest.checks.get({ ...SHOP, check_run_id: id })).data.output.annotations_count).toBe(70);
  });

  it("is one per name and App in a listing, unless all are asked for", async () => {
    await create("types", { conclusion: "success" });
    const names = async (filter: "latest" | "all") =>
      (await app.rest.checks.listForRef({ ...SHOP, ref: "topic", filter, check_name: "types" })).data.check_runs.length;
    expect([await names("latest"), await names("all")]).toEqual([1, 2]);
    expect((await app.rest.checks.listForRef({ ...SHOP, ref: "topic", status: "in_progress" })).data.check_runs).toMatchObject([
      { name: "tests" },
    ]);
  });

  it.each([
    ["by a person", () => world.as("wren").rest.checks.create({ ...SHOP, name: "x", head_sha: head }), 403],
    ["on a commit that is not there", () => create("x", { head_sha: "0".repeat(40) }), 422],
    ["that is completed without a conclusion", () => create("x", { status: "completed" }), 422],
    ["whose output has no summary", () => create("x", { output: { title: "x" } }), 422],
    ["without a name", () => create(""), 422],
  ])("is refused %s", async (_, call, status) => {
    await expect(call()).rejects.toMatchObject({ status });
  });
});
