/** What drivers and tools do, through the proxy: their messages, their parameters, and the sleep that they must not notice. */
import { execFile, spawnSync } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { newId, type EndpointName, type TimelineId } from "../../src/core/ids.ts";
import { ADMIN_ROLE } from "../../src/database/database.ts";
import { openProxiedDatabase, type ProxiedDatabase } from "../support/proxied-database.ts";
import {
  bind,
  columns,
  describePortal,
  describeStatement,
  dial,
  execute,
  fields,
  frame,
  logIn,
  parse,
  query,
  speakOver,
  sync,
  types,
  type WireClient,
  type WireMessage,
} from "./wire.ts";

const run = promisify(execFile);
const has = (command: string): boolean => spawnSync(command, ["--version"]).status === 0;
const JDBC = {
  client_encoding: "UTF8",
  DateStyle: "ISO",
  TimeZone: "Europe/Vienna",
  extra_float_digits: "3",
  application_name: "PostgreSQL JDBC Driver",
};

let made: ProxiedDatabase;
let name: EndpointName;
let timeline: TimelineId;
beforeAll(async () => {
  made = await openProxiedDatabase({ idleMs: 400 });
  ({ name, timeline } = await made.newEndpoint());
});
afterAll(async () => {
  expect(made.complaints).toEqual([]);
  await made[Symbol.asyncDispose]();
});

async function speak(parameters: Record<string, string> = JDBC): Promise<{ client: WireClient; greeting: WireMessage[] }> {
  const client = speakOver(await dial(made.proxy.host, made.proxy.port));
  const greeting = await logIn(client, await made.proxy.credential(name, "app"), parameters);
  return { client, greeting };
}

/** The rows of the answer up to ReadyForQuery. Throws on an error. */
async function rows(client: WireClient): Promise<(string | null)[][]> {
  const answer = await client.until("Z");
  const error = answer.find(({ type }) => type === "E");
  if (error) throw Object.assign(new Error("an error"), fields(error));
  return answer.filter(({ type }) => type === "D").map(columns);
}

const asleep = (): Promise<void> => expect.poll(() => made.engine.isRunning(timeline), { timeout: 20_000, interval: 20 }).toBe(false);

