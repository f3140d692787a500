import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Client } from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { EndpointName, HoldId, TimelineId } from "./core/ids.ts";
import { ADMIN_ROLE, type Database } from "./database/database.ts";
import { connectRpc } from "./process/rpc.ts";
import type { Gateway } from "./runtime/gateway/gateway.ts";
import type { Runtime } from "./runtime/runtime.ts";

const NAME = "proj_x" as EndpointName;
const TIMELINE = "tml_x" as TimelineId;
const HOLD = "hld_x" as HoldId;

let root: string;
let started: ChildProcess[];
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "edge-"));
  await chmod(root, 0o755);
  started = [];
});
afterEach(async () => {
  await Promise.all(
    started
      .filter((child) => child.exitCode === null && child.signalCode === null)
      .map((child) => (child.kill("SIGKILL"), once(child, "exit"))),
  );
  await rm(root, { recursive: true, force: true });
});

async function start(
  ports: Record<string, string> = {},
): Promise<{ child: ChildProcess; said: { ready: boolean; postgresPort: number; gatewayPort: number } }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "edge.ts")], {
    env: {
      PATH: process.env["PATH"],
      ADORABLE_DATA: join(root, "data"),
      ADORABLE_RUN: join(root, "run"),
      ADORABLE_LOG_LEVEL: "fatal",
      ...ports,
    },
    stdio: ["pipe", "pipe", "inherit"],
  });
  started.push(child);
  if (!child.stdout) throw new Error("no output");
  for await (const line of createInterface(child.stdout)) return { child, said: JSON.parse(line) as never };
  throw new Error("the edge ended before it was ready");
}

/** Processes that work in our directories. */
async function processes(): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir("/proc")) {
    const cwd = /^\d+$/.test(pid) ? await readlink(`/proc/${pid}/cwd`).catch(() => "") : "";
    if (cwd.startsWith(`${root}/`)) found.push(pid);
  }
  return found;
}

async function query(dsn: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: dsn });
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows as Record<string, unknown>[];
  } finally {
    await client.end();
  }
}

test("everything is as it was after a kill: endpoints, data, holds, passwords; no process outlives it", { timeout: 60_000 }, async () => {
  const first = await start();
  const database = connectRpc<Database>(join(root, "run", "edge.sock"), "database");
  await database.createTimeline(TIMELINE);
  await database.endpoint(NAME, TIMELINE, 1);
  const { dsn } = await database.credential(NAME, ADMIN_ROLE);
  await query(dsn, "create table t (n int); insert into t values (1)");
  const hold = await database.hold(NAME, HOLD, { budgetMs: 1000, drainMs: 1000, onDrainTimeout: "abort" });
  expect((await processes()).length).toBeGreaterThan(0);

  first.child.kill("SIGKILL");
  await once(first.child, "exit");
  await expect.poll(processes, { timeout: 10_000 }).toEqual([]);
  await expect(database.holds()).rejects.toMatchObject({ code: "edge-unreachable", remedy: "wait" });

  const second = await start({ ADORABLE_POSTGRES_PORT: String(first.said.postgresPort) });
  expect(await database.holds()).toEqual([{ id: HOLD, endpoint: NAME }]);
  expect(await query(hold.dsn, "select n from t")).toEqual([{ n: 1 }]);
  await database.resume(HOLD);
  expect(await query(dsn, "select n from t")).toEqual([{ n: 1 }]);

  const socket = join(root, "run", "edge.sock");
  expect(await connectRpc<Runtime>(socket, "runtime").list()).toEqual([]);
  expect(await connectRpc<Gateway>(socket, "gateway").listRoutes()).toEqual([]);
  await expect(connectRpc<{ close(): Promise<void> }>(socket, "runtime").close()).rejects.toMatchObject({ code: "call-unknown" });

  second.child.kill("SIGTERM");
  expect(await once(second.child, "exit")).toEqual([0, null]);
  expect(await processes()).toEqual([]);
});

test("it ends cleanly with its parent", async () => {
  const { child } = await start();
  child.stdin?.end();
  expect(await once(child, "exit")).toEqual([0, null]);
  expect(await processes()).toEqual([]);
});

test("settings that are wrong are said by name", async () => {
  const { child, said } = await start({ ADORABLE_POSTGRES_PORT: "seventy" });
  expect(said).toMatchObject({
    ready: false,
    error: { code: "config-invalid", message: expect.stringContaining("ADORABLE_POSTGRES_PORT") },
  });
  expect(await once(child, "exit")).toEqual([1, null]);
});
