/** The rules of what is kept: what is protected outlives every window, and nothing else does. Part of `describeDatabase`. */
import { describe, expect, test } from "vitest";
import { compareLsn, type Lsn } from "../../src/core/lsn.ts";
import type { DatabaseUnderTest, Unavailable } from "./database.ts";
import { sql, timelineId, type TimelinesUnderTest } from "./timeline-sessions.ts";

const DAY_MS = 24 * 3_600_000;

export function describeRetention(under: DatabaseUnderTest & TimelinesUnderTest, unavailable: Unavailable): void {
  describe("retention", () => {
    test.skipIf(unavailable.age)(
      "a protected position outlives its window, for as long as one reason is left; others are given up",
      async () => {
        const { database } = under;
        const id = timelineId("kept");
        await database.createTimeline(id);
        await sql(under, id, "CREATE TABLE t (v int, pad text)");
        const marks: Lsn[] = [];
        // Enough of a log that an engine finds it worth giving up, over a sleep.
        for (let v = 1; v <= 3; v++) {
          await sql(under, id, `INSERT INTO t VALUES (${v}, ''); INSERT INTO t SELECT 0, repeat('x', 400) FROM generate_series(1, 6000)`);
          marks.push(await database.head(id));
          await under.sleep(id);
        }
        const [first, kept, lost] = marks as [Lsn, Lsn, Lsn];
        const rowsAt = async (lsn: Lsn): Promise<unknown> => {
          const child = timelineId("then");
          await database.branch(child, { timeline: id, lsn });
          const rows = await sql(under, child, "SELECT max(v) AS v FROM t");
          await under.timelines.deleteTimeline(child);
          return rows;
        };
        const checkpoint = { timeline: id, lsn: kept };
        await database.protect(checkpoint, "release");
        await database.protect(checkpoint, "release");
        await database.protect(checkpoint, "environment");
        expect([await rowsAt(first), await rowsAt(kept), await rowsAt(lost)]).toEqual([[{ v: 1 }], [{ v: 2 }], [{ v: 3 }]]);

        await under.age(30 * DAY_MS);
        await sql(under, id, "INSERT INTO t VALUES (4, ''); INSERT INTO t SELECT 0, repeat('x', 400) FROM generate_series(1, 6000)");
        await database.head(id);
        const oldest = async (): Promise<Lsn> => {
          await under.age(30 * DAY_MS);
          return (await database.retention(id)).oldest;
        };
        await expect.poll(async () => compareLsn(await oldest(), lost)).toBeGreaterThan(0);
        const refused = async (lsn: Lsn): Promise<void> => {
          const { oldest: first, head } = await database.retention(id);
          const error = { code: "lsn-out-of-retention", remedy: "author", details: { oldest: first, head } };
          await expect(rowsAt(lsn)).rejects.toMatchObject(error);
        };
        await refused(lost);
        expect(await rowsAt(kept)).toEqual([{ v: 2 }]);
        await expect(database.protect({ timeline: id, lsn: lost }, "late")).rejects.toMatchObject({ code: "lsn-out-of-retention" });

        await database.unprotect(checkpoint, "release");
        await database.unprotect(checkpoint, "release");
        await under.age(DAY_MS);
        expect(await rowsAt(kept)).toEqual([{ v: 2 }]);
        await database.unprotect(checkpoint, "environment");
        await under.age(DAY_MS);
        await refused(kept);
        expect(await rowsAt(await database.head(id))).toEqual([{ v: 4 }]);
      },
    );
  });
}
