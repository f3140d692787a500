/** A PostgreSQL for one test file: fresh, on a port of 127.0.0.1, gone with `close`. Its roles need no password. */
import { spawn } from "node:child_process";
import { chmod, chown, mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { initdbAccount } from "../../src/database/embedded/accounts.ts";
import { prepareBinaries } from "../../src/database/embedded/binaries.ts";
import { runTool } from "../../src/database/embedded/cluster.ts";

export interface ThrowawayPostgres {
  host: string;
  port: number;
  /** Makes the database with one schema and role per app, as the control plane does, and runs `sql` in each schema as the app. */
  createDatabase(name: string, apps: Record<string, string>): Promise<void>;
  close(): Promise<void>;
}

export async function startThrowawayPostgres(): Promise<ThrowawayPostgres> {
  const home = await mkdtemp(join(tmpdir(), "throwaway-postgres-"));
  await chmod(home, 0o755);
  const binaries = await prepareBinaries(home);
  const account = initdbAccount();
  const dataDir = join(home, "data");
  await mkdir(dataDir, { mode: 0o700 });
  if (account) await chown(dataDir, account.uid, account.gid);
  await runTool(binaries.initdb, ["-D", dataDir, "-U", "adorable", "--auth=trust", "--no-sync", "--locale=C.UTF-8", "-E", "UTF8"], {
    env: binaries.env,
    cwd: dataDir,
    account,
  });
  const port = await freePort();
  const settings = [
    `port=${port}`,
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "fsync=off",
    "shared_buffers=16MB",
    "max_connections=60",
  ];
  const server = [binaries.postgres, "-D", dataDir, ...settings.flatMap((setting) => ["-c", setting])];
  const identity = account ? ["--reuid", String(account.uid), "--regid", String(account.gid), "--clear-groups"] : [];
  const [command = "", ...args] =
    binaries.setpriv === undefined ? server : [binaries.setpriv, ...identity, "--pdeathsig", "KILL", "--", ...server];
  const child = spawn(command, args, {
    cwd: dataDir,
    env: binaries.env,
    stdio: "ignore",
    ...(binaries.setpriv === undefined && account ? account : {}),
  });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const asAdmin = async (database: string, sql: string): Promise<void> => {
    const client = new pg.Client({ host: "127.0.0.1", port, user: "adorable", database });
    try {
      await client.connect();
      await client.query(sql);
    } finally {
      await client.end().catch(() => undefined);
    }
  };
  for (let attempt = 0; ; attempt++) {
    try {
      await asAdmin("postgres", "select 1");
      break;
    } catch (error) {
      if (attempt > 500 || child.exitCode !== null) throw error;
      await delay(20);
    }
  }
  return {
    host: "127.0.0.1",
    port,
    async createDatabase(name, apps) {
      await asAdmin("postgres", `create database ${name}`);
      for (const [slug, sql] of Object.entries(apps)) {
        const schema = slug.replaceAll("-", "_");
        const role = `app_${schema}`;
        await asAdmin(name, `do $$ begin create role ${role} login; exception when duplicate_object then null; end $$;`);
        await asAdmin(
          name,
          `create schema ${schema} authorization ${role}; alter role ${role} in database ${name} set search_path = ${schema}; set role ${role}; set search_path = ${schema}; ${sql}`,
        );
      }
    },
    async close() {
      child.kill("SIGQUIT");
      await exited;
      await rm(home, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => (typeof address === "object" && address !== null ? resolve(address.port) : reject(new Error("no port"))));
    });
  });
}
