/** What the processor did for a proxy: how long, and for which kind of code. */
import { readFile } from "node:fs/promises";
import { Session, type Profiler, type Runtime } from "node:inspector/promises";

/** Microseconds, so far. */
export interface ProcessorTime {
  userUs: number;
  systemUs: number;
}

/** Of Linux, on every architecture that Node runs on. */
const TICK_US = 10_000;
const SAMPLE_US = 500;

/** Of this process, without its children. */
export async function ownTime(): Promise<ProcessorTime> {
  const { user, system } = process.cpuUsage();
  return { userUs: user, systemUs: system };
}

/** Of another process, without its children. */
export async function timeOf(pid: number): Promise<ProcessorTime> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // Behind the name, which may hold anything: utime and stime are the 14th and the 15th field.
  const [user, system] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13);
  return { userUs: Number(user) * TICK_US, systemUs: Number(system) * TICK_US };
}

/** Runs `work` and says what this process did meanwhile, in per cent of the time in which it did anything. */
export async function profiled(work: () => Promise<unknown>): Promise<string> {
  const session = new Session();
  session.connect();
  try {
    await session.post("Profiler.enable");
    await session.post("Profiler.setSamplingInterval", { interval: SAMPLE_US });
    await session.post("Profiler.start");
    await work();
    return describe((await session.post("Profiler.stop")).profile);
  } finally {
    session.disconnect();
  }
}

const KINDS = ["the proxy's code", "Node's JavaScript", "native code and system calls", "garbage collection"] as const;

function describe({ nodes, samples = [] }: Profiler.Profile): string {
  const kinds = new Map(nodes.map(({ id, callFrame }) => [id, kindOf(callFrame)]));
  const counts = new Map<string, number>();
  for (const sample of samples) {
    const kind = kinds.get(sample) ?? "idle";
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  const idle = counts.get("idle") ?? 0;
  const busy = samples.length - idle;
  const shares = KINDS.map((kind) => `${kind} ${Math.round(((counts.get(kind) ?? 0) / busy) * 100)} %`);
  return `busy ${Math.round((busy / samples.length) * 100)} % of the time, of that ${shares.join(", ")}`;
}

function kindOf({ functionName, url }: Runtime.CallFrame): (typeof KINDS)[number] | "idle" {
  if (functionName === "(idle)") return "idle";
  if (functionName === "(garbage collector)") return "garbage collection";
  if (url.startsWith("node:")) return "Node's JavaScript";
  return url === "" ? "native code and system calls" : "the proxy's code";
}
