/** Finds and ends database processes that outlived whoever started them, by their working directory. */
import { readFile, readdir, readlink, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { eachOf } from "./files.ts";

/** The server, what starts it, and what makes a cluster. */
const PROGRAMS = new Set(["postgres", "setpriv", "initdb"]);
const POLL_MS = 10;
/** Long enough for a clean stop of a busy database. */
const PATIENCE_MS = 10_000;

/**
 * Ends every process of ours that works in one of the data directories: the server cleanly, and what is left after that by force
 * (a session whose server is gone can only be ended so; the next start replays the log). Afterwards nothing uses the directories.
 */
export async function endStrays(dataDirs: string[]): Promise<void> {
  let found = await findStrays(new Set(dataDirs));
  for (const { pid, dataDir } of found) if (await isServer(pid, dataDir)) signal(pid, "SIGINT");
  const deadline = performance.now() + PATIENCE_MS;
  while (found.length > 0) {
    const servers = await Promise.all(found.map(({ pid, dataDir }) => isServer(pid, dataDir)));
    if (!servers.includes(true) || performance.now() > deadline) for (const { pid } of found) signal(pid, "SIGKILL");
    await delay(POLL_MS);
    found = await findStrays(new Set(dataDirs));
  }
  // Nobody works there any more, so the file can only name a number that another process may get.
  await eachOf(dataDirs, (dataDir) => rm(join(dataDir, "postmaster.pid"), { force: true }));
}

async function findStrays(dataDirs: Set<string>): Promise<{ pid: number; dataDir: string }[]> {
  const found: { pid: number; dataDir: string }[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const dataDir = await readlink(`/proc/${name}/cwd`).catch(() => "");
    if (!dataDirs.has(dataDir)) continue;
    const program = await readFile(`/proc/${name}/comm`, "utf8").catch(() => "");
    const state = /\) (\S)/.exec(await readFile(`/proc/${name}/stat`, "utf8").catch(() => ""))?.[1];
    if (PROGRAMS.has(program.trim()) && state !== "Z") found.push({ pid: Number(name), dataDir });
  }
  return found;
}

async function isServer(pid: number, dataDir: string): Promise<boolean> {
  const [line] = (await readFile(join(dataDir, "postmaster.pid"), "utf8").catch(() => "")).split("\n");
  return line === String(pid);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
