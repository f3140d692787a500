import { describe, expect, it } from "vitest";
import { checkMigration, readStatements } from "./statements.ts";

describe("checkMigration", () => {
  it.each([
    "commit",
    "begin",
    "savepoint a",
    "reset role",
    "set role adorable",
    "set session authorization adorable",
    "set search_path = public",
    "select set_config('role', 'adorable', false)",
    `select pg_catalog."set_config"('role', 'adorable', false)`,
    "update pg_settings set setting = 'adorable' where name = 'role'",
    "with x as (select set_config('role', 'adorable', true)) select * from x",
    "create table x (y text default set_config('role', 'adorable', true))",
    "select query_to_xml('select 1', true, true, '')",
    "select pg_advisory_unlock_all()",
    "copy a from program 'id'",
    "copy a to '/tmp/x'",
    "create extension dblink",
    "create extension pg_trgm with schema app",
    "create extension pg_trgm cascade",
    "alter system set fsync = off",
    "create role x superuser",
    "alter role app_blog superuser",
    "grant adorable to app_blog",
    "grant all on a to public",
    "alter default privileges grant all on tables to public",
    "do $$ begin execute 'reset role'; end $$",
    "create function f() returns void language plpgsql as $$ begin execute 'reset role'; end $$",
    "create function f() returns void as 'reset role; select 1' language sql",
    "create function f() returns int language sql security definer as 'select 1'",
    "create function f() returns int language sql set role = adorable as 'select 1'",
    "create function f() returns text language sql return set_config('role', 'adorable', true)",
    "create function f() returns void language sql begin atomic set role adorable; end",
    "create function f() returns void language sql as $$ create function g() returns int language sql as 'select 1' $$",
    "create function f() returns int language internal as 'set_config_by_name'",
    "create operator + (leftarg = text, rightarg = text, function = set_config)",
    "create aggregate x (text) (sfunc = set_config, stype = text)",
    "create cast (text as int) with function set_config(text, text, boolean)",
    "create event trigger x on ddl_command_start execute function f()",
    "create schema x",
    "drop schema blog cascade",
    "alter schema blog rename to x",
    "alter table a owner to adorable",
    "alter table a set schema public",
    "create index concurrently x on a (id)",
    "create unlogged table x (id int)",
    "alter table a set unlogged",
    "vacuum a",
    "vacuum full a",
    "cluster a using b",
    "drop owned by app_blog",
    "explain analyze select 1",
    "notify x",
    "create table x partition of a for values from (f()) to (9)",
    "alter table a attach partition x for values from (f()) to (9)",
    "security label on table a is 'x'",
    "create subscription x connection 'host=x' publication y",
    "create server x foreign data wrapper y",
    "create rule x as on select to a do instead select 1",
  ])("refuses %s", async (sql) => {
    const refused = { code: "migration-refused", remedy: "author", details: { path: "m.sql", line: 2 } };
    await expect(checkMigration("m.sql", `create table fine (id int);\n${sql};`)).rejects.toMatchObject(refused);
  });

  it.each([
    ["drop schema blog", "with everything in it; drop or rename single tables"],
    ["vacuum full a", "while nobody can read or write"],
  ])("says of %s what would be lost", async (sql, said) => {
    await expect(checkMigration("m.sql", sql)).rejects.toMatchObject({ message: expect.stringContaining(said) as string });
  });

  it("says where the syntax is wrong", async () => {
    const wrong = { code: "migration-syntax", message: '"m.sql", line 3: syntax error at or near "selectt".', details: { line: 3 } };
    await expect(checkMigration("m.sql", "select 1;\n-- ä\nselectt 2")).rejects.toMatchObject(wrong);
  });
});

describe("readStatements", () => {
  it("cuts a file into its statements, with the line of each, beside comments, quotes and other alphabets", async () => {
    const statements = await readStatements("m.sql", "-- ünï; c\n\nselect ';ä';\n/* x; */ select $$;\n$$\n;;\n  select 3");
    expect(statements.map(({ sql, line }) => [sql, line])).toEqual([
      ["select ';ä'", 3],
      ["select $$;\n$$", 4],
      ["select 3", 7],
    ]);
    for (const text of ["", "  \n", "-- nothing", ";"]) expect(await readStatements("m.sql", text)).toEqual([]);
  });

  it("reads comments as PostgreSQL does, so that nothing hides in one that is sent", async () => {
    const nested = "/* /* */ reset role; create role evil superuser; -- */\nselect 1";
    const carriage = '--\rselect 1 as "\nreset role; --"';
    const read = async (text: string) => (await readStatements("m.sql", text)).map(({ sql, line }) => [sql, line]);
    expect(await read(nested)).toEqual([["select 1", 2]]);
    expect(await read(carriage)).toEqual([['select 1 as "\nreset role; --"', 1]]);
    expect(await read("select 1; /* a /* b */ c */ -- d\r\n/**/select/* e */ 2 -- f")).toEqual([
      ["select 1", 1],
      ["select/* e */ 2 -- f", 2],
    ]);
  });
});
