/** The rules of a restore in place: hold, branch, repoint, resume, and nothing of the old timeline ever serves again. Part of `describeDatabase`. */
import { Client, Pool } from "pg";
import { describe, expect, test } from "vitest";
import { newId, type EndpointName, type HoldId, type TimelineId } from "../../src/core/ids.ts";
import type { Lsn } from "../../src/core/lsn.ts";
import type { DatabaseUnderTest, Unavailable } from "./database.ts";
import { SOON, sql, timelineId, type TimelinesUnderTest } from "./timeline-sessions.ts";

const HOLD = { budgetMs: 30_000, drainMs: 500, onDrainTimeout: "terminate" } as const;

export function describeRestores(under: DatabaseUnderTest & TimelinesUnderTest, unavailable: Unavailable): void {
  /** An endpoint with the table `entries` and the role `app`, and its connection string. */
  async function open(): Promise<{ endpoint: EndpointName; timeline: TimelineId; dsn: string }> {
    const endpoint = newId<EndpointName>("proj");
    const timeline = timelineId("restore");
    await under.database.createTimeline(timeline);
    await sql(under, timeline, "CREATE ROLE app LOGIN; CREATE TABLE entries (n int PRIMARY KEY); GRANT ALL ON entries TO app");
    await under.database.endpoint(endpoint, timeline, 1);
    return { endpoint, timeline, dsn: (await under.database.credential(endpoint, "app")).dsn };
  }

  async function entriesOf(timeline: TimelineId): Promise<number[]> {
    return (await sql<{ n: number }>(under, timeline, "SELECT n FROM entries ORDER BY n")).map(({ n }) => n);
  }

  async function repoint(endpoint: EndpointName, to: TimelineId, epoch: number): Promise<void> {
    const { id } = await under.database.hold(endpoint, newId<HoldId>("hld"), HOLD);
    await under.database.endpoint(endpoint, to, epoch);
    await under.database.resume(id);
  }

  /** Writes one number after the other through a pool, `max` at a time. */
  function startPool(dsn: string, max: number): { acknowledged: number[]; errors: unknown[]; stop(): Promise<void> } {
    const pool = new Pool({ connectionString: dsn, max });
    const acknowledged: number[] = [];
    const errors: unknown[] = [];
    pool.on("error", (error) => errors.push(error));
    let going = true;
    let last = 0;
    const write = async (): Promise<void> => {
      while (going) {
        const n = ++last;
        await pool.query(`insert into entries values (${n})`).then(
          () => acknowledged.push(n),
          (error: unknown) => errors.push(error),
        );
      }
    };
    const all = Promise.all(Array.from({ length: max }, write));
    return {
      acknowledged,
      errors,
      async stop() {
        going = false;
        await all;
        await pool.end();
      },
    };
  }

  describe("a restore in place", () => {
    test("keeps the connection string and every open pool; the old timeline keeps all that was acknowledged, and is the undo", async () => {
      const { endpoint, timeline, dsn } = await open();
      const pool = startPool(dsn, 3);
      await expect.poll(() => pool.acknowledged.length, SOON).toBeGreaterThan(30);
      const least = [...pool.acknowledged];
      const past = await under.database.head(timeline);
      await expect.poll(() => pool.acknowledged.length, SOON).toBeGreaterThan(least.length + 30);
      const restored = timelineId("restored");
      await under.database.branch(restored, { timeline, lsn: past });
      const { id } = await under.database.hold(endpoint, newId<HoldId>("hld"), HOLD);
      await under.database.endpoint(endpoint, restored, 2);
      const before = [...pool.acknowledged];
      await under.database.resume(id);
      await expect.poll(() => pool.acknowledged.length, SOON).toBeGreaterThan(before.length + 30);
      await pool.stop();
      expect(pool.errors).toEqual([]);
      expect((await under.database.credential(endpoint, "app")).dsn).toBe(dsn);

      const [old, now] = [new Set(await entriesOf(timeline)), new Set(await entriesOf(restored))];
      const after = pool.acknowledged.slice(before.length);
      expect(before.filter((n) => !old.has(n))).toEqual([]);
      expect(after.filter((n) => old.has(n))).toEqual([]);
      expect(least.filter((n) => !now.has(n))).toEqual([]);
      expect(after.filter((n) => !now.has(n))).toEqual([]);
      expect(now.size).toBeLessThan(old.size + after.length);

      await repoint(endpoint, timeline, 3);
      expect(new Set(await readThrough(dsn))).toEqual(old);
      expect(await under.database.findEndpoint(endpoint)).toEqual({ name: endpoint, timeline, epoch: 3 });
      await expect(under.database.endpoint(endpoint, restored, 2)).rejects.toMatchObject({ code: "stale-epoch" });
    });

    test.skipIf(unavailable.crash)("that was done stays done over a crash, and one that was not is done by repeating it", async () => {
      const { endpoint, timeline, dsn } = await open();
      const past = await under.database.head(timeline);
      await sql(under, timeline, "INSERT INTO entries VALUES (1)");
      const restored = timelineId("restored");
      const hold = newId<HoldId>("hld");
      const steps: (() => Promise<unknown>)[] = [
        () => under.database.hold(endpoint, hold, HOLD),
        () => under.database.branch(restored, { timeline, lsn: past }),
        () => under.database.endpoint(endpoint, restored, 2),
        () => under.database.resume(hold),
      ];
      for (const step of steps) await step();
      await under.crash();
      expect(await readThrough(dsn)).toEqual([]);
      for (const step of steps.slice(1)) await step();
      expect(await readThrough(dsn)).toEqual([]);
      expect(await entriesOf(timeline)).toEqual([1]);
    });

    test.skipIf(unavailable.stall)(
      "does not wait for an old compute that does not die, and nothing that was on its way there is done or answered",
      async () => {
        const { endpoint, timeline, dsn } = await open();
        await sql(under, timeline, "INSERT INTO entries VALUES (1)");
        const past: Lsn = await under.database.head(timeline);
        await sql(under, timeline, "INSERT INTO entries VALUES (2)");
        const restored = timelineId("restored");
        await under.database.branch(restored, { timeline, lsn: past });
        const pool = new Pool({ connectionString: dsn, max: 1 });
        pool.on("error", () => {});
        expect((await pool.query("select n from entries order by n")).rows).toEqual([{ n: 1 }, { n: 2 }]);
        const busy = new Client({ connectionString: dsn });
        busy.on("error", () => {});
        await busy.connect();

        await under.stall(timeline);
        const lost = busy.query("insert into entries values (3)").then(
          () => "acknowledged",
          () => "lost",
        );
        const started = performance.now();
        await repoint(endpoint, restored, 2);
        expect(performance.now() - started).toBeLessThan(25_000);
        expect(await lost).toBe("lost");
        // The pool's session may have been ended; what it is given next is on the new timeline alone.
        const read = await pool.query("select n from entries order by n").catch(() => pool.query("select n from entries order by n"));
        expect(read.rows).toEqual([{ n: 1 }]);
        await pool.end();
        expect(await entriesOf(timeline)).toEqual([1, 2]);
      },
    );
  });
}

async function readThrough(dsn: string): Promise<number[]> {
  const client = new Client({ connectionString: dsn });
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query<{ n: number }>("select n from entries order by n")).rows.map(({ n }) => n);
  } finally {
    await client.end();
  }
}
