/**
 * What an app's role and its migrator's role can reach, through the real proxy and on a real engine: each attempt is answered with its SQLSTATE,
 * and leaves the world as it was.
 */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, type ClientConfig } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { newId, type EndpointName, type TimelineId } from "../../src/core/ids.ts";
import { appRole, migratorRole } from "../../src/core/names.ts";
import { ADMIN_ROLE } from "../../src/database/database.ts";
import { compareTimelines } from "../../src/database/migrations/compare.ts";
import { copyRows } from "../../src/database/migrations/copy-rows.ts";
import { EXTENSIONS } from "../../src/database/migrations/extensions.ts";
import { applyMigrations, parseMigrations } from "../../src/database/migrations/migrations.ts";
import { ensureRoles } from "../../src/database/migrations/roles.ts";
import { schemaHash } from "../../src/database/migrations/schema.ts";
import { createProxy, type Proxy } from "../../src/database/proxy/proxy.ts";
import { openProxiedDatabase, type ProxiedDatabase } from "../support/proxied-database.ts";

const BLOG = appRole("blog");
const SHOP = appRole("shop");
const MIGRATOR = migratorRole("blog");
/** What a program or a copy that worked would leave behind. */
const proof = join(tmpdir(), `adorable-breakout-${randomBytes(6).toString("hex")}`);

/** As patient as a busy machine needs. */
const SOON = { timeout: 20_000, interval: 10 };

let place: ProxiedDatabase;
const here = newId<EndpointName>("proj");
const elsewhere = newId<EndpointName>("proj");
const timelines = { [here]: newId<TimelineId>("tml"), [elsewhere]: newId<TimelineId>("tml") };

async function dsnOf(endpoint: EndpointName, role: string): Promise<string> {
  return (await place.database.credential(endpoint, role)).dsn;
}

function file(app: string, id: string, sql: string): { app: string; path: string; sql: string } {
  return { app, path: `apps/${app}/db/migrations/${id}_step.sql`, sql };
}

let administrator: Client;

async function administrate(sql: string): Promise<Record<string, unknown>[]> {
  return (await administrator.query<Record<string, unknown>>(sql)).rows;
}

beforeAll(async () => {
  place = await openProxiedDatabase();
  const { isolation } = await place.database.capabilities();
  console.info(`isolation=${isolation}`);
  for (const endpoint of [here, elsewhere]) {
    await place.database.createTimeline(timelines[endpoint] as TimelineId);
    await place.database.endpoint(endpoint, timelines[endpoint] as TimelineId, 1);
    const dsn = await dsnOf(endpoint, ADMIN_ROLE);
    for (const slug of ["blog", "shop"]) await ensureRoles(dsn, { slug });
    await applyMigrations(
      dsn,
      parseMigrations([
        file("blog", "20260101000000", "create table post (id int primary key, title text); insert into post values (1, 'first')"),
        file("shop", "20260101000000", "create table item (id int primary key, secret text); insert into item values (1, 'geheim')"),
      ]),
    );
  }
  administrator = await place.connect(here, ADMIN_ROLE);
  await administrate("select lo_from_bytea(424242, 'geheim')");
});
afterAll(() => place?.[Symbol.asyncDispose]());

/** All that a role could have changed or taken, as one text. */
const WORLD = `select json_build_array(
  (select json_agg(r order by rolname) from (select rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls,
    rolconnlimit, rolvaliduntil from pg_authid) r),
  (select json_agg(m) from pg_auth_members m where roleid >= 16384),
  (select json_agg(s::text order by s::text) from pg_db_role_setting s),
  (select json_agg(json_build_array(datname, datacl, datdba, datallowconn)) from pg_database),
  (select json_agg(extname) from pg_extension), (select json_agg(lanname) from pg_language), (select json_agg(spcname) from pg_tablespace),
  (select json_agg(json_build_array(nspname, nspowner, nspacl) order by nspname) from pg_namespace where nspname !~ '^pg_(toast|temp)'),
  (select json_agg(json_build_array(relnamespace, relname, relkind, relowner, relacl) order by oid) from pg_class where oid >= 16384 or relacl is not null),
  (select json_agg(json_build_array(pronamespace, proname, proowner, proacl) order by oid) from pg_proc where oid >= 16384 or proacl is not null),
  (select json_agg(json_build_array(castsource, casttarget)) from pg_cast where oid >= 16384),
  (select json_agg(json_build_array(oid, lomowner, lomacl)) from pg_largeobject_metadata), (select md5(string_agg(data, '')) from pg_largeobject),
  (select count(*) from pg_event_trigger), (select count(*) from pg_foreign_server), (select count(*) from pg_publication),
  (select count(*) from pg_subscription), (select count(*) from pg_replication_slots), (select count(*) from pg_trigger where not tgisinternal),
  (select count(*) from pg_file_settings where sourcefile like '%auto.conf'), current_setting('statement_timeout'),
  (select json_agg(i) from shop.item i), (select json_agg(p) from blog.post p), (select json_agg(m) from adorable.migrations m)
) as world`;

