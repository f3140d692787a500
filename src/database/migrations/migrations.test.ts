import { afterAll, beforeAll, describe, expect, it } from "vitest";
import pg from "pg";
import { file, migrations, openMigrationDatabases, query, type MigrationDatabases } from "../../../test/support/migration-databases.ts";
import { appRole, migratorRole } from "../../core/names.ts";
import { slugSchema } from "../../core/spec.ts";
import { EXTENSION_SCHEMA } from "./extensions.ts";
import { appliedMigrations, applyMigrations, ledgerHash, parseMigrations, pendingMigrations } from "./migrations.ts";
import { ensureRoles } from "./roles.ts";
import { requiredColumnsAddedBetween, schemaHash } from "./schema.ts";

let databases: MigrationDatabases;
beforeAll(async () => {
  databases = await openMigrationDatabases();
});
afterAll(async () => {
  await databases.close();
});

function as(dsn: string, role: string): string {
  return dsn.replace("adorable@", `${role}@`);
}

describe("parseMigrations", () => {
  it("orders by id over all apps", () => {
    const parsed = parseMigrations([
      file("shop", "20260102000000", "b"),
      file("blog", "20260101000000", "a"),
      file("blog", "20260102000000", "c"),
    ]);
    expect(parsed.map(({ app, id }) => `${app} ${id}`)).toEqual(["blog 20260101000000", "blog 20260102000000", "shop 20260102000000"]);
  });

  it.each([
    ["apps/blog/db/migrations/1_a.sql", "migration-name"],
    ["apps/blog/db/migrations/20261301000000_a.sql", "migration-name"],
    ["apps/shop/db/migrations/20260101000000_a.sql", "migration-name"],
    ["apps/blog/db/20260101000000_a.sql", "migration-name"],
  ])("refuses %s", (path, code) => {
    expect(() => parseMigrations([{ app: "blog", path, sql: "" }])).toThrow(expect.objectContaining({ code, remedy: "author" }));
  });

  it("refuses an id that stands twice in an app", () => {
    const files = [file("blog", "20260101000000", "", "a"), file("blog", "20260101000000", "", "b")];
    expect(() => parseMigrations(files)).toThrow(expect.objectContaining({ code: "migration-duplicate" }));
  });
});

describe("ensureRoles", () => {
  it("may be repeated and run twice at once", async () => {
    const dsn = await databases.fresh();
    await Promise.all([ensureRoles(dsn, { slug: "my-blog" }), ensureRoles(dsn, { slug: "my-blog" }), ensureRoles(dsn, { slug: "shop" })]);
    await ensureRoles(dsn, { slug: "my-blog" });
    expect(await query(dsn, "select nspname from pg_namespace where nspname in ('my_blog', 'shop') order by 1")).toEqual([
      { nspname: "my_blog" },
      { nspname: "shop" },
    ]);
  });

  it("lets an app be called whatever its slug may be but for PostgreSQL's names, and takes no app for the platform", async () => {
    const dsn = await databases.fresh("extensions");
    const before = await schemaHash(dsn);
    await applyMigrations(dsn, migrations("extensions", "create extension citext; create table a (name citext default 'NEW')"));
    expect(await schemaHash(dsn)).not.toBe(before);
    expect(await query(dsn, "select extnamespace::regnamespace::text as at from pg_extension where extname = 'citext'")).toEqual([
      { at: EXTENSION_SCHEMA },
    ]);
    for (const slug of ["public", "pg-x", "information-schema", "adorable"])
      await expect(ensureRoles(dsn, { slug })).rejects.toMatchObject({ code: "app-name-reserved" });
    expect(slugSchema.safeParse(EXTENSION_SCHEMA).success).toBe(false);
    expect(EXTENSION_SCHEMA).not.toMatch(/^[a-z]/);
  });

  it("lets an app read and write its rows, and define, see or record nothing else", async () => {
    const dsn = await databases.fresh("blog", "shop");
    await applyMigrations(dsn, [
      ...migrations("blog", "create table post (id bigint generated always as identity primary key, title text not null);"),
      ...migrations("shop", "create table item (id int)"),
    ]);
    const app = as(dsn, appRole("blog"));
    expect(await query(app, "insert into post (title) values ('a') returning title")).toEqual([{ title: "a" }]);
    expect(await query(app, "update post set title = 'b' returning title")).toEqual([{ title: "b" }]);
    for (const sql of [
      "create table x (id int)",
      "create table public.x (id int)",
      "drop table post",
      "alter table post add x int",
      "truncate post",
      "select * from shop.item",
      "select * from adorable.migrations",
      "create temp table x (id int)",
      "create schema x",
      `set role ${migratorRole("blog")}`,
    ]) {
      await expect(query(app, sql), sql).rejects.toMatchObject({ code: expect.stringMatching(/^(42501|3F000)$/) });
    }
    await expect(query(as(dsn, migratorRole("blog")), "select 1")).rejects.toMatchObject({ code: "28000" });
  });

  it.each(["public", "adorable", "information-schema", "pg-x"])("gives no app the name %s", async (slug) => {
    await expect(ensureRoles("postgres://nowhere", { slug })).rejects.toMatchObject({ code: "app-name-reserved" });
  });
});

