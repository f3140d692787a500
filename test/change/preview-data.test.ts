/** What a change may see of production: nothing, a masked copy that nothing leads back from, or all of it. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { PreviewData } from "../../src/core/preview-data.ts";
import { newId, type CommitId, type RunId, type TimelineId } from "../../src/core/ids.ts";
import { migrationsEvidence } from "../../src/change/migrations-gate.ts";
import { openDatabase } from "../../src/change/runner-api/databases.ts";
import { restoreSnapshot, takeSnapshot } from "../../src/change/runner-api/snapshots.ts";
import type { Caller } from "../../src/change/runner-api/identity.ts";
import { changeEndpoint, ensureChangeTimeline, type ChangeWithData } from "../../src/change/timeline.ts";
import { ADMIN_ROLE } from "../../src/database/database.ts";
import { withConnection } from "../../src/database/migrations/connection.ts";
import { bigintToLsn, lsnToBigint } from "../../src/core/lsn.ts";
import { endpointName } from "../../src/core/names.ts";
import { findChange, saveChange, updateChange } from "../../src/store/changes.ts";
import { listEvidence } from "../../src/store/evidence.ts";
import { listResources } from "../../src/store/projects.ts";
import { findEnvironment } from "../../src/store/releases.ts";
import type { ChangeRow } from "../../src/store/rows.ts";
import { advanceRun, createRun, findRun } from "../../src/store/runs.ts";
import { filesWith } from "../support/bytes.ts";
import { openControlPlane, PRODUCTION, type ControlPlane } from "../support/control-plane.ts";

const TABLE = `create table people (id int generated always as identity primary key, name text not null, email text unique, score int not null default 1, photo text);
alter table people alter column photo set storage external;`;
const MASK = `update people set name = 'Person ' || id, email = 'person' || id || '@example.org', photo = repeat('x', length(photo)), score = 100 / score;\n`;
/** In rows as they stand, in rows as they were, in rows that are gone; one in a row of its own, one too large for a page. */
const secret = (): string => `s3cret-${randomBytes(12).toString("hex")}`;
const [MAIL, OLD, GONE, LARGE] = [secret(), secret(), secret(), secret()];
const SECRETS = [MAIL, OLD, GONE, LARGE];

/** What the change's branch has. */
const OWN = {
  "apps/blog/db/migrations/20260102000000_nick.sql": "alter table people add column nick text; update people set nick = lower(name);",
  "apps/blog/db/mask.sql": "-- keep people, people.nick",
};

let plane: ControlPlane;
let branch: CommitId;
/** A copy that several tests look at. */
let masked: ChangeWithData;
let pulls = 10;
beforeAll(async () => {
  plane = await openControlPlane();
  const spec = JSON.stringify({ version: 1, apps: [{ slug: "blog", name: "Blog", contract: { procedures: [], tables: [] } }] });
  const files = { ".adorable/spec.json": spec, "apps/blog/db/migrations/20260101000000_people.sql": TABLE };
  await plane.merged(await plane.commit(files), 1, "ada");
  await plane.settle();
  await plane.sql(`insert into blog.people (name, email, photo) values ('${OLD}', '${MAIL}@example.org', '${LARGE}${randomBytes(60_000).toString("hex")}'), ('${GONE}', null, null), ('Bob', null, null);
    update blog.people set name = 'Ada' where name = '${OLD}'; delete from blog.people where name = '${GONE}'; analyze;`);
  branch = await plane.commit(OWN, "early");
});
afterAll(() => plane[Symbol.asyncDispose]());

function allow(policy: PreviewData): void {
  plane.platform.settings.previewData = { default: "empty", projects: { "Ada/Journal": policy } };
}

async function newChange(pull: number | null = null): Promise<ChangeRow> {
  const { id } = await plane.project();
  pulls += 1;
  return saveChange(plane.platform.store, {
    id: newId("chg"),
    project_id: id,
    kind: "pull-request",
    issue_number: pulls,
    pull_number: pull,
    git_branch: "feature",
  });
}

const ensure = (change: ChangeRow): Promise<ChangeWithData> => ensureChangeTimeline(plane.platform, plane.mirror, change, branch);

async function rowsOf(change: ChangeRow): Promise<unknown[]> {
  return query(
    changeEndpoint(change.project_id, change),
    "select id, name, email, score, left(photo, 3) as photo, nick from blog.people order by id",
  );
}

async function query(endpoint: string, sql: string): Promise<Record<string, unknown>[]> {
  const { dsn } = await plane.platform.database.credential(endpoint as never, ADMIN_ROLE);
  return withConnection(dsn, async (client) => (await client.query(sql)).rows as Record<string, unknown>[]);
}

