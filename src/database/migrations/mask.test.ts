import { inspect } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startThrowawayPostgres, type ThrowawayPostgres } from "../../../test/support/throwaway-postgres.ts";
import { withConnection } from "./connection.ts";
import { copyRows } from "./copy-rows.ts";
import { maskRows } from "./mask.ts";
import { applyMigrations, parseMigrations } from "./migrations.ts";
import { ensureRoles } from "./roles.ts";

const PATH = "apps/shop/db/mask.sql";
const SCHEMA = `
  create type mood as enum ('sad', 'happy');
  create domain handle as text check (value <> '');
  create table people (
    id int generated always as identity primary key, name text not null, email text unique, born date, is_member boolean not null default false,
    feeling mood, tags text[], extra jsonb, photo bytea, handle handle, balance numeric(12, 2), at timestamptz, took interval, ratio float8,
    shout text generated always as (upper(name)) stored
  );
  create table visits (person int not null references people, day date not null, note text, primary key (person, day)) partition by range (day);
  create table visits_2026 partition of visits for values from ('2026-01-01') to ('2027-01-01');
  create table nodes (id int primary key, parent int references nodes, label text);
  create materialized view members as select name from people where is_member;`;

let server: ThrowawayPostgres;
let dsn: string;
let count = 0;
beforeAll(async () => {
  server = await startThrowawayPostgres();
  dsn = await shop();
});
afterAll(() => server.close());
beforeEach(() => query(dsn, "truncate shop.people, shop.visits, shop.nodes restart identity"));

async function shop(): Promise<string> {
  count += 1;
  await server.createDatabase(`shop_${count}`, {});
  const fresh = `postgres://adorable@${server.host}:${server.port}/shop_${count}`;
  await ensureRoles(fresh, { slug: "shop" });
  await applyMigrations(fresh, parseMigrations([{ app: "shop", path: "apps/shop/db/migrations/20260101000000_shop.sql", sql: SCHEMA }]));
  return fresh;
}

async function query<Row = Record<string, unknown>>(database: string, sql: string): Promise<Row[]> {
  return withConnection(database, async (client) => (await client.query(sql)).rows as Row[]);
}

const KEEP =
  "-- keep visits, nodes, people.feeling, people.tags, people.extra, people.photo, people.handle, people.balance, people.at, people.took, people.ratio\n";
const mask = (sql: string): Promise<void> => maskRows(dsn, { app: "shop", path: PATH, sql });

describe("a mask", () => {
  it("overwrites rows as the app's migrator", async () => {
    await query(dsn, "insert into shop.people (name, email, born) values ('Ada', 'ada@example.org', '1815-12-10')");

    await mask(`${KEEP}update people set name = current_user || id, email = null, born = null;`);

    expect(await query(dsn, "select name, email, born, shout from shop.people")).toEqual([
      { name: "migrator_shop1", email: null, born: null, shout: "MIGRATOR_SHOP1" },
    ]);
  });

  it("reaches rows that a policy hides from their owner, and leaves the migrator no power over policies", async () => {
    const own = await shop();
    await query(
      own,
      "insert into shop.people (name, email) values ('Ada', 'ada@example.org'); alter table shop.people enable row level security, force row level security; create policy none on shop.people using (name = 'nobody')",
    );
    const powers = (): Promise<unknown> => query(own, "select rolname from pg_roles where rolbypassrls and rolname like 'migrator%'");

    await maskRows(own, { app: "shop", path: PATH, sql: `${KEEP}update people set name = 'x', email = null, born = null;` });

    expect(await query(own, "select name, email from shop.people")).toEqual([{ name: "x", email: null }]);
    expect(await powers()).toEqual([]);
    await expect(
      maskRows(own, { app: "shop", path: PATH, sql: `${KEEP}update people set name = null, email = null, born = null;` }),
    ).rejects.toMatchObject({ code: "mask-failed" });
    expect(await powers()).toEqual([]);
  });

  it("that says nothing of a column is refused with the column's name, but for keys, booleans and what is computed", async () => {
    await expect(mask("update people set name = 'x', email = null;\n-- keep: people.born, nodes.label")).rejects.toMatchObject({
      code: "mask-incomplete",
      remedy: "author",
      details: {
        columns: ["at", "balance", "extra", "feeling", "handle", "photo", "ratio", "tags", "took"]
          .map((name) => `people.${name}`)
          .concat("visits.day", "visits.note"),
      },
    });
    await mask("truncate people, visits;\ndelete from nodes;");
  });

  it("is not complete by a comment that looks like one, or by deleting some rows", async () => {
    const sql = `${KEEP.replace(", nodes", "")}update people set name = 'x', email = null, born = null; delete from nodes where id > 5;`;
    await expect(mask(`${sql} select '-- keep nodes';`)).rejects.toMatchObject({ code: "mask-refused" });
    await expect(mask(`${sql}\n-- please keep nodes`)).rejects.toMatchObject({
      code: "mask-incomplete",
      details: { columns: ["nodes.label"] },
    });
  });

  it("changes rows and nothing else", async () => {
    for (const sql of ["alter table people drop column email;", "create table other (id int);", "select 1;"])
      await expect(mask(`\n${sql}`)).rejects.toMatchObject({ code: "mask-refused", message: expect.stringContaining("line 2") as string });
    await expect(mask("set role adorable;")).rejects.toMatchObject({ code: "migration-refused" });
    await expect(mask("update pepole set name = 1 where;")).rejects.toMatchObject({ code: "migration-syntax" });
    await expect(mask("-- keep people.*")).rejects.toMatchObject({ code: "mask-refused" });
  });

  it("that fails keeps nothing of itself, and tells no value of a row", async () => {
    await query(dsn, "insert into shop.people (name, email) values ('hunter2', 'a@example.org'), ('b', 'b@example.org')");
    for (const [sql, code] of [
      ["update people set born = null, email = 'same';", "mask-failed"],
      ["update people set born = null, email = null; update people set name = (name::int)::text;", "mask-failed"],
      ["update people set born = null, email = null; update shop.gone set name = 'x';", "mask-failed"],
    ] as const) {
      const error = await mask(`${KEEP}-- keep people.name, people.email\n${sql}`).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code, remedy: "author", message: expect.stringContaining("line 3") as string });
      expect(JSON.stringify(error)).not.toMatch(/hunter2|example\.org/);
    }
    expect(await query(dsn, "select count(*)::int as n from shop.people where email like '%@example.org'")).toEqual([{ n: 2 }]);
  });

  it("that takes too long is ended", async () => {
    const sql = `${KEEP}-- keep people.name, people.email, people.born\nupdate nodes set label = (select count(*) from generate_series(1, 500000000))::text;`;
    await query(dsn, "insert into shop.nodes values (1, null, 'a')");
    await expect(maskRows(dsn, { app: "shop", path: PATH, sql }, { statementTimeoutMs: 100 })).rejects.toMatchObject({
      code: "mask-too-slow",
      message: expect.stringContaining("line 3") as string,
    });
  });
});

