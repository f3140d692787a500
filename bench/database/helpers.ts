/** Node processes of the benchmark's own, spoken to over a socket. */
import { join } from "node:path";
import { newId } from "../../src/core/ids.ts";
import { pidRecordPath } from "../../src/process/pid-record.ts";
import { connectRpc } from "../../src/process/rpc.ts";
import { supervise } from "../../src/process/supervised.ts";
import type { clients } from "./clients-process.ts";

export type Clients = typeof clients;

export interface Helper<T> {
  pid: number;
  calls: T;
  stop(): Promise<void>;
}

/** `script` is a module beside this one; it serves `service` at the socket that is its first argument. */
export async function startHelper<T extends object>(
  runDir: string,
  script: string,
  service: string,
  args: readonly string[] = [],
): Promise<Helper<T>> {
  const id = newId<string>("h");
  const socketPath = join(runDir, `${id}.sock`);
  const said: string[] = [];
  const child = await supervise({
    file: process.execPath,
    args: ["--disable-warning=ExperimentalWarning", "--expose-gc", join(import.meta.dirname, script), socketPath, ...args],
    cwd: import.meta.dirname,
    record: pidRecordPath(runDir, id),
    stdin: "pipe",
    onLine: (_, line) => void said.push(line),
  });
  const calls = connectRpc<T>(socketPath, service, { connectTimeoutMs: 30_000, callTimeoutMs: 1_800_000 });
  const ended = child.exited.then(({ code, signal }) => {
    throw new Error(`"${script}" ended (${signal ?? code}): ${said.slice(-20).join("\n")}`);
  });
  ended.catch(() => {});
  return {
    pid: child.pid,
    calls: new Proxy(calls, {
      get: (target, method) => {
        const call = Reflect.get(target, method) as unknown;
        if (typeof call !== "function") return call;
        return (...all: unknown[]) => Promise.race([Reflect.apply(call, undefined, all) as Promise<unknown>, ended]);
      },
    }),
    async stop() {
      await child.stop(10_000);
    },
  };
}

export function startClients(runDir: string): Promise<Helper<Clients>> {
  return startHelper<Clients>(runDir, "clients-process.ts", "clients");
}
