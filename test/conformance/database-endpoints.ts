/** The rules of endpoints, credentials and holds. Part of `describeDatabase`. */
import { setTimeout as delay } from "node:timers/promises";
import { Client, Pool } from "pg";
import { beforeAll, describe, expect, test } from "vitest";
import { newId, type EndpointName, type HoldId, type TimelineId } from "../../src/core/ids.ts";
import { ADMIN_ROLE, type Database } from "../../src/database/database.ts";
import { SOON } from "./timeline-sessions.ts";

const HOLD = { budgetMs: 20_000, drainMs: 5000, onDrainTimeout: "abort" } as const;
const holdId = (): HoldId => newId<HoldId>("hld");

/** `under` is filled before the first test. */
export function describeEndpoints(under: { database: Database }): void {
  describe("endpoints and holds", () => {
    let database: Database;
    beforeAll(() => {
      database = under.database;
    });

    /** An endpoint upon a new timeline with the table `entries` and the login role `app`. */
    async function newEndpoint(): Promise<{ endpoint: EndpointName; timeline: TimelineId }> {
      const endpoint = newId<EndpointName>("proj");
      const timeline = newId<TimelineId>("tml");
      await database.createTimeline(timeline);
      await database.endpoint(endpoint, timeline, 1);
      await asked(
        endpoint,
        ADMIN_ROLE,
        "create role app login; create table entries (writer int, n int, primary key (writer, n)); grant all on entries to app",
      );
      return { endpoint, timeline };
    }

    async function connect(endpoint: EndpointName, role = "app"): Promise<Client> {
      const client = new Client({ connectionString: (await database.credential(endpoint, role)).dsn });
      client.on("error", () => {});
      await client.connect();
      return client;
    }

    async function asked(endpoint: EndpointName, role: string, sql: string): Promise<Record<string, unknown>[]> {
      return query((await database.credential(endpoint, role)).dsn, sql);
    }

    /** Where the endpoint's timeline was forked at its head. */
    async function fork(timeline: TimelineId): Promise<TimelineId> {
      const id = newId<TimelineId>("tml");
      await database.branch(id, { timeline, lsn: await database.head(timeline) });
      return id;
    }

    /** Clients that write row after row, each for as long as `going`; what was acknowledged, by writer. A lost connection is made again. */
    function startWriters(
      endpoint: EndpointName,
      count: number,
    ): { stop(): Promise<number[][]>; acknowledged: number[][]; codes: Set<string> } {
      const acknowledged = Array.from({ length: count }, (): number[] => []);
      const codes = new Set<string>();
      let going = true;
      const run = async (writer: number): Promise<void> => {
        let n = 0;
        while (going) {
          let client: Client | undefined;
          try {
            client = await connect(endpoint);
            // Two writers of each kind: simple statements, and transactions with parameters.
            while (going) {
              n++;
              if (writer % 2 === 0) await client.query(`insert into entries values (${writer}, ${n})`);
              else {
                await client.query("begin");
                await client.query("insert into entries values ($1, $2)", [writer, n]);
                await client.query("commit");
              }
              acknowledged[writer]?.push(n);
            }
          } catch (error) {
            codes.add((error as { code?: string }).code ?? String(error));
          } finally {
            await client?.end().catch(() => {});
          }
        }
      };
      const all = Promise.all(acknowledged.map((_, writer) => run(writer)));
      return {
        acknowledged,
        codes,
        async stop() {
          going = false;
          await all;
          return acknowledged;
        },
      };
    }

    const total = (rows: number[][]): number => rows.reduce((sum, of) => sum + of.length, 0);

    test("an endpoint is found, listed, moved forward only, and removed", async () => {
      const { endpoint, timeline } = await newEndpoint();
      const found = { name: endpoint, timeline, epoch: 1 };
      expect(await database.findEndpoint(endpoint)).toEqual(found);
      expect(await database.endpoint(endpoint, timeline, 1)).toEqual(found);
      expect(await database.listEndpoints()).toContainEqual(found);
      const other = newId<TimelineId>("tml");
      await expect(database.endpoint(endpoint, other, 2)).rejects.toMatchObject({ code: "timeline-unknown" });
      await database.createTimeline(other);
      await expect(database.endpoint(endpoint, other, 1)).rejects.toMatchObject({ code: "stale-epoch" });
      await expect(database.endpoint(endpoint, other, 0)).rejects.toMatchObject({ code: "stale-epoch" });
      expect(await database.endpoint(endpoint, timeline, 5)).toEqual({ ...found, epoch: 5 });
      await expect(database.deleteTimeline(timeline)).rejects.toMatchObject({ code: "timeline-in-use" });
      await database.removeEndpoint(endpoint);
      await database.removeEndpoint(endpoint);
      expect(await database.findEndpoint(endpoint)).toBeUndefined();
      await database.deleteTimeline(timeline);
    });

    test("the DSN is a function of name and role, and follows the endpoint to another timeline", async () => {
      const { endpoint, timeline } = await newEndpoint();
      const { dsn } = await database.credential(endpoint, "app");
      await query(dsn, "insert into entries values (1, 1)");
      const copy = await fork(timeline);
      await query(dsn, "insert into entries values (1, 2)");
      await database.endpoint(endpoint, copy, 2);
      expect((await database.credential(endpoint, "app")).dsn).toBe(dsn);
      expect(await query(dsn, "select n from entries")).toEqual([{ n: 1 }]);
    });

    test("a pool without session state follows a repoint unnoticed; a session with state is told 57P01", async () => {
      const { endpoint, timeline } = await newEndpoint();
      const copy = await fork(timeline);
      const pool = new Pool({ connectionString: (await database.credential(endpoint, "app")).dsn, max: 2 });
      const errors: Error[] = [];
      pool.on("error", (error) => errors.push(error));
      await Promise.all([pool.query("select 1"), pool.query("select $1::int", [1])]);
      const stateful = await connect(endpoint);
      const told = new Promise<unknown>((resolve) => stateful.once("error", (error: Error & { code?: string }) => resolve(error.code)));
      await stateful.query({ name: "kept", text: "select 1" });
      await database.endpoint(endpoint, copy, 2);
      await pool.query("insert into entries values (7, 7)");
      expect(await told).toBe("57P01");
      expect(await asked(endpoint, "app", "select writer from entries")).toEqual([{ writer: 7 }]);
      expect(errors).toEqual([]);
      await pool.end();
      await database.endpoint(endpoint, timeline, 3);
      expect(await asked(endpoint, "app", "select writer from entries")).toEqual([]);
    });

    test("a repoint ends a transaction that does not end by itself, and nothing of it stays", async () => {
      const { endpoint, timeline } = await newEndpoint();
      const copy = await fork(timeline);
      const client = await connect(endpoint);
      await client.query("begin");
      await client.query("insert into entries values (1, 1)");
      await database.endpoint(endpoint, copy, 2);
      await expect(client.query("commit")).rejects.toThrow();
      await database.endpoint(endpoint, timeline, 3);
      expect(await asked(endpoint, "app", "select * from entries")).toEqual([]);
    });

    test("under a hold nobody writes; what was acknowledged is there, and writers go on after it", async () => {
      const { endpoint, timeline } = await newEndpoint();
      const writers = startWriters(endpoint, 4);
      await expect.poll(() => writers.acknowledged.every((rows) => rows.length > 5), SOON).toBe(true);
      const hold = await database.hold(endpoint, holdId(), HOLD);
      expect(await database.holds()).toContainEqual({ id: hold.id, endpoint });
      // Answers that were under way have arrived once another round trip has been made.
      const [{ count: first } = {}] = await query(hold.dsn, "select count(*)::int as count from entries");
      const before = await database.head(timeline);
      await delay(150);
      const [{ count: second } = {}] = await query(hold.dsn, "select count(*)::int as count from entries");
      expect(second).toBe(first);
      expect(total(writers.acknowledged)).toBe(first);
      expect(before).toBeTruthy();
      await database.resume(hold.id);
      await database.resume(hold.id);
      expect(await database.holds()).not.toContainEqual({ id: hold.id, endpoint });
      await expect.poll(() => total(writers.acknowledged), SOON).toBeGreaterThan((first as number) + 20);
      const rows = await writers.stop();
      expect([...writers.codes]).toEqual([]);
      expect(await asked(endpoint, "app", "select count(*)::int as count from entries")).toEqual([{ count: total(rows) }]);
    });

    test("over a hold with a repoint every acknowledged row is on exactly one side, and none is lost", async () => {
      const { endpoint, timeline } = await newEndpoint();
      const writers = startWriters(endpoint, 4);
      let current = timeline;
      const sides: TimelineId[] = [timeline];
      for (let round = 1; round <= 3; round++) {
        const goal = total(writers.acknowledged) + 40;
        await expect.poll(() => total(writers.acknowledged), SOON).toBeGreaterThan(goal);
        const hold = await database.hold(endpoint, holdId(), HOLD);
        const next = await fork(current);
        await database.endpoint(endpoint, next, round + 1);
        await database.resume(hold.id);
        current = next;
        sides.push(next);
      }
      await expect.poll(() => total(writers.acknowledged), SOON).toBeGreaterThan(200);
      const rows = await writers.stop();
      expect([...writers.codes]).toEqual([]);
      const acknowledged = rows.flatMap((of, writer) => of.map((n) => `${writer}/${n}`)).sort();
      const list = async (epoch: number, side: TimelineId): Promise<string[]> => {
        await database.endpoint(endpoint, side, epoch);
        return (await asked(endpoint, "app", "select writer, n from entries"))
          .map((row) => `${String(row["writer"])}/${String(row["n"])}`)
          .sort();
      };
      // Each side holds what the one before it held when it was left, and nothing was added there later.
      const contents: string[][] = [];
      for (const [i, side] of sides.entries()) contents.push(await list(10 + i, side));
      expect(contents.at(-1)).toEqual(acknowledged);
      for (let i = 1; i < contents.length; i++) {
        const later = new Set(contents[i]);
        expect(contents[i - 1]?.filter((row) => !later.has(row))).toEqual([]);
        expect(contents[i]?.length).toBeGreaterThan(contents[i - 1]?.length ?? 0);
      }
    });

    test("only the hold's own credential passes it, and it is void afterwards", async () => {
      const { endpoint } = await newEndpoint();
      const hold = await database.hold(endpoint, holdId(), { ...HOLD, budgetMs: 400 });
      expect(await database.hold(endpoint, hold.id, HOLD)).toEqual(hold);
      expect(await query(hold.dsn, "select current_user as name")).toEqual([{ name: ADMIN_ROLE }]);
      const started = Date.now();
      await expect(asked(endpoint, ADMIN_ROLE, "select 1")).rejects.toMatchObject({ code: "57P03" });
      expect(Date.now() - started).toBeLessThan(2000);
      await expect(asked(endpoint, "app", "select 1")).rejects.toMatchObject({ code: "57P03" });
      const migrator = new Client({ connectionString: hold.dsn });
      migrator.on("error", () => {});
      const told = new Promise<unknown>((resolve) => migrator.once("error", (error: Error & { code?: string }) => resolve(error.code)));
      await migrator.connect();
      await database.resume(hold.id);
      expect(await told).toBe("57P01");
      await expect(query(hold.dsn, "select 1")).rejects.toMatchObject({ code: "28P01" });
      expect(await asked(endpoint, "app", "select 1 as one")).toEqual([{ one: 1 }]);
      const other = await newEndpoint();
      await expect(database.hold(other.endpoint, (await database.hold(endpoint, holdId(), HOLD)).id, HOLD)).rejects.toMatchObject({
        code: "hold-exists",
      });
    });

    test("past the budget waiting clients are told 57P03, new ones too, and the hold stays", async () => {
      const { endpoint } = await newEndpoint();
      const client = await connect(endpoint);
      const hold = await database.hold(endpoint, holdId(), { ...HOLD, budgetMs: 300 });
      const waiting = connect(endpoint);
      await expect(client.query("insert into entries values (1, 1)")).rejects.toMatchObject({ code: "57P03" });
      await expect(waiting).rejects.toMatchObject({ code: "57P03" });
      await expect(connect(endpoint)).rejects.toMatchObject({ code: "57P03" });
      expect(await database.holds()).toContainEqual({ id: hold.id, endpoint });
      expect(await query(hold.dsn, "select count(*)::int as n from entries")).toEqual([{ n: 0 }]);
      await database.resume(hold.id);
      expect(await asked(endpoint, "app", "select 1 as one")).toEqual([{ one: 1 }]);
    });

    test("an open transaction aborts a hold at its drain bound, and goes on", async () => {
      const { endpoint } = await newEndpoint();
      const client = await connect(endpoint);
      await client.query("begin");
      await client.query("insert into entries values (1, 1)");
      const id = holdId();
      const held = database.hold(endpoint, id, { ...HOLD, drainMs: 300 });
      const other = asked(endpoint, "app", "select 1 as one");
      await expect(held).rejects.toMatchObject({ code: "hold-drain-timeout", remedy: "wait" });
      expect(await other).toEqual([{ one: 1 }]);
      expect(await database.holds()).not.toContainEqual({ id, endpoint });
      await client.query("commit");
      expect(await asked(endpoint, "app", "select n from entries")).toEqual([{ n: 1 }]);
      await client.end();
    });

    test("an open transaction may end while the hold drains", async () => {
      const { endpoint } = await newEndpoint();
      const client = await connect(endpoint);
      await client.query("begin");
      const held = database.hold(endpoint, holdId(), HOLD);
      await client.query("insert into entries values (1, $1)", [1]);
      await client.query("commit");
      const hold = await held;
      expect(await query(hold.dsn, "select n from entries")).toEqual([{ n: 1 }]);
      await database.resume(hold.id);
      await client.end();
    });

    test("a hold that terminates ends transactions and running statements before it returns", async () => {
      const { endpoint } = await newEndpoint();
      const [idle, busy] = [await connect(endpoint), await connect(endpoint)];
      await idle.query("begin");
      await idle.query("insert into entries values (1, 1)");
      const running = busy.query("insert into entries select 2, 2 from pg_sleep(2)").catch((error: { code?: string }) => error.code);
      await expect
        .poll(
          async () =>
            (await asked(endpoint, ADMIN_ROLE, "select count(*)::int as n from pg_stat_activity where wait_event = 'PgSleep'"))[0],
          SOON,
        )
        .toEqual({ n: 1 });
      const hold = await database.hold(endpoint, holdId(), { ...HOLD, drainMs: 200, onDrainTimeout: "terminate" });
      expect(await query(hold.dsn, "select count(*)::int as n from pg_stat_activity where usename = 'app'")).toEqual([{ n: 0 }]);
      expect(await running).toBe("57P01");
      await database.resume(hold.id);
      await delay(50);
      expect(await asked(endpoint, "app", "select * from entries")).toEqual([]);
    });

    test("a statement whose client has gone writes nothing after a hold", async () => {
      const { endpoint } = await newEndpoint();
      const client = await connect(endpoint);
      client.query("insert into entries select 2, 2 from pg_sleep(3)").catch(() => {});
      await expect
        .poll(
          async () =>
            (await asked(endpoint, ADMIN_ROLE, "select count(*)::int as n from pg_stat_activity where wait_event = 'PgSleep'"))[0],
          SOON,
        )
        .toEqual({ n: 1 });
      (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
      const hold = await database.hold(endpoint, holdId(), HOLD);
      expect(await query(hold.dsn, "select count(*)::int as n from pg_stat_activity where usename = 'app'")).toEqual([{ n: 0 }]);
      expect(await query(hold.dsn, "select * from entries")).toEqual([]);
      await database.resume(hold.id);
    });

    test("a suspended endpoint wakes by itself, and can be woken", async () => {
      const { endpoint, timeline } = await newEndpoint();
      await database.suspend(endpoint);
      const { computeSeconds } = await database.usage(timeline);
      expect(await asked(endpoint, "app", "select 1 as one")).toEqual([{ one: 1 }]);
      await database.suspend(endpoint);
      await database.wake(endpoint);
      expect((await database.usage(timeline)).computeSeconds).toBeGreaterThan(computeSeconds);
      await expect(database.wake("proj_nowhere" as EndpointName)).rejects.toMatchObject({ code: "endpoint-unknown" });
    });
  });
}

/** The rows of one statement; a session of its own. */
async function query(dsn: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: dsn });
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows as Record<string, unknown>[];
  } finally {
    await client.end().catch(() => {});
  }
}