describe("rows that are copied", () => {
  it("are the very same values, with where sequences stand and what views hold, in place of whatever was there", async () => {
    await query(
      dsn,
      `insert into shop.people (name, email, born, is_member, feeling, tags, extra, photo, handle, balance, at, took, ratio) values
        ('Ada "L"', E'a\\nb\\\\c,{}', '0044-03-15 BC', true, 'happy', '{"a,b",NULL,"{}"}', '{"k": [1, null, "ü"]}', '\\x00ff10', 'ada', 12.50, 'infinity', '1 year -2 days 03:04:05.678', 'NaN'),
        ('', null, null, false, null, '{}', null, '', null, null, '2026-03-01 10:00:00.123456+05:30', null, 0.1::float8 + 0.2);
       insert into shop.people (name) select 'n' || n from generate_series(1, 1200) n; delete from shop.people where name = 'n7';
       insert into shop.visits values (1, '2026-05-01', 'came'); insert into shop.nodes values (1, 2, 'a'), (2, 1, 'b');
       refresh materialized view shop.members;`,
    );
    const to = await shop();
    await query(to, "insert into shop.people (name) values ('of the migrations'); insert into shop.nodes values (9, null, 'of them too')");

    expect(await copyRows(dsn, to, ["shop"])).toBe(1204);

    for (const table of ["people", "visits", "visits_2026", "nodes", "members"]) {
      const all = `select t::text as row from shop.${table} t order by 1`;
      expect(await query(to, all), table).toEqual(await query(dsn, all));
    }
    expect(await query(to, "insert into shop.people (name) values ('next') returning id")).toEqual([{ id: 1203 }]);
  });

  it("that a constraint no longer takes are told of by their table alone, and none is there", async () => {
    const [from, to] = [await shop(), await shop()];
    await query(from, "insert into shop.nodes values (1, null, 'fine'), (2, null, 'hunter2')");
    for (const one of [from, to]) await query(one, "alter table shop.nodes add constraint short check (length(label) < 5) not valid");

    const error = await copyRows(from, to, ["shop"]).catch((thrown: unknown) => thrown);

    expect(error).toMatchObject({
      code: "mask-copy-failed",
      remedy: "author",
      message: 'The rows of "shop.nodes" cannot be copied for a preview: 23514: check violation.',
      hint: expect.stringContaining("validate the constraint") as string,
      details: { name: "shop.nodes", sqlstate: "23514" },
    });
    expect((error as Error).cause).toBeUndefined();
    expect(inspect(error)).not.toContain("hunter2");
    expect(await query(to, "select * from shop.nodes")).toEqual([]);
  });
});
