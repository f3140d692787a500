/** Starts a database and its proxy as a process of its own, so that a test can measure it and kill it. */
import { type ChildProcess, spawn } from "node:child_process";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Client } from "pg";
import { newId, type EndpointName, type TimelineId } from "../../src/core/ids.ts";
import { ADMIN_ROLE, type Database } from "../../src/database/database.ts";
import { connectRpc } from "../../src/process/rpc.ts";

export interface Place {
  database: Database;
  host: string;
  port: number;
  /** The proxy's own directory. */
  dir: string;
  residentBytes(): Promise<number>;
  complaints(): Promise<string[]>;
  /** An endpoint with the role `app` and the table `note`. */
  newEndpoint(): Promise<{ name: EndpointName; timeline: TimelineId }>;
  connect(name: EndpointName, role?: string): Promise<Client>;
  /** SIGKILL, and a new process on the same directory. */
  killAndRestart(): Promise<void>;
  close(): Promise<void>;
}

interface Started {
  child: ChildProcess;
  host: string;
  port: number;
}

export async function openPlace(settings: Record<string, number> = {}): Promise<Place> {
  const root = await mkdtemp(join(tmpdir(), "place-"));
  await chmod(root, 0o755);
  let started = await start(root, settings);
  const call = <T extends object>(service: string): T => connectRpc<T>(join(root, "run", "place.sock"), service);
  const place: Place = {
    database: call<Database>("database"),
    host: started.host,
    port: started.port,
    dir: join(root, "proxy"),
    residentBytes: () => call<Place>("memory").residentBytes(),
    complaints: () => call<Place>("memory").complaints(),
    async newEndpoint() {
      const name = newId<EndpointName>("proj");
      const timeline = newId<TimelineId>("tml");
      await place.database.createTimeline(timeline);
      await place.database.endpoint(name, timeline, 1);
      const administrator = await place.connect(name, ADMIN_ROLE);
      await administrator.query("create role app login; create table note (id serial, number int); grant all on note, note_id_seq to app");
      await administrator.end();
      return { name, timeline };
    },
    async connect(name, role = "app") {
      const client = new Client({ connectionString: (await place.database.credential(name, role)).dsn });
      client.on("error", () => {});
      await client.connect();
      return client;
    },
    async killAndRestart() {
      await ended(started.child, () => started.child.kill("SIGKILL"));
      started = await start(root, { ...settings, port: place.port });
    },
    async close() {
      await ended(started.child, () => started.child.stdin?.end());
      await rm(root, { recursive: true, force: true });
    },
  };
  return place;
}

async function start(root: string, settings: Record<string, number>): Promise<Started> {
  const script = join(import.meta.dirname, "place-process.ts");
  const args = ["--disable-warning=ExperimentalWarning", "--expose-gc", script, root, JSON.stringify(settings)];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout });
  const line = await new Promise<string>((resolve, reject) => {
    lines.once("line", resolve);
    child.once("exit", (code) => reject(new Error(`the place ended (${code ?? "killed"})`)));
  });
  return { child, ...(JSON.parse(line) as { host: string; port: number }) };
}

async function ended(child: ChildProcess, end: () => void): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once("exit", resolve));
  end();
  await exit;
}