/** Everything on disk, nothing in memory alone. */
async function found(timeline: TimelineId, secrets: readonly string[] = SECRETS): Promise<string[]> {
  const endpoint = "tmp_looking" as never;
  await plane.platform.database.endpoint(endpoint, timeline, 1);
  await query(endpoint, "checkpoint");
  await plane.platform.database.removeEndpoint(endpoint);
  return filesWith(plane.databaseDir, timeline, secrets);
}

async function timelines(): Promise<string[]> {
  return (await plane.platform.database.listTimelines()).map(({ id }) => id).toSorted();
}

async function callerOf(change: ChangeRow, kind: "work" | "verify"): Promise<Caller> {
  const id = newId<RunId>("run");
  const tree = await plane.mirror.treeOf(branch);
  const assignment = (kind === "verify" ? { kind, tree } : { kind, startCommit: branch }) as never;
  await createRun(plane.platform.store, { id, project_id: change.project_id, kind, request_id: null, change_id: change.id, assignment });
  await advanceRun(plane.platform.store, id, "queued", "running");
  return { run: (await findRun(plane.platform.store, id)) as Caller["run"], project: await plane.project() };
}

test("without a mask in the live release there is no copy, whatever the change's own branch says, and nothing is left of the attempt", async () => {
  allow("masked");
  const change = await newChange();
  const before = await timelines();

  await expect(ensure(change)).rejects.toMatchObject({
    code: "mask-missing",
    remedy: "author",
    message: expect.stringContaining("apps/blog/db/mask.sql") as string,
  });

  expect(await timelines()).toEqual(before);
  expect(await findChange(plane.platform.store, change.id)).toMatchObject({ timeline: null, next_timeline: null, made_from: null });
  expect((await listResources(plane.platform.store, change.project_id)).filter(({ id }) => /^(tmp|fork)_/.test(id))).toEqual([]);

  await plane.merged(await plane.commit({ "apps/blog/db/mask.sql": MASK }), 2, "ada");
  await plane.settle();
  expect((await plane.rollouts()).at(-1)?.state).toBe("live");
  branch = await plane.commit(OWN, "feature");
});

test("a masked copy has production's rows as the released mask leaves them, with the branch's migrations", async () => {
  masked = await ensure(await newChange());
  const change = masked;

  expect(await rowsOf(change)).toEqual([
    { id: 1, name: "Person 1", email: "person1@example.org", score: 100, photo: "xxx", nick: "person 1" },
    { id: 3, name: "Person 3", email: "person3@example.org", score: 100, photo: null, nick: "person 3" },
  ]);
  expect(change.made_from).toMatchObject({ policy: "masked", production: { release: 2 } });
  const endpoint = changeEndpoint(change.project_id, change);
  const [next] = await query(endpoint, "insert into blog.people (name) values ('next') returning id");
  expect(next?.["id"]).toBeGreaterThan(3);
  expect((await timelines()).filter((id) => id.startsWith("fork_"))).toEqual([]);
});

test("not a byte of a masked copy is from before its mask: no file, no log, no older position, no restore", async () => {
  const { platform } = plane;
  const change = masked;
  const production = await findEnvironment(platform.store, change.project_id, endpointName(change.project_id, PRODUCTION));
  // The same search finds all of it where it is.
  for (const one of SECRETS) expect(await found(production?.timeline as TimelineId, [one])).not.toEqual([]);
  expect(await found(change.timeline)).toEqual([]);

  const { oldest } = await platform.database.retention(change.timeline);
  expect((await platform.database.listTimelines()).find(({ id }) => id === change.timeline)).not.toHaveProperty("parent");
  const oldestFork = newId<TimelineId>("tml");
  await platform.database.branch(oldestFork, { timeline: change.timeline, lsn: oldest });
  expect(await found(oldestFork)).toEqual([]);
  const before = bigintToLsn(lsnToBigint(oldest) - 8n);
  await expect(platform.database.branch(newId<TimelineId>("tml"), { timeline: change.timeline, lsn: before })).rejects.toMatchObject({
    code: "lsn-out-of-retention",
  });
  await platform.database.deleteTimeline(oldestFork);

  const caller = await callerOf(change, "work");
  const snapshot = await takeSnapshot(platform, caller, "clean");
  await query(changeEndpoint(change.project_id, change), "truncate blog.people");
  await restoreSnapshot(platform, caller, snapshot);
  const restored = (await findChange(platform.store, change.id)) as ChangeWithData;
  expect(await rowsOf(restored)).toHaveLength(3);
  expect(await found(restored.timeline)).toEqual([]);
});

