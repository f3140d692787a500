/** Runs what others wrote: with a scrubbed environment, limits, and as little of the machine in reach as the machine allows. */
import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, chown, mkdir, readdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AdorableError } from "../core/errors.ts";
import type { UserClaim } from "../process/user-claim.ts";
import {
  bubblewrapArguments,
  bubblewrapOf,
  canExecute,
  findIsolation,
  nodePathOf,
  type Isolation,
  type SandboxOptions,
} from "../process/isolation.ts";

export interface SandboxCommand {
  /** A Node script and its arguments. */
  args: string[];
  cwd: string;
  env?: Record<string, string>;
  /** Folders below `workDir` that it may write. */
  writable?: string[];
  /** It needs no network, and gets none where the isolation can take it away. */
  isOffline?: boolean;
}

export interface SandboxOutcome {
  /** `null` when a signal ended it. */
  exitCode: number | null;
  stdout: string;
  /** Of both streams, in the order in which they came. */
  output: string;
  timedOut: boolean;
  durationMs: number;
}

export interface SandboxProcess {
  /** What it has said so far: the newest 256 KiB. */
  output(): string;
  readonly exited: Promise<{ exitCode: number | null; signal: string | null }>;
  /** Ends it with all that it started. Idempotent. */
  stop(): Promise<void>;
}

export interface Sandbox {
  readonly isolation: Isolation;
  /** Why it is no stronger, for the evidence. */
  readonly note: string;
  /** The user of the commands, where they have one of their own. */
  readonly uid: number | undefined;
  /** A folder of the commands' own that they may write. */
  readonly home: string;
  /** Makes `path` (made when it is not there) writable for the commands; everything else below `workDir` is not, but where isolation is `none`. */
  allowWrite(path: string): Promise<void>;
  /** Runs to the end or the time limit. Never rejects for what the command does. */
  run(command: SandboxCommand & { timeoutMs: number; signal?: AbortSignal }): Promise<SandboxOutcome>;
  start(command: SandboxCommand): SandboxProcess;
  /** Ends whatever still runs and removes the home. Idempotent. */
  close(): Promise<void>;
}

const OUTPUT_LIMIT = 256 * 1024;
const MEMORY_BYTES = 4 * 1024 ** 3;
const FILE_BYTES = 512 * 1024 ** 2;
/** Processes and threads of the sandbox's user. */
const PROCESSES = 1024;
const PRLIMIT = "/usr/bin/prlimit";
const SETPRIV = "/usr/bin/setpriv";
/** Finds the strongest isolation that works here. Throws `sandbox-missing` (operator) under `required`. */
export async function openSandbox(options: SandboxOptions): Promise<Sandbox> {
  await chmod(options.workDir, 0o711);
  const home = join(options.workDir, `home-${randomBytes(4).toString("hex")}`);
  await mkdir(home, { mode: 0o755 });
  const { isolation, user, note, closedAt } = await findIsolation(options, home);
  const uid = user?.uid;
  if (options.required === true && isolation === "none") {
    await rm(home, { recursive: true, force: true });
    throw new AdorableError({
      code: "sandbox-missing",
      remedy: "operator",
      message: `Generated code cannot be isolated here: ${note}.`,
      hint: closedAt === undefined ? "Install bubblewrap, or run as root." : `Make "${closedAt}" passable for other users (chmod o+x).`,
    });
  }
  if (uid !== undefined) {
    // Nobody but its user comes in, whatever stands below.
    await chown(options.workDir, 0, uid);
    await chmod(options.workDir, 0o710);
  }
  const sandbox = new LocalSandbox({
    ...options,
    isolation,
    user,
    uid,
    note,
    home,
    hasPrlimit: await canExecute(PRLIMIT),
    hasSetpriv: await canExecute(SETPRIV),
  });
  await sandbox.allowWrite(home);
  return sandbox;
}

interface Setting extends SandboxOptions {
  isolation: Isolation;
  user: UserClaim | undefined;
  uid: number | undefined;
  note: string;
  home: string;
  hasPrlimit: boolean;
  hasSetpriv: boolean;
}

class LocalSandbox implements Sandbox {
  readonly isolation: Isolation;
  readonly note: string;
  readonly uid: number | undefined;
  readonly home: string;
  private readonly setting: Setting;
  private readonly running = new Set<SandboxProcess>();
  private closing: Promise<void> | undefined;

  constructor(setting: Setting) {
    this.setting = setting;
    this.isolation = setting.isolation;
    this.note = setting.note;
    this.uid = setting.uid;
    this.home = setting.home;
  }

  async allowWrite(path: string): Promise<void> {
    await mkdir(path, { recursive: true });
    if (this.setting.uid !== undefined) await chown(path, this.setting.uid, this.setting.uid);
  }

