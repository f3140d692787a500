/** The rules of timelines: exact branches, chains, what is kept, what is metered. Part of `describeDatabase`. */
import { describe, expect, test } from "vitest";
import type { TimelineId } from "../../src/core/ids.ts";
import { bigintToLsn, compareLsn, lsnToBigint, type Lsn } from "../../src/core/lsn.ts";
import { LEDGER, readLedger, SOON, sql, startWriters, timelineId, type TimelinesUnderTest, withSession } from "./timeline-sessions.ts";

/** `under` is filled before the first test. */
export function describeTimelines(under: TimelinesUnderTest): void {
  describe("timelines", () => {
    const root = async (hint: string, schema: string) => {
      const id = timelineId(hint);
      await under.timelines.createTimeline(id);
      await sql(under, id, schema);
      return id;
    };
    const branch = async (from: TimelineId, lsn: Lsn, hint = "branch") => {
      const id = timelineId(hint);
      await under.timelines.branch(id, { timeline: from, lsn });
      return id;
    };

    test("a branch holds every transaction acknowledged before the position, none sent after it, and none by half, while four writers go on", async () => {
      const source = await root("busy", LEDGER);
      const writers = await startWriters(under, source, 4);
      const marks: { lsn: Lsn; least: number[]; most: number[] }[] = [];
      try {
        for (let round = 1; round <= 3; round++) {
          await expect.poll(() => Math.min(...writers.acknowledged()), SOON).toBeGreaterThan(round * 40);
          const least = writers.acknowledged();
          const lsn = await under.timelines.head(source);
          marks.push({ lsn, least, most: writers.sent() });
        }
        // The last mark is branched from while they write; the first comes last, when it is old.
        for (const { lsn, least, most } of marks.reverse()) {
          const reached = await readLedger(under, await branch(source, lsn), 4);
          reached.forEach((n, writer) => {
            expect(n).toBeGreaterThanOrEqual(least[writer] as number);
            expect(n).toBeLessThanOrEqual(most[writer] as number);
          });
        }
      } finally {
        await writers.stop();
      }
      expect(await readLedger(under, source, 4)).toEqual(writers.acknowledged());
    });

    test("a branch does not hold a transaction that was open at the position, though it was committed later", async () => {
      const source = await root("open", "CREATE TABLE t (v text)");
      const lsn = await withSession(under, source, async (client) => {
        await client.query("BEGIN");
        await client.query("INSERT INTO t VALUES ('open')");
        await sql(under, source, "INSERT INTO t VALUES ('committed')");
        const at = await under.timelines.head(source);
        await client.query("COMMIT");
        return at;
      });
      const child = await branch(source, lsn);
      expect(await sql(under, child, "SELECT v FROM t")).toEqual([{ v: "committed" }]);
      expect(await sql(under, source, "SELECT v FROM t ORDER BY v")).toEqual([{ v: "committed" }, { v: "open" }]);
    });

    test("a branch has the schema of the position: what was dropped later is there, what was added later is not", async () => {
      const source = await root(
        "ddl",
        "CREATE TABLE kept (a int, b text); INSERT INTO kept VALUES (1, 'b'); CREATE TABLE dropped AS SELECT 1 AS x",
      );
      const lsn = await under.timelines.head(source);
      await sql(under, source, "ALTER TABLE kept DROP COLUMN b; DROP TABLE dropped; CREATE TABLE added (y int); TRUNCATE kept");
      const child = await branch(source, lsn);
      expect(await sql(under, child, "SELECT * FROM kept, dropped")).toEqual([{ a: 1, b: "b", x: 1 }]);
      expect(await sql(under, child, "SELECT to_regclass('added') AS added")).toEqual([{ added: null }]);
    });

    test("branches of branches are exact, and live on when those they came from are deleted", async () => {
      const chain = [await root("chain", "CREATE TABLE t (depth int)")];
      for (let depth = 0; depth < 3; depth++) {
        const source = chain[depth] as TimelineId;
        await sql(under, source, `INSERT INTO t VALUES (${depth})`);
        const lsn = await under.timelines.head(source);
        await sql(under, source, "DELETE FROM t; INSERT INTO t VALUES (-1)");
        chain.push(await branch(source, lsn, "chain"));
      }
      for (const id of chain.slice(0, 3)) await under.timelines.deleteTimeline(id);
      const last = chain[3] as TimelineId;
      expect(await sql(under, last, "SELECT depth FROM t ORDER BY depth")).toEqual([{ depth: 0 }, { depth: 1 }, { depth: 2 }]);
      const sibling = await branch(last, await under.timelines.head(last));
      expect(await sql(under, sibling, "SELECT count(*)::int AS n FROM t")).toEqual([{ n: 3 }]);
    });

    test("what is written on a branch stays there, and so does what is written on its source", async () => {
      const source = await root("apart", "CREATE TABLE t (v text)");
      const child = await branch(source, await under.timelines.head(source));
      await sql(under, source, "INSERT INTO t VALUES ('source')");
      await sql(under, child, "INSERT INTO t VALUES ('child')");
      expect(await sql(under, source, "SELECT v FROM t")).toEqual([{ v: "source" }]);
      expect(await sql(under, child, "SELECT v FROM t")).toEqual([{ v: "child" }]);
    });

    test("a source that sleeps can be branched from its end and from before", async () => {
      const source = await root("asleep", "CREATE TABLE t AS SELECT 1 AS v");
      const before = await under.timelines.head(source);
      await sql(under, source, "INSERT INTO t VALUES (2)");
      await under.timelines.head(source);
      await under.sleep(source);
      const atEnd = await branch(source, await under.timelines.head(source));
      expect(await sql(under, atEnd, "SELECT sum(v)::int AS sum FROM t")).toEqual([{ sum: 3 }]);
      expect(await sql(under, await branch(source, before), "SELECT sum(v)::int AS sum FROM t")).toEqual([{ sum: 1 }]);
      const again = await branch(atEnd, await under.timelines.head(atEnd));
      expect(await sql(under, again, "SELECT sum(v)::int AS sum FROM t")).toEqual([{ sum: 3 }]);
    });

    test("making a timeline again by the same id finds it; as another one it is refused", async () => {
      const source = await root("again", "CREATE TABLE t (v int)");
      expect(await under.timelines.createTimeline(source)).toEqual({ id: source });
      const lsn = await under.timelines.head(source);
      const child = timelineId("again");
      const from = { timeline: source, lsn };
      const [first, second] = await Promise.all([under.timelines.branch(child, from), under.timelines.branch(child, from)]);
      expect(first).toEqual({ id: child, parent: from });
      expect(second).toEqual(first);
      await sql(under, source, "INSERT INTO t VALUES (1)");
      const later = await under.timelines.head(source);
      await expect(under.timelines.branch(child, { timeline: source, lsn: later })).rejects.toMatchObject({
        code: "timeline-exists",
        remedy: "bug",
      });
      await expect(under.timelines.createTimeline(child)).rejects.toMatchObject({ code: "timeline-exists" });
    });

    test("a position before a branch's own history or after its head is out of retention, and the error says what is kept", async () => {
      const source = await root("bounds", "CREATE TABLE t (v int)");
      const early = await under.timelines.head(source);
      await sql(under, source, "INSERT INTO t VALUES (1)");
      const at = await under.timelines.head(source);
      const child = await branch(source, at);
      const { oldest, head } = await under.timelines.retention(child);
      expect(oldest).toBe(at);
      expect(compareLsn(head, oldest)).toBeGreaterThanOrEqual(0);
      const refused = { code: "lsn-out-of-retention", remedy: "author", details: { oldest, head: expect.any(String) } };
      await expect(branch(child, early)).rejects.toMatchObject(refused);
      await expect(branch(child, bigintToLsn(lsnToBigint(head) + 0x1000000n))).rejects.toMatchObject(refused);
    });

    test("of any time and of any position there is a newest position that a branch can go to: with all that was committed until then, and no more", async () => {
      const source = await root("moments", "CREATE TABLE t (n int, pad text)");
      const now = async (): Promise<number> => {
        const [row] = await sql<{ ms: number }>(under, source, "SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS ms");
        return (row as { ms: number }).ms;
      };
      const marks: { n: number; unixMs: number; lsn: Lsn }[] = [];
      for (let n = 1; n <= 3; n++) {
        // Records longer than a page, a segment of their own, a sleep: whatever stands in a log on the way.
        if (n === 2) await sql(under, source, "INSERT INTO t SELECT 0, string_agg(md5(i::text), '') FROM generate_series(1, 4000) AS i");
        if (n === 2) await sql(under, source, "SELECT pg_switch_wal()");
        await sql(under, source, `INSERT INTO t VALUES (${n})`);
        if (n === 2) await under.sleep(source);
        const [at] = await sql<{ lsn: Lsn }>(under, source, "SELECT pg_current_wal_flush_lsn() AS lsn");
        marks.push({ n, unixMs: await now(), lsn: (at as { lsn: Lsn }).lsn });
      }
      const child = await branch(source, await under.timelines.head(source));
      await sql(under, child, "INSERT INTO t VALUES (5)");
      for (const { n, unixMs, lsn } of marks) {
        // In the middle of whatever record follows.
        for (const at of [{ unixMs }, { lsn: bigintToLsn(lsnToBigint(lsn) + 9n) }]) {
          const there = await branch(source, await under.timelines.locate(source, at));
          expect({ at, rows: await sql(under, there, "SELECT max(n) AS n FROM t") }).toEqual({ at, rows: [{ n }] });
        }
      }
      const present = await branch(child, await under.timelines.locate(child, { unixMs: Date.now() + 1000 }));
      expect(await sql(under, present, "SELECT max(n) AS n FROM t")).toEqual([{ n: 5 }]);
      // Before the branch began there was no such timeline.
      const outside = { code: "lsn-out-of-retention", remedy: "author" };
      await expect(under.timelines.locate(child, { unixMs: (marks[0] as { unixMs: number }).unixMs })).rejects.toMatchObject(outside);
      await expect(under.timelines.locate(source, { unixMs: 0 })).rejects.toMatchObject(outside);
      await expect(under.timelines.locate(source, { lsn: "FF/0" as Lsn })).rejects.toMatchObject(outside);
    });

    test("head never goes back and includes what was acknowledged, also over a sleep", async () => {
      const id = await root("head", "CREATE TABLE t (v int)");
      const heads: Lsn[] = [];
      for (let round = 0; round < 3; round++) {
        await sql(under, id, "INSERT INTO t VALUES (1)");
        heads.push(await under.timelines.head(id));
        if (round === 1) await under.sleep(id);
        heads.push(await under.timelines.head(id));
      }
      expect(heads).toEqual(heads.toSorted(compareLsn));
      expect(await sql(under, await branch(id, heads.at(-1) as Lsn), "SELECT sum(v)::int AS sum FROM t")).toEqual([{ sum: 3 }]);
    });

    test("what does not exist is an error, never another timeline; deleting is done once and may be repeated", async () => {
      const id = await root("gone", "CREATE TABLE t (v int)");
      const lsn = await under.timelines.head(id);
      await under.timelines.protect({ timeline: id, lsn }, "release");
      await under.timelines.protect({ timeline: id, lsn }, "release");
      await under.timelines.unprotect({ timeline: id, lsn }, "release");
      expect(await under.timelines.listTimelines()).toContainEqual({ id });
      await under.timelines.deleteTimeline(id);
      await under.timelines.deleteTimeline(id);
      expect((await under.timelines.listTimelines()).map((timeline) => timeline.id)).not.toContain(id);
      const unknown = { code: "timeline-unknown", remedy: "bug" };
      await expect(under.timelines.head(id)).rejects.toMatchObject(unknown);
      await expect(under.timelines.usage(id)).rejects.toMatchObject(unknown);
      await expect(under.timelines.protect({ timeline: id, lsn }, "release")).rejects.toMatchObject(unknown);
      await expect(branch(id, lsn)).rejects.toMatchObject(unknown);
      await expect(under.connection(id)).rejects.toMatchObject(unknown);
    });

    test("a timeline's use is metered while its compute runs, and no longer", async () => {
      const id = await root("metered", "CREATE TABLE t AS SELECT generate_series(1, 20000) AS v");
      await under.sleep(id);
      const asleep = await under.timelines.usage(id);
      expect(asleep.computeSeconds).toBeGreaterThan(0);
      expect(asleep.storageBytes).toBeGreaterThan(1_000_000);
      expect(asleep.ownBytes + asleep.sharedBytes).toBe(asleep.storageBytes);
      expect((await under.timelines.usage(id)).computeSeconds).toBe(asleep.computeSeconds);
      await withSession(under, id, async () => {
        expect((await under.timelines.usage(id)).computeSeconds).toBeGreaterThan(asleep.computeSeconds);
      });
    });

    test("the engine is PostgreSQL 17 with checksums, UTF-8 and durable commits", async () => {
      expect(await under.timelines.capabilities()).toMatchObject({ postgres: 17 });
      const id = await root("settings", "SELECT 1");
      const names = ["data_checksums", "server_encoding", "fsync", "full_page_writes", "synchronous_commit"];
      const rows = await sql<{ setting: string }>(
        under,
        id,
        `SELECT setting FROM unnest('{${names.join()}}'::text[]) WITH ORDINALITY AS u(name, o) JOIN pg_settings USING (name) ORDER BY o`,
      );
      expect(rows.map(({ setting }) => setting)).toEqual(["on", "UTF8", "on", "on", "on"]);
    });
  });
}
