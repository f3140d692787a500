/** What the migrator of an app can reach, by migrations and (if somebody could) by a login; and what runs of it when the administrator looks. */
import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { appRole, migratorRole } from "../../src/core/names.ts";
import { ADMIN_ROLE } from "../../src/database/database.ts";
import { compareTimelines } from "../../src/database/migrations/compare.ts";
import { copyRows } from "../../src/database/migrations/copy-rows.ts";
import { EXTENSIONS } from "../../src/database/migrations/extensions.ts";
import { applyMigrations } from "../../src/database/migrations/migrations.ts";
import { ensureRoles } from "../../src/database/migrations/roles.ts";
import { schemaHash } from "../../src/database/migrations/schema.ts";
import { proof } from "./role-attempts.ts";
import { migration, REFUSED, type RolesPlace } from "./roles-place.ts";

const BLOG = appRole("blog");
const MIGRATOR = migratorRole("blog");

/** `place` is filled before the first test. */
export function describeMigrators(place: RolesPlace): void {
  describe("a migrator's role", () => {
    test("is nobody's to log in with, not even with its password", async () => {
      await expect(place.proxied.connect(place.here, MIGRATOR)).rejects.toMatchObject({ code: "28000" });
    });

    test.each([
      ["becomes the administrator", "reset role; select * from shop.item", "VariableSet|setting"],
      ["becomes it in an expression", "create table x as select set_config('role', 'adorable', true)", "set_config"],
      ["becomes it in a default", "alter table post alter title set default set_config('role', 'adorable', true)", "set_config"],
      [
        "makes a function that can",
        "create function f() returns trigger language plpgsql as 'begin reset role; return new; end'",
        "plpgsql",
      ],
      ["makes a function that runs as its owner", "create function f() returns int language sql security definer as 'select 1'", "owner"],
      ["makes a cast", "create type t as (a int); create cast (t as text) with inout", "kind"],
      ["makes an operator", "create operator === (function = pg_catalog.int4eq, leftarg = int, rightarg = int)", "kind"],
      ["makes a rule", "create rule r as on insert to post do also select 1", "kind"],
      [
        "makes an event trigger",
        "create event trigger e on ddl_command_end execute function pg_catalog.suppress_redundant_updates_trigger()",
        "kind",
      ],
      ["runs a block", "do $$ begin reset role; end $$", "block"],
      ["installs an extension", "create extension dblink", "extension"],
      ["copies to a program", `copy (select 1) to program 'touch ${proof}'`, "copies"],
      ["takes the platform's lock", "select pg_advisory_lock(5120002)", "advisory"],
      ["drops its schema", "drop schema blog cascade", "schema"],
      ["leaves its transaction", "commit", "transaction"],
    ])("a migration that %s is refused before it runs", async (_, sql, why) => {
      const before = await place.world();
      const refused = applyMigrations(await place.dsnOf(place.here, ADMIN_ROLE), migration("blog", "20270101000000", sql));
      await expect(refused).rejects.toMatchObject({ code: "migration-refused", remedy: "author", message: expect.stringMatching(why) });
      expect(await place.world()).toEqual(before);
    });

    test.each([
      ["reads another app's rows", "create table x as select * from shop.item"],
      ["writes another app's rows", "insert into shop.item values (3, 'x')"],
      ["writes the ledger", "delete from adorable.migrations"],
      [
        "reads another app's rows in a function",
        "create function f() returns text language sql as 'select secret from shop.item'; select f()",
      ],
      ["refers to another app's rows", "alter table post add foreign key (id) references shop.item"],
      ["puts a view upon another app's rows", "create view v as select * from shop.item"],
      ["reads a password hash", "create table x as select usename from pg_shadow"],
    ])("a migration that %s fails, and nothing of it stays", async (_, sql) => {
      const before = await place.world();
      const failed = applyMigrations(await place.dsnOf(place.here, ADMIN_ROLE), migration("blog", "20270101000000", sql));
      await expect(failed).rejects.toMatchObject({ code: "migration-failed", details: { sqlstate: "42501" } });
      expect(await place.world()).toEqual(before);
    });

    test("gets the extensions of a list by a migration, in a schema that no app can write to, and no other one", async () => {
      const endpoint = await place.fork();
      const dsn = await place.dsnOf(endpoint, ADMIN_ROLE);
      const before = await schemaHash(dsn);
      const all = EXTENSIONS.map((name) => `create extension "${name}";`).join("\n");
      await applyMigrations(dsn, migration("shop", "20260102000000", all));
      expect(await schemaHash(dsn)).toBe(before);
      const use =
        "create extension citext; alter table post add tag citext default 'NEW'; create index on post using gin (title gin_trgm_ops)";
      await applyMigrations(dsn, migration("blog", "20260102000000", use));
      const client = await place.proxied.connect(endpoint, BLOG);
      const asked =
        "select title from post where tag = 'new' and title % 'firs' and unaccent('é') = 'e' and uuid_generate_v4() is not null";
      expect((await client.query(asked)).rows).toEqual([{ title: "first" }]);
      await expect(client.query("create table _extensions.mine (id int)")).rejects.toMatchObject({ code: "42501" });
      await expect(client.query("drop extension citext")).rejects.toMatchObject({ code: "42501" });
      await client.end();
      const drop = applyMigrations(dsn, migration("blog", "20260103000000", "drop extension citext cascade"));
      await expect(drop).rejects.toMatchObject({ code: "migration-failed", details: { sqlstate: "42501" } });
    });

    test("code of an app runs with its own rights when rows are copied for a preview, and not with the administrator's", async () => {
      const [from, to] = [await place.fork(), await place.fork()];
      // No migration may say this: it stands for whatever somebody finds that one may.
      const bait = `set role ${MIGRATOR}; set search_path = blog;
      create table loot (secret text); create table bait (id int); insert into bait values (1);
      create function leak(int) returns boolean language sql as 'insert into blog.loot select schema_to_xml(''shop'', true, true, ''''); select true';
      alter table bait add check (leak(id)) not valid`;
      for (const endpoint of [from, to]) {
        const client = await place.proxied.connect(endpoint, ADMIN_ROLE);
        await client.query(bait);
        await client.end();
      }
      const dsns = [await place.dsnOf(from, ADMIN_ROLE), await place.dsnOf(to, ADMIN_ROLE)] as const;
      await expect(copyRows(...dsns, ["shop", "blog"])).rejects.toMatchObject({ code: "mask-copy-failed", details: { sqlstate: "42501" } });
      const client = await place.proxied.connect(to, ADMIN_ROLE);
      const left = "select (select count(*)::int from blog.loot) as loot, (select count(*)::int from pg_roles where rolbypassrls) as above";
      expect((await client.query(left)).rows).toEqual([{ loot: 0, above: 1 }]);
      await client.end();
    });

    describe("even if somebody could log in with it", () => {
      beforeAll(async () => {
        await place.administrate(`grant connect on database app to ${MIGRATOR}; alter role ${MIGRATOR} login connection limit 4`);
      });
      afterAll(async () => {
        await place.administrate(`revoke connect on database app from ${MIGRATOR}`);
        await ensureRoles(await place.dsnOf(place.here, ADMIN_ROLE), { slug: "blog" });
        await expect(place.proxied.connect(place.here, MIGRATOR)).rejects.toMatchObject({ code: "28000" });
      });

      test("is refused whatever reaches out of its schema, and the world stays as it was", async () => {
        expect(await place.attempts(MIGRATOR)).toEqual(REFUSED);
      });

      test("code that it plants in its schema never runs with the administrator's rights when states are compared and described", async () => {
        const trap = (name: string, argument: string, returns: string, value: string): string =>
          `create function blog.${name}(${argument}) returns ${returns} language plpgsql as
         $$ begin copy (select 1) to program 'touch ${proof}'; return ${value}; end $$;`;
        const client = await place.proxied.connect(place.here, MIGRATOR);
        await client.query(`
        create type blog.pair as (a int); create type blog.mood as enum ('calm', 'wild');
        ${trap("of_pair", "blog.pair", "text", "''")} ${trap("of_mood", "blog.mood", "text", "''")} ${trap("fine", "text", "boolean", "true")}
        create cast (blog.pair as text) with function blog.of_pair(blog.pair) as implicit;
        create cast (blog.mood as text) with function blog.of_mood(blog.mood) as implicit;
        create domain blog.word as text;
        create function blog.eq(text, text) returns boolean language plpgsql as $$ begin copy (select 1) to program 'touch ${proof}'; return true; end $$;
        create operator blog.= (function = blog.eq, leftarg = text, rightarg = text);
        alter table blog.post add column feeling blog.mood default 'calm', add column say blog.word;
        create table blog.trap (id blog.word primary key, p blog.pair, m blog.mood default 'calm', w blog.word default 'x', ms blog.mood[] default '{calm}');
        insert into blog.trap values ('a', row(1), 'calm', 'x', '{wild}');
        create table blog.fresh (id int primary key); insert into blog.fresh values (1);
        alter domain blog.word add check (blog.fine(value)) not valid`);
        await client.end();
        const [dsn, other] = [await place.dsnOf(place.here, ADMIN_ROLE), await place.dsnOf(place.elsewhere, ADMIN_ROLE)];
        expect(await compareTimelines(other, dsn)).toEqual([
          expect.objectContaining({ table: "fresh", inserted: 1, exists: "after" }),
          expect.objectContaining({ table: "post", inserted: 0, deleted: 0, updated: 0, columnsDiffer: true }),
          expect.objectContaining({ table: "trap", inserted: 1, exists: "after" }),
        ]);
        expect(await compareTimelines(dsn, dsn)).toEqual([]);
        expect(await schemaHash(dsn)).toBe(await schemaHash(dsn));
        await ensureRoles(dsn, { slug: "shop" });
        expect(existsSync(proof)).toBe(false);
      });
    });
  });
}