test("a change with which the mask no longer fits is told so before it is released, and is not stopped", async () => {
  const bare = await plane.commit({ ...OWN, "apps/blog/db/mask.sql": MASK }, "bare");

  const evidence = await migrationsEvidence(plane.platform, await plane.project(), plane.mirror, await plane.mirror.treeOf(bare));

  expect(evidence).toMatchObject({ conclusion: "success", summary: expect.stringContaining('says nothing of "people.nick"') as string });
});

test("gates judge a change with a copy on what the repository makes", async () => {
  const { database } = await openDatabase(plane.platform, await callerOf(masked, "verify"), { apps: ["blog"], of: "fork" });

  expect(await query(database, "select count(*)::int as n from blog.people")).toEqual([{ n: 0 }]);
  expect(await query(database, "select nick from blog.people")).toEqual([]);
});

test("a mask that fails on the rows of today is the preview's failure alone, and leaves no copy", async () => {
  await plane.sql("update blog.people set score = 0 where name = 'Bob'");
  const before = await timelines();
  const { id } = await newChange(77);

  await plane.settle();

  const change = (await findChange(plane.platform.store, id)) as ChangeRow;
  const evidence = await listEvidence(plane.platform.store, change.project_id, change.tree ?? ("" as never));
  expect(evidence.filter(({ conclusion }) => conclusion !== "success").map(({ gate }) => gate)).toEqual(["preview"]);
  expect(evidence.find(({ gate }) => gate === "preview")?.summary).toContain('"apps/blog/db/mask.sql", line 1 failed with 22012');
  expect(change.timeline).toBeNull();
  expect(await timelines()).toEqual(before);
  await plane.sql("update blog.people set score = 1");
});

test("full is a fork as it is; what is allowed less later goes at once, with the snapshots on it", async () => {
  const { platform } = plane;
  allow("full");
  const full = await ensure(await newChange());
  expect(await rowsOf(full)).toMatchObject([{ name: "Ada", email: `${MAIL}@example.org` }, { name: "Bob" }]);
  expect(await found(full.timeline)).not.toEqual([]);
  const caller = await callerOf(full, "work");
  const snapshot = await takeSnapshot(platform, caller, "with everything");
  const closed = await ensure(await newChange());
  await updateChange(platform.store, closed.id, { state: "closed" });

  allow("masked");
  const narrowed = await ensure(full);
  await plane.settle();

  expect(await rowsOf(narrowed)).toMatchObject([{ name: "Person 1" }, { name: "Person 3" }]);
  expect(await timelines()).not.toContain(full.timeline);
  expect(await timelines()).not.toContain(closed.timeline);
  await expect(restoreSnapshot(platform, caller, snapshot)).rejects.toMatchObject({ code: "snapshot-gone", remedy: "author" });

  allow("empty");
  const empty = await ensure(narrowed);
  expect(empty.made_from).toEqual({ policy: "empty" });
  expect(await rowsOf(empty)).toEqual([]);
});

test("of a copy whose making was interrupted nothing is left once less is allowed, whether the change has data or is never looked at again", async () => {
  const { database, store } = plane.platform;
  const { credential } = database;
  allow("full");
  const [present, none] = [await ensure(await newChange()), await newChange()];
  const edited = await plane.commit(
    { ...OWN, "apps/blog/db/migrations/20260102000000_nick.sql": "alter table people add nick int;" },
    "edited",
  );
  database.credential = async (name, role) => {
    if (name.startsWith("tmp_making_")) throw new Error("killed");
    return credential.call(database, name, role);
  };
  for (const change of [present, none])
    await expect(ensureChangeTimeline(plane.platform, plane.mirror, change, edited)).rejects.toThrow("killed");
  database.credential = credential;
  const halves = await Promise.all([present, none].map(async ({ id }) => (await findChange(store, id))?.next_timeline));
  expect(await timelines()).toEqual(expect.arrayContaining(halves));

  allow("empty");
  await ensure(present);
  expect(await timelines()).not.toContain(halves[0]);
  await plane.settle();
  expect(await timelines()).not.toContain(halves[1]);
});

test("what is allowed less later goes also where there is no pull request that anybody looks at", async () => {
  allow("full");
  const idle = await ensure(await newChange());

  allow("masked");
  await plane.settle();

  expect(await timelines()).not.toContain(idle.timeline);
  expect(await findChange(plane.platform.store, idle.id)).toMatchObject({ state: "open", timeline: null, made_from: null });
});
