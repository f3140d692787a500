/** What the control plane keeps of single apps, offers to the next runner and takes back: never more than was found, and of nothing that has changed. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { knownEvidence, takeResult } from "../../src/change/app-evidence.ts";
import type { Evidence, GateName } from "../../src/core/evidence.ts";
import type { CommitId, Digest, RunId } from "../../src/core/ids.ts";
import type { VerifyAssignment, VerifyResult } from "../../src/core/runner-protocol.ts";
import { findArtifacts, listEvidence } from "../../src/store/evidence.ts";
import { openControlPlane, type ControlPlane } from "../support/control-plane.ts";

const GATES = ["types", "modules", "contract", "tests", "browse"] as const satisfies readonly GateName[];
const JUDGE = "1".repeat(64);
const built = (of: string): Digest => `sha256:${of.repeat(64)}` as Digest;
const spec = (...slugs: string[]) =>
  JSON.stringify({ version: 1, apps: slugs.map((slug) => ({ slug, name: slug, contract: { procedures: [], tables: [] } })) });

describe("the evidence of an app", () => {
  let plane: ControlPlane;
  let one: CommitId;
  let two: CommitId;

  beforeAll(async () => {
    plane = await openControlPlane();
    one = await commit({ ".adorable/spec.json": spec("blog"), "apps/blog/a.ts": "1" });
    two = await commit({
      ".adorable/spec.json": spec("blog", "todo"),
      "apps/todo/b.ts": "1",
      "apps/todo/db/migrations/20260101000000_a.sql": "select 1;\n",
    });
  });
  afterAll(() => plane?.[Symbol.asyncDispose]());

  /** A commit of which nothing is known as a whole. */
  async function commit(files: Record<string, string>): Promise<CommitId> {
    const made = await plane.commit(files);
    const tree = await plane.mirror.treeOf(made);
    await plane.platform.store.rows("delete from evidence where tree = $1", [tree]);
    await plane.platform.store.rows("delete from artifacts where tree = $1", [tree]);
    return made;
  }

  async function assign(head: CommitId, base: CommitId = head): Promise<VerifyAssignment> {
    const { full_name: fullName, clone_url: cloneUrl } = await plane.project();
    const subject = { baseCommit: base, headCommit: head, tree: await plane.mirror.treeOf(head) };
    const known = await knownEvidence(plane.platform, await plane.project(), plane.mirror, subject);
    return { kind: "verify", runId: "run_x" as RunId, repository: { fullName, cloneUrl, defaultBranch: "main" }, ...subject, known };
  }

  const offered = ({ known = [] }: VerifyAssignment): string[] => known.map(({ app, gate }) => `${app} ${gate}`).toSorted();
  const all = (app: string): string[] => GATES.map((gate) => `${app} ${gate}`).toSorted();
  const found = (app: string, gate: GateName, changes: Partial<Evidence> = {}): Evidence => ({
    gate,
    app,
    conclusion: "success",
    title: "Found",
    summary: "All of it.",
    annotations: [],
    files: [],
    durationMs: 1,
    ...changes,
  });

  async function report(assignment: VerifyAssignment, result: Partial<VerifyResult>): Promise<void> {
    const whole: VerifyResult = { kind: "verify", tree: assignment.tree, judge: JUDGE, evidence: [], artifacts: {}, ...result };
    const taken = await takeResult(plane.platform, await plane.project(), plane.mirror, assignment, whole);
    await plane.platform.store.transaction((sql) => taken.save(sql));
  }

  async function evidenceOf(head: CommitId): Promise<Record<string, Evidence>> {
    const list = await listEvidence(plane.platform.store, (await plane.project()).id, await plane.mirror.treeOf(head));
    return Object.fromEntries(list.map((evidence) => [evidence.gate, evidence]));
  }

  test("is offered for the next tree that has the app as it was, and becomes part of that tree's evidence, with the built app", async () => {
    const first = await assign(one);
    expect(offered(first)).toEqual([]);
    await report(first, { evidence: GATES.map((gate) => found("blog", gate)), artifacts: { blog: built("b") } });
    expect((await evidenceOf(one))["types"]).toMatchObject({ title: "Found", summary: "All of it." });

    const second = await assign(two, one);
    expect(offered(second)).toEqual(all("blog"));
    await report(second, {
      evidence: GATES.map((gate) => found("todo", gate, gate === "tests" ? { conclusion: "failure", title: "1 failed" } : {})),
      reused: GATES.map((gate) => ({ app: "blog", gate })),
      artifacts: { todo: built("d") },
    });
    const evidence = await evidenceOf(two);
    expect(evidence["types"]).toMatchObject({ conclusion: "success", title: `blog: Found (reused from ${one.slice(0, 7)}); todo: Found` });
    expect(evidence["tests"]).toMatchObject({
      conclusion: "failure",
      title: `todo: 1 failed; blog: Found (reused from ${one.slice(0, 7)})`,
    });
    expect(await findArtifacts(plane.platform.store, (await plane.project()).id, await plane.mirror.treeOf(two))).toEqual({
      blog: built("b"),
      todo: built("d"),
    });
    // What was red is found out again.
    expect(offered(await assign(two, one))).toEqual([...all("blog"), ...all("todo").filter((name) => name !== "todo tests")]);
  });

  test.each<[string, Record<string, string>, string[]]>([
    ["a shared file changes", { "tsconfig.base.json": "{}" }, []],
    ["the app itself changes", { "apps/blog/a.ts": "2" }, ["todo browse", "todo contract", "todo modules", "todo types"]],
    [
      // What looks at the database is found out again; the other app is another one altogether.
      "a migration of the other app is changed",
      { "apps/todo/db/migrations/20260101000000_a.sql": "select 2;\n" },
      ["blog modules", "blog types"],
    ],
  ])("is not offered where %s", async (_what, change, expected) => {
    // The first app as judged beside the second one.
    await plane.platform.store.rows("update app_evidence set beside = $1 where app = 'blog' and gate not in ('types', 'modules')", [
      JSON.stringify(
        Object.fromEntries((await plane.mirror.list(two)).flatMap(({ path, object }) => (path.endsWith(".sql") ? [[path, object]] : []))),
      ),
    ]);
    await plane.commit({ ".adorable/spec.json": spec("blog", "todo"), "apps/blog/a.ts": "1" });
    expect(offered(await assign(await commit(change), two))).toEqual(expected);
    const undo = Object.fromEntries(
      await Promise.all(Object.keys(change).map(async (path) => [path, (await plane.mirror.readFile(two, path)) ?? null] as const)),
    );
    await plane.commit(undo);
  });

  test("counts for nobody who was not offered it: not for a gate that is unknown, not for another judge, not twice as old", async () => {
    const assignment = await assign(two, one);
    const reuse = (app: string, gate: GateName, judge = JUDGE) =>
      report(assignment, { judge, reused: [{ app, gate }], evidence: [found("todo", "types")] });
    await expect(reuse("todo", "tests")).rejects.toThrow(/left out the gate "tests" of "todo", of which nothing is known/);
    await expect(reuse("blog", "types", "2".repeat(64))).rejects.toThrow(/of which nothing is known/);
    await expect(report({ ...assignment, known: [] }, { reused: [{ app: "blog", gate: "types" }] })).rejects.toThrow(/nothing is known/);
    await plane.platform.store.rows("update app_evidence set created_at = now() - interval '31 days' where gate = 'types'");
    expect(offered(await assign(two, one)).filter((name) => name.endsWith("types"))).toEqual([]);
    await expect(reuse("blog", "types")).rejects.toThrow(/nothing is known/);
  });

  test("of an app that the runner passed over in silence is red", async () => {
    await report(await assign(two, one), { evidence: [found("blog", "types")] });
    expect((await evidenceOf(two))["types"]).toMatchObject({ conclusion: "failure", title: "todo: Could not run; blog: Found" });
  });

  test("that says what was taken away since the base is kept for that base alone", async () => {
    const less = await commit({ "apps/blog/a.ts": "less" });
    const evidence = [found("blog", "tests", { flagged: true, title: "weakened" }), found("blog", "browse")];
    await report(await assign(less, two), { evidence });
    expect(offered(await assign(less, two)).filter((name) => name.startsWith("blog"))).toEqual(["blog browse", "blog tests"]);
    expect(offered(await assign(less)).filter((name) => name.startsWith("blog"))).toEqual(["blog browse"]);
  });
});
