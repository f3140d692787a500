import { setTimeout as delay } from "node:timers/promises";
import { rename } from "node:fs/promises";
import { connect as connectSocket } from "node:net";
import { Client, Pool } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openProxiedDatabase, type ProxiedDatabase } from "../../../test/support/proxied-database.ts";
import { ADMIN_ROLE } from "../database.ts";
import type { EndpointName } from "../../core/ids.ts";

let made: ProxiedDatabase;
beforeAll(async () => {
  made = await openProxiedDatabase({ idleMs: 300 });
});
afterAll(async () => {
  expect(made.complaints).toEqual([]);
  await made[Symbol.asyncDispose]();
});

/** The SQLSTATE with which the promise is refused. */
async function refusal(promise: Promise<unknown>): Promise<string | undefined> {
  return promise.then(
    () => undefined,
    (error: { code?: string }) => error.code,
  );
}

async function asleep(timeline: string): Promise<void> {
  await expect.poll(() => made.engine.isRunning(timeline as never), { timeout: 5000, interval: 20 }).toBe(false);
}

describe("who gets in", () => {
  test("a role of the database gets in with the password of its name, and no other", async () => {
    const { name } = await made.newEndpoint();
    const client = await made.connect(name);
    expect((await client.query("select current_user, current_database()")).rows).toEqual([
      { current_user: "app", current_database: "app" },
    ]);
    expect(await refusal(made.connect(name, "app", { password: "wrong" }))).toBe("28P01");
    const other = await made.newEndpoint();
    const { password } = await made.proxy.credential(other.name, "app");
    expect(await refusal(made.connect(name, "app", { password }))).toBe("28P01");
  });

  test("an unknown database is refused by name, an unknown role by PostgreSQL itself", async () => {
    const { name } = await made.newEndpoint();
    expect(await refusal(made.connect("proj_nowhere" as EndpointName))).toBe("3D000");
    expect(await refusal(made.connect(name, "nobody"))).toBe("28000");
  });

  test("what is no startup packet is refused, and the proxy goes on", async () => {
    const { name } = await made.newEndpoint();
    const talk = (bytes: Buffer): Promise<Buffer> =>
      new Promise((resolve, reject) => {
        const heard: Buffer[] = [];
        const socket = connectSocket(made.proxy.port, made.proxy.host, () => socket.write(bytes));
        socket.on("data", (chunk) => heard.push(chunk));
        socket.on("end", () => resolve(Buffer.concat(heard)));
        socket.on("error", reject);
      });
    const packet = (code: number, body: string): Buffer => {
      const text = Buffer.from(body, "utf8");
      const head = Buffer.alloc(8);
      head.writeUInt32BE(8 + text.length);
      head.writeUInt32BE(code, 4);
      return Buffer.concat([head, text]);
    };
    expect((await talk(Buffer.from("GET / HTTP/1.1\r\n\r\n"))).toString()).toContain("08P01");
    expect((await talk(Buffer.from([0, 0, 0, 4]))).toString()).toContain("08P01");
    expect((await talk(packet(196_608, "user\0app\0database"))).toString()).toContain("08P01");
    expect((await talk(packet(131_072, "user\0app\0\0"))).toString()).toContain("0A000");
    expect((await talk(packet(196_608, `user\0app\0database\0${name}\0replication\0true\0\0`))).toString()).toContain("0A000");
    const newer = await talk(Buffer.concat([packet(196_610, `user\0app\0database\0${name}\0_pq_.x\0y\0\0`), Buffer.from("zzzzzzzz")]));
    expect(newer.toString("latin1", 0, 1)).toBe("v");
    expect(newer.toString()).toContain("_pq_.x");
    expect((await (await made.connect(name)).query("select 1 as one")).rows).toEqual([{ one: 1 }]);
  });
});

