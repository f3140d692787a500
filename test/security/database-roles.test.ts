/**
 * What an app's role and its migrator's role can reach, through the real proxy and on a real engine: each attempt is answered with its SQLSTATE,
 * and leaves the world as it was.
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, type ClientConfig } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { appRole, migratorRole } from "../../src/core/names.ts";
import { ADMIN_ROLE } from "../../src/database/database.ts";
import { ensureRoles } from "../../src/database/migrations/roles.ts";
import { createProxy, type Proxy } from "../../src/database/proxy/proxy.ts";
import { describeMigrators } from "./database-migrators.ts";
import { openRolesPlace, REFUSED, SOON, type RolesPlace } from "./roles-place.ts";

const BLOG = appRole("blog");
const SHOP = appRole("shop");
const MIGRATOR = migratorRole("blog");

const place = {} as RolesPlace;
beforeAll(async () => {
  Object.assign(place, await openRolesPlace());
  const { isolation } = await place.proxied.database.capabilities();
  process.stdout.write(`isolation=${isolation}\n`);
});
afterAll(() => place.close?.());

function sessionsOf(role: string): string {
  return `select count(*)::int as n from pg_stat_activity where usename = '${role}'`;
}

describe("an app's role", () => {
  test("is refused whatever reaches out of its schema, and the world stays as it was", async () => {
    expect(await place.attempts(BLOG)).toEqual(REFUSED);
    expect(await place.codeOf(BLOG, "insert into post values (2, 'own'); delete from post where id = 2")).toBe("done");
  });

  test("defines nothing, not even in its own schema", async () => {
    for (const sql of ["create table mine (id int)", "drop table post", "create view v as select 1", "truncate post"])
      expect([sql, await place.codeOf(BLOG, sql)]).toEqual([sql, "42501"]);
    expect(await place.codeOf(BLOG, "create function blog.f() returns int language sql as 'select 1'")).toBe("42501");
  });

  test("reads no file through XML, and finds neither files nor sockets in the settings", async () => {
    const client = await place.proxied.connect(place.here, BLOG);
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
    const { password, host, port } = await place.proxied.database.credential(place.here, BLOG);
    const base: ClientConfig = { host, port, user: BLOG, password, database: place.here };
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
    expect(await tried({ database: place.elsewhere })).toBe("28P01");
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
    const [eve, victim] = [await place.proxied.connect(place.here, BLOG), await place.proxied.connect(place.here, SHOP)];
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
    const victim = await place.proxied.connect(place.here, SHOP);
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
    await expect.poll(() => place.administrate(sleeping), SOON).toEqual([{ n: 1 }]);
    await cancel(processID, secretKey);
    await cancelled;
    await victim.end();
  });

  test("shares notifications with the other apps of its project, and with no other project", async () => {
    const heard: string[] = [];
    const listeners = [await place.proxied.connect(place.here, SHOP), await place.proxied.connect(place.elsewhere, SHOP)];
    for (const [index, client] of listeners.entries()) {
      client.on("notification", ({ payload }) => heard.push(`${index} ${payload}`));
      await client.query("listen news");
    }
    const eve = await place.proxied.connect(place.here, BLOG);
    await eve.query("notify news, 'hello'");
    for (const client of listeners) await client.query("select 1");
    await expect.poll(() => heard, SOON).toEqual(["0 hello"]);
    await Promise.all([eve, ...listeners].map((client) => client.end()));
  });

  test("has only so many connections, whatever it does, and others have theirs", async () => {
    await expect.poll(() => place.administrate(sessionsOf(BLOG)), SOON).toEqual([{ n: 0 }]);
    const connect = (): Promise<Client> => place.proxied.connect(place.here, BLOG);
    // Of those that only stay connected there may be more: they give way to each other.
    const opened = await Promise.all(Array.from({ length: 30 }, connect));
    await Promise.all(opened.slice(0, 25).map((client) => client.query("begin")));
    const refused = Promise.all([0, 1, 2].map(() => connect().catch((error: { code?: string }) => error.code)));
    expect(await refused).toEqual(["53300", "53300", "53300"]);
    expect(await place.codeOf(SHOP, "select * from item")).toBe("done");
    expect(await place.codeOf(ADMIN_ROLE, "select 1")).toBe("done");
    await Promise.all(opened.map((client) => client.end()));
    await expect.poll(() => place.codeOf(BLOG, "select 1"), SOON).toBe("done");
  });
});

describe("limits of time", () => {
  let folder: string;
  /** As the other proxy, but in a hurry. */
  let strict: Proxy;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "strict-proxy-"));
    const masterKey = randomBytes(32).toString("hex");
    strict = await createProxy({ dir: folder, computes: place.proxied.engine, port: 0, masterKey, maxTransactionMs: 600 });
    await strict.endpoint(place.here, place.timelineOf(place.here), 1);
  });
  afterAll(async () => {
    await strict?.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function connect(role: string): Promise<Client> {
    const client = new Client({ connectionString: (await strict.credential(place.here, role)).dsn });
    client.on("error", () => {});
    await client.connect();
    return client;
  }

  test("an app's session begins with them, and may put its own away, also for good; the next release puts them back", async () => {
    const names = ["statement_timeout", "idle_in_transaction_session_timeout", "transaction_timeout", "search_path"];
    const settings = async (): Promise<unknown> => {
      const client = await place.proxied.connect(place.here, BLOG);
      const { rows } = await client.query<{ setting: string }>("select current_setting(n) as setting from unnest($1::text[]) n", [names]);
      await client.end();
      return rows.map(({ setting }) => setting);
    };
    expect(await settings()).toEqual(["30s", "30s", "5min", "blog, _extensions"]);
    for (const name of names.slice(0, 3)) expect(await place.codeOf(BLOG, `alter role current_user set ${name} = 0`)).toBe("done");
    expect(await place.codeOf(BLOG, "alter role current_user set search_path = shop; alter role current_user password 'x'")).toBe("done");
    expect(await settings()).toEqual(["0", "0", "0", "shop"]);
    await ensureRoles(await place.dsnOf(place.here, ADMIN_ROLE), { slug: "blog" });
    expect(await settings()).toEqual(["30s", "30s", "5min", "blog, _extensions"]);
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
    await expect.poll(() => place.administrate(sessionsOf(BLOG)), SOON).toEqual([{ n: 0 }]);
    expect(await place.administrate("select id from blog.post where id = 77")).toEqual([]);
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

describeMigrators(place);

/** Sends a cancel request, and returns when the proxy has hung up. */
async function cancel(pid: number, secret: number): Promise<void> {
  const socket = createConnection(place.proxied.proxy.port, "127.0.0.1");
  const request = Buffer.alloc(16);
  request.writeInt32BE(16, 0);
  request.writeInt32BE(80_877_102, 4);
  request.writeInt32BE(pid, 8);
  request.writeInt32BE(secret, 12);
  socket.end(request);
  socket.resume();
  await new Promise((resolve) => socket.once("close", resolve));
}
