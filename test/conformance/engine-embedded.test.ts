/** The embedded engine behind the proxy, in a process of its own that can be killed, held to the rules of the port. */
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import type { Database } from "../../src/database/database.ts";
import { connectRpc } from "../../src/process/rpc.ts";
import { describeDatabase, type DatabaseUnderTest } from "./database.ts";
import type { HostOptions, Levers } from "./embedded-host.ts";

async function open(): Promise<DatabaseUnderTest> {
  const home = await mkdtemp(join(tmpdir(), "adc-"));
  await chmod(home, 0o711);
  const socketPath = join(home, "port.sock");
  let aheadMs = 0;
  let port = 0;
  let child: ChildProcessByStdio<Writable, Readable, null>;
  const start = async (): Promise<void> => {
    const options: HostOptions = { home, socketPath, port, aheadMs };
    child = spawn(process.execPath, [join(import.meta.dirname, "embedded-host.ts"), JSON.stringify(options)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const lines = createInterface({ input: child.stdout });
    const [line] = (await Promise.race([once(lines, "line"), once(lines, "close")])) as [string?];
    if (line === undefined) throw new Error("The engine's process ended before it was ready.");
    port = Number(line);
  };
  await start();
  const levers = connectRpc<Levers>(socketPath, "levers");
  return {
    database: connectRpc<Database>(socketPath, "database"),
    async crash() {
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
      await start();
    },
    async age(ms) {
      aheadMs += ms;
      await levers.age(ms);
    },
    stall: (timeline) => levers.stall(timeline),
    async close() {
      const gone = once(child, "exit");
      child.stdin.end();
      await gone;
      await rm(home, { recursive: true, force: true });
    },
  };
}

describeDatabase("embedded", open);
