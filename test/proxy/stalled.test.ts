/** Computes and sessions' processes that stop answering: whoever waits for them goes on, and no client hears what was meant for the proxy. */
import { readdir, readlink } from "node:fs/promises";
import { dirname } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { newId, type TimelineId } from "../../src/core/ids.ts";
import { BACKEND_DATABASE } from "../../src/database/computes.ts";
import { ADMIN_ROLE } from "../../src/database/database.ts";
import { AdminSession } from "../../src/database/embedded/admin.ts";
import { connectBackend } from "../../src/database/proxy/backend.ts";
import { openProxiedDatabase, type ProxiedDatabase } from "../support/proxied-database.ts";
import { columns, dial, fields, logIn, query, speakOver, types, type WireClient } from "./wire.ts";

let made: ProxiedDatabase;
beforeAll(async () => {
  made = await openProxiedDatabase();
});
afterAll(async () => {
  await made[Symbol.asyncDispose]();
});

/** Every process of the timeline's compute stops answering, and goes on with SIGCONT. */
async function signalAll(timeline: TimelineId, signal: NodeJS.Signals): Promise<void> {
  for (const name of await readdir("/proc")) {
    const cwd = /^\d+$/.test(name) ? await readlink(`/proc/${name}/cwd`).catch(() => "") : "";
    if (cwd === made.filesOf(timeline)) process.kill(Number(name), signal);
  }
}

async function speak(name: Parameters<ProxiedDatabase["connect"]>[0]): Promise<{ client: WireClient; pid: number }> {
  const client = speakOver(await dial(made.proxy.host, made.proxy.port));
  await logIn(client, await made.proxy.credential(name, "app"));
  client.send(query("select pg_backend_pid()"));
  const [pid = ""] = (await client.until("Z")).filter(({ type }) => type === "D").map((row) => columns(row)[0]);
  return { client, pid: Number(pid) };
}

test("a session whose process does not answer the proxy ends: its late answer goes to nobody", async () => {
  const { name } = await made.newEndpoint();
  const administrator = await made.connect(name, ADMIN_ROLE);
  await administrator.query("alter role app connection limit 1");
  const { client, pid } = await speak(name);
  process.kill(pid, "SIGSTOP");
  const refused = await made.connect(name).catch((error: unknown) => error);
  process.kill(pid, "SIGCONT");
  const first = await client.next();
  expect(first.type).toBe("E");
  expect(fields(first)["C"]).toBe("57P01");
  expect(refused).toMatchObject({ code: "53300" });
  await client.closed;
  await administrator.end();
});

test("an endpoint moves away from a compute that does not answer, and its idle clients are told", async () => {
  const { name, timeline } = await made.newEndpoint();
  const { client } = await speak(name);
  const heard = client.until("E");
  const next = newId<TimelineId>("tml");
  await made.database.createTimeline(next);
  await signalAll(timeline, "SIGSTOP");
  const startedAt = performance.now();
  await made.database.endpoint(name, next, 2);
  // The question, the attempt to end the session alone, and the end of all by force.
  expect(performance.now() - startedAt).toBeLessThan(20_000);
  expect(types(await heard)).toBe("E");
  const administrator = await made.connect(name, ADMIN_ROLE);
  expect((await administrator.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
  await administrator.end();
});

test("a suspension of a compute that does not answer ends, and so does the proxy", async () => {
  const { name, timeline } = await made.newEndpoint();
  const { client } = await speak(name);
  await signalAll(timeline, "SIGSTOP");
  const suspended = made.proxy.suspend(name);
  await made.restartProxy();
  await client.closed;
  await suspended;
  expect(made.engine.isRunning(timeline)).toBe(false);
  const again = await made.connect(name);
  expect((await again.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
  await again.end();
});

test("a session that its client left while it was asked ends with its process", async () => {
  const { timeline } = await made.newEndpoint();
  const { socketPath } = await made.engine.acquire(timeline);
  const parameters = new Map([
    ["user", ADMIN_ROLE],
    ["database", BACKEND_DATABASE],
  ]);
  const backend = await connectBackend(socketPath, parameters, 10_000);
  process.kill(backend.key.pid, "SIGSTOP");
  const asked = backend.query("select 1", 200);
  const left = backend.leave();
  await expect(asked).rejects.toThrow("did not answer in time");
  process.kill(backend.key.pid, "SIGCONT");
  await left;
});

test("a question to a compute that does not answer is given up, and the compute can be stopped", async () => {
  const { name, timeline } = await made.newEndpoint();
  const { socketPath } = await made.engine.acquire(timeline);
  const kept = new AdminSession(dirname(socketPath), 300);
  expect(await kept.ask("select 1 as one")).toEqual({ one: 1 });
  await signalAll(timeline, "SIGSTOP");
  const fresh = new AdminSession(dirname(socketPath), 300);
  await expect(kept.ask("select 1 as one")).rejects.toMatchObject({ code: "compute-silent", remedy: "wait" });
  await expect(fresh.ask("select 1 as one")).rejects.toMatchObject({ code: "compute-silent", remedy: "wait" });
  await signalAll(timeline, "SIGCONT");
  expect(await kept.ask("select 1 as one")).toEqual({ one: 1 });
  kept.close();
  await made.proxy.suspend(name);
});
