/** An engine behind a proxy in a directory of its own, as the platform runs them, with nothing else in the process. */
import { randomBytes } from "node:crypto";
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import pg from "pg";
import { newId, type EndpointName, type TimelineId } from "../../src/core/ids.ts";
import { createDatabase } from "../../src/database/compose.ts";
import { BACKEND_DATABASE, type Computes, type Engine } from "../../src/database/computes.ts";
import { ADMIN_ROLE, type Database } from "../../src/database/database.ts";
import { createEngine, type EngineOptions } from "../../src/database/embedded/engine.ts";
import { createProxy, type Proxy } from "../../src/database/proxy/proxy.ts";

export interface Place {
  engine: Engine;
  proxy: Proxy;
  database: Database;
  dataDir: string;
  /** How many computes were started for clients of the proxy since it was asked last. */
  takeStarts(): number;
  /** A new root timeline behind an endpoint; `dsn` is the administrator's. */
  newEndpoint(): Promise<{ name: EndpointName; timeline: TimelineId; dsn: string }>;
  /** Runs `work` with a session of the administrator on the timeline's compute, past the proxy. */
  onTimeline<T>(timeline: TimelineId, work: (client: pg.Client) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export interface PlaceOptions {
  /** On the file system that is measured. */
  dir: string;
  /** Short, because sockets are made below it. */
  runDir: string;
  engine?: Partial<EngineOptions>;
}

/** What went wrong where nobody waited; a benchmark of a broken engine says so. */
export const complaints: string[] = [];

/** For a proxy's log. */
export function log(event: string, details: Record<string, unknown>): void {
  if (event.endsWith("-failed")) complaints.push(`${event} ${JSON.stringify(details)}`);
}

/** Nothing falls asleep by itself: each row says when. */
export async function openPlace({ dir, runDir, engine: options }: PlaceOptions): Promise<Place> {
  await using opened = new AsyncDisposableStack();
  const dataDir = join(dir, "data");
  const report = (error: unknown): void => void complaints.push(error instanceof Error ? error.message : String(error));
  const sockets = await mkdtemp(join(runDir, "r"));
  opened.defer(() => rm(sockets, { recursive: true, force: true }));
  await chmod(sockets, 0o711);
  const engine = await createEngine({ dataDir, runDir: sockets, report, ...options });
  opened.defer(() => engine.close());
  const generations = new Set<string>();
  const computes: Computes = {
    async acquire(timeline) {
      const compute = await engine.acquire(timeline);
      generations.add(`${timeline} ${compute.generation}`);
      return compute;
    },
    stop: (timeline) => engine.stop(timeline),
    kill: (timeline) => engine.kill(timeline),
    isRunning: (timeline) => engine.isRunning(timeline),
    onExit: (listener) => engine.onExit(listener),
  };
  await mkdir(join(dir, "proxy"), { recursive: true });
  const proxy = await createProxy({
    dir: join(dir, "proxy"),
    computes,
    port: 0,
    masterKey: randomBytes(32).toString("hex"),
    idleMs: 3_600_000,
    log,
  });
  opened.defer(() => proxy.close());
  const database = createDatabase({ engine, proxy });
  const all = opened.move();
  let closing: Promise<void> | undefined;
  return {
    engine,
    proxy,
    database,
    dataDir,
    takeStarts() {
      const { size } = generations;
      generations.clear();
      return size;
    },
    async newEndpoint() {
      const name = newId<EndpointName>("proj");
      const timeline = newId<TimelineId>("tml");
      await database.createTimeline(timeline);
      await database.endpoint(name, timeline, 1);
      return { name, timeline, dsn: (await database.credential(name, ADMIN_ROLE)).dsn };
    },
    async onTimeline(timeline, work) {
      const { socketPath } = await engine.acquire(timeline);
      return withSession({ host: dirname(socketPath), port: 5432, user: ADMIN_ROLE, database: BACKEND_DATABASE }, work);
    },
    close: () => (closing ??= all.disposeAsync()),
  };
}

/** Runs `work` with a session that ends with it. */
export async function withSession<T>(config: string | pg.ClientConfig, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(config);
  // A session that dies between two queries reports here; the next query reports it to whoever waits.
  client.on("error", () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}
