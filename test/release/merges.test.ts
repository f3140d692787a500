/** How commits come onto the default branch, and what becomes of each: its order, its gates, and in whose name it goes live. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RELEASE_GATES } from "../../src/change/verification.ts";
import type { CommitId } from "../../src/core/ids.ts";
import { reconcile } from "../../src/reconcile/reconcile.ts";
import { MERGE_QUEUE } from "../../src/release/arrivals.ts";
import { updateChange } from "../../src/store/changes.ts";
import { saveDelivery } from "../../src/store/deliveries.ts";
import { saveEvidence } from "../../src/store/evidence.ts";
import { listReleases } from "../../src/store/releases.ts";
import { listRuns } from "../../src/store/runs.ts";
import { gitText } from "../../src/process/git.ts";
import { openControlPlane, type ControlPlane } from "../support/control-plane.ts";

const FILE = "apps/blog/a.txt";

describe("a commit on the default branch", () => {
  let plane: ControlPlane;
  let count = 1;
  beforeAll(async () => {
    plane = await openControlPlane();
    await plane.release();
    for (const login of ["ada", "bob"]) plane.github.permissions.set(login, "write");
  });
  afterAll(() => plane[Symbol.asyncDispose]());

  const store = () => plane.platform.store;
  const ledger = async () => listReleases(store(), (await plane.project()).id);
  const live = async () => (await ledger()).at(-1);
  const change = () => plane.commit({ [FILE]: `${(count += 1)}` });
  const saidOn = (on: CommitId | number) =>
    plane.github.said
      .filter((one) => one.on === on)
      .map(({ text }) => text)
      .join("\n");
  const verifyRuns = async (commit: CommitId) =>
    (await listRuns(store(), (await plane.project()).id)).filter(
      ({ assignment }) => assignment.kind === "verify" && assignment.headCommit === commit,
    );

  /** As if no gate had seen its tree. */
  async function unseen(commit: CommitId): Promise<CommitId> {
    await store().rows("delete from evidence where tree = $1", [await plane.mirror.treeOf(commit)]);
    return commit;
  }
  async function judge(commit: CommitId, red?: string): Promise<void> {
    const tree = await plane.mirror.treeOf(commit);
    for (const gate of RELEASE_GATES) {
      const conclusion = gate === red ? ("failure" as const) : ("success" as const);
      const evidence = { gate, conclusion, title: conclusion, summary: "", annotations: [], files: [], durationMs: 1 };
      await saveEvidence(store(), (await plane.project()).id, tree, evidence);
    }
  }
  const pass = async () => reconcile(plane.platform, (await plane.project()).id);

  test("is released in its turn: two merges at once are two releases, each in its merger's name", async () => {
    const [first, second] = [await change(), await change()];
    await plane.merged(first, 2, "ada");
    await plane.merged(second, 3, "bob");
    await plane.settle();

    const rows = (await ledger()).slice(-2).map(({ git_commit, approver }) => ({ git_commit, approver }));
    expect(rows).toEqual([
      { git_commit: first, approver: "ada" },
      { git_commit: second, approver: "bob" },
    ]);
    for (const [commit, pull] of [[first, 2] as const, [second, 3] as const]) {
      expect(saidOn(commit)).toMatch(/adorable\/release success/);
      expect(saidOn(pull)).toMatch(/Release \d/);
    }
  });

  test("that no gate has seen is overtaken by one that came after it, and says so", async () => {
    const first = await unseen(await change());
    await plane.merged(first, 4, "ada");
    const second = await change();
    await plane.merged(second, 5, "bob");
    await plane.settle();

    expect(await live()).toMatchObject({ git_commit: second, approver: "bob" });
    expect((await ledger()).some((row) => row.git_commit === first)).toBe(false);
    expect(saidOn(first)).toMatch(/adorable\/release cancelled/);
    expect(saidOn(4)).toContain(second);
    expect(await verifyRuns(first)).toEqual([]);
  });

  test("that was seen is released though one that no gate has seen came after it, which is verified then", async () => {
    const first = await change();
    await plane.merged(first, 6, "ada");
    const second = await unseen(await change());
    await plane.merged(second, 7, "bob");
    await pass();
    await pass();

    expect(await live()).toMatchObject({ git_commit: first, approver: "ada" });
    expect((await plane.rollouts()).at(-1)).toMatchObject({ git_commit: second, state: "pinned" });
    expect(await verifyRuns(second)).toHaveLength(1);
    expect(saidOn(second)).toMatch(/adorable\/tests undefined/);
    await judge(second);
    await plane.settle();
    expect(await live()).toMatchObject({ git_commit: second, approver: "bob" });
  });

  test("that the gates find red is refused on it and on its pull request, and production stays", async () => {
    const before = await live();
    const commit = await unseen(await change());
    await plane.merged(commit, 8, "ada");
    await pass();
    await judge(commit, "tests");
    await plane.settle();

    expect((await plane.rollouts()).at(-1)).toMatchObject({ git_commit: commit, state: "refused" });
    expect(await live()).toEqual(before);
    for (const place of [commit, 8]) expect(saidOn(place)).toMatch(/adorable\/tests.* is red/);
    expect(saidOn(commit)).toMatch(/adorable\/tests failure/);
  });

  test("that was pushed is released in the name of who pushed it, if that person still may", async () => {
    const commit = await change();
    plane.pushed(commit, "ada");
    await plane.settle();
    expect(await live()).toMatchObject({ git_commit: commit, approver: "ada" });

    const before = await live();
    plane.github.permissions.set("mallory", "read");
    const other = await change();
    plane.pushed(other, "mallory");
    await plane.settle();
    expect((await plane.rollouts()).at(-1)).toMatchObject({ state: "aborted", error: { code: "approver-not-authorised" } });
    expect(saidOn(other)).toContain("mallory");
    expect(await live()).toEqual(before);
  });

  test("that was pushed is known by the delivery that told of it, where GitHub's record does not say", async () => {
    const commit = await change();
    const payload = { event: "push", ref: "refs/heads/main", after: commit, sender: { login: "bob", id: 2, type: "User" } };
    await saveDelivery(store(), { id: "d-1", event: "push", action: null, repository_id: 1, payload });
    await plane.settle();
    expect(await live()).toMatchObject({ git_commit: commit, approver: "bob" });
  });

  test("that came in nobody's name changes nothing", async () => {
    const before = await live();
    const pushed = await change();
    await plane.settle();
    const merged = await change();
    await updateChange(store(), (await plane.merged(merged, 9, "ada")).id, { merged_by: null });
    await plane.settle();

    expect(await live()).toEqual(before);
    for (const place of [pushed, merged, 9]) expect(saidOn(place)).toContain("GitHub does not say who");
  });

  test("that the merge queue merged is released in the name of who queued it, and of nobody else", async () => {
    const commit = await change();
    await plane.merged(commit, 10, MERGE_QUEUE);
    plane.github.permissions.delete(MERGE_QUEUE);
    plane.github.queuedBy.set(10, "bob");
    await plane.settle();
    expect(await live()).toMatchObject({ git_commit: commit, approver: "bob" });

    const other = await change();
    await plane.merged(other, 11, MERGE_QUEUE);
    await plane.settle();
    expect(await live()).toMatchObject({ git_commit: commit });
    expect(saidOn(11)).toContain("GitHub does not say who");
  });

  test("of a bot is released only where the bot may command", async () => {
    const refused = await change();
    plane.pushed(refused, "renovate[bot]");
    await plane.settle();
    expect((await plane.rollouts()).at(-1)).toMatchObject({ git_commit: refused, error: { code: "approver-not-authorised" } });

    plane.platform.settings.allowedBots = ["renovate[bot]"];
    const commit = await change();
    plane.pushed(commit, "renovate[bot]");
    await plane.settle();
    expect(await live()).toMatchObject({ git_commit: commit, approver: "renovate[bot]" });
  });

  test("from a pull request of a fork is released in its merger's name, and is said there, once GitHub knows which it was", async () => {
    const commit = await change();
    plane.pushed(commit, "bob", "pr_merge");
    await expect(pass()).rejects.toMatchObject({ code: "merge-not-known-yet", remedy: "wait" });
    plane.github.pulls.set(12, { number: 12, mergeCommit: commit, mergedBy: "bob", isMerged: true });
    await plane.settle();
    expect(await live()).toMatchObject({ git_commit: commit, approver: "bob" });
    expect(saidOn(12)).toMatch(/Release \d/);
  });

  test("that changes nothing of the apps says that there is nothing to release", async () => {
    const before = await live();
    const commit = await plane.commit({ "README.md": "Words." });
    await plane.settle();
    expect(await live()).toEqual(before);
    expect(saidOn(commit)).toContain("Its apps are exactly those of release");
  });

  test("that a merge queue is about to merge is verified on its head, and released without running a gate again", async () => {
    const main = (await plane.mirror.branch("main")) ?? "";
    const queue = `gh-readonly-queue/main/pr-13-${main}`;
    const head = await unseen(await plane.commit({ [FILE]: "queued" }, queue));
    await pass();
    expect(await verifyRuns(head)).toHaveLength(1);
    expect(saidOn(head)).toMatch(/adorable\/types undefined/);
    await judge(head);
    await plane.settle();
    expect(saidOn(head)).toMatch(/adorable\/types success/);

    await gitText(["update-ref", "-d", `refs/heads/${queue}`], { cwd: plane.mirror.dir });
    await gitText(["update-ref", "refs/heads/main", head], { cwd: plane.mirror.dir });
    await plane.merged(head, 13, MERGE_QUEUE);
    plane.github.queuedBy.set(13, "ada");
    await plane.settle();
    expect(await live()).toMatchObject({ git_commit: head, approver: "ada" });
    expect(await verifyRuns(head)).toHaveLength(1);
  });
});

test("the first release may come from a push: production begins with its migrations and seeds", async () => {
  await using plane = await openControlPlane();
  // Nobody waits for it, however long its migrations take.
  plane.platform.settings.holdBudgetMs = 0;
  plane.github.permissions.set("ada", "write");
  const spec = { version: 1, apps: [{ slug: "blog", name: "Blog", contract: { procedures: [], tables: [] } }] };
  const migration = "apps/blog/db/migrations/20260101000000_posts.sql";
  const commit = await plane.commit({
    ".adorable/spec.json": JSON.stringify(spec),
    [migration]: "create table posts (id int primary key, title text);",
    "apps/blog/db/seed.sql": "insert into posts values (1, 'First');",
  });
  plane.pushed(commit, "ada", "branch_creation");
  await plane.settle();

  const [release, ...more] = await listReleases(plane.platform.store, (await plane.project()).id);
  expect(more).toEqual([]);
  expect(release).toMatchObject({ number: 1, git_commit: commit, approver: "ada", migrations: [migration], checkpoint: null });
  expect(await plane.sql("select * from blog.posts")).toEqual([{ id: 1, title: "First" }]);
});