describe("a driver as Java's", () => {
  test("prepares by name, describes, fetches in portions inside of a transaction, and sends batches", async () => {
    const { client, greeting } = await speak();
    const told = Object.fromEntries(greeting.filter(({ type }) => type === "S").map(({ body }) => body.toString().split("\0")));
    expect(told).toMatchObject({ TimeZone: "Europe/Vienna", application_name: "PostgreSQL JDBC Driver", client_encoding: "UTF8" });

    client.send(parse("S_1", "select n, $1::text from generate_series(1, 25) n"), describeStatement("S_1"), sync);
    expect(types(await client.until("Z"))).toBe("1tTZ");
    client.send(parse("", "BEGIN"), bind("", ""), execute("", 1), bind("C_2", "S_1", "ä"), describePortal("C_2"), execute("C_2", 10), sync);
    expect(types(await client.until("Z"))).toBe(`12C2T${"D".repeat(10)}sZ`);
    client.send(execute("C_2", 10), sync);
    expect(types(await client.until("Z"))).toBe(`${"D".repeat(10)}sZ`);
    client.send(execute("C_2", 10), sync);
    const last = await client.until("Z");
    expect(types(last)).toBe(`${"D".repeat(5)}CZ`);
    expect(
      last
        .filter(({ type }) => type === "D")
        .map(columns)
        .at(-1),
    ).toEqual(["25", "ä"]);
    client.send(frame("C", Buffer.from("S"), "S_1"), parse("", "COMMIT"), bind("", ""), execute(), sync);
    expect(types(await client.until("Z"))).toBe("312CZ");

    const insert = Array.from({ length: 100 }, (_, n) => [bind("", "S_3", String(n)), execute()]).flat();
    client.send(parse("S_3", "insert into note (number) values ($1::text::int)"), ...insert, sync);
    expect(types(await client.until("Z"))).toBe(`1${"2C".repeat(100)}Z`);

    // One of the batch fails: what follows it is skipped up to the Sync, and the session goes on.
    client.send(bind("", "S_3", "1"), execute(), bind("", "S_3", "no number"), execute(), bind("", "S_3", "2"), execute(), sync);
    expect(types(await client.until("Z"))).toBe("2C2EZ");
    client.send(query("select count(*) from note"));
    expect(await rows(client)).toEqual([["100"]]);
    client.send(frame("X"));
    await client.closed;
  });

  test("does not notice sleep, suspension or another timeline while it holds no statement by name", async () => {
    const { client } = await speak();
    const one = [
      parse("", "select current_setting('TimeZone'), current_setting('extra_float_digits')"),
      bind("", ""),
      describePortal(""),
      execute(),
      sync,
    ];
    client.send(...one);
    expect(await rows(client)).toEqual([["Europe/Vienna", "3"]]);
    await asleep();
    client.send(...one);
    expect(await rows(client)).toEqual([["Europe/Vienna", "3"]]);
    await made.proxy.suspend(name);
    // Half a batch, and half a message, before the rest.
    const bytes = Buffer.concat(one);
    client.send(bytes.subarray(0, 3));
    client.send(bytes.subarray(3, 40));
    client.send(bytes.subarray(40));
    expect(await rows(client)).toEqual([["Europe/Vienna", "3"]]);
    const copy = newId<TimelineId>("tml");
    await made.database.branch(copy, { timeline, lsn: await made.database.head(timeline) });
    await made.database.endpoint(name, copy, 2);
    client.send(...one);
    expect(await rows(client)).toEqual([["Europe/Vienna", "3"]]);
    await made.database.endpoint(name, timeline, 3);
    client.socket.destroy();
  });

  test("is told 57P01 between two answers when it holds one, however the compute goes", async () => {
    for (const leave of [asleep, () => made.proxy.suspend(name)]) {
      const { client } = await speak();
      client.send(parse("S_1", "select 1"), bind("", "S_1"), execute(), sync);
      expect(types(await client.until("Z"))).toBe("12DCZ");
      await leave();
      expect(fields(await client.next())).toMatchObject({ S: "FATAL", C: "57P01" });
      await client.closed;
    }
  });
});

describe("pipelines", () => {
  test("are answered in order, and a suspension comes between two of their transactions", async () => {
    const { client } = await speak();
    const before = made.starts(timeline);
    for (let n = 0; n < 200; n++) client.send(parse("", "select $1::text"), bind("", "", String(n)), execute(), sync);
    const suspended = made.proxy.suspend(name);
    for (let n = 0; n < 200; n++) expect(await rows(client)).toEqual([[String(n)]]);
    await suspended;
    client.send(query("select 'after'"));
    expect(await rows(client)).toEqual([["after"]]);
    expect(made.starts(timeline)).toBeGreaterThan(before);
    client.socket.destroy();
  });
});

describe("COPY", () => {
  test("in and out passes; one that the client breaks off leaves nothing, and the session goes on", async () => {
    const { client } = await speak();
    const count = async (): Promise<string | null | undefined> => {
      client.send(query("select count(*) from note where number < 0"));
      return (await rows(client))[0]?.[0];
    };
    const start = async (): Promise<void> => {
      client.send(query("copy note (number) from stdin"));
      expect((await client.next()).type).toBe("G");
      client.send(frame("d", Buffer.from("-1\n-2\n")));
    };
    await start();
    client.send(frame("f", "enough"));
    expect(types(await client.until("Z"))).toBe("EZ");
    expect(await count()).toBe("0");
    await start();
    client.send(frame("c"));
    expect(types(await client.until("Z"))).toBe("CZ");
    expect(await count()).toBe("2");
    client.send(query("copy (select number from note where number < 0 order by 1) to stdout"));
    expect(types(await client.until("Z"))).toBe("HddcCZ");
    await start();
    client.socket.destroy();
    const other = await made.connect(name);
    expect((await other.query("select count(*)::int as n from note where number < 0")).rows).toEqual([{ n: 2 }]);
    await other.end();
  });
});

