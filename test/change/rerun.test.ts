/** Gates that somebody asks for anew: what they found is forgotten and found out again, unless it is part of the ledger. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { newId, type CommitId, type TreeId } from "../../src/core/ids.ts";
import { readDelivery } from "../../src/github/delivery.ts";
import { handleDelivery } from "../../src/reconcile/deliveries.ts";
import { saveAppEvidence } from "../../src/store/app-evidence.ts";
import { saveChange, updateChange } from "../../src/store/changes.ts";
import { findDelivery, saveDelivery } from "../../src/store/deliveries.ts";
import { listEvidence } from "../../src/store/evidence.ts";
import type { ChangeRow } from "../../src/store/rows.ts";
import { listRuns } from "../../src/store/runs.ts";
import { readAppKeys } from "../../src/change/gate-keys.ts";
import { openControlPlane, type ControlPlane } from "../support/control-plane.ts";

const GATES = ["types", "modules", "contract", "tests", "browse", "migrations", "preview"];
const SPEC = JSON.stringify({ version: 1, apps: [{ slug: "blog", name: "Blog", contract: { procedures: [], tables: [] } }] });

describe("a gate that is asked for anew", () => {
  let plane: ControlPlane;
  let base: CommitId;
  let change: ChangeRow;
  let number = 10;

  beforeAll(async () => {
    plane = await openControlPlane();
    base = await plane.commit({ ".adorable/spec.json": SPEC, "apps/blog/a.ts": "1" });
    plane.github.permissions.set("wren", "write").set("rita", "read");
  });
  afterAll(() => plane?.[Symbol.asyncDispose]());

  beforeEach(async () => {
    number += 1;
    const head = await plane.commit({ "apps/blog/a.ts": String(number) }, `change-${number}`);
    const tree = await plane.mirror.treeOf(head);
    const { store } = plane.platform;
    const { id } = await plane.project();
    const made = { id: newId("chg"), project_id: id, kind: "pull-request", issue_number: null, pull_number: number } as const;
    const saved = await saveChange(store, { ...made, git_branch: `change-${number}` });
    change = await updateChange(store, saved.id, { base_commit: base, head_commit: head, tree, preview_tree: tree });
    const [keys] = await readAppKeys(plane.mirror, { base, tree }, await plane.platform.database.capabilities());
    const of = (await listEvidence(store, id, tree)).filter((one) => one.gate === "tests" || one.gate === "types");
    for (const evidence of of)
      await saveAppEvidence(store, {
        project_id: id,
        app: "blog",
        gate: evidence.gate,
        key: keys?.plain ?? "",
        judge: "1",
        beside: {},
        evidence,
        artifact: null,
        git_commit: head,
      });
  });

  /** As GitHub tells it; returns what became of the delivery. */
  async function rerequest(event: "check_run" | "check_suite", sender: string, body: object): Promise<string> {
    const { store } = plane.platform;
    const id = crypto.randomUUID();
    const project = await plane.project();
    const repository = { id: 1, full_name: project.full_name, default_branch: "main", private: false, clone_url: "x", html_url: "x" };
    const payload = readDelivery(id, event, { action: "rerequested", sender: { login: sender, id: 1, type: "User" }, repository, ...body });
    await saveDelivery(store, { id, event, action: "rerequested", repository_id: 1, payload });
    await handleDelivery(plane.platform, id);
    const row = await findDelivery(store, id);
    return `${row?.state} ${row?.note ?? ""}`.trim();
  }
  const run = (name: string, head_sha = change.head_commit ?? "") => ({
    check_run: { id: 1, name, external_id: "", head_sha, status: "completed", conclusion: "failure" },
  });
  const known = async (): Promise<string[]> =>
    (await listEvidence(plane.platform.store, change.project_id, change.tree as TreeId)).map((one) => one.gate).sort();
  const newRuns = async () =>
    (await listRuns(plane.platform.store, change.project_id)).filter(
      ({ assignment, state }) => assignment.kind === "verify" && assignment.tree === change.tree && state === "queued",
    );

  test("runs anew and alone: what is known of its app is not offered to the runner, the rest is", async () => {
    expect(await rerequest("check_run", "wren", run("adorable/tests"))).toBe("processed");
    expect(await known()).toEqual(GATES.filter((gate) => gate !== "tests").sort());
    const [made, ...more] = await newRuns();
    expect(more).toEqual([]);
    expect(made?.assignment).toMatchObject({ headCommit: change.head_commit, known: [{ app: "blog", gate: "types" }] });
    // The one that is asked for while it runs is that one.
    expect(await rerequest("check_run", "wren", run("adorable/tests"))).toBe("ignored the gates of that commit are running");
    expect(await newRuns()).toHaveLength(1);
  });

  test("of the control plane's own needs no runner", async () => {
    expect(await rerequest("check_run", "wren", run("adorable/migrations"))).toBe("processed");
    expect(await known()).toEqual(GATES.filter((gate) => gate !== "migrations").sort());
    expect(await newRuns()).toEqual([]);
  });

  test("with all the others, as a suite, forgets everything, the preview too", async () => {
    expect(await rerequest("check_suite", "wren", { check_suite: { id: 1, head_sha: change.head_commit } })).toBe("processed");
    expect(await known()).toEqual([]);
    expect((await newRuns())[0]?.assignment).toMatchObject({ known: [] });
    expect(await plane.platform.store.rows("select preview_tree from changes where id = $1", [change.id])).toEqual([
      { preview_tree: null },
    ]);
  });

  test.each([
    ["by a reader", "rita", () => run("adorable/tests"), /rita has the permission "read"/],
    ["of somebody else's check", "wren", () => run("lint"), /not one of a gate/],
    ["of a commit that no open change has", "wren", () => run("adorable/tests", base), /no open change/],
  ])("%s changes nothing", async (_, sender, body, reason) => {
    expect(await rerequest("check_run", sender, body())).toMatch(reason);
    expect(await known()).toEqual([...GATES].sort());
    expect(await newRuns()).toEqual([]);
  });

  test("of a tree that is on its way into the ledger keeps what it found", async () => {
    await plane.platform.store.rows(
      "insert into rollouts (id, project_id, kind, git_commit, tree, state, data) values ($1, $2, 'release', $3, $4, 'refused', '{}')",
      [`rol_${number}`, change.project_id, change.head_commit, change.tree],
    );
    expect(await rerequest("check_run", "wren", run("adorable/tests"))).toMatch(/released, or on its way/);
    expect(await known()).toEqual([...GATES].sort());
  });
});
