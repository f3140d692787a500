/** Every method of the port may be called again with the same arguments, at once and after a crash. Part of `describeDatabase`. */
import { describe, expect, test } from "vitest";
import { newId, type EndpointName, type HoldId, type TimelineId } from "../../src/core/ids.ts";
import { compareLsn } from "../../src/core/lsn.ts";
import { ADMIN_ROLE, type Database } from "../../src/database/database.ts";
import type { DatabaseUnderTest, Unavailable } from "./database.ts";
import { sql, timelineId, type TimelinesUnderTest } from "./timeline-sessions.ts";

type Under = DatabaseUnderTest & TimelinesUnderTest;

const HOLD = { budgetMs: 60_000, drainMs: 5000, onDrainTimeout: "abort" } as const;

/** Prepares a call and gives it; each time it is made it must return the same. */
type Repeatable = (under: Under) => Promise<() => Promise<unknown>>;

/** One for each method of the port: without it this does not compile. */
const REPEATS: { [Method in keyof Database]: Repeatable } = {
  async createTimeline(under) {
    const id = await withRow(under);
    return async () => ({ made: await under.database.createTimeline(id), rows: await rowsOf(under, id) });
  },
  async branch(under) {
    const timeline = await withRow(under);
    const from = { timeline, lsn: await under.database.head(timeline) };
    const id = timelineId("repeat");
    await under.database.branch(id, from);
    await sql(under, id, "INSERT INTO t VALUES (2)");
    return async () => ({ made: await under.database.branch(id, from), rows: await rowsOf(under, id) });
  },
  async head(under) {
    const id = await withRow(under);
    let last = await under.database.head(id);
    return async () => {
      const before = last;
      last = await under.database.head(id);
      return compareLsn(last, before) >= 0;
    };
  },
  async locate(under) {
    const id = await withRow(under);
    const lsn = await under.database.head(id);
    await sql(under, id, "INSERT INTO t VALUES (2)");
    return () => under.database.locate(id, { lsn });
  },
  async protect(under) {
    const timeline = await withRow(under);
    const checkpoint = { timeline, lsn: await under.database.head(timeline) };
    return () => under.database.protect(checkpoint, "again");
  },
  async unprotect(under) {
    const timeline = await withRow(under);
    const checkpoint = { timeline, lsn: await under.database.head(timeline) };
    await under.database.protect(checkpoint, "again");
    return () => under.database.unprotect(checkpoint, "again");
  },
  async retention(under) {
    const id = await withRow(under);
    return async () => {
      const { oldest, head } = await under.database.retention(id);
      return { oldest, inOrder: compareLsn(oldest, head) <= 0 };
    };
  },
  async usage(under) {
    const id = await withRow(under);
    return async () => {
      const { computeSeconds, storageBytes } = await under.database.usage(id);
      return computeSeconds >= 0 && storageBytes > 0;
    };
  },
  async deleteTimeline(under) {
    const id = await withRow(under);
    await under.timelines.deleteTimeline(id);
    return async () => {
      await under.database.deleteTimeline(id);
      return (await under.database.listTimelines()).filter((timeline) => timeline.id === id);
    };
  },
  async listTimelines(under) {
    const id = await withRow(under);
    return async () => (await under.database.listTimelines()).filter((timeline) => timeline.id === id);
  },
  async capabilities(under) {
    return () => under.database.capabilities();
  },
  async endpoint(under) {
    const { name, timeline } = await withEndpoint(under);
    return () => under.database.endpoint(name, timeline, 3);
  },
  async findEndpoint(under) {
    const { name } = await withEndpoint(under);
    return () => under.database.findEndpoint(name);
  },
  async listEndpoints(under) {
    const { name } = await withEndpoint(under);
    return async () => (await under.database.listEndpoints()).filter((endpoint) => endpoint.name === name);
  },
  async removeEndpoint(under) {
    const { name } = await withEndpoint(under);
    return async () => {
      await under.database.removeEndpoint(name);
      return { found: await under.database.findEndpoint(name) };
    };
  },
  async credential(under) {
    const { name } = await withEndpoint(under);
    return () => under.database.credential(name, ADMIN_ROLE);
  },
  async hold(under) {
    const { name } = await withEndpoint(under);
    const id = newId<HoldId>("hld");
    return async () => ({
      hold: await under.database.hold(name, id, HOLD),
      all: (await under.database.holds()).filter((hold) => hold.id === id),
    });
  },
  async resume(under) {
    const { name } = await withEndpoint(under);
    const { id } = await under.database.hold(name, newId<HoldId>("hld"), HOLD);
    return async () => {
      await under.database.resume(id);
      return (await under.database.holds()).filter((hold) => hold.id === id);
    };
  },
  async holds(under) {
    const { name } = await withEndpoint(under);
    const { id } = await under.database.hold(name, newId<HoldId>("hld"), HOLD);
    return async () => (await under.database.holds()).filter((hold) => hold.id === id);
  },
  async wake(under) {
    const { name } = await withEndpoint(under);
    return () => under.database.wake(name);
  },
  async suspend(under) {
    const { name } = await withEndpoint(under);
    await under.database.wake(name);
    return () => under.database.suspend(name);
  },
};

async function withRow(under: Under): Promise<TimelineId> {
  const id = timelineId("repeat");
  await under.database.createTimeline(id);
  await sql(under, id, "CREATE TABLE t AS SELECT 1 AS v");
  return id;
}

function rowsOf(under: Under, id: TimelineId): Promise<unknown[]> {
  return sql(under, id, "SELECT v FROM t ORDER BY v");
}

async function withEndpoint(under: Under): Promise<{ name: EndpointName; timeline: TimelineId }> {
  const timeline = timelineId("repeat");
  const name = newId<EndpointName>("proj");
  await under.database.createTimeline(timeline);
  await under.database.endpoint(name, timeline, 3);
  return { name, timeline };
}

export function describeRepeats(under: Under, unavailable: Unavailable): void {
  describe("every method may be repeated", () => {
    const made = new Map<string, { call: () => Promise<unknown>; answer: unknown }>();

    test.each(Object.entries(REPEATS))("%s", async (method, prepare) => {
      const call = await prepare(under);
      const answer = await call();
      made.set(method, { call, answer });
      expect(await Promise.all([call(), call()])).toEqual([answer, answer]);
    });

    test.skipIf(unavailable.crash)("all of them after a crash", async () => {
      await under.crash();
      for (const [method, { call, answer }] of made) expect({ method, answer: await call() }).toEqual({ method, answer });
      expect(made.size).toBeGreaterThan(0);
    });
  });
}
