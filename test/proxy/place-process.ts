/** The process of `place.ts`: what the edge is, without apps. */
import { join } from "node:path";
import { readFile } from "node:fs/promises";
import { createDatabase } from "../../src/database/compose.ts";
import { createEngine } from "../../src/database/embedded/engine.ts";
import { readOrCreateMasterKey } from "../../src/database/proxy/credentials.ts";
import { createProxy } from "../../src/database/proxy/proxy.ts";
import { endWithParent } from "../../src/process/parent.ts";
import { serveRpc } from "../../src/process/rpc.ts";

const root = process.argv[2] ?? "";
const settings = JSON.parse(process.argv[3] ?? "{}") as { port?: number; idleMs?: number; maxClients?: number };
const engine = await createEngine({ dataDir: join(root, "data"), runDir: join(root, "run") });
const complaints: string[] = [];
const proxy = await createProxy({
  dir: join(root, "proxy"),
  computes: engine,
  port: 0,
  masterKey: await readOrCreateMasterKey(join(root, "key")),
  log: (event, details) => void (/failed/.test(event) && complaints.push(`${event} ${JSON.stringify(details)}`)),
  ...settings,
});
const memory = {
  /** Resident bytes, after a garbage collection where there is one to call. */
  async residentBytes(): Promise<number> {
    globalThis.gc?.();
    const status = await readFile("/proc/self/status", "utf8");
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
  },
  complaints: async (): Promise<string[]> => complaints,
};
await serveRpc(join(root, "run", "place.sock"), { database: createDatabase({ engine, proxy }), memory }, () => {});
endWithParent(
  () =>
    void proxy
      .close()
      .then(() => engine.close())
      .then(() => process.exit(0)),
);
process.stdout.write(`${JSON.stringify({ host: proxy.host, port: proxy.port })}\n`);
