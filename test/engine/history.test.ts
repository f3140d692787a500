/** The engine's history under load: the disk stays within the budget, long chains are exact, and usage says what is one's own. */
import { execFile } from "node:child_process";
import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AdorableError } from "../../src/core/errors.ts";
import type { TimelineId } from "../../src/core/ids.ts";
import { compareLsn, lsnToBigint, type Lsn } from "../../src/core/lsn.ts";
import { diskBytes } from "../../src/database/embedded/files.ts";
import { endByForce, openPlace, processesIn, rowsOf, withTimeline, type Place } from "./place.ts";

const MIB = 1024 * 1024;
const BUDGET_BYTES = 32 * MIB;

let home: string;
let place: Place;
const reported: unknown[] = [];
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "adh-"));
  await chmod(home, 0o711);
  place = await openPlace(join(home, "place"), {
    budgetBytes: BUDGET_BYTES,
    baseEveryBytes: 4 * MIB,
    watchEveryMs: 50,
    report: (error) => reported.push(error),
  });
});
afterAll(async () => {
  await place?.close();
  await rm(home, { recursive: true, force: true });
});

const id = (name: string) => `tl_${name}` as TimelineId;
const rows = (timeline: TimelineId) => rowsOf<{ v: number }>(place, timeline, "SELECT v FROM t ORDER BY v");
const diskOf = async (path: string) => {
  const { own, linked } = await diskBytes(join(place.dir, "data", path));
  return own + linked;
};

test("a timeline that is only ever written keeps its history within the budget, and what is protected", async () => {
  const source = id("budget");
  await place.engine.createTimeline(source);
  await rowsOf(place, source, "CREATE TABLE t AS SELECT 1 AS v; CREATE TABLE bulk (v text)");
  const protectedAt = await place.engine.head(source);
  await place.engine.protect({ timeline: source, lsn: protectedAt }, "release");
  const forgotten: Lsn[] = [];
  const sizes: number[] = [];
  await withTimeline(place, source, async (client) => {
    for (let round = 0; round < 10; round++) {
      await client.query("INSERT INTO bulk SELECT repeat(md5(i::text), 20) FROM generate_series(1, 8000) AS i");
      // Only the log grows.
      await client.query("TRUNCATE bulk");
      if (round === 1) forgotten.push(await place.engine.head(source));
      await expect
        .poll(async () => (await diskOf("bases")) + (await diskOf(`timelines/${source}/data/pg_wal`)), { interval: 20 })
        .toBeLessThan(2.5 * BUDGET_BYTES);
      sizes.push((await diskOf("bases")) + (await diskOf(`timelines/${source}`)));
    }
  });
  expect(Math.max(...sizes.slice(5))).toBeLessThan(1.5 * Math.max(...sizes.slice(0, 5)));
  await place.engine.stop(source);
  await expect
    .poll(async () => (await diskOf("bases")) + (await diskOf(`timelines/${source}/data/pg_wal`)), { interval: 20 })
    .toBeLessThan(2 * BUDGET_BYTES);
  const { oldest, head } = await place.engine.retention(source);
  expect(Number(lsnToBigint(head) - lsnToBigint(protectedAt))).toBeGreaterThan(1.5 * BUDGET_BYTES);
  expect(compareLsn(oldest, forgotten[0] as Lsn)).toBeGreaterThan(0);
  await expect(place.engine.branch(id("late"), { timeline: source, lsn: forgotten[0] as Lsn })).rejects.toMatchObject({
    code: "lsn-out-of-retention",
    details: { oldest, head },
  });
  await place.engine.branch(id("kept"), { timeline: source, lsn: protectedAt });
  expect(await rows(id("kept"))).toEqual([{ v: 1 }]);
  // On a slow machine bases come late, and the log behind the last one may be more than is allowed for a while.
  for (const error of reported.splice(0)) expect(error).toMatchObject({ code: "history-over-budget", details: { family: source } });
});

test("what is protected is kept even beyond the budget, and that is reported once", async () => {
  const source = id("over");
  await place.engine.createTimeline(source);
  await rowsOf(place, source, "CREATE TABLE t (v int); CREATE TABLE bulk (v text)");
  const marks: Lsn[] = [];
  const basesOf = async () => (await place.engine.usage(source)).ownBytes;
  for (let round = 1; round <= 3; round++) {
    const before = await basesOf();
    await rowsOf(
      place,
      source,
      `INSERT INTO t VALUES (${round}); INSERT INTO bulk SELECT repeat(md5(i::text), 20) FROM generate_series(1, 8000) AS i; TRUNCATE bulk`,
    );
    const lsn = await place.engine.head(source);
    await place.engine.protect({ timeline: source, lsn }, "release");
    marks.push(lsn);
    // A base is the size of the cluster, a round of log is not.
    await expect.poll(async () => (await basesOf()) - before, { interval: 20 }).toBeGreaterThan(8 * MIB);
  }
  await place.engine.collect();
  await place.engine.collect();
  const about = reported.splice(0).filter((error) => (error as AdorableError).details["family"] === source);
  expect(about).toEqual([expect.objectContaining({ code: "history-over-budget", remedy: "operator" })]);
  for (const [index, lsn] of [...marks.entries()].filter(([index]) => index % 2 === 0)) {
    const child = id(`over_${index}`);
    await place.engine.branch(child, { timeline: source, lsn });
    expect(await rows(child)).toEqual(marks.slice(0, index + 1).map((_, at) => ({ v: at + 1 })));
  }
  for (const lsn of marks) await place.engine.unprotect({ timeline: source, lsn }, "release");
  await place.engine.stop(source);
});

