import { afterAll, beforeAll, describe, expect, it } from "vitest";
import pg from "pg";
import { file, migrations, openMigrationDatabases, query, type MigrationDatabases } from "../../../test/support/migration-databases.ts";
import { migratorRole } from "../../core/names.ts";
import { applyMigrations, appliedMigrations, parseMigrations } from "./migrations.ts";

let databases: MigrationDatabases;
beforeAll(async () => {
  databases = await openMigrationDatabases();
});
afterAll(async () => {
  await databases.close();
});

const TABLE = "create table a (id int, b int); insert into a select i, i % 3 from generate_series(1, 300) i;";
const alone = (sql: string): string => `-- adorable: no-transaction\n${sql};\n`;

async function indexes(dsn: string): Promise<Record<string, boolean>> {
  const rows = await query<{ name: string; valid: boolean }>(
    dsn,
    "select c.relname as name, indisvalid as valid from pg_index i join pg_class c on c.oid = indexrelid where relnamespace = 'blog'::regnamespace order by 1",
  );
  return Object.fromEntries(rows.map(({ name, valid }) => [name, valid]));
}

/** What a run leaves that ends while it waits for somebody to let go of the table. */
async function interrupt(dsn: string, all: ReturnType<typeof migrations>): Promise<void> {
  const blocker = new pg.Client({ connectionString: dsn });
  await blocker.connect();
  await blocker.query("begin; update blog.a set b = 0 where id = 1");
  const cut = expect(applyMigrations(dsn, all, { lockTimeoutMs: 30_000 })).rejects.toMatchObject({ code: "migration-interrupted" });
  await expect
    .poll(async () => (await query(dsn, "select pg_terminate_backend(pid) from pg_locks where not granted")).length, {
      interval: 20,
      timeout: 15_000,
    })
    .toBe(1);
  await cut;
  await blocker.end();
}

describe("a migration outside of a transaction", () => {
  it("builds, drops and rebuilds an index as the app's migrator, and is recorded", async () => {
    const dsn = await databases.fresh("blog");
    const all = migrations(
      "blog",
      TABLE,
      alone("create index concurrently a_b on a (b)"),
      alone("create unique index concurrently if not exists a_id on a (id)"),
      alone("reindex index concurrently a_b"),
      alone("drop index concurrently a_b"),
      "alter table a add constraint a_id_key unique using index a_id",
    );
    expect((await applyMigrations(dsn, all)).applied).toHaveLength(6);
    expect(await indexes(dsn)).toEqual({ a_id_key: true });
    expect(
      await query(
        dsn,
        "select distinct indexdef, pg_get_userbyid(relowner) as owner from pg_indexes, pg_class where relname = indexname and schemaname = 'blog'",
      ),
    ).toEqual([{ indexdef: "CREATE UNIQUE INDEX a_id_key ON blog.a USING btree (id)", owner: migratorRole("blog") }]);
    expect(await applyMigrations(dsn, all)).toEqual({ applied: [] });
    expect(await query(dsn, "select from adorable.begun_migrations")).toEqual([]);
  });

  it("drops what an interrupted run left, and builds it again", async () => {
    const dsn = await databases.fresh("blog");
    const all = migrations("blog", TABLE, alone("create index concurrently a_b on a (b)"));
    await applyMigrations(dsn, all.slice(0, 1));
    await interrupt(dsn, all);
    expect(await indexes(dsn)).toEqual({ a_b: false });
    expect((await applyMigrations(dsn, all)).applied).toEqual([all[1]?.path]);
    expect(await indexes(dsn)).toEqual({ a_b: true });
  });

  it("that was edited after an interrupted run leaves nothing of what it was", async () => {
    const dsn = await databases.fresh("blog");
    const before = migrations("blog", TABLE, alone("create index concurrently a_b on a (b)"));
    await applyMigrations(dsn, before.slice(0, 1));
    await interrupt(dsn, before);
    await applyMigrations(dsn, migrations("blog", TABLE, alone("create index concurrently a_both on a (id, b)")));
    expect(await indexes(dsn)).toEqual({ a_both: true });
  });

  it("ends soon while somebody keeps the table, whose index is dropped by the next attempt", async () => {
    const dsn = await databases.fresh("blog");
    const all = migrations("blog", TABLE, alone("create index concurrently a_b on a (b)"));
    await applyMigrations(dsn, all.slice(0, 1));
    const blocker = new pg.Client({ connectionString: dsn });
    await blocker.connect();
    await blocker.query("begin; update blog.a set b = 0 where id = 1");
    const limits = { lockTimeoutMs: 100, statementTimeoutMs: 300, lockAttempts: 1 };
    for (const _ of [1, 2]) {
      await expect(applyMigrations(dsn, all, limits)).rejects.toMatchObject({ code: "migration-locked-out", remedy: "wait" });
      expect(await indexes(dsn)).toEqual({ a_b: false });
    }
    await blocker.end();
    await applyMigrations(dsn, all);
    expect(await indexes(dsn)).toEqual({ a_b: true });
  });

  it("counts an index that is whole as built, where only its record is missing", async () => {
    const dsn = await databases.fresh("blog");
    const all = migrations("blog", TABLE, alone("create index concurrently a_b on a (b)"), alone("drop index concurrently a_b"));
    await applyMigrations(dsn, all.slice(0, 2));
    for (const [index, left] of [
      [1, { a_b: true }],
      [2, {}],
    ] as const) {
      await applyMigrations(dsn, all.slice(0, index + 1));
      await query(
        dsn,
        `with gone as (delete from adorable.migrations where id = '${all[index]?.id}' returning *)
         insert into adorable.begun_migrations select app, id, checksum, case when id like '%1' then 'a_b' end from gone`,
      );
      expect((await applyMigrations(dsn, all.slice(0, index + 1))).applied).toEqual([all[index]?.path]);
      expect(await indexes(dsn)).toEqual(left);
    }
  });

  it("leaves nothing when it fails, and never takes over an index that was there before", async () => {
    const dsn = await databases.fresh("blog");
    const table = migrations("blog", `${TABLE} create index there on a (id);`);
    await applyMigrations(dsn, table);
    const then = (sql: string) => migrations("blog", `${TABLE} create index there on a (id);`, alone(sql));
    const twice = applyMigrations(dsn, then("create unique index concurrently a_b on a (b)"));
    await expect(twice).rejects.toMatchObject({ code: "migration-failed", details: { line: 2, sqlstate: "23505" } });
    await expect(applyMigrations(dsn, then("create index concurrently there on a (b)"))).rejects.toMatchObject({
      message: expect.stringContaining('42P07: relation "there" already exists'),
    });
    await expect(applyMigrations(dsn, then("drop index concurrently nowhere"))).rejects.toMatchObject({ details: { sqlstate: "42704" } });
    expect(await indexes(dsn)).toEqual({ there: true });
    expect(await query(dsn, "select from adorable.begun_migrations")).toEqual([]);
    expect(await appliedMigrations(dsn)).toHaveLength(1);
  });
});

