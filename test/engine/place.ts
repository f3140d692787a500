/** A folder with an engine and a proxy, to be copied, killed and opened again; and what may lie in it. Runs without a test runner. */
import { deepStrictEqual } from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readdir, readlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import type { TimelineId } from "../../src/core/ids.ts";
import { createDatabase } from "../../src/database/compose.ts";
import { BACKEND_DATABASE, type Engine } from "../../src/database/computes.ts";
import { ADMIN_ROLE, type Database } from "../../src/database/database.ts";
import { createEngine, type EngineOptions } from "../../src/database/embedded/engine.ts";
import { createProxy } from "../../src/database/proxy/proxy.ts";

export interface Place {
  engine: Engine;
  /** With the proxy's endpoints; absent where no act needs them. */
  database: Database | undefined;
  dir: string;
  close: () => Promise<void>;
}

export interface PlaceOptions extends Partial<EngineOptions> {
  withProxy?: boolean;
}

export async function openPlace(dir: string, { withProxy, ...options }: PlaceOptions = {}): Promise<Place> {
  await mkdir(dir, { recursive: true, mode: 0o711 });
  const engine = await createEngine({
    dataDir: join(dir, "data"),
    runDir: join(dir, "run"),
    report: (error) => {
      throw error;
    },
    ...options,
  });
  if (!withProxy) return { engine, database: undefined, dir, close: () => engine.close() };
  const proxy = await createProxy({ dir: join(dir, "proxy"), computes: engine, port: 0, masterKey: "5".repeat(64) });
  const close = async () => {
    await proxy.close();
    await engine.close();
  };
  return { engine, database: createDatabase({ engine, proxy }), dir, close };
}

/** As the administrator on the timeline's compute, which is started if needed. */
export async function withTimeline<T>(place: Place, id: TimelineId, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const { socketPath } = await place.engine.acquire(id);
  return withClient({ host: dirname(socketPath), port: 5432, user: ADMIN_ROLE, database: BACKEND_DATABASE }, work);
}

export async function withClient<T>(config: pg.ClientConfig | string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(config);
  client.on("error", () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

export function rowsOf<R extends pg.QueryResultRow>(place: Place, id: TimelineId, statement: string): Promise<R[]> {
  return withTimeline(place, id, async (client) => (await client.query<R>(statement)).rows);
}

/** Copies a closed place. Bases never change, so their files are linked. */
export async function copyPlace(from: string, to: string): Promise<void> {
  const copy = promisify(execFile);
  const script = 'rm -rf "$2" && mkdir -m 711 "$2" && cd "$1" && tar -cf - --exclude=./data/bases . | tar -xpf - -C "$2"';
  await copy("/bin/sh", ["-c", `${script} && { [ ! -e data/bases ] || cp -al data/bases "$2/data/bases"; }`, "sh", from, to]);
}

/** Processes that work below the directory. */
export async function processesIn(directory: string): Promise<number[]> {
  const pids: number[] = [];
  for (const name of await readdir("/proc")) {
    const cwd = /^\d+$/.test(name) ? await readlink(`/proc/${name}/cwd`).catch(() => "") : "";
    if (cwd.startsWith(`${directory}/`)) pids.push(Number(name));
  }
  return pids;
}

/** As `kill -9`; a process that is gone by now is no error. */
export function endByForce(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Throws unless the engine, at rest, has on its disk exactly what its timelines need, and no process. */
export async function assertTidy({ engine, dir }: Place): Promise<void> {
  const listed = (await engine.listTimelines()).map(({ id }) => id as string).toSorted();
  deepStrictEqual((await readdir(join(dir, "data", "timelines"))).toSorted(), listed);
  const expected = /^(bases|timelines|postgres|numbers\.json|users\.json)$/;
  const leftovers = async (below: string, isExpected: (name: string) => boolean) =>
    (await readdir(join(dir, below)).catch(() => [])).filter((name) => !isExpected(name));
  const found = [
    ...(await leftovers("data", (name) => expected.test(name))),
    ...(await leftovers("data/postgres", (name) => /^([a-z]+\.(conf|hba|ident)|links-[\d.a-z-]+|17[\d.a-z-]+(?<!\.tmp))$/.test(name))),
    ...(await leftovers("data/bases", (name) => !/\.(tmp|old)$/.test(name))),
    ...(await leftovers("run", () => false)),
    ...(await leftovers("proxy", (name) => !name.endsWith(".tmp"))),
  ];
  for (const id of listed) {
    const parts = /^(data|inherited|timeline\.json|postgres\.log)$/;
    found.push(...(await leftovers(`data/timelines/${id}`, (name) => parts.test(name))).map((name) => `${id}/${name}`));
  }
  deepStrictEqual(found, []);
  deepStrictEqual(await processesIn(join(dir, "data")), []);
}