test("six branches of branches, each at a position that was no longer the end, are exact while all before them sleep or are deleted", async () => {
  let at = id("chain_0");
  await place.engine.createTimeline(at);
  await rowsOf(place, at, "CREATE TABLE t (v int)");
  for (let depth = 0; depth < 6; depth++) {
    const lsn = await withTimeline(place, at, async (open) => {
      await rowsOf(
        place,
        at,
        `INSERT INTO t VALUES (${depth}); ALTER TABLE t ADD COLUMN c${depth} int DEFAULT ${depth}; CREATE TABLE doomed ()`,
      );
      await open.query(`BEGIN; INSERT INTO t VALUES (${100 + depth}); CREATE TABLE unfinished ()`);
      const then = await place.engine.head(at);
      await open.query("COMMIT");
      await rowsOf(place, at, `DROP TABLE doomed; ALTER TABLE t DROP COLUMN c0; INSERT INTO t VALUES (-1)`);
      return then;
    });
    await place.engine.stop(at);
    const next = id(`chain_${depth + 1}`);
    await place.engine.branch(next, { timeline: at, lsn });
    // Every second one goes, so that some ancestors are asleep and some are gone.
    if (depth % 2 === 0) await place.engine.deleteTimeline(at);
    else await rowsOf(place, next, "SELECT 1");
    await rowsOf(place, next, "DROP TABLE doomed");
    at = next;
  }
  expect(await rowsOf(place, at, "SELECT v, c0, c5 FROM t ORDER BY v")).toEqual(Array.from({ length: 6 }, (_, v) => ({ v, c0: 0, c5: 5 })));
  expect(await rowsOf(place, at, "SELECT to_regclass('unfinished') AS r")).toEqual([{ r: null }]);
  expect((await place.engine.retention(at)).oldest).toBe(
    await place.engine.listTimelines().then((all) => all.find((one) => one.id === at)?.parent?.lsn),
  );
});

test.each(["source", "branch"] as const)(
  "a %s whose compute is killed while a branch is made costs a repeat and nothing else",
  async (victim) => {
    const source = id(`killed_${victim}`);
    await place.engine.createTimeline(source);
    await rowsOf(place, source, "CREATE TABLE t AS SELECT 1 AS v; CREATE TABLE bulk (v text)");
    await rowsOf(place, source, "INSERT INTO bulk SELECT repeat(md5(i::text), 20) FROM generate_series(1, 4000) AS i");
    const lsn = await place.engine.head(source);
    await rowsOf(place, source, "INSERT INTO t VALUES (2)");
    const child = id(`killed_${victim}_child`);
    let isOver = false;
    const branching = place.engine.branch(child, { timeline: source, lsn }).then(
      () => (isOver = true),
      () => !(isOver = true),
    );
    const computes = () => processesIn(join(place.dir, "data/timelines", victim === "source" ? source : child));
    while (!isOver) for (const pid of await computes()) endByForce(pid);
    if (!(await branching)) {
      expect((await place.engine.listTimelines()).map((timeline) => timeline.id)).not.toContain(child);
      expect(await readdir(join(place.dir, "data/timelines"))).not.toContain(child);
      await place.engine.branch(child, { timeline: source, lsn });
    }
    expect(await rows(child)).toEqual([{ v: 1 }]);
    expect(await rows(source)).toEqual([{ v: 1 }, { v: 2 }]);
    for (const error of reported.splice(0)) expect(error).toMatchObject({ code: "compute-ended", details: { timeline: source } });
  },
);

test("a timeline's own bytes are those that its deletion frees; what it shares with others stays", async () => {
  const [source, child] = [id("usage"), id("usage_child")];
  await place.engine.createTimeline(source);
  await rowsOf(place, source, "CREATE TABLE t AS SELECT generate_series(1, 150000) AS v");
  const lsn = await place.engine.head(source);
  await rowsOf(place, source, "DROP TABLE t");
  await place.engine.stop(source);
  await place.engine.branch(child, { timeline: source, lsn });
  for (const timeline of [source, child]) {
    const usage = await place.engine.usage(timeline);
    expect(usage.ownBytes + usage.sharedBytes).toBe(usage.storageBytes);
    // The log before the fork, at least.
    expect(usage.sharedBytes).toBeGreaterThan(5 * MIB);
  }
  const onDisk = async () => {
    const { stdout } = await promisify(execFile)("du", ["-s", "-B1", join(place.dir, "data")]);
    return Number(stdout.split("\t")[0]);
  };
  const [before, { ownBytes, sharedBytes }] = [await onDisk(), await place.engine.usage(source)];
  await place.engine.deleteTimeline(source);
  expect((before - (await onDisk())) / ownBytes).toBeCloseTo(1, 1);
  const after = await place.engine.usage(child);
  expect(after.ownBytes).toBeGreaterThan(sharedBytes * 0.5);
});
