/** The agent's undo, through the runner API and the tools themselves: a real store, engine and proxy, and no crash that leaves half of it. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { restoreSnapshot, takeSnapshot } from "../../src/change/runner-api/snapshots.ts";
import { changeEndpoint, ensureChangeTimeline } from "../../src/change/timeline.ts";
import type { Platform } from "../../src/change/platform.ts";
import type { CommitId, TimelineId } from "../../src/core/ids.ts";
import { appRole } from "../../src/core/names.ts";
import { sweepTimelines } from "../../src/reconcile/sweep-timelines.ts";
import { updateChange } from "../../src/store/changes.ts";
import { listResources } from "../../src/store/projects.ts";
import type { ChangeRow } from "../../src/store/rows.ts";
import { advanceRun, findRun } from "../../src/store/runs.ts";
import { openControlPlane, type ControlPlane } from "../support/control-plane.ts";
import { killPoints } from "../support/kill-points.ts";
import { FIRST, firstColumn, openRuns, POSTS, SPEC, type RunsAtWork, type Working } from "../support/runs-at-work.ts";

let plane: ControlPlane;
let platform: Platform;
const closing = new AsyncDisposableStack();
beforeAll(async () => {
  plane = closing.use(await openControlPlane());
  platform = plane.platform;
  runs = closing.use(await openRuns(plane));
});
afterAll(() => closing.disposeAsync());

let runs: RunsAtWork;
const work = (pull: number | null = null): Promise<Working> => runs.work(pull);

const rows = (change: ChangeRow, sql: string): Promise<unknown[]> => firstColumn(plane, change, sql);

/** What the change and the engine know of: one timeline each, once the run has ended. */
async function timelinesOf(working: Working): Promise<{ present: string; old: string[]; next: string | null }> {
  const { timeline, old_timelines: old, next_timeline: next } = await working.now();
  return { present: timeline, old, next };
}

async function protectedOn(timeline: TimelineId): Promise<number> {
  const record = JSON.parse(await readFile(join(plane.databaseDir, "timelines", timeline, "timeline.json"), "utf8")) as {
    protected: unknown[];
  };
  return record.protected.length;
}

let others: Set<string>;
beforeEach(async () => {
  others = new Set((await platform.database.listTimelines()).map(({ id }) => id));
});

/** After the sweep there is exactly the change's own timeline, known to all, and the endpoint leads there. */
async function expectNoLeak(working: Working, at?: string): Promise<void> {
  await sweepTimelines(platform, await plane.project());
  const { timeline, old_timelines: old, next_timeline: next } = await working.now();
  expect({ old, next }, at).toEqual({ old: [], next: null });
  const made = (await platform.database.listTimelines()).map(({ id }) => id as string).filter((id) => !others.has(id));
  expect(made, at).toEqual([timeline]);
  const recorded = (await listResources(platform.store, working.change.project_id)).filter(
    ({ kind, id }) => kind === "timeline" && !others.has(id),
  );
  expect(
    recorded.map(({ id }) => id),
    at,
  ).toEqual([timeline]);
  expect((await platform.database.findEndpoint(changeEndpoint(working.change.project_id, working.change)))?.timeline, at).toBe(timeline);
}

test("migrations take a snapshot by themselves; going back undoes them with their rows, and can be undone, while whoever is connected goes on", async () => {
  const run = await work();
  const { dsn } = await platform.database.credential(changeEndpoint(run.change.project_id, run.change), appRole("blog"));
  // The app's dev server.
  const pool = new pg.Pool({ connectionString: dsn, max: 1 });
  pool.on("error", () => {});
  try {
    await pool.query("select 1");
    await run.call("write_file", {
      path: "db/migrations/20260102000000_stars.sql",
      content: "alter table posts add column stars int default 5; delete from posts;",
    });
    const { snapshot, applied } = (await run.call("apply_migrations", {})) as { snapshot: string; applied: string[] };
    expect(applied).toEqual(["apps/blog/db/migrations/20260102000000_stars.sql"]);
    await run.call("run_sql", { sql: "insert into posts values (2, 'after', 1)" });

    const { before } = (await run.call("restore_data", { id: snapshot })) as { before: string };
    expect((await pool.query("select * from posts")).rows).toEqual([{ id: 1, title: "seed" }]);
    expect(await run.call("run_sql", { sql: "select count(*)::int from posts" })).toContain('"rows":[[1]]');
    expect((await platform.database.credential(changeEndpoint(run.change.project_id, run.change), appRole("blog"))).dsn).toBe(dsn);

    await run.call("restore_data", { id: before });
    expect((await pool.query("select * from posts")).rows).toEqual([{ id: 2, title: "after", stars: 1 }]);
    // Two in a row to the same one, and what was undone is pending again.
    await run.call("restore_data", { id: snapshot });
    await run.call("restore_data", { id: snapshot });
    expect(await run.titles()).toEqual(["seed"]);
    expect(await run.call("apply_migrations", {})).toMatchObject({ applied });
  } finally {
    await pool.end();
    await run.end();
  }
  await expectNoLeak(run);
});

