import { afterAll, beforeAll, describe, expect, it } from "vitest";
import pg from "pg";
import { startThrowawayPostgres, type ThrowawayPostgres } from "../../../test/support/throwaway-postgres.ts";
import { compareTimelines, type TableDifference } from "./compare.ts";

let server: ThrowawayPostgres;
let dsns: { before: string; after: string };
beforeAll(async () => {
  server = await startThrowawayPostgres();
  const dsn = (name: string): string => `postgres://adorable@${server.host}:${server.port}/${name}`;
  dsns = { before: dsn("before"), after: dsn("after") };
  for (const name of Object.keys(dsns)) await server.createDatabase(name, {});
});
afterAll(async () => {
  await server.close();
});

/** The schema of an app that begins as `common` and goes on as `before` and `after`, compared. */
async function compare(common: string, before: string, after: string): Promise<TableDifference[]> {
  for (const [dsn, sql] of [
    [dsns.before, before],
    [dsns.after, after],
  ]) {
    const client = new pg.Client({ connectionString: dsn });
    await client.connect();
    await client.query(`drop schema if exists shop cascade; create schema shop; set search_path = shop; ${common}; ${sql}`);
    await client.end();
  }
  return await compareTimelines(dsns.before, dsns.after);
}

const SAME = { app: "shop", columnsDiffer: false, exists: "both" };

describe("compareTimelines", () => {
  it("counts rows that came, went and changed, exactly, over more than a page", async () => {
    const common =
      "create table item (id int primary key, name text); insert into item select i, 'n' || i from generate_series(1, 12000) i";
    const changed =
      "delete from item where id <= 700; update item set name = 'x' where id > 11000; insert into item select i, '' from generate_series(20001, 20013) i";
    expect(await compare(common, "", changed)).toEqual([
      { ...SAME, table: "item", inserted: 13, deleted: 700, updated: 1000, before: 12000, after: 11313 },
    ]);
    expect(await compare(common, "", "update item set name = name")).toEqual([]);
  });

  it.each([
    ["uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "'b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"],
    ["text", "'ä,\"(x)'", "''"],
    ["timestamptz", "'2026-01-01 00:00+02'", "'2026-01-01 00:00+00'"],
    ["numeric", "1.50", "100000000000000000000000000000.5"],
    ["bytea", "'\\x00ff'", "'\\x00'"],
    ["date", "'infinity'", "'0044-03-15 BC'"],
    ["inet", "'10.0.0.1'", "'::1'"],
    ["boolean", "true", "false"],
    ["interval", "'1 day'", "'24:00:01'"],
    ["float8", "'NaN'", "0.1"],
  ])("knows a row again by a key of type %s", async (type, one, two) => {
    const common = `create table t (id ${type} primary key, v text); insert into t values (${one}, 'a'), (${two}, 'b')`;
    expect(await compare(common, "", `update t set v = null where v = 'a'; delete from t where v = 'b'`)).toEqual([
      { ...SAME, table: "t", inserted: 0, deleted: 1, updated: 1, before: 2, after: 1 },
    ]);
  });

  it("takes keys of several columns in their order, and tells null from the empty text", async () => {
    const common = `create table t (b int, a text, v text, primary key (a, b)); insert into t values (1, 'x', null), (2, 'x', ''), (1, 'y,1', 'z')`;
    expect(await compare(common, "", "update t set v = '' where b = 1 and a = 'x'")).toEqual([
      { ...SAME, table: "t", inserted: 0, deleted: 0, updated: 1, before: 3, after: 3 },
    ]);
  });

  it("compares a table without a key as a multiset of rows", async () => {
    const common = "create table log (line text); insert into log values ('a'), ('a'), ('b'), (null)";
    expect(await compare(common, "", "delete from log where line = 'a'; insert into log values ('a'), ('b'), (null), ('c')")).toEqual([
      { ...SAME, table: "log", inserted: 3, deleted: 1, updated: 0, before: 4, after: 6 },
    ]);
  });

  it("reports tables of one side only, and counts partitions with their table", async () => {
    const differences = await compare(
      "create table part (id int primary key) partition by range (id); create table part_1 partition of part for values from (0) to (100)",
      "create table gone (id int); insert into gone values (1), (1)",
      "create table fresh (id int primary key); insert into fresh values (1); insert into part values (5)",
    );
    expect(differences).toEqual([
      { ...SAME, table: "fresh", exists: "after", inserted: 1, deleted: 0, updated: 0, before: 0, after: 1 },
      { ...SAME, table: "gone", exists: "before", inserted: 0, deleted: 2, updated: 0, before: 2, after: 0 },
      { ...SAME, table: "part", inserted: 1, deleted: 0, updated: 0, before: 0, after: 1 },
    ]);
  });

  it("compares by common columns where they differ and says so", async () => {
    const common = "create table t (id int primary key, v text, w int); insert into t values (1, 'a', 1), (2, 'b', null), (3, 'c', null)";
    expect(await compare(common, "", "alter table t alter w type bigint")).toEqual([
      { ...SAME, table: "t", columnsDiffer: true, inserted: 0, deleted: 0, updated: 0, before: 3, after: 3 },
    ]);
    expect(
      await compare(common, "", "alter table t rename column v to u; update t set u = null where id = 1; alter table t drop w"),
    ).toEqual([{ ...SAME, table: "t", columnsDiffer: true, inserted: 0, deleted: 0, updated: 3, before: 3, after: 3 }]);
  });

  it("counts a row as changed for a value that only one side can hold, but not for a default or a computed value", async () => {
    const common =
      "create table t (id int primary key, v text); insert into t values (1, 'a'), (2, 'b'), (3, 'c'); create table k (v text); insert into k values ('a'), ('b')";
    const changed = `alter table t add x text default 'it''s', add y int default -1, add z text generated always as (v || '!') stored, add n numeric(5, 2) default 0;
      update t set x = 'new' where id = 1; alter table k add x boolean default false; update k set x = true where v = 'a'`;
    expect(await compare(common, "", changed)).toEqual([
      { ...SAME, table: "k", columnsDiffer: true, inserted: 1, deleted: 1, updated: 0, before: 2, after: 2 },
      { ...SAME, table: "t", columnsDiffer: true, inserted: 0, deleted: 0, updated: 1, before: 3, after: 3 },
    ]);
    expect(await compare(common, "", "alter table t add at timestamptz default now()")).toMatchObject([{ table: "t", updated: 3 }]);
  });
});
