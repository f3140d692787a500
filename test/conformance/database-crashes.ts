/** The rules of crashes: what was acknowledged is there, what was held is held, what was half done is done by repeating it. Part of `describeDatabase`. */
import { Client } from "pg";
import { describe, expect, test } from "vitest";
import { newId, type EndpointName, type HoldId } from "../../src/core/ids.ts";
import { ADMIN_ROLE } from "../../src/database/database.ts";
import type { DatabaseUnderTest, Unavailable } from "./database.ts";
import { LEDGER, readLedger, SOON, sql, startWriters, timelineId, type TimelinesUnderTest } from "./timeline-sessions.ts";

export function describeCrashes(under: DatabaseUnderTest & TimelinesUnderTest, unavailable: Unavailable): void {
  describe.skipIf(unavailable.crash)("a crash", () => {
    test("loses nothing acknowledged, moves no position, and what was being made is whole once it is asked for again", async () => {
      const { database } = under;
      const id = timelineId("crash");
      await database.createTimeline(id);
      await sql(under, id, LEDGER);
      const writers = await startWriters(under, id, 4);
      await expect.poll(() => Math.min(...writers.acknowledged()), SOON).toBeGreaterThan(50);
      const least = writers.acknowledged();
      const mark = await database.head(id);
      const most = writers.sent();
      const child = timelineId("crash");
      const half = database.branch(child, { timeline: id, lsn: mark }).catch((error: { code?: string }) => error.code);
      await under.crash();
      expect(await half).toSatisfy((answer) => answer === "edge-unreachable" || typeof answer === "object");
      await writers.stop();

      const reached = await readLedger(under, id, 4);
      writers.acknowledged().forEach((n, writer) => expect(reached[writer]).toBeGreaterThanOrEqual(n));
      expect(await database.branch(child, { timeline: id, lsn: mark })).toEqual({ id: child, parent: { timeline: id, lsn: mark } });
      (await readLedger(under, child, 4)).forEach((n, writer) => {
        expect(n).toBeGreaterThanOrEqual(least[writer] as number);
        expect(n).toBeLessThanOrEqual(most[writer] as number);
      });
    });

    test("ends no hold: clients wait, its own credential passes, and resuming lets them on with the same connection string", async () => {
      const { database } = under;
      const id = timelineId("crash");
      const name = newId<EndpointName>("proj");
      await database.createTimeline(id);
      await database.endpoint(name, id, 1);
      const { dsn } = await database.credential(name, ADMIN_ROLE);
      const hold = await database.hold(name, newId<HoldId>("hld"), { budgetMs: 60_000, drainMs: 1000, onDrainTimeout: "abort" });
      await under.crash();
      expect(await database.holds()).toContainEqual({ id: hold.id, endpoint: name });
      let answered = false;
      const waiting = one(dsn).finally(() => (answered = true));
      expect(await one(hold.dsn)).toBe(1);
      expect(answered).toBe(false);
      await database.resume(hold.id);
      expect(await waiting).toBe(1);
      await expect(one(hold.dsn)).rejects.toMatchObject({ code: "28P01" });
    });
  });
}

async function one(dsn: string): Promise<unknown> {
  const client = new Client({ connectionString: dsn });
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query<{ one: number }>("select 1 as one")).rows[0]?.one;
  } finally {
    await client.end();
  }
}