test("migrations that fail half-way name the snapshot from before the first of them; undone, they can be edited", async () => {
  const run = await work();
  await run.call("write_file", { path: "db/migrations/20260102000000_a.sql", content: "create table a (id int);" });
  await run.call("write_file", { path: "db/migrations/20260102000001_b.sql", content: "create table posts (id int);" });

  const error = await run.call("apply_migrations", {}).then(
    () => "",
    (thrown: Error) => thrown.message,
  );

  const snapshot = /ckp_\w+/.exec(error)?.[0] ?? "";
  expect(await rows(run.change, "select to_regclass('blog.a')::text")).toEqual(["blog.a"]);
  await run.call("restore_data", { id: snapshot });
  expect(await rows(run.change, "select to_regclass('blog.a')::text")).toEqual([null]);

  await run.call("write_file", { path: "db/migrations/20260102000000_a.sql", content: "create table a (id int, more text);" });
  await run.call("write_file", { path: "db/migrations/20260102000001_b.sql", content: "create table b (id int);" });
  expect(((await run.call("apply_migrations", {})) as { applied: string[] }).applied).toHaveLength(2);
  await run.end();
});

test("only snapshots of the same run can be gone back to: a retry's run has its own, and anything else is a person's decision", async () => {
  const first = await work();
  const { id } = (await first.call("snapshot_data", { note: "mine" })) as { id: string };
  await first.end();
  const second = await runs.startRun(first.change);

  await expect(second.client.restore(id)).rejects.toMatchObject({
    code: "snapshot-foreign",
    remedy: "author",
    hint: expect.stringContaining("@adorable rollback <release>") as string,
  });
  await expect(second.client.restore("ckp_nothing")).rejects.toMatchObject({ code: "snapshot-foreign" });
  await expect(first.client.restore(id)).rejects.toMatchObject({ code: "runner-denied" });
  await advanceRun(platform.store, second.run, "running", "failed");
});

test("snapshots keep what they refer to for as long as their run lives, and no longer", async () => {
  const run = await work();
  const first = run.change.timeline;
  const { id } = (await run.call("snapshot_data", { note: "one" })) as { id: string };
  await run.call("restore_data", { id });
  await sweepTimelines(platform, await plane.project());

  expect(await timelinesOf(run)).toMatchObject({ old: [first] });
  expect(await protectedOn(first)).toBe(2);

  const second = (await run.now()).timeline;
  const late = (await run.call("snapshot_data", { note: "two" })) as { id: string };
  expect(await protectedOn(second)).toBe(1);
  await run.end();
  await expectNoLeak(run);
  expect(await protectedOn(second)).toBe(0);
  expect(await platform.store.rows("select id from checkpoints where id = any($1) and released_at is null", [[id, late.id]])).toEqual([]);
});

test("what came to the change after the snapshot comes again: another app, with its first rows", async () => {
  const run = await work();
  const { id } = (await run.call("snapshot_data", { note: "alone" })) as { id: string };
  await run.call("run_sql", { sql: "update posts set title = 'mine'" });
  const both = await plane.commit(
    {
      ...FIRST,
      ".adorable/spec.json": SPEC("blog", "todo"),
      "apps/todo/db/migrations/20260103000000_tasks.sql": "create table tasks (id int primary key);",
      "apps/todo/db/seed.sql": "insert into tasks values (1);",
    },
    "with-todo",
  );
  await ensureChangeTimeline(platform, plane.mirror, run.change, both);
  expect(await rows(run.change, "select count(*)::int from todo.tasks")).toEqual([1]);

  await run.call("restore_data", { id });
  expect((await run.now()).seeded).toEqual(["blog"]);
  await ensureChangeTimeline(platform, plane.mirror, run.change, both);

  expect(await rows(run.change, "select count(*)::int from todo.tasks")).toEqual([1]);
  expect(await run.titles()).toEqual(["seed"]);
  await run.end();
});

test("data that is made anew because a migration was edited has no way back to what it was", async () => {
  const run = await work();
  const { id } = (await run.call("snapshot_data", { note: "before" })) as { id: string };
  const edited = await plane.commit(
    { ...FIRST, [`apps/blog/${POSTS}`]: "create table posts (id int primary key, title text, body text);" },
    "edited",
  );

  await ensureChangeTimeline(platform, plane.mirror, run.change, edited);

  await expect(run.client.restore(id)).rejects.toMatchObject({ code: "snapshot-gone", remedy: "author" });
  expect(await run.client.snapshot("anew")).toMatchObject({ id: expect.stringMatching(/^ckp_/) as string });
  await sweepTimelines(platform, await plane.project());
  expect(await timelinesOf(run)).toMatchObject({ old: [] });
  await run.end();
});

