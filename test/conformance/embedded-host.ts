/** A process to be killed: the embedded engine behind the proxy, with the port and its test's levers as calls over a socket. Ends with its standard input. */
import { readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import type { TimelineId } from "../../src/core/ids.ts";
import { createDatabase } from "../../src/database/compose.ts";
import { createEngine } from "../../src/database/embedded/engine.ts";
import { createProxy } from "../../src/database/proxy/proxy.ts";
import { serveRpc } from "../../src/process/rpc.ts";

export interface HostOptions {
  home: string;
  socketPath: string;
  port: number;
  /** How far the engine's clock is ahead. */
  aheadMs: number;
}

export interface Levers {
  age(ms: number): Promise<void>;
  stall(timeline: TimelineId): Promise<void>;
}

const { home, socketPath, port, aheadMs } = JSON.parse(process.argv[2] ?? "{}") as HostOptions;
let ahead = aheadMs;
const dataDir = join(home, "data");
const engine = await createEngine({
  dataDir,
  runDir: join(home, "run"),
  baseEveryBytes: 1024 * 1024,
  clock: { now: () => new Date(Date.now() + ahead) },
  // A stalled compute is ended by force, and said to have been.
  report: (error) => process.stderr.write(`${String(error)}\n`),
});
const proxy = await createProxy({
  dir: join(home, "proxy"),
  computes: engine,
  port,
  masterKey: "5".repeat(64),
  moveDrainMs: 1000,
  log: (event, details) => void (/failed/.test(event) && process.stderr.write(`${event} ${JSON.stringify(details)}\n`)),
});

const levers: Levers = {
  async age(ms) {
    ahead += ms;
    await engine.collect();
  },
  async stall(timeline) {
    const data = join(dataDir, "timelines", timeline);
    for (const name of await readdir("/proc")) {
      const cwd = /^\d+$/.test(name) ? await readlink(`/proc/${name}/cwd`).catch(() => "") : "";
      if (cwd.startsWith(`${data}/`)) process.kill(Number(name), "SIGSTOP");
    }
  },
};
const rpc = await serveRpc(socketPath, { database: createDatabase({ engine, proxy }), levers });
process.stdout.write(`${proxy.port}\n`);

process.stdin.resume().once("end", () => {
  void (async () => {
    await rpc.close();
    await proxy.close();
    await engine.close();
    process.exit(0);
  })();
});
