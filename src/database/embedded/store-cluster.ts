/** The control plane's own PostgreSQL: the same binaries, always awake, on a private unix socket, never behind the proxy. */
import { readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { BACKEND_DATABASE } from "../computes.ts";
import { ADMIN_ROLE } from "../database.ts";
import { accountOf, firstUserOf, makeOpen, makePassable } from "./accounts.ts";
import { prepareBinaries } from "./binaries.ts";
import { claim } from "./claim.ts";
import { startCluster } from "./cluster.ts";
import { explain } from "./failures.ts";
import { cloneTree, removeTree, syncPath, syncTree } from "./files.ts";
import { writeSettings } from "./settings.ts";
import { endStrays } from "./strays.ts";
import { initCluster } from "./template.ts";

export interface StoreCluster {
  /** For `pg` and whatever takes its connection strings. Only we and the database's own user can open the socket. */
  dsn: string;
  /** Resolves when the server has ended, whatever the cause. */
  exited: Promise<void>;
  /** Ends all sessions and stops it cleanly. Idempotent. */
  close(): Promise<void>;
}

/** Timelines are numbered from one. */
const STORE_NUMBER = 0;

/**
 * Starts the cluster, made at the first time. `dataDir` may be the engine's.
 * Throws `data-directory-unreachable`, `data-directory-unwritable`, `data-directory-in-use`, `disk-full` (operator), `compute-failed` (bug).
 */
export async function startStore(options: { dataDir: string; runDir: string }): Promise<StoreCluster> {
  try {
    return await start(await makePassable(options.dataDir), await makePassable(options.runDir));
  } catch (error) {
    throw explain(error, options.dataDir);
  }
}

async function start(dataDir: string, runDir: string): Promise<StoreCluster> {
  const root = join(dataDir, "store");
  const data = join(root, "data");
  const account = accountOf(await firstUserOf(dataDir), STORE_NUMBER);
  await makeOpen(root);
  const release = await claim(root);
  try {
    const binaries = await prepareBinaries(dataDir);
    const settings = await writeSettings(join(dataDir, "postgres"), "store");
    await endStrays([data, `${data}.tmp`]);
    await removeTree(`${data}.tmp`);
    await removeTree(`${data}.new`);
    if (!(await readdir(root)).includes("data")) {
      // initdb works as a user of its own, so its cluster is copied over to the store's.
      await initCluster(binaries, `${data}.tmp`);
      await cloneTree(`${data}.tmp`, `${data}.new`, { owner: account, reflink: false, live: false, skip: () => false });
      await syncTree(`${data}.new`);
      await rename(`${data}.new`, data);
      await syncPath(root);
      await removeTree(`${data}.tmp`);
    }
    const socketDir = join(runDir, "store");
    const cluster = await startCluster({ binaries, settings, dataDir: data, logFile: join(root, "postgres.log"), socketDir, account });
    void cluster.exited.then(release);
    const dsn = `postgres://${ADMIN_ROLE}@/${BACKEND_DATABASE}?host=${encodeURIComponent(socketDir)}&port=5432`;
    return { dsn, exited: cluster.exited, close: () => cluster.stop().then(release) };
  } catch (error) {
    await release();
    throw error;
  }
}