describe("applyMigrations", () => {
  it("applies each once, as the app's migrator, and records it with its checksum", async () => {
    const dsn = await databases.fresh("blog");
    const all = migrations(
      "blog",
      "create table a (id int primary key);",
      "insert into a values (1), (2); create view b as select * from a;",
    );
    expect(await applyMigrations(dsn, all.slice(0, 1))).toEqual({ applied: [all[0]?.path] });
    expect((await pendingMigrations(dsn, all)).map(({ path }) => path)).toEqual([all[1]?.path]);
    const [one, two] = await Promise.all([applyMigrations(dsn, all), applyMigrations(dsn, all)]);
    expect([...one.applied, ...two.applied]).toEqual([all[1]?.path]);
    expect(await query(dsn, "select tableowner from pg_tables where schemaname = 'blog'")).toEqual([{ tableowner: migratorRole("blog") }]);
    expect((await appliedMigrations(dsn)).map(({ checksum }) => checksum)).toEqual(all.map(({ checksum }) => checksum));
    expect(await query(dsn, "select count(*)::int from blog.b")).toEqual([{ count: 2 }]);
  });

  it("keeps nothing of a migration that fails, and names file, line and SQLSTATE without a value", async () => {
    const dsn = await databases.fresh("blog");
    const all = migrations(
      "blog",
      "create table a (id int primary key, secret text);\ninsert into a values (1, 'tränen');",
      "-- öä\ninsert into a values (2, 'x');\n\ninsert into a values (1, 'geheim');",
    );
    const failure = applyMigrations(dsn, all);
    await expect(failure).rejects.toMatchObject({
      code: "migration-failed",
      remedy: "author",
      details: { path: all[1]?.path, line: 4, sqlstate: "23505", constraint: "a_pkey" },
    });
    await expect(failure).rejects.toMatchObject({ message: expect.not.stringMatching(/geheim|\(1\)/) });
    expect(await query(dsn, "select id from blog.a")).toEqual([{ id: 1 }]);
    expect(await appliedMigrations(dsn)).toHaveLength(1);
    const typo = applyMigrations(dsn, [
      ...all.slice(0, 1),
      ...migrations("blog", "", "select 1;\n/* é */ select\n  nothing\nfrom a").slice(1),
    ]);
    await expect(typo).rejects.toMatchObject({
      message: expect.stringMatching(/line 3 failed with 42703: column "nothing" does not exist/),
    });
  });

  it("fails a deferred constraint inside the migration, not at the commit", async () => {
    const dsn = await databases.fresh("blog");
    const all = migrations(
      "blog",
      "create table a (id int primary key, b int references a deferrable initially deferred); insert into a values (1, 7);",
    );
    await expect(applyMigrations(dsn, all)).rejects.toMatchObject({ details: { sqlstate: "23503" } });
    expect(await appliedMigrations(dsn)).toEqual([]);
  });

  it("refuses an applied migration that changed, and tolerates one whose file is gone", async () => {
    const dsn = await databases.fresh("blog");
    await applyMigrations(dsn, migrations("blog", "create table a (id int)", "create table b (id int)"));
    const before = await ledgerHash(dsn);
    await expect(applyMigrations(dsn, migrations("blog", "create table a (id bigint)"))).rejects.toMatchObject({
      code: "migration-changed",
    });
    expect(await applyMigrations(dsn, migrations("blog", "create table a (id int)"))).toEqual({ applied: [] });
    expect(await ledgerHash(dsn)).toBe(before);
  });

  it("allows a late id, and gives up waiting for a lock that a session holds", async () => {
    const dsn = await databases.fresh("blog");
    await applyMigrations(dsn, parseMigrations([file("blog", "20260301000000", "create table a (id int)")]));
    const blocker = new pg.Client({ connectionString: dsn });
    await blocker.connect();
    await blocker.query("begin; select * from blog.a");
    const late = parseMigrations([
      file("blog", "20260201000000", "alter table a add b int"),
      file("blog", "20260301000000", "create table a (id int)"),
    ]);
    await expect(applyMigrations(dsn, late, { lockTimeoutMs: 100, lockAttempts: 2 })).rejects.toMatchObject({
      code: "migration-locked-out",
      remedy: "wait",
    });
    await blocker.end();
    expect((await applyMigrations(dsn, late)).applied).toHaveLength(1);
  });

  it("blames nobody for a migration whose connection was cut, and applies it at the next try", async () => {
    const dsn = await databases.fresh("blog");
    const all = migrations("blog", "create table a (id int)", "insert into a values (1); alter table a add b int");
    await applyMigrations(dsn, all.slice(0, 1));
    const blocker = new pg.Client({ connectionString: dsn });
    await blocker.connect();
    await blocker.query("begin; lock table blog.a in share mode");
    const cut = expect(applyMigrations(dsn, all)).rejects.toMatchObject({
      code: "migration-interrupted",
      remedy: "wait",
      details: { line: 1 },
    });
    await expect
      .poll(
        async () => (await query(dsn, "select pg_terminate_backend(pid) from pg_locks where not granted and relation is not null")).length,
      )
      .toBe(1);
    await cut;
    await blocker.end();
    expect((await applyMigrations(dsn, all)).applied).toEqual([all[1]?.path]);
  });

  it("ends a statement that takes too long, and refuses to work for an app without a schema", async () => {
    const dsn = await databases.fresh("blog");
    const slow = migrations("blog", "select count(*) from generate_series(1, 1000000000)");
    await expect(applyMigrations(dsn, slow, { statementTimeoutMs: 100 })).rejects.toMatchObject({
      code: "migration-too-slow",
      remedy: "author",
    });
    await expect(applyMigrations(dsn, migrations("shop", "select 1"))).rejects.toMatchObject({ code: "app-not-prepared" });
  });

  it("applies nothing when a later one of the pending is refused", async () => {
    const dsn = await databases.fresh("blog");
    const refused = applyMigrations(
      dsn,
      migrations("blog", "create table a (id int)", "create table b (id int);\nreset role; create role x superuser"),
    );
    await expect(refused).rejects.toMatchObject({ code: "migration-refused", remedy: "author", details: { line: 2 } });
    expect(await appliedMigrations(dsn)).toEqual([]);
    expect(await query(dsn, "select from pg_tables where schemaname = 'blog'")).toEqual([]);
  });

  it("allows what an ordinary schema needs", async () => {
    const dsn = await databases.fresh("blog");
    const sql = `
      create type mood as enum ('good', 'bad'); create domain name as text check (length(value) < 80);
      create table person (id uuid primary key default gen_random_uuid(), name name not null, mood mood, born date, search tsvector generated always as (to_tsvector('simple', name::text)) stored);
      create table post (id bigint generated by default as identity primary key, person uuid references person on delete cascade, body jsonb not null default '{}', created timestamptz default now());
      create unique index on person (lower(name)); create index on person using gin (search);
      create function person_posts(p uuid) returns bigint language sql stable as $$ select count(*) from post where person = p $$;
      create view busy as select p.id, person_posts(p.id) as posts from person p;
      alter table post enable row level security; create policy everyone on post using (true);
      comment on table post is 'what people wrote';
      insert into person (name) values ('Ann') on conflict do nothing; update person set mood = 'good' where name = 'Ann';
      merge into post using (select id from person) as p on post.person = p.id when not matched then insert (person) values (p.id);
      create sequence counter; select nextval('counter'); alter table person rename column born to birthday; drop view busy;`;
    await applyMigrations(dsn, migrations("blog", sql));
    expect(
      await query(
        as(dsn, appRole("blog")),
        "select mood, (select count(*)::int from post) as posts, nextval('counter')::int as next from person",
      ),
    ).toEqual([{ mood: "good", posts: 1, next: 2 }]);
  });
});