/** An endpoint upon a copy of what is elsewhere. */
async function fork(): Promise<EndpointName> {
  const [endpoint, timeline, from] = [newId<EndpointName>("proj"), newId<TimelineId>("tml"), timelines[elsewhere] as TimelineId];
  await place.database.branch(timeline, { timeline: from, lsn: await place.database.head(from) });
  await place.database.endpoint(endpoint, timeline, 1);
  return endpoint;
}

async function world(): Promise<unknown> {
  return { rows: await administrate(WORLD), leftBehind: existsSync(proof) };
}

function sessionsOf(role: string): string {
  return `select count(*)::int as n from pg_stat_activity where usename = '${role}'`;
}

/** The SQLSTATE that each statement ends with, as that role. */
async function codeOf(role: string, sql: string): Promise<string> {
  const client = await place.connect(here, role);
  try {
    await client.query(sql);
    return "done";
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  } finally {
    await client.end();
  }
}

/** As either role. `42501` is insufficient privilege. */
const ATTEMPTS: [what: string, sql: string, code: string][] = [
  // Another app.
  ["reads another app's rows", "select * from shop.item", "42501"],
  ["writes another app's rows", "insert into shop.item values (2, 'x')", "42501"],
  ["empties another app's table", "truncate shop.item", "42501"],
  ["locks another app's table", "begin; lock table shop.item in access share mode", "42501"],
  ["drops another app's table", "drop table shop.item", "42501"],
  ["alters another app's table", "alter table shop.item add column x int", "42501"],
  ["makes a table in another app's schema", "create table shop.mine (id int)", "42501"],
  ["grants itself another app's table", `grant all on shop.item to ${BLOG}`, "42501"],
  ["grants itself another app's schema", `grant all on schema shop to ${BLOG}`, "42501"],
  ["drops another app's schema", "drop schema shop cascade", "42501"],
  ["refers to another app's row", "select has_table_privilege('shop.item', 'select')", "42501"],
  ["reads the ledger", "select * from adorable.migrations", "42501"],
  ["writes the ledger", "delete from adorable.migrations", "42501"],
  // Roles and sessions.
  ["becomes the administrator", `set role ${ADMIN_ROLE}`, "42501"],
  ["becomes another app", `set role ${SHOP}`, "42501"],
  ["becomes a predefined role", "set role pg_read_all_data", "42501"],
  ["authorizes its session anew", `set session authorization ${ADMIN_ROLE}`, "42501"],
  ["changes its role in a function", `select set_config('role', '${ADMIN_ROLE}', false)`, "42501"],
  ["grants itself the administrator", `grant ${ADMIN_ROLE} to ${BLOG}`, "42501"],
  ["grants itself every server file", `grant pg_read_server_files to ${BLOG}`, "42501"],
  ["makes itself superuser", "alter role current_user superuser", "42501"],
  ["lets itself make roles", "alter role current_user createrole createdb", "42501"],
  ["lets itself replicate", "alter role current_user replication", "42501"],
  ["lets itself past row security", "alter role current_user bypassrls", "42501"],
  ["raises its connection limit", "alter role current_user connection limit -1", "42501"],
  ["renames another role", `alter role ${SHOP} rename to x`, "42501"],
  ["sets another role's password", `alter role ${SHOP} password 'x'`, "42501"],
  ["sets another role's settings", `alter role ${SHOP} set search_path = blog`, "42501"],
  ["sets everybody's settings", "alter role all set statement_timeout = '1ms'", "42501"],
  ["makes a role", "create role eve login superuser", "42501"],
  ["drops a role", `drop role ${SHOP}`, "42501"],
  ["reassigns another role's objects", `reassign owned by ${SHOP} to current_user`, "42501"],
  ["reads password hashes", "select rolpassword from pg_authid", "42501"],
  // Databases and the server.
  ["makes a database", "create database x", "42501"],
  ["drops the database", "drop database app", "42501"],
  ["changes the database's settings", "alter database app set search_path = blog", "42501"],
  ["makes a schema", "create schema mine", "42501"],
  ["makes a table in public", "create table public.x (id int)", "42501"],
  ["makes a temporary table", "create temp table x (id int)", "42501"],
  ["makes a function in pg_catalog", "create function pg_catalog.f() returns int language sql as 'select 1'", "42501"],
  ["makes a tablespace", `create tablespace t location '${tmpdir()}'`, "42501"],
  ["changes the server's settings", "alter system set fsync = off", "0A000"],
  ["reloads the server's settings", "select pg_reload_conf()", "42501"],
  ["lifts its limit of temporary files", "set temp_file_limit = -1", "42501"],
  ["turns triggers off", "set session_replication_role = replica", "42501"],
  ["writes system tables", "update pg_proc set prosrc = 'x' where proname = 'now'", "42501"],
  ["allows itself system tables", "set allow_system_table_mods = on", "42501"],
  ["forces a checkpoint", "checkpoint", "42501"],
  ["switches the log", "select pg_switch_wal()", "42501"],
  ["writes into the log", "select pg_logical_emit_message(true, 'adorable', 'head')", "42501"],
  [
    "makes an event trigger",
    "create event trigger e on ddl_command_start execute function pg_catalog.suppress_redundant_updates_trigger()",
    "42501",
  ],
  ["prepares a transaction", "begin; update blog.post set title = 'x'; prepare transaction 'x'", "55000"],
  // Files and programs.
  ["runs a program", `copy (select 1) to program 'touch ${proof}'`, "42501"],
  ["reads from a program", `do $$ begin execute 'copy blog.post from program ''touch ${proof}'''; end $$`, "42501"],
  ["writes a file", `copy (select 1) to '${proof}'`, "42501"],
  ["reads a file", "copy blog.post from '/etc/passwd'", "42501"],
  ["reads a file by a function", "select pg_read_file('PG_VERSION')", "42501"],
  ["reads a binary file by a function", "select pg_read_binary_file('global/pg_control')", "42501"],
  ["lists a folder", "select pg_ls_dir('.')", "42501"],
  ["lists the log", "select * from pg_ls_waldir()", "42501"],
  ["asks of a file", "select pg_stat_file('PG_VERSION')", "42501"],
  ["reads who may connect", "select * from pg_hba_file_rules", "42501"],
  ["reads the settings' files", "select * from pg_file_settings", "42501"],
  ["imports a file", "select lo_import('/etc/passwd')", "42501"],
  ["exports to a file", `select lo_export(424242, '${proof}')`, "42501"],
  ["loads a library", "load '/tmp/evil.so'", "42501"],
  // Large objects.
  ["makes a large object", "select lo_create(0)", "42501"],
  ["makes a large object with content", "select lo_from_bytea(0, 'x')", "42501"],
  ["reads another's large object", "select lo_get(424242)", "42501"],
  ["writes another's large object", "select lo_put(424242, 0, 'x')", "42501"],
  ["opens another's large object", "begin; select lo_open(424242, 393216)", "42501"],
  ["removes another's large object", "select lo_unlink(424242)", "42501"],
  ["reads all large objects", "select * from pg_largeobject", "42501"],
  ["makes old large objects everybody's", "set lo_compat_privileges = on", "42501"],
  // Extensions, languages, other servers.
  ...["dblink", "postgres_fdw", "file_fdw", "adminpack", "pg_trgm", "plperl", "plpython3u", "pg_stat_statements"].map(
    (name): [string, string, string] => [`installs ${name}`, `create extension ${name}`, ["adminpack"].includes(name) ? "0A000" : "42501"],
  ),
  ["makes a language", "create language plpython3u", "42501"],
  ["calls another database by dblink", "select dblink('dbname=app', 'select 1')", "42883"],
  ["makes a foreign data wrapper", "create foreign data wrapper w", "42501"],
  ["makes a foreign server", "create server s foreign data wrapper postgres_fdw", "42704"],
  ["publishes", "create publication p for all tables", "42501"],
  ["subscribes", "create subscription s connection 'dbname=app' publication p", "42501"],
  ["makes a replication slot", "select pg_create_physical_replication_slot('s')", "42501"],
  ["drops the platform's logs", "select pg_drop_replication_slot('s')", "42501"],
  ["makes a native function", "create function f() returns int language c as '/tmp/evil.so'", "42501"],
  ["makes an internal function", "create function f() returns int language internal as 'int4in'", "42501"],
  // Others' sessions.
  ["takes a lock that all share", "select pg_advisory_lock(5120002)", "42501"],
  ["tries a lock that all share", "select pg_try_advisory_xact_lock(1, 2)", "42501"],
  ["reads others' statements", "select * from pg_stat_statements", "42P01"],
  ["resets the statistics", "select pg_stat_reset()", "42501"],
  ["writes out others' memory", "select pg_log_backend_memory_contexts(1)", "42501"],
];

