/** What a benchmark ran on, and whether it had the machine to itself. */
import { readFile } from "node:fs/promises";
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";
import { setTimeout as delay } from "node:timers/promises";

export interface Before {
  load: number;
  busy: number;
}

export interface MachineFacts {
  cores: number;
  processor: string;
  memoryMiB: number;
  kernel: string;
  node: string;
  loadBefore: number;
  loadAfter: number;
  /** The share of all cores that somebody else used just before. */
  busyBefore: number;
  isQuiet: boolean;
}

/** Two seconds of watching what others do; to be asked before anything of ours runs. */
export async function lookBefore(): Promise<Before> {
  return { load: loadavg()[0] ?? 0, busy: await busyShare() };
}

/** To be asked when all is measured. */
export function machineFacts(before: Before): MachineFacts {
  return {
    cores: availableParallelism(),
    processor: cpus()[0]?.model ?? "unknown",
    memoryMiB: Math.round(totalmem() / 1024 / 1024),
    kernel: release(),
    node: process.versions.node,
    loadBefore: before.load,
    loadAfter: loadavg()[0] ?? 0,
    busyBefore: before.busy,
    isQuiet: before.busy < 0.1 && before.load < 0.5,
  };
}

/** The share of all cores that somebody else uses, over two seconds. */
async function busyShare(): Promise<number> {
  const read = async (): Promise<{ idle: number; all: number }> => {
    const stat = await readFile("/proc/stat", "utf8").catch(() => "cpu 0 0 0 1");
    const times = (stat.split("\n")[0] ?? "").trim().split(/\s+/).slice(1).map(Number);
    return { idle: (times[3] ?? 0) + (times[4] ?? 0), all: times.slice(0, 8).reduce((sum, time) => sum + time, 0) };
  };
  const before = await read();
  await delay(2000);
  const after = await read();
  return after.all === before.all ? 0 : 1 - (after.idle - before.idle) / (after.all - before.all);
}
