/** Deletes what a killed engine left beside its timelines and bases: staged files, probes, and the sockets of its computes. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { missing, removeTree } from "./files.ts";

/** Names that carry the number of the process that made them, at the only place where it stands. */
const STAGED = /^(?:probe-(\d+)\.tmp(?:\.clone)?|users\.json\.(\d+)\.[0-9a-f]+|.+\.(\d+)\.tmp)$/;

/** Nothing of this engine may run any more. Other processes may be preparing the same binaries: theirs is left alone. */
export async function sweepLeftovers(dataDir: string, runDir: string): Promise<void> {
  const tools = join(dataDir, "postgres");
  const links = (await names(tools)).filter((name) => name.startsWith("links-")).map((name) => join(tools, name));
  for (const directory of [dataDir, tools, ...links]) {
    for (const name of await names(directory)) {
      const pid = STAGED.exec(name)?.slice(1).find(Boolean);
      if (pid !== undefined && !isAlive(Number(pid))) await removeTree(join(directory, name));
    }
  }
  for (const name of await names(runDir)) if (/^\d+$/.test(name)) await removeTree(join(runDir, name));
}

async function names(directory: string): Promise<string[]> {
  return (await readdir(directory).catch(missing)) ?? [];
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