  async run(command: SandboxCommand & { timeoutMs: number; signal?: AbortSignal }): Promise<SandboxOutcome> {
    const startedAt = performance.now();
    const child = this.launch(command);
    let timedOut = false;
    const end = () => void child.stop();
    const timer = setTimeout(() => {
      timedOut = true;
      end();
    }, command.timeoutMs);
    command.signal?.addEventListener("abort", end, { once: true });
    if (command.signal?.aborted === true) end();
    try {
      const { exitCode } = await child.exited;
      return { exitCode, stdout: child.stdout(), output: child.output(), timedOut, durationMs: Math.round(performance.now() - startedAt) };
    } finally {
      clearTimeout(timer);
      command.signal?.removeEventListener("abort", end);
      await child.stop();
    }
  }

  start(command: SandboxCommand): SandboxProcess {
    return this.launch(command);
  }

  close(): Promise<void> {
    // Once: afterwards the user may be another sandbox's.
    return (this.closing ??= this.end());
  }

  private async end(): Promise<void> {
    await Promise.all([...this.running].map((child) => child.stop()));
    // A process that left its group still has the user that only this sandbox uses.
    if (this.setting.uid !== undefined) await killUser(this.setting.uid);
    await rm(this.setting.home, { recursive: true, force: true, maxRetries: 3 });
    await this.setting.user?.release();
  }

  private launch(command: SandboxCommand): SandboxProcess & { stdout(): string } {
    const { uid, home } = this.setting;
    const line = [nodePathOf(this.setting), ...command.args];
    if (this.isolation === "bubblewrap") {
      const { writable = [], isOffline = false } = command;
      const enclosure = { ...this.setting, nodePath: nodePathOf(this.setting) };
      line.unshift(bubblewrapOf(this.setting), ...bubblewrapArguments(enclosure, { writable, isOffline }));
    }
    // Dies with this process, and gains nothing by programs that run as their owner.
    if (this.setting.hasSetpriv) line.unshift(SETPRIV, "--pdeathsig", "KILL", "--no-new-privs", "--");
    if (this.setting.hasPrlimit) {
      const limits = [`--data=${this.setting.memoryBytes ?? MEMORY_BYTES}`, `--fsize=${FILE_BYTES}`, "--core=0", "--nofile=4096"];
      line.unshift(PRLIMIT, ...limits, ...(uid === undefined ? [] : [`--nproc=${PROCESSES}`]), "--");
    }
    const [program = "", ...args] = line;
    const child = spawn(program, args, {
      cwd: command.cwd,
      env: { ...scrubbedEnvironment(home, nodePathOf(this.setting)), ...command.env },
      stdio: ["ignore", "pipe", "pipe"],
      // A group of its own, so that all of it can be ended at once.
      detached: true,
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    return this.supervise(child);
  }

  private supervise(child: ChildProcess): SandboxProcess & { stdout(): string } {
    const all = new Tail();
    const out = new Tail();
    let ended = false;
    child.stdout?.on("data", (chunk: Buffer) => {
      all.push(chunk);
      out.push(chunk);
    });
    child.stderr?.on("data", (chunk: Buffer) => all.push(chunk));
    const exited = new Promise<{ exitCode: number | null; signal: string | null }>((resolve) => {
      child.once("error", (error) => {
        all.push(Buffer.from(`could not be started: ${error.message}\n`));
        resolve({ exitCode: null, signal: null });
      });
      child.once("close", (exitCode, signal) => resolve({ exitCode, signal }));
      // A grandchild may keep the pipes open; the exit of the child itself is what counts.
      child.once("exit", () => {
        ended = true;
        killGroup(child.pid);
      });
    });
    const supervised = {
      exited,
      output: () => all.text(),
      stdout: () => out.text(),
      stop: async () => {
        // Its number may be another's by now.
        if (!ended) killGroup(child.pid);
        await exited;
        this.running.delete(supervised);
      },
    };
    this.running.add(supervised);
    return supervised;
  }
}

/** The newest bytes of a stream. */
class Tail {
  private chunks: Buffer[] = [];
  private bytes = 0;

  push(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.bytes += chunk.length;
    for (let first = this.chunks[0]; first && this.bytes - first.length >= OUTPUT_LIMIT; first = this.chunks[0]) {
      this.chunks.shift();
      this.bytes -= first.length;
    }
  }

  text(): string {
    return Buffer.concat(this.chunks).toString("utf8");
  }
}

/** Nothing of the parent's environment but its language. */
function scrubbedEnvironment(home: string, nodePath: string): Record<string, string> {
  return {
    PATH: `${dirname(nodePath)}:/usr/bin:/bin`,
    HOME: home,
    TMPDIR: home,
    LANG: "C.UTF-8",
    TZ: "UTC",
    CI: "true",
    NO_COLOR: "1",
    NODE_OPTIONS: "--disable-warning=ExperimentalWarning",
  };
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

async function killUser(uid: number): Promise<void> {
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    // Processes end while they are listed.
    const status = await readFile(`/proc/${entry}/status`, "utf8").catch(() => "");
    if (new RegExp(`^Uid:\\s+${uid}\\s`, "m").test(status)) {
      try {
        process.kill(Number(entry), "SIGKILL");
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
      }
    }
  }
}
