import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { migrations, openMigrationDatabases, query, type MigrationDatabases } from "../../../test/support/migration-databases.ts";
import { applyMigrations, type Migration } from "./migrations.ts";
import { bucket, rehearse } from "./rehearse.ts";
import { publicSqlstate } from "./sqlstates.ts";

let databases: MigrationDatabases;
beforeAll(async () => {
  databases = await openMigrationDatabases();
});
afterAll(async () => {
  await databases.close();
});

const BUCKET: unknown = expect.toSatisfy((amount: number) => amount >= 10 && /^[125]0*$/.test(String(amount)));

describe("rehearse", () => {
  it("reports names, times, locks and counts of what is pending, and no value", async () => {
    const dsn = await databases.fresh("blog");
    const all = migrations(
      "blog",
      "create table a (id int primary key, secret text, old int); create table b (id int); create table c (id int);",
      "insert into a select i, 'geheim' from generate_series(1, 30) i; alter table a drop column old, alter column id type bigint;\ndelete from a; update b set id = 1 where true; truncate b; drop table b;\nwith gone as (delete from a returning id) select count(*) from gone; delete from a where id = 3; alter table a rename column secret to open; create index c_id on c (id);",
    );
    await applyMigrations(dsn, all.slice(0, 1));
    const { files, schema, retired } = await rehearse(dsn, all);
    expect(schema.added).toContainEqual(expect.stringMatching(/^column blog\.a\.open text /));
    expect(schema.removed.filter((line) => line.startsWith("relation"))).toEqual([expect.stringMatching(/^relation blog\.b r /)]);
    expect(retired).toEqual([]);
    expect(files).toEqual([
      {
        path: all[1]?.path,
        durationMs: BUCKET,
        destructive: [
          "line 1: drops the column a.old",
          "line 1: changes the type of a.id",
          "line 2: deletes every row of a",
          "line 2: rewrites every row of b",
          "line 2: empties b",
          "line 2: drops the table b",
          "line 3: deletes every row of a",
          "line 3: renames the column a.secret",
        ],
        findings: expect.arrayContaining([
          expect.objectContaining({ rule: "require-concurrent-index-creation", severity: "blocking", line: 3, table: "blog.c" }),
        ]),
        locks: [
          { table: "blog.a", mode: "AccessExclusiveLock", heldMs: BUCKET },
          { table: "blog.b", mode: "AccessExclusiveLock", heldMs: BUCKET },
          { table: "blog.c", mode: "ShareLock", heldMs: BUCKET },
        ],
        // 30 came and 30 went; the table was written anew besides.
        rows: 100,
        rewritten: ["blog.a"],
        isLate: false,
      },
    ]);
    expect((await rehearse(dsn, all)).files).toEqual([]);
  });

  it("counts rows that a cascade or a WITH reaches, and says a lock for as long as it was held", async () => {
    const dsn = await databases.fresh("blog");
    const all = migrations(
      "blog",
      "create table a (id int primary key); create table b (a int references a on delete cascade); insert into a select generate_series(1, 40); insert into b select id from a;",
      "alter table b add c int;\nselect count(*) from generate_series(1, 300000);\nwith gone as (delete from a returning id) select 1;",
    );
    await applyMigrations(dsn, all.slice(0, 1));
    const [first] = (await rehearse(dsn, all)).files;
    expect(first?.rows).toBe(100);
    const lock = first?.locks.find(({ table, mode }) => table === "blog.b" && mode === "AccessExclusiveLock");
    expect(lock?.heldMs).toBeGreaterThanOrEqual(20);
  });

  it("names what is late, and what the tree no longer has", async () => {
    const dsn = await databases.fresh("blog");
    const [first, second, third] = migrations("blog", "create table a (id int)", "alter table a add b int", "create table c (id int)") as [
      Migration,
      Migration,
      Migration,
    ];
    await applyMigrations(dsn, [first, third]);
    const { files, retired } = await rehearse(dsn, [first, second]);
    expect(files.map(({ path, isLate }) => [path, isLate])).toEqual([[second.path, true]]);
    expect(retired).toEqual([third.path]);
    expect(await applyMigrations(dsn, [first, second, third])).toEqual({ applied: [] });
  });

  it("reports an index that is built outside of a transaction as what keeps nobody waiting", async () => {
    const dsn = await databases.fresh("blog");
    const all = migrations("blog", "create table a (id int)", "-- adorable: no-transaction\ncreate index concurrently a_id on a (id);");
    await applyMigrations(dsn, all.slice(0, 1));
    const { files, schema } = await rehearse(dsn, all);
    expect(files).toEqual([expect.objectContaining({ locks: [], rows: 0, findings: [] })]);
    expect(schema.added).toEqual(["index CREATE INDEX a_id ON blog.a USING btree (id)"]);
  });
});

const SECRET = "geheim4711";

