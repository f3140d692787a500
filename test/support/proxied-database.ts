/** A real engine behind a real proxy in directories of its own, for tests: computes that sleep, one listener, clients. */
import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, type ClientConfig } from "pg";
import { newId, type EndpointName, type TimelineId } from "../../src/core/ids.ts";
import { createDatabase } from "../../src/database/compose.ts";
import type { Computes, Engine } from "../../src/database/computes.ts";
import { ADMIN_ROLE, type Database } from "../../src/database/database.ts";
import { createEngine } from "../../src/database/embedded/engine.ts";
import { createProxy, type Proxy, type ProxyOptions } from "../../src/database/proxy/proxy.ts";

export interface ProxiedDatabase extends AsyncDisposable {
  engine: Engine;
  proxy: Proxy;
  database: Database;
  /** The engine's files. */
  dataDir: string;
  /** How often each timeline's compute was started through the proxy's eyes: changes of generation. */
  starts(timeline: TimelineId): number;
  /** What the proxy had to say that it did not expect. */
  complaints: string[];
  /** A timeline and an endpoint upon it, with a table `note(id int, client int)` and the login role `app`. */
  newEndpoint(name?: string): Promise<{ name: EndpointName; timeline: TimelineId }>;
  connect(name: EndpointName, role?: string, config?: ClientConfig): Promise<Client>;
  /** Where the cluster of the timeline lies. */
  filesOf(timeline: TimelineId): string;
  /** The proxy's own directory. */
  dir: string;
  /** Closes the proxy and starts another on the same directory and port. */
  restartProxy(changed?: Partial<ProxyOptions>): Promise<void>;
}

export async function openProxiedDatabase(options: Partial<ProxyOptions> = {}): Promise<ProxiedDatabase> {
  const root = await mkdtemp(join(tmpdir(), "proxied-"));
  await chmod(root, 0o755);
  const engine = await createEngine({ dataDir: join(root, "data"), runDir: join(root, "run") });
  const generations = new Map<TimelineId, Set<number>>();
  const computes: Computes = {
    async acquire(timeline) {
      const compute = await engine.acquire(timeline);
      generations.set(timeline, (generations.get(timeline) ?? new Set()).add(compute.generation));
      return compute;
    },
    stop: (timeline) => engine.stop(timeline),
    kill: (timeline) => engine.kill(timeline),
    isRunning: (timeline) => engine.isRunning(timeline),
    onExit: (listener) => engine.onExit(listener),
  };
  const complaints: string[] = [];
  const masterKey = randomBytes(32).toString("hex");
  const start = (port: number, changed: Partial<ProxyOptions> = {}): Promise<Proxy> =>
    createProxy({
      dir: join(root, "proxy"),
      computes,
      port,
      masterKey,
      log: (event, details) => void (/failed/.test(event) && complaints.push(`${event} ${JSON.stringify(details)}`)),
      ...options,
      ...changed,
    });
  const proxy = await start(0);
  const clients: Client[] = [];
  const made: ProxiedDatabase = {
    engine,
    proxy,
    database: createDatabase({ engine, proxy }),
    dataDir: join(root, "data"),
    complaints,
    filesOf: (timeline) => join(root, "data", "timelines", timeline, "data"),
    dir: join(root, "proxy"),
    starts: (timeline) => generations.get(timeline)?.size ?? 0,
    async newEndpoint(name = newId<string>("proj")) {
      const timeline = newId<TimelineId>("tml");
      const endpoint = name as EndpointName;
      await made.database.createTimeline(timeline);
      await made.database.endpoint(endpoint, timeline, 1);
      const administrator = await made.connect(endpoint, ADMIN_ROLE);
      await administrator.query(
        "create role app login; create table note (id serial, client int, number int); grant all on all tables in schema public to app; grant all on all sequences in schema public to app",
      );
      await administrator.end();
      return { name: endpoint, timeline };
    },
    async connect(name, role = "app", config = {}) {
      const { host, port, database, user, password } = await made.proxy.credential(name, role);
      const client = new Client({ host, port, database, user, password, ...config });
      client.on("error", () => {});
      await client.connect();
      clients.push(client);
      return client;
    },
    async restartProxy(changed) {
      await made.proxy.close();
      made.proxy = await start(made.proxy.port, changed);
      made.database = createDatabase({ engine, proxy: made.proxy });
    },
    async [Symbol.asyncDispose]() {
      await Promise.allSettled(clients.map((client) => client.end()));
      await made.proxy.close();
      await engine.close();
      await rm(root, { recursive: true, force: true });
    },
  };
  return made;
}