test("a restore while the preview is being looked at leaves a preview that is looked at again", async () => {
  const run = await work(901);
  await plane.commit({ "README.md": "more" }, run.change.git_branch);
  const { id } = (await run.call("snapshot_data", { note: "before the preview" })) as { id: string };
  await run.call("run_sql", { sql: "delete from posts" });
  const { setRoutes } = platform.gateway;
  let restored = 0;
  platform.gateway.setRoutes = async (routes) => {
    await setRoutes.call(platform.gateway, routes);
    if (restored++ === 0) await run.client.restore(id);
  };
  try {
    await plane.settle();
    // The restore asks for another pass.
    expect((await run.now()).preview_tree).toBeNull();
    await plane.settle();
  } finally {
    platform.gateway.setRoutes = setRoutes;
  }

  expect(restored).toBe(2);
  const change = await run.now();
  expect(change.preview_tree).toBe(change.tree);
  expect(await run.titles()).toEqual(["seed"]);
  await run.end();
});

test("a closed change whose data was being let go when that was interrupted gets data again when it is reopened, as does one whose data is gone", async () => {
  const run = await work();
  await run.end();
  const { store } = platform;
  const start = (await plane.mirror.branch("main")) as CommitId;
  await sweepTimelines(platform, await plane.project());
  await updateChange(store, run.change.id, { state: "closed", closed_at: new Date(0) });
  const { wrap } = killPoints((label) => {
    if (label === "database.deleteTimeline after") throw new Error("killed");
  });
  const killed: Platform = { ...platform, database: wrap("database", platform.database) };
  await expect(sweepTimelines(killed, await plane.project())).rejects.toThrow("killed");
  await updateChange(store, run.change.id, { state: "open", closed_at: null });
  expect(await run.now()).toMatchObject({ timeline: null, old_timelines: [run.change.timeline] });

  const { timeline } = await ensureChangeTimeline(platform, plane.mirror, run.change, start);
  expect(await run.titles()).toEqual(["seed"]);
  await expectNoLeak(run);

  await platform.database.removeEndpoint(changeEndpoint(run.change.project_id, run.change));
  await platform.database.deleteTimeline(timeline);
  await ensureChangeTimeline(platform, plane.mirror, run.change, start);
  expect(await run.titles()).toEqual(["seed"]);
  await expectNoLeak(run);
});

/** Runs `work` on platforms that are killed at every point in turn, until one is not; what is left goes to `recover`. */
async function killedEverywhere(
  points: (n: number) => boolean,
  attempt: (killed: Platform) => Promise<unknown>,
  recover: (at: string) => Promise<void>,
) {
  for (let n = 1; ; n += 1) {
    let left = n;
    let at = "";
    const { wrap } = killPoints((label) => {
      left -= 1;
      if (left === 0) at = label;
      // The dead do nothing more, not even tidy up.
      if (left <= 0) throw new Error("killed");
    });
    if (!points(n)) continue;
    const killed: Platform = { ...platform, store: wrap("store", platform.store), database: wrap("database", platform.database) };
    await attempt(killed).catch((error: Error) => {
      if (error.message !== "killed") throw error;
    });
    await recover(at);
    if (at === "") return n;
  }
}
const ALL = process.env["ADORABLE_UNDO_KILLS"] === "all";

test("a rebuild that is killed at any point is finished by the next one, and leaves no timeline that nobody knows", async () => {
  const run = await work();
  await run.end();
  let version = 0;
  const commits: CommitId[] = [];
  const next = async (): Promise<CommitId> => {
    version += 1;
    const commit = await plane.commit(
      { ...FIRST, [`apps/blog/${POSTS}`]: `create table posts (id int primary key, title text, v${version} int);` },
      "versions",
    );
    commits.push(commit);
    return commit;
  };
  let commit = await next();
  await killedEverywhere(
    (n) => ALL || n % 15 === 11,
    (killed) => ensureChangeTimeline(killed, plane.mirror, run.change, commit),
    async (at) => {
      await ensureChangeTimeline(platform, plane.mirror, run.change, commit);
      expect(await rows(run.change, `select v${version} is null from blog.posts`), at).toEqual([true]);
      await expectNoLeak(run, at);
      commit = await next();
    },
  );
  expect(version).toBeGreaterThan(3);
});

test("a restore that is killed at any point has happened or has not, and can be repeated", async () => {
  const run = await work();
  const caller = { run: (await findRun(platform.store, run.run)) as never, project: await plane.project() };
  const snapshot = await takeSnapshot(platform, caller, "seed");
  await killedEverywhere(
    (n) => ALL || n % 12 === 5,
    async (killed) => {
      await rows(run.change, "update blog.posts set title = 'later'");
      await restoreSnapshot(killed, caller, snapshot);
    },
    async (at) => {
      // Whoever comes next works on what the change says that it has.
      await takeSnapshot(platform, caller, "after");
      const { timeline } = await run.now();
      expect((await platform.database.findEndpoint(changeEndpoint(run.change.project_id, run.change)))?.timeline, at).toBe(timeline);
      expect(["seed", "later"], at).toContain((await run.titles())[0]);
      await restoreSnapshot(platform, caller, snapshot);
      expect(await run.titles(), at).toEqual(["seed"]);
    },
  );
  await run.end();
  await expectNoLeak(run);
});
