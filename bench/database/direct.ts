/** PostgreSQL without the platform: the same binaries, settings and bytes, listening on loopback. */
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TimelineId } from "../../src/core/ids.ts";
import { BACKEND_DATABASE, type Computes } from "../../src/database/computes.ts";
import { ADMIN_ROLE } from "../../src/database/database.ts";
import { initdbAccount } from "../../src/database/embedded/accounts.ts";
import { prepareBinaries } from "../../src/database/embedded/binaries.ts";
import { startCluster } from "../../src/database/embedded/cluster.ts";
import { writeSettings } from "../../src/database/embedded/settings.ts";
import { run } from "../../src/process/run.ts";
import { freePort } from "../free-port.ts";

export interface Direct {
  port: number;
  dsn: string;
  socketPath: string;
  /** Where the server itself may write. */
  scratch: string;
  /** The same server as the proxy sees it, whatever timeline it asks for. */
  computes: Computes;
  stop(): Promise<void>;
}

export interface DirectFiles {
  start(): Promise<Direct>;
}

/** The data directory of a timeline that sleeps. */
export function dataOf(dataDir: string, timeline: TimelineId): string {
  return join(dataDir, "timelines", timeline, "data");
}

/** Copies byte by byte and has the copy on disk when it returns: what a branch would cost that does nothing but copy. */
export async function copyBytes(from: string, to: string, reflink: "never" | "always" = "never"): Promise<void> {
  await command("/bin/sh", ["-c", 'cp -a --reflink="$3" "$1" "$2" && sync -f "$2"', "sh", from, to, reflink]);
}

/** Takes the copied data directory `dir/data` for a server of the bench's own; `dataDir` is the engine's. */
export async function adopt(dir: string, dataDir: string, runDir: string): Promise<DirectFiles> {
  const data = join(dir, "data");
  const scratch = join(dir, "scratch");
  const account = initdbAccount();
  await mkdir(scratch, { recursive: true });
  if (account) {
    await chmod(dir, 0o755);
    await command("chown", ["-R", `${account.uid}:${account.gid}`, data, scratch]);
  }
  const binaries = await prepareBinaries(dataDir);
  const theirs = await writeSettings(dir, "compute");
  return {
    async start() {
      const port = await freePort();
      const settings = { configFile: join(dir, "direct.conf"), hbaFile: join(dir, "direct.hba"), identFile: theirs.identFile };
      const own = `listen_addresses = '127.0.0.1'\nport = ${port}\nwal_keep_size = 0\n`;
      await writeFile(settings.configFile, `${await readFile(theirs.configFile, "utf8")}${own}`, { mode: 0o644 });
      await writeFile(settings.hbaFile, "local all all trust\nhost all all 127.0.0.1/32 trust\n", { mode: 0o644 });
      const socketDir = join(runDir, `d${port}`);
      const cluster = await startCluster({ binaries, settings, dataDir: data, socketDir, logFile: join(dir, "direct.log"), account });
      const socketPath = join(socketDir, `.s.PGSQL.${port}`);
      return {
        port,
        dsn: `postgres://${ADMIN_ROLE}@127.0.0.1:${port}/${BACKEND_DATABASE}`,
        socketPath,
        scratch,
        computes: {
          acquire: async () => ({ socketPath, generation: 1 }),
          stop: async () => {},
          kill: async () => {},
          isRunning: () => true,
          onExit: () => () => {},
        },
        stop: () => cluster.stop(),
      };
    },
  };
}

/** Throws with what the command said when it fails. */
export async function command(file: string, args: readonly string[], timeoutMs = 900_000): Promise<string> {
  const done = await run(file, args, { timeoutMs });
  if (done.exitCode !== 0) throw new Error(`${done.command} failed: ${done.stderr.toString().trim() || `exit code ${done.exitCode}`}`);
  return done.stdout.toString();
}