/** Makes each attempt over one session: what it ends with, and whether the world is another one after it. */
async function attempts(role: string): Promise<unknown[]> {
  const client = await place.connect(here, role);
  await client.query("set search_path = blog");
  const before = JSON.stringify(await world());
  const results: unknown[] = [];
  for (const [what, sql] of ATTEMPTS) {
    const code = await client.query(sql).then(
      () => "done",
      (error: { code?: string }) => error.code,
    );
    await client.query("rollback");
    results.push({ what, code, changed: JSON.stringify(await world()) !== before });
  }
  await client.end();
  return results;
}
const REFUSED = ATTEMPTS.map(([what, , code]) => ({ what, code, changed: false }));

describe("an app's role", () => {
  test("is refused whatever reaches out of its schema, and the world stays as it was", async () => {
    expect(await attempts(BLOG)).toEqual(REFUSED);
    expect(await codeOf(BLOG, "insert into post values (2, 'own'); delete from post where id = 2")).toBe("done");
  });

  test("defines nothing, not even in its own schema", async () => {
    for (const sql of ["create table mine (id int)", "drop table post", "create view v as select 1", "truncate post"])
      expect([sql, await codeOf(BLOG, sql)]).toEqual([sql, "42501"]);
    expect(await codeOf(BLOG, "create function blog.f() returns int language sql as 'select 1'")).toBe("42501");
  });

  test("reads no file through XML, and finds neither files nor sockets in the settings", async () => {
    const client = await place.connect(here, BLOG);
    const external = `select xmlparse(document '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>')::text as text`;
    const said = await client.query<{ text: string }>(external).then(
      ({ rows }) => rows[0]?.text ?? "",
      (error: Error) => error.message,
    );
    expect(said).not.toContain("root:");
    const { rows } = await client.query("select name from pg_settings where setting like '%/%' and name <> 'TimeZone'");
    expect(rows).toEqual([]);
    await client.end();
  });

  test("has no other endpoint and no other role by its password, and no power by the startup's parameters", async () => {
    const { password, host, port } = await place.database.credential(here, BLOG);
    const base: ClientConfig = { host, port, user: BLOG, password, database: here };
    const tried = async (config: ClientConfig): Promise<unknown> => {
      const client = new Client({ ...base, ...config });
      client.on("error", () => {});
      try {
        await client.connect();
        return (await client.query("select session_user, current_user, current_setting('temp_file_limit') as limit")).rows[0];
      } catch (error) {
        return (error as { code?: string }).code;
      } finally {
        await client.end().catch(() => {});
      }
    };
    const own = { session_user: BLOG, current_user: BLOG, limit: "512MB" };
    expect(await tried({})).toEqual(own);
    expect(await tried({ database: elsewhere })).toBe("28P01");
    for (const database of ["postgres", "template1", "app", "proj_nowhere"]) expect(await tried({ database })).toBe("3D000");
    for (const user of [ADMIN_ROLE, SHOP, MIGRATOR, "postgres"]) expect(await tried({ user })).toBe("28P01");
    for (const option of [
      `role=${ADMIN_ROLE}`,
      `session_authorization=${ADMIN_ROLE}`,
      "temp_file_limit=-1",
      "session_replication_role=replica",
      "session_preload_libraries=/tmp/evil.so",
      "local_preload_libraries=/tmp/evil.so",
    ])
      expect([option, await tried({ options: `-c ${option}` })]).toEqual([option, expect.stringMatching(/^(42501|58P01)$/)]);
    expect(await tried({ options: "-c is_superuser=on" })).toBe("55P02");
    expect(await tried({ replication: "database" } as ClientConfig)).toBe("0A000");
  });

  test("sees of others' sessions that they are there, not what they say, and ends and cancels none", async () => {
    const [eve, victim] = [await place.connect(here, BLOG), await place.connect(here, SHOP)];
    const { rows } = await victim.query<{ pid: number }>("select pg_backend_pid() as pid, 'geheim' as secret");
    const pid = rows[0]?.pid;
    expect((await eve.query("select query, client_addr, state from pg_stat_activity where pid = $1", [pid])).rows).toEqual([
      { query: "<insufficient privilege>", client_addr: null, state: null },
    ]);
    expect((await eve.query("select from pg_stat_activity where query ~ 'geheim' and pid <> pg_backend_pid()")).rowCount).toBe(0);
    for (const name of ["pg_terminate_backend", "pg_cancel_backend"])
      await expect(eve.query(`select ${name}(${pid})`)).rejects.toMatchObject({ code: "42501" });
    expect((await eve.query("select from pg_stats where schemaname = 'shop'")).rowCount).toBe(0);
    const still = await victim.query<{ pid: number }>("select pg_backend_pid() as pid");
    expect(still.rows[0]?.pid).toBe(pid);
    await Promise.all([eve.end(), victim.end()]);
  });

  test("cancels nobody by a key that it makes up", async () => {
    const victim = await place.connect(here, SHOP);
    const { processID, secretKey } = victim as unknown as { processID: number; secretKey: number };
    const { rows } = await victim.query<{ pid: number }>("select pg_backend_pid() as pid");
    const running = victim.query("select 'whole' as answer from pg_sleep(0.3)");
    for (const [pid, secret] of [
      [processID, secretKey ^ 1],
      [processID, 0],
      [rows[0]?.pid ?? 0, secretKey],
      [rows[0]?.pid ?? 0, 0],
    ] as const)
      await cancel(pid, secret);
    expect((await running).rows).toEqual([{ answer: "whole" }]);
    const cancelled = expect(victim.query("select pg_sleep(20)")).rejects.toMatchObject({ code: "57014" });
    const sleeping = "select count(*)::int as n from pg_stat_activity where wait_event = 'PgSleep'";
    await expect.poll(() => administrate(sleeping), SOON).toEqual([{ n: 1 }]);
    await cancel(processID, secretKey);
    await cancelled;
    await victim.end();
  });

  test("shares notifications with the other apps of its project, and with no other project", async () => {
    const heard: string[] = [];
    const listeners = [await place.connect(here, SHOP), await place.connect(elsewhere, SHOP)];
    for (const [index, client] of listeners.entries()) {
      client.on("notification", ({ payload }) => heard.push(`${index} ${payload}`));
      await client.query("listen news");
    }
    const eve = await place.connect(here, BLOG);
    await eve.query("notify news, 'hello'");
    for (const client of listeners) await client.query("select 1");
    await expect.poll(() => heard, SOON).toEqual(["0 hello"]);
    await Promise.all([eve, ...listeners].map((client) => client.end()));
  });

  test("has only so many connections, whatever it does, and others have theirs", async () => {
    await expect.poll(() => administrate(sessionsOf(BLOG)), SOON).toEqual([{ n: 0 }]);
    const opened = await Promise.all(Array.from({ length: 25 }, () => place.connect(here, BLOG)));
    for (let more = 0; more < 3; more++) await expect(place.connect(here, BLOG)).rejects.toMatchObject({ code: "53300" });
    expect(await codeOf(SHOP, "select * from item")).toBe("done");
    expect(await codeOf(ADMIN_ROLE, "select 1")).toBe("done");
    await Promise.all(opened.map((client) => client.end()));
    await expect.poll(() => codeOf(BLOG, "select 1"), SOON).toBe("done");
  });
});

