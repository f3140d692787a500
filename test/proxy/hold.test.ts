/** Holds over the death of the proxy that keeps them, and past their budget. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Pool } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { newId, type EndpointName, type HoldId, type TimelineId } from "../../src/core/ids.ts";
import { openPlace, type Place } from "./place.ts";

let place: Place;
let name: EndpointName;
let timeline: TimelineId;
beforeAll(async () => {
  place = await openPlace();
  ({ name, timeline } = await place.newEndpoint());
});
afterAll(async () => {
  expect(await place.complaints()).toEqual([]);
  await place.close();
});

const holdId = (): HoldId => newId<HoldId>("hld");

async function rowsOnDisk(): Promise<string[]> {
  const { holds } = JSON.parse(await readFile(join(place.dir, "proxy.json"), "utf8")) as { holds: { id: string }[] };
  return holds.map(({ id }) => id);
}

async function count(): Promise<number> {
  const client = await place.connect(name);
  const { rows } = await client.query<{ n: number }>("select count(*)::int as n from note");
  await client.end();
  return rows[0]?.n ?? -1;
}

test("a proxy that is killed during a hold comes back holding: nobody but the hold's own works, until it is resumed", async () => {
  const before = await count();
  const id = holdId();
  const options = { budgetMs: 60_000, drainMs: 2000, onDrainTimeout: "abort" } as const;
  const hold = await place.database.hold(name, id, options);
  await place.killAndRestart();
  expect(await place.database.holds()).toEqual([{ id, endpoint: name }]);
  let isIn = false;
  const parked = place.connect(name).then((client) => {
    isIn = true;
    return client;
  });
  expect((await place.database.hold(name, id, options)).dsn).toBe(hold.dsn);
  const own = new Pool({ connectionString: hold.dsn, max: 1 });
  await own.query("insert into note (number) values (1)");
  await own.end();
  expect(isIn).toBe(false);
  await place.database.resume(id);
  const client = await parked;
  expect((await client.query<{ n: number }>("select count(*)::int as n from note")).rows).toEqual([{ n: before + 1 }]);
  await client.end();
  expect(await rowsOnDisk()).toEqual([]);
});

test("a proxy that is killed while it sets a hold comes back with the hold set, and what was under way is undone as a whole", async () => {
  const before = await count();
  const busy = await place.connect(name);
  await busy.query("begin");
  await busy.query("insert into note (number) values (2)");
  const id = holdId();
  const options = { budgetMs: 60_000, drainMs: 20_000, onDrainTimeout: "abort" } as const;
  const setting = place.database.hold(name, id, options).catch((error: unknown) => error);
  await expect.poll(rowsOnDisk, { timeout: 20_000 }).toEqual([id]);
  await place.killAndRestart();
  await expect(setting).resolves.toBeInstanceOf(Error);
  await expect(busy.query("commit")).rejects.toThrow();
  // The control plane asks again for what it has no answer to.
  await place.database.hold(name, id, options);
  expect(await place.database.holds()).toEqual([{ id, endpoint: name }]);
  await place.database.resume(id);
  expect(await count()).toBe(before);
});

test("past its budget a hold refuses who waits, at once and with 57P03; who was in keeps its place until then", async () => {
  const before = await count();
  const { dsn } = await place.database.credential(name, "app");
  const pool = new Pool({ connectionString: dsn, max: 1 });
  pool.on("error", () => {});
  await pool.query("select 1");
  const id = holdId();
  await place.database.hold(name, id, { budgetMs: 400, drainMs: 200, onDrainTimeout: "abort" });
  const parked = pool.query("insert into note (number) values (3)");
  const late = place.connect(name);
  await expect(parked).rejects.toMatchObject({ code: "57P03" });
  await expect(late).rejects.toMatchObject({ code: "57P03" });
  await expect(place.connect(name)).rejects.toMatchObject({ code: "57P03" });
  expect(await rowsOnDisk()).toEqual([id]);
  await place.database.resume(id);
  await pool.query("insert into note (number) values (3)");
  await pool.end();
  expect(await count()).toBe(before + 1);
});

test("a hold that cannot drain in time and may not terminate leaves nothing behind", async () => {
  const busy = await place.connect(name);
  await busy.query("begin");
  await busy.query("insert into note (number) values (4)");
  const pool = new Pool({ connectionString: (await place.database.credential(name, "app")).dsn, max: 1 });
  const id = holdId();
  const setting = place.database.hold(name, id, { budgetMs: 5000, drainMs: 150, onDrainTimeout: "abort" });
  await expect.poll(rowsOnDisk, { timeout: 20_000 }).toEqual([id]);
  const meanwhile = pool.query("select 1 as one");
  await expect(setting).rejects.toMatchObject({ code: "hold-drain-timeout", remedy: "wait" });
  expect(await rowsOnDisk()).toEqual([]);
  expect((await meanwhile).rows).toEqual([{ one: 1 }]);
  await busy.query("commit");
  await busy.end();
  await pool.end();
  expect(await place.database.findEndpoint(name)).toMatchObject({ timeline });
});