/** Each meets the row and fails on it. */
const ATTEMPTS: Record<string, string> = {
  "a unique violation": "insert into a (id, secret) values (2, (select secret from a where id = 1))",
  "a null in the failing row": "update a set id = null",
  "a check": "alter table a add check (secret = 'x')",
  "a foreign key": "create table b (secret text primary key); alter table a add foreign key (secret) references b",
  "an exclusion": "create table e (s text, exclude using btree (s with =)); insert into e select secret from a, generate_series(1, 2)",
  "a cast to a number": "select secret::int from a",
  "a changed type": "alter table a alter secret type int using secret::int",
  "a cast to a table": "select secret::regclass from a",
  "a cast to a type": "select secret::regtype from a",
  "a cast to a role": "select secret::regrole from a",
  "a cast to a function": "select secret::regproc from a",
  "a cast to an operator": "select (secret || '(int,int)')::regoperator from a",
  "a cast to a query": "select (secret || ' & & x')::tsquery from a",
  "a cast to a path": "select ('$.' || secret || ' ~')::jsonpath from a",
  "a cast to a date": "select secret::date from a",
  "a cast to JSON": "select secret::jsonb from a",
  "an enum": "create type m as enum ('x'); select secret::m from a",
  "a domain": "create domain d as text check (value = 'x'); select secret::d from a",
  "a time zone": "select timezone(secret, now()) from a",
  "a sequence": "select nextval(secret) from a",
  "a role's privilege": "select has_table_privilege(secret, 'a', 'select') from a",
  "a column's sequence": "select pg_get_serial_sequence('a', secret) from a",
  "a text search": "select to_tsvector(secret::regconfig, 'x') from a",
  "a regular expression": "select 'x' ~ ('[' || secret) from a",
  "an encoding": "select encode('x', secret) from a",
  "a number's format": "select to_number(secret, '9') / 0 from a",
  "a constant of a type with a rule": `create function f(text) returns boolean immutable language sql as $$ select (select secret from a where id = 1)::regclass is null $$;
    create domain d as text check (f(value)); create type c as (x d); select '(1)'::c`,
  "a deferred constraint": `create table b (s text primary key); create table c (s text references b deferrable initially deferred); insert into c select secret from a`,
};

/** Refused before anything runs: what they would say or name cannot be read from them. */
const REFUSED: Record<string, string> = {
  "a message": "do $$ begin raise exception '%', (select secret from a limit 1); end $$",
  "a code of its own": "do $$ begin raise exception using errcode = upper(left((select secret from a limit 1), 5)); end $$",
  "a function that raises":
    "create function f() returns void language plpgsql as $$ begin raise exception '%', (select secret from a limit 1); end $$; select f()",
  "a name made from a value": "do $$ begin execute format('create table %I ()', (select secret from a limit 1)); end $$",
  "a trigger that raises":
    "create function f() returns trigger language plpgsql as $$ begin raise exception '%', new.secret; end $$; create trigger t before update on a for each row execute function f(); update a set id = 1",
  "the bound of a partition": `create function f() returns text immutable language sql as $$ select secret from a limit 1 $$;
    create table p (s text) partition by list (s); create table q partition of p for values in (f())`,
  "a notification": "notify x, 'y'",
  "a query as text": "select query_to_xml('select secret from a', true, true, '')",
  "a file": "copy a to '/tmp/x'",
  "a wait": "select pg_sleep(length(secret)) from a",
};

describe("a row's value", () => {
  let dsn = "";
  const base = "create table a (id int primary key, secret text); insert into a values (1, 'x');";
  beforeAll(async () => {
    dsn = await databases.fresh("blog");
    await applyMigrations(dsn, migrations("blog", base));
    await query(dsn, `update blog.a set secret = '${SECRET}'; insert into blog.a values (2, 'other')`);
  });

  /** All that could be posted, stored or logged of it. */
  async function failureOf(sql: string): Promise<{ code: string; text: string }> {
    const error: unknown = await rehearse(dsn, migrations("blog", base, sql)).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    return {
      code: String((error as { code?: string }).code),
      text: inspect(error, { depth: 20, showHidden: true }) + JSON.stringify(error) + String((error as Error).stack),
    };
  }

  it.each(Object.entries(ATTEMPTS))("does not leave by %s", async (_, sql) => {
    const { code, text } = await failureOf(sql);
    expect(code).toBe("migration-failed");
    expect(text.toLowerCase()).not.toContain(SECRET);
  });

  it.each(Object.entries(REFUSED))("does not leave by %s, which is refused", async (_, sql) => {
    const { code, text } = await failureOf(sql);
    expect(code).toBe("migration-refused");
    expect(text.toLowerCase()).not.toContain(SECRET);
  });

  it("leaves no rehearsal that succeeds, and none of its ledger", async () => {
    const copy = await databases.fresh("blog");
    await applyMigrations(copy, migrations("blog", base));
    await query(copy, `update blog.a set secret = '${SECRET}'`);
    const all = migrations(
      "blog",
      base,
      "create table copy as select secret from a; create index on copy (secret); create view seen as select secret from a; alter table a add c text default 'x'; insert into a select i, secret from a, generate_series(2, 1 + length(secret)) i",
    );
    const rehearsal = await rehearse(copy, all);
    expect(JSON.stringify(rehearsal)).not.toContain(SECRET);
    // As many rows as it has letters: not to be told from others.
    expect(rehearsal.files[0]?.rows).toBe(20);
    expect(JSON.stringify(await query(copy, "select * from adorable.migrations"))).not.toContain(SECRET);
  });
});

describe("what is published", () => {
  it("is a code of PostgreSQL's own or `other`", () => {
    expect(["23505", "42P01", "GEHEI", "P4711", "00000", undefined].map(publicSqlstate)).toEqual([
      "23505",
      "42P01",
      "other",
      "other",
      "other",
      "other",
    ]);
  });

  it("is rounded up to steps that are the same for near amounts", () => {
    expect([0.1, 3, 10, 11, 20, 21, 51, 99, 101, 4000].map(bucket)).toEqual([10, 10, 10, 20, 20, 50, 100, 100, 200, 5000]);
  });
});
