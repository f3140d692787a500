/** Starts a step's process so that it can always be ended with all it started: on cancel, on timeout, and after a crash of the forge. */
import { spawn, type ChildProcess } from "node:child_process";
import { access, readdir, readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

/** Every process of a job carries it in its environment, as on GitHub's runners, so that strays are found. */
export const TRACKING_VARIABLE = "RUNNER_TRACKING_ID";
/** As GitHub's runner: SIGINT, 7.5 s later SIGTERM, 2.5 s later SIGKILL. */
const INTERRUPT_MS = 7500;
const TERMINATE_MS = 2500;

/** The reason of an abort that leaves no time: the forge is ending. */
export const CLOSING = "closing";

export interface StepProcess {
  command: string;
  args: string[];
  cwd: string;
  env: Record<string, string>;
}

export type Exit = { kind: "exit"; code: number } | { kind: "stopped" } | { kind: "unstartable"; message: string };

/** Runs to the end; an abort ends the whole process group. `onStart` gets the pid. */
export async function runProcess(step: StepProcess, signal: AbortSignal, onStart: (child: ChildProcess) => void): Promise<Exit> {
  const setpriv = await findSetpriv();
  if (signal.aborted) return { kind: "stopped" };
  const [command, args] =
    setpriv === undefined ? [step.command, step.args] : [setpriv, ["--pdeathsig", "KILL", step.command, ...step.args]];
  const child = spawn(command, args, { cwd: step.cwd, env: step.env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<Exit>((resolve) => {
    child.on("error", (error) => resolve({ kind: "unstartable", message: error.message }));
    child.on("close", (code) => resolve(signal.aborted ? { kind: "stopped" } : { kind: "exit", code: code ?? 137 }));
  });
  if (child.pid !== undefined) onStart(child);
  const stop = (): void => void endGroup(child, ended, signal.reason === CLOSING);
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await ended;
  } finally {
    signal.removeEventListener("abort", stop);
    killGroup(child.pid, "SIGKILL");
  }
}

async function endGroup(child: ChildProcess, ended: Promise<Exit>, isUrgent: boolean): Promise<void> {
  if (isUrgent) return killGroup(child.pid, "SIGKILL");
  for (const [name, waitMs] of [
    ["SIGINT", INTERRUPT_MS],
    ["SIGTERM", TERMINATE_MS],
    ["SIGKILL", 0],
  ] as const) {
    killGroup(child.pid, name);
    const timer = new AbortController();
    const isOver = await Promise.race([ended.then(() => true), delay(waitMs, false, { signal: timer.signal })]);
    timer.abort();
    if (isOver) return;
  }
}

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Kills every process that carries one of the tracking ids, until none is left. Where there is no /proc it does nothing. */
export async function killTracked(ids: ReadonlySet<string>): Promise<void> {
  if (ids.size === 0) return;
  for (;;) {
    const found = await trackedPids(ids);
    if (found.length === 0) return;
    for (const pid of found) {
      try {
        process.kill(pid, "SIGKILL");
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
      }
    }
    await delay(10); // the kernel removes a killed process in its own time; there is nothing to await
  }
}

async function trackedPids(ids: ReadonlySet<string>): Promise<number[]> {
  const names = await readdir("/proc").catch(() => []);
  const found: number[] = [];
  await Promise.all(
    names
      .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
      .map(async (name) => {
        const environment = await readFile(`/proc/${name}/environ`, "utf8").catch(() => ""); // gone, or another user's
        const tracked = environment.split("\0").find((entry) => entry.startsWith(`${TRACKING_VARIABLE}=`));
        if (tracked !== undefined && ids.has(tracked.slice(TRACKING_VARIABLE.length + 1))) found.push(Number(name));
      }),
  );
  return found;
}

let setprivPath: Promise<string | undefined> | undefined;

function findSetpriv(): Promise<string | undefined> {
  setprivPath ??= (async () => {
    for (const path of ["/usr/bin/setpriv", "/bin/setpriv"]) {
      const isThere = await access(path).then(
        () => true,
        () => false,
      );
      if (isThere) return path;
    }
    return undefined;
  })();
  return setprivPath;
}