describe("a run of migrations", () => {
  it("is one, however many begin at once", async () => {
    const dsn = await databases.fresh("blog");
    const all = migrations(
      "blog",
      TABLE,
      "insert into a values (1000)",
      alone("create index concurrently a_b on a (b)"),
      "insert into a values (1001)",
    );
    const runs = await Promise.all(Array.from({ length: 20 }, () => applyMigrations(dsn, all)));
    expect(runs.flatMap(({ applied }) => applied)).toEqual(all.map(({ path }) => path));
    expect(await query(dsn, "select count(*)::int as n from blog.a")).toEqual([{ n: 302 }]);
    expect(await indexes(dsn)).toEqual({ a_b: true });
  });

  it("tries again while somebody else has the table, and lets those behind it go on meanwhile", async () => {
    const dsn = await databases.fresh("blog");
    const all = migrations("blog", TABLE, "alter table a add c int");
    await applyMigrations(dsn, all.slice(0, 1));
    const blocker = new pg.Client({ connectionString: dsn });
    await blocker.connect();
    await blocker.query("begin; select * from blog.a limit 1");
    const run = applyMigrations(dsn, all, { lockTimeoutMs: 100, lockAttempts: 10 });
    const waits = () => query(dsn, "select from pg_locks where not granted and mode = 'AccessExclusiveLock'");
    await expect.poll(async () => (await waits()).length, { interval: 10, timeout: 15_000 }).toBe(1);
    await expect.poll(async () => (await waits()).length, { interval: 10, timeout: 15_000 }).toBe(0);
    expect(await query(dsn, "select count(*)::int as n from blog.a")).toEqual([{ n: 300 }]);
    await blocker.end();
    expect((await run).applied).toEqual([all[1]?.path]);
  });

  it("says which line of an applied file was changed, and what to do", async () => {
    const dsn = await databases.fresh("blog");
    await applyMigrations(dsn, migrations("blog", "create table a (\n  id int\n);"));
    const edited = applyMigrations(dsn, migrations("blog", "create table a (\n  id bigint\n);"));
    await expect(edited).rejects.toMatchObject({
      code: "migration-changed",
      remedy: "author",
      message: '"apps/blog/db/migrations/20260101000000_step.sql", line 2, was changed after it was applied.',
      hint: expect.stringContaining("a migration of its own"),
      details: { line: 2 },
    });
    const longer = applyMigrations(dsn, migrations("blog", "create table a (\n  id int\n);\nselect 1;"));
    await expect(longer).rejects.toMatchObject({ details: { line: 4 } });
    const other = parseMigrations([file("blog", "20260101000000", "create table b (id int)", "other")]);
    await expect(applyMigrations(dsn, other)).rejects.toMatchObject({
      code: "migration-changed",
      message: expect.stringContaining('has the id of "20260101000000_step.sql"'),
    });
  });

  it("goes on from a ledger that kept no text", async () => {
    const dsn = await databases.fresh("blog");
    await applyMigrations(dsn, migrations("blog", "create table a (id int)"));
    await query(dsn, "alter table adorable.migrations drop column sql; drop table adorable.begun_migrations");
    await expect(applyMigrations(dsn, migrations("blog", "create table b (id int)"))).rejects.toMatchObject({
      message: '"apps/blog/db/migrations/20260101000000_step.sql" was changed after it was applied.',
    });
    expect((await applyMigrations(dsn, migrations("blog", "create table a (id int)", "select 1"))).applied).toHaveLength(1);
  });
});