describe("schemaHash", () => {
  it("is equal for equal schemas however they came about, and changes with every part of a schema", async () => {
    const [one, two] = [await databases.fresh("blog"), await databases.fresh("blog")];
    await applyMigrations(one, migrations("blog", "create table a (id int primary key, b text default 'x')"));
    await applyMigrations(
      two,
      migrations(
        "blog",
        "create table a (c int, b text)",
        "insert into a values (1, 'row'); alter table a drop column c; delete from a where true; alter table a add id int primary key; alter table a alter b set default 'x'",
      ),
    );
    expect(await schemaHash(two)).toBe(await schemaHash(one));
    const hashes = new Set([await schemaHash(one)]);
    const changes = [
      "alter table a alter b set not null",
      "create index on a (b)",
      "create view v as select 1 as x",
      "create sequence s",
      "create function f() returns int language sql as 'select 1'",
      "create type e as enum ('a')",
      "alter table a enable row level security",
      "create policy p on a using (true)",
    ];
    for (const [index, sql] of changes.entries()) {
      await applyMigrations(one, parseMigrations([file("blog", `202602010000${String(index).padStart(2, "0")}`, sql)]));
      hashes.add(await schemaHash(one));
    }
    expect(hashes.size).toBe(changes.length + 1);
  });

  it("names the columns that older code would leave empty", async () => {
    const [before, after] = [await databases.fresh("blog"), await databases.fresh("blog")];
    await applyMigrations(before, migrations("blog", "create table a (id int)"));
    await applyMigrations(
      after,
      migrations(
        "blog",
        "create table a (id int)",
        "alter table a add must text not null, add may text, add has text not null default ''; create table b (x int not null)",
      ),
    );
    expect(await requiredColumnsAddedBetween(before, after)).toEqual(["blog.a.must"]);
  });
});