describe("limits of time", () => {
  let folder: string;
  /** As the other proxy, but in a hurry. */
  let strict: Proxy;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "strict-proxy-"));
    const masterKey = randomBytes(32).toString("hex");
    strict = await createProxy({ dir: folder, computes: place.engine, port: 0, masterKey, maxTransactionMs: 600 });
    await strict.endpoint(here, timelines[here] as TimelineId, 1);
  });
  afterAll(async () => {
    await strict?.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function connect(role: string): Promise<Client> {
    const client = new Client({ connectionString: (await strict.credential(here, role)).dsn });
    client.on("error", () => {});
    await client.connect();
    return client;
  }

  test("an app's session begins with them, and may put its own away, also for good; the next release puts them back", async () => {
    const names = ["statement_timeout", "idle_in_transaction_session_timeout", "transaction_timeout", "search_path"];
    const settings = async (): Promise<unknown> => {
      const client = await place.connect(here, BLOG);
      const { rows } = await client.query<{ setting: string }>("select current_setting(n) as setting from unnest($1::text[]) n", [names]);
      await client.end();
      return rows.map(({ setting }) => setting);
    };
    expect(await settings()).toEqual(["30s", "30s", "5min", "blog, extensions"]);
    for (const name of names.slice(0, 3)) expect(await codeOf(BLOG, `alter role current_user set ${name} = 0`)).toBe("done");
    expect(await codeOf(BLOG, "alter role current_user set search_path = shop; alter role current_user password 'x'")).toBe("done");
    expect(await settings()).toEqual(["0", "0", "0", "shop"]);
    await ensureRoles(await dsnOf(here, ADMIN_ROLE), { slug: "blog" });
    expect(await settings()).toEqual(["30s", "30s", "5min", "blog, extensions"]);
  });

  test.each([
    ["waits in it", "select 1"],
    ["runs a statement in it", "select pg_sleep(60)"],
  ])("a session that stays in a transaction and %s is ended by the proxy, and what it ran ends too", async (_, sql) => {
    const client = await connect(BLOG);
    const told = new Promise((resolve) => client.once("error", (error: { code?: string }) => resolve(error.code)));
    await client.query("set statement_timeout = 0; set idle_in_transaction_session_timeout = 0; set transaction_timeout = 0");
    await client.query("begin; insert into post values (77, 'late')");
    const ended = client.query(sql).then(
      () => told,
      (error: { code?: string }) => error.code,
    );
    expect(await ended).toBe("25P04");
    await expect.poll(() => administrate(sessionsOf(BLOG)), SOON).toEqual([{ n: 0 }]);
    expect(await administrate("select id from blog.post where id = 77")).toEqual([]);
  });

  test("a session that commits again and again is not ended, and neither is the administrator", async () => {
    const client = await connect(BLOG);
    const patient = await connect(ADMIN_ROLE);
    await patient.query("begin");
    const until = Date.now() + 1000;
    // Always one statement under way, never one that lasts.
    let pending = client.query("select 1");
    while (Date.now() < until) {
      const next = client.query("select pg_sleep(0.01)");
      await pending;
      pending = next;
    }
    await pending;
    await patient.query("commit");
    await Promise.all([client.end(), patient.end()]);
  });
});

