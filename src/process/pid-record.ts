/** Records of running children on disk, and the killing of those whose parent is gone: exactly those, never a process that took over a number. */
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { writeDurably } from "./durable-file.ts";
import { run } from "./run.ts";

/** In the environment of a recorded child and of all that it starts. */
export const TOKEN_VARIABLE = "ADORABLE_PROCESS";

const recordSchema = z.strictObject({
  pid: z.number().int().positive(),
  /** When the process started, as the system counts it; with the pid it names one process of one boot. */
  startedAt: z.string(),
  bootId: z.string(),
  token: z.string(),
});

const SUFFIX = ".pid.json";

/** The path of a record: a name that `killLeftovers` finds. */
export function pidRecordPath(folder: string, name: string): string {
  return join(folder, `${name}${SUFFIX}`);
}

/** Durable when it returns. */
export async function recordProcess(path: string, pid: number, token: string): Promise<void> {
  const startedAt = await processStart(pid);
  // It has ended already: nothing to find later.
  if (startedAt === undefined) return;
  await writeDurably(path, JSON.stringify({ pid, startedAt, bootId: await bootId(), token }));
}

/** Removes the record if it is still the one of `token`. */
export async function forgetProcess(path: string, token: string): Promise<void> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text?.includes(token) === true) await rm(path, { force: true });
}

/**
 * Kills every recorded process of the folder that still lives, with its group, and removes the records. For the start of a parent,
 * before it has children of its own there. Returns the pids that it killed.
 */
export async function killLeftovers(folder: string): Promise<number[]> {
  const killed: number[] = [];
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name);
    if (name.endsWith(".tmp") && name.includes(SUFFIX)) await rm(path, { force: true });
    if (!name.endsWith(SUFFIX)) continue;
    const parsed = recordSchema.safeParse(parseJson(await readFile(path, "utf8")));
    if (parsed.success && parsed.data.bootId === (await bootId())) {
      const { pid, startedAt, token } = parsed.data;
      for (const member of await groupMembers(pid)) {
        const isLeader = member === pid && (await processStart(member)) === startedAt;
        if (isLeader || (await carriesToken(member, token))) {
          kill(member);
          killed.push(member);
        }
      }
      if (killed.length > 0) await gone(killed);
    }
    await rm(path, { force: true });
  }
  return killed;
}

/** When the process started, in the system's own words; undefined when there is none (or only its zombie). */
export async function processStart(pid: number): Promise<string | undefined> {
  if (process.platform !== "linux") {
    const result = await run("ps", ["-o", "lstart=", "-p", String(pid)]);
    return result.exitCode === 0 ? result.stdout.toString().trim() : undefined;
  }
  return (await linuxStat(pid))?.startedAt;
}

async function linuxStat(pid: number): Promise<{ group: number; startedAt: string } | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  if (stat === undefined) return undefined;
  // The name in parentheses may hold anything, so count from its end: state, ppid, pgrp, …, starttime (22nd of all).
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, group, startedAt] = [fields[0], fields[2], fields[19]];
  if (state === "Z" || state === "X" || group === undefined || startedAt === undefined) return undefined;
  return { group: Number(group), startedAt };
}

async function groupMembers(group: number): Promise<number[]> {
  if (process.platform !== "linux") {
    const result = await run("ps", ["-o", "pid=", "-g", String(group)]);
    return result.stdout.toString().split("\n").filter(Boolean).map(Number);
  }
  const members: number[] = [];
  for (const name of await readdir("/proc")) {
    if (/^\d+$/.test(name) && (await linuxStat(Number(name)))?.group === group) members.push(Number(name));
  }
  return members;
}

async function carriesToken(pid: number, token: string): Promise<boolean> {
  const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
  return environment.split("\0").includes(`${TOKEN_VARIABLE}=${token}`);
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Waits until the killed are gone: what they held (ports, locks) must be free. */
async function gone(pids: number[]): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt += 1) {
    const alive = await Promise.all(pids.map(processStart));
    if (alive.every((start) => start === undefined)) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

let boot: Promise<string> | undefined;

async function bootId(): Promise<string> {
  boot ??= readFile("/proc/sys/kernel/random/boot_id", "utf8").then(
    (text) => text.trim(),
    () => "unknown",
  );
  return await boot;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