describe("sessions", () => {
  test("a large answer and a large question pass unchanged", async () => {
    const { name } = await made.newEndpoint();
    const client = await made.connect(name);
    const text = "ä".repeat(3_000_000);
    expect((await client.query("select md5($1::text) as hash, $1::text as text", [text])).rows[0].text).toBe(text);
    const { rows } = await client.query("select n, repeat('x', 500) as pad from generate_series(1, 60000) n");
    expect(rows.length).toBe(60_000);
  });

  test("a cancel reaches the statement of its own session only", async () => {
    const { name } = await made.newEndpoint();
    const [one, two] = [await made.connect(name), await made.connect(name)];
    const slow = refusal(one.query("select pg_sleep(20)"));
    const other = two.query("select pg_sleep(0.4)");
    await expect
      .poll(
        async () =>
          (
            await (
              await made.connect(name)
            ).query(
              "select count(*)::int as n from pg_stat_activity where query like '%sleep(20)' and state = 'active' and pid <> pg_backend_pid()",
            )
          ).rows[0].n,
      )
      .toBe(1);
    const key = one as unknown as { processID: number; secretKey: number };
    const canceller = connectSocket(made.proxy.port, made.proxy.host, () => {
      const bytes = Buffer.alloc(16);
      [16, 80_877_102, key.processID].forEach((value, i) => bytes.writeUInt32BE(value, i * 4));
      bytes.writeInt32BE(key.secretKey, 12);
      canceller.write(bytes);
    });
    canceller.on("error", () => {});
    expect(await slow).toBe("57014");
    await other;
    expect((await one.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
    canceller.destroy();
  });
});

describe("sleep and wake", () => {
  test("fifty clients at once wake the compute once", async () => {
    const { name, timeline } = await made.newEndpoint();
    await made.proxy.suspend(name);
    const before = made.starts(timeline);
    const clients = await Promise.all(Array.from({ length: 50 }, () => made.connect(name)));
    const rows = await Promise.all(clients.map((client) => client.query("select 1 as one")));
    expect(rows.map((result) => result.rows[0].one)).toEqual(Array(50).fill(1));
    expect(made.starts(timeline) - before).toBe(1);
    await Promise.all(clients.map((client) => client.end()));
  });

  test("a pool without session state does not notice the sleep, and its settings of the startup stay", async () => {
    const { name, timeline } = await made.newEndpoint();
    const { dsn } = await made.proxy.credential(name, "app");
    const errors: Error[] = [];
    const pool = new Pool({ connectionString: dsn, max: 3, application_name: "shop", statement_timeout: 7000 });
    pool.on("error", (error) => errors.push(error));
    const ask = (): Promise<unknown[]> =>
      Promise.all(
        [1, 2, 3].map(
          async (n) => (await pool.query("insert into note (client, number) values (1, $1) returning number", [n])).rows[0].number,
        ),
      );
    expect(await ask()).toEqual([1, 2, 3]);
    for (let round = 0; round < 2; round++) {
      await asleep(timeline);
      expect(await ask()).toEqual([1, 2, 3]);
    }
    expect(
      (await pool.query("select current_setting('application_name') as name, current_setting('statement_timeout') as limit")).rows,
    ).toEqual([{ name: "shop", limit: "7s" }]);
    expect(errors).toEqual([]);
    expect(pool.totalCount).toBe(3);
    await pool.end();
  });

  test.each([
    ["a named prepared statement", { name: "p", text: "select 1" }],
    ["a changed setting", "set work_mem = '2MB'"],
    ["a setting of the application's own", "set shop.tenant = '7'"],
    ["a temporary table", "create temp table t (id int)"],
    ["LISTEN", "listen news"],
    ["an advisory lock", "select pg_advisory_lock(1)"],
    ["a held cursor", "declare c cursor with hold for select 1"],
    ["another role", "set role pg_monitor"],
  ])("a session with %s is told 57P01 when the compute sleeps", async (_, query) => {
    const { name, timeline } = await made.newEndpoint();
    const client = await made.connect(name, ADMIN_ROLE);
    const told = new Promise<string | undefined>((resolve) =>
      client.once("error", (error: Error & { code?: string }) => resolve(error.code)),
    );
    await client.query(typeof query === "string" ? { text: query } : query);
    expect(await told).toBe("57P01");
    await asleep(timeline);
  });

  test("a compute with an open transaction does not sleep", async () => {
    const { name, timeline } = await made.newEndpoint();
    const client = await made.connect(name);
    await client.query("begin");
    await client.query("insert into note (number) values (1)");
    await delay(900);
    expect(made.engine.isRunning(timeline)).toBe(true);
    await client.query("commit");
    await asleep(timeline);
    expect((await client.query("select count(*)::int as n from note")).rows).toEqual([{ n: 1 }]);
  });

  test("a busy endpoint is suspended between two transactions, and its clients do not notice", async () => {
    const { name, timeline } = await made.newEndpoint();
    const client = await made.connect(name);
    let going = true;
    let written = 0;
    const writing = (async () => {
      while (going) {
        await client.query("begin");
        await client.query("insert into note (number) values (1)");
        await client.query("commit");
        written++;
      }
    })();
    const before = made.starts(timeline);
    await made.proxy.suspend(name);
    const sofar = written;
    await expect.poll(() => written, { timeout: 20_000 }).toBeGreaterThan(sofar + 3);
    going = false;
    await writing;
    expect(made.starts(timeline)).toBe(before + 1);
    expect((await client.query("select count(*)::int as n from note")).rows).toEqual([{ n: written }]);
  });

  test("a compute that is killed is said to its clients as 57P01, and the next one wakes it", async () => {
    const { name } = await made.newEndpoint();
    const client = await made.connect(name, ADMIN_ROLE);
    const told = new Promise<string | undefined>((resolve) =>
      client.once("error", (error: Error & { code?: string }) => resolve(error.code)),
    );
    const { rows } = await client.query<{ pid: string }>("select split_part(pg_read_file('postmaster.pid'), chr(10), 1) as pid");
    process.kill(Number(rows[0]?.pid), "SIGKILL");
    expect(await told).toBe("57P01");
    expect((await (await made.connect(name)).query("select 1 as one")).rows).toEqual([{ one: 1 }]);
  });

  test("an endpoint whose compute cannot start refuses all who wait with 57P03 and why, and disturbs no other", async () => {
    await using broken = await openProxiedDatabase();
    const { name, timeline } = await broken.newEndpoint();
    const other = await broken.newEndpoint();
    await broken.proxy.suspend(name);
    await rename(broken.filesOf(timeline), `${broken.filesOf(timeline)}.away`);
    const refusals = await Promise.all(Array.from({ length: 10 }, () => refusal(broken.connect(name))));
    expect(refusals).toEqual(Array(10).fill("57P03"));
    await expect(broken.connect(name)).rejects.toThrow(/^the database could not be started \([a-z-]+\)$/);
    expect((await (await broken.connect(other.name)).query("select 1 as one")).rows).toEqual([{ one: 1 }]);
    await rename(`${broken.filesOf(timeline)}.away`, broken.filesOf(timeline));
    expect((await (await broken.connect(name)).query("select 1 as one")).rows).toEqual([{ one: 1 }]);
  });

  test("a wake that takes too long is refused with 57P03", async () => {
    await using slow = await openProxiedDatabase({ wakeMs: 1 });
    await slow.engine.createTimeline("tml_slow" as never);
    await slow.proxy.endpoint("proj_slow" as EndpointName, "tml_slow" as never, 1);
    expect(await refusal(slow.connect("proj_slow" as EndpointName, ADMIN_ROLE))).toBe("57P03");
  });
});

describe("endpoints", () => {
  test("a removed endpoint's sessions end, and its name is unknown", async () => {
    const { name } = await made.newEndpoint();
    const client = await made.connect(name);
    const told = new Promise<string | undefined>((resolve) =>
      client.once("error", (error: Error & { code?: string }) => resolve(error.code)),
    );
    await made.proxy.removeEndpoint(name);
    expect(await told).toBe("57P01");
    expect(await refusal(made.connect(name))).toBe("3D000");
  });

  test("endpoints and passwords survive a restart of the proxy", async () => {
    await using restarted = await openProxiedDatabase();
    const { name, timeline } = await restarted.newEndpoint();
    const { dsn } = await restarted.proxy.credential(name, "app");
    await restarted.restartProxy();
    expect(await restarted.proxy.listEndpoints()).toEqual([{ name, timeline, epoch: 1 }]);
    const client = new Client({ connectionString: dsn });
    await client.connect();
    expect((await client.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
    await client.end();
  });
});