describe("a migrator's role", () => {
  test("is nobody's to log in with, not even with its password", async () => {
    await expect(place.connect(here, MIGRATOR)).rejects.toMatchObject({ code: "28000" });
  });

  test.each([
    ["becomes the administrator", "reset role; select * from shop.item", "VariableSet|setting"],
    ["becomes it in an expression", "create table x as select set_config('role', 'adorable', true)", "set_config"],
    ["becomes it in a default", "alter table post alter title set default set_config('role', 'adorable', true)", "set_config"],
    ["makes a function that can", "create function f() returns trigger language plpgsql as 'begin reset role; return new; end'", "plpgsql"],
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
    const before = await world();
    const refused = applyMigrations(await dsnOf(here, ADMIN_ROLE), parseMigrations([file("blog", "20270101000000", sql)]));
    await expect(refused).rejects.toMatchObject({ code: "migration-refused", remedy: "author", message: expect.stringMatching(why) });
    expect(await world()).toEqual(before);
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
    const before = await world();
    const failed = applyMigrations(await dsnOf(here, ADMIN_ROLE), parseMigrations([file("blog", "20270101000000", sql)]));
    await expect(failed).rejects.toMatchObject({ code: "migration-failed", details: { sqlstate: "42501" } });
    expect(await world()).toEqual(before);
  });

  test("gets the extensions of a list by a migration, in a schema that no app can write to, and no other one", async () => {
    const endpoint = await fork();
    const dsn = await dsnOf(endpoint, ADMIN_ROLE);
    const before = await schemaHash(dsn);
    const all = EXTENSIONS.map((name) => `create extension "${name}";`).join("\n");
    await applyMigrations(dsn, parseMigrations([file("shop", "20260102000000", all)]));
    expect(await schemaHash(dsn)).toBe(before);
    const use =
      "create extension citext; alter table post add tag citext default 'NEW'; create index on post using gin (title gin_trgm_ops)";
    await applyMigrations(dsn, parseMigrations([file("blog", "20260102000000", use)]));
    const client = await place.connect(endpoint, BLOG);
    const asked = "select title from post where tag = 'new' and title % 'firs' and unaccent('é') = 'e' and uuid_generate_v4() is not null";
    expect((await client.query(asked)).rows).toEqual([{ title: "first" }]);
    await expect(client.query("create table extensions.mine (id int)")).rejects.toMatchObject({ code: "42501" });
    await expect(client.query("drop extension citext")).rejects.toMatchObject({ code: "42501" });
    await client.end();
    const drop = applyMigrations(dsn, parseMigrations([file("blog", "20260103000000", "drop extension citext cascade")]));
    await expect(drop).rejects.toMatchObject({ code: "migration-failed", details: { sqlstate: "42501" } });
  });

  test("code of an app runs with its own rights when rows are copied for a preview, and not with the administrator's", async () => {
    const [from, to] = [await fork(), await fork()];
    // No migration may say this: it stands for whatever somebody finds that one may.
    const bait = `set role ${MIGRATOR}; set search_path = blog;
      create table loot (secret text); create table bait (id int); insert into bait values (1);
      create function leak(int) returns boolean language sql as 'insert into blog.loot select schema_to_xml(''shop'', true, true, ''''); select true';
      alter table bait add check (leak(id)) not valid`;
    for (const endpoint of [from, to]) {
      const client = await place.connect(endpoint, ADMIN_ROLE);
      await client.query(bait);
      await client.end();
    }
    const dsns = [await dsnOf(from, ADMIN_ROLE), await dsnOf(to, ADMIN_ROLE)] as const;
    await expect(copyRows(...dsns, ["shop", "blog"])).rejects.toMatchObject({ code: "42501" });
    const client = await place.connect(to, ADMIN_ROLE);
    const left = "select (select count(*)::int from blog.loot) as loot, (select count(*)::int from pg_roles where rolbypassrls) as above";
    expect((await client.query(left)).rows).toEqual([{ loot: 0, above: 1 }]);
    await client.end();
  });

  describe("even if somebody could log in with it", () => {
    beforeAll(async () => {
      await administrate(`grant connect on database app to ${MIGRATOR}; alter role ${MIGRATOR} login connection limit 4`);
    });
    afterAll(async () => {
      await administrate(`revoke connect on database app from ${MIGRATOR}`);
      await ensureRoles(await dsnOf(here, ADMIN_ROLE), { slug: "blog" });
      await expect(place.connect(here, MIGRATOR)).rejects.toMatchObject({ code: "28000" });
    });

    test("is refused whatever reaches out of its schema, and the world stays as it was", async () => {
      expect(await attempts(MIGRATOR)).toEqual(REFUSED);
    });

    test("code that it plants in its schema never runs with the administrator's rights when states are compared and described", async () => {
      const trap = (name: string, argument: string, returns: string, value: string): string =>
        `create function blog.${name}(${argument}) returns ${returns} language plpgsql as
         $$ begin copy (select 1) to program 'touch ${proof}'; return ${value}; end $$;`;
      const client = await place.connect(here, MIGRATOR);
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
      const [dsn, other] = [await dsnOf(here, ADMIN_ROLE), await dsnOf(elsewhere, ADMIN_ROLE)];
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

/** Sends a cancel request, and returns when the proxy has hung up. */
async function cancel(pid: number, secret: number): Promise<void> {
  const socket = createConnection(place.proxy.port, "127.0.0.1");
  const request = Buffer.alloc(16);
  request.writeInt32BE(16, 0);
  request.writeInt32BE(80_877_102, 4);
  request.writeInt32BE(pid, 8);
  request.writeInt32BE(secret, 12);
  socket.end(request);
  socket.resume();
  await new Promise((resolve) => socket.once("close", resolve));
}