test("NOTIFY reaches who listens, and who listens is not put to sleep unheard", async () => {
  const listener = await made.connect(name);
  const heard = new Promise((resolve) => listener.once("notification", ({ payload }) => resolve(payload)));
  await listener.query("listen news");
  const other = await made.connect(name);
  await other.query("notify news, 'hello'");
  expect(await heard).toBe("hello");
  await Promise.all([listener.end(), other.end()]);
});

test("replication is refused, protocol options are declined, and options of libpq hold", async () => {
  const credential = await made.proxy.credential(name, "app");
  for (const replication of ["true", "database"]) {
    const client = speakOver(await dial(made.proxy.host, made.proxy.port));
    await expect(logIn(client, credential, { replication })).rejects.toMatchObject({ fields: { C: "0A000" } });
  }
  const { client } = await speak({ options: "-c statement_timeout=1234 -c search_path=public", application_name: "shop" });
  client.send(query("select current_setting('statement_timeout'), current_setting('application_name')"));
  expect(await rows(client)).toEqual([["1234ms", "shop"]]);
  client.socket.destroy();
});

describe("a compute without a free place", () => {
  test("takes those who come in the place of who only stay connected; who holds state keeps theirs", async () => {
    const administrator = await made.connect(name, ADMIN_ROLE);
    await administrator.query("alter role app connection limit 3");
    const stateful = await made.connect(name);
    await stateful.query("set work_mem = '2MB'");
    const idle = await Promise.all([1, 2, 3, 4, 5, 6].map(() => made.connect(name)));
    const all = await Promise.all(idle.map(async (client) => (await client.query("select 1 as one")).rows));
    expect(all.flat()).toHaveLength(6);
    expect((await stateful.query("show work_mem")).rows).toEqual([{ work_mem: "2MB" }]);
    await stateful.query("begin");
    for (const client of idle.slice(0, 2)) await client.query("begin");
    const placeOf = async (): Promise<unknown> => (await administrator.query("select pg_backend_pid() as pid")).rows[0]?.pid;
    const before = await placeOf();
    await expect(made.connect(name)).rejects.toMatchObject({ code: "53300" });
    // A role that has all its places has no use for another's.
    expect(await placeOf()).toBe(before);
    await Promise.all([...idle, stateful].map((client) => client.end()));
    await administrator.query("alter role app connection limit -1");
    await administrator.end();
  });
});

describe("the tools", () => {
  const password = async (): Promise<NodeJS.ProcessEnv> => ({
    ...process.env,
    PGPASSWORD: (await made.proxy.credential(name, ADMIN_ROLE)).password,
  });
  const at = (): string[] => ["-h", made.proxy.host, "-p", String(made.proxy.port), "-U", ADMIN_ROLE];

  test.skipIf(!has("psql"))("psql: meta-commands, \\copy, and a statement that is cancelled", async () => {
    const script = ["\\d note", "\\copy (select 7) to stdout", "set statement_timeout = 50", "select pg_sleep(5)", "\\echo done"];
    const args = ["--no-psqlrc", "-At", ...at(), ...script.flatMap((line) => ["-c", line]), name];
    const { stdout, stderr } = await run("psql", args, { env: await password() }).catch(
      (error: { stdout: string; stderr: string }) => error,
    );
    expect(stdout).toContain("number|integer");
    expect(stdout).toContain("7\n");
    expect(stderr).toContain("statement timeout");
  });

  test.skipIf(!has("pgbench"))("pgbench: its tables, and transactions of several clients by every kind of query", async () => {
    const env = await password();
    await run("pgbench", ["-i", "-s", "1", "-q", "-I", "dtgp", ...at(), name], { env });
    for (const mode of ["simple", "extended", "prepared"]) {
      const { stdout } = await run("pgbench", ["-n", "-M", mode, "-c", "4", "-j", "1", "-t", "15", ...at(), name], { env });
      expect(stdout).toContain("number of transactions actually processed: 60/60");
      expect(stdout).toContain("number of failed transactions: 0 ");
    }
  });
});
