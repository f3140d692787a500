/** Running one command to its end, with a result that is data. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { quote } from "zx";
import { AdorableError } from "../core/errors.ts";
import { dieWithParent, scrubbedEnvironment } from "./environment.ts";

export interface RunOptions {
  cwd?: string;
  /** Added to the scrubbed environment. */
  env?: Record<string, string>;
  /** The whole environment instead, with nothing added. */
  bareEnv?: Record<string, string>;
  /** Written to the command's standard input, which is then closed; default: empty. */
  stdin?: string | Uint8Array | Readable;
  /** After it the whole process group is killed. Default 60,000. */
  timeoutMs?: number;
  /** How much of each output stream is kept, from its start; the rest is read and dropped. Default 10 MiB. */
  maxBytes?: number;
  uid?: number;
  gid?: number;
  /** Kills the process group when it fires; the result then says `aborted`. */
  signal?: AbortSignal;
  /** Called with every piece of output as it comes, also with what is beyond `maxBytes`. */
  onOutput?: (stream: "stdout" | "stderr", chunk: Buffer) => void;
}

export interface RunResult {
  /** As a person would type it, for messages. */
  command: string;
  /** `null` when a signal ended it. */
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  timedOut: boolean;
  aborted: boolean;
  stdout: Buffer;
  stderr: Buffer;
  /** Output beyond `maxBytes` was dropped. */
  truncated: boolean;
  durationMs: number;
}

/** Output that outlives the command, through a descendant that left the process group, is not waited for longer than this. */
const STRAGGLER_MS = 1000;

/**
 * Runs `file` with `args` (never through a shell) in a process group of its own and returns when all of the group has ended.
 * A failure of the command is a result, not an exception. Throws `command-not-found` and `command-not-started` (operator) when there is no process at all.
 */
export async function run(file: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const startedAt = performance.now();
  const command = displayCommand(file, args);
  const env = options.bareEnv ?? scrubbedEnvironment(options.env);
  const wrapped = await dieWithParent(file, args, env);
  const child = spawn(wrapped.file, wrapped.args, {
    cwd: options.cwd,
    env,
    stdio: "pipe",
    detached: true,
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
  });
  const failure = once(child, "error") as Promise<[NodeJS.ErrnoException]>;
  if (child.pid === undefined) throw notStarted(command, (await failure)[0]);
  failure.catch(() => undefined);
  const pid = child.pid;

  let timedOut = false;
  let aborted = false;
  const timer = setTimeout(() => {
    timedOut = true;
    killGroup(pid, "SIGKILL");
  }, options.timeoutMs ?? 60_000);
  const onAbort = (): void => {
    aborted = true;
    killGroup(pid, "SIGKILL");
  };
  if (options.signal?.aborted === true) onAbort();
  options.signal?.addEventListener("abort", onAbort, { once: true });

  const maxBytes = options.maxBytes ?? 10 * 1024 * 1024;
  const stdout = collect(child.stdout, "stdout", maxBytes, options.onOutput);
  const stderr = collect(child.stderr, "stderr", maxBytes, options.onOutput);
  feed(child, options.stdin);
  const closed = once(child, "close");
  let exitCode: number | null;
  let signal: NodeJS.Signals | null;
  try {
    [exitCode, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", onAbort);
    killGroup(pid, "SIGKILL");
  }
  const straggler = setTimeout(() => {
    child.stdout.destroy();
    child.stderr.destroy();
  }, STRAGGLER_MS);
  await closed;
  clearTimeout(straggler);
  // With the lifeline in between it is setpriv that cannot start the command, and says so.
  if (
    (exitCode === 126 || exitCode === 127) &&
    wrapped.args.length > args.length &&
    /^setpriv: failed to execute/m.test(stderr.text().toString())
  ) {
    throw notStarted(command, Object.assign(new Error(stderr.text().toString().trim()), { code: exitCode === 127 ? "ENOENT" : "EACCES" }));
  }
  return {
    command,
    exitCode,
    signal,
    timedOut,
    aborted,
    stdout: stdout.text(),
    stderr: stderr.text(),
    truncated: stdout.truncated() || stderr.truncated(),
    durationMs: Math.round(performance.now() - startedAt),
  };
}

/** Sends `signal` to every process of the group. A group that has ended is no error. */
export function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // EPERM: all that is left of the group are processes that are ending (macOS) or that changed their user.
    if (!["ESRCH", "EPERM"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}

/** The command as a person would type it. */
export function displayCommand(file: string, args: readonly string[]): string {
  return [file, ...args].map((word) => quote(word)).join(" ");
}

interface Collected {
  text(): Buffer;
  truncated(): boolean;
}

function collect(stream: Readable, name: "stdout" | "stderr", maxBytes: number, onOutput: RunOptions["onOutput"]): Collected {
  const chunks: Buffer[] = [];
  let kept = 0;
  let seen = 0;
  stream.on("data", (chunk: Buffer) => {
    seen += chunk.length;
    if (kept < maxBytes) {
      const part = chunk.subarray(0, maxBytes - kept);
      chunks.push(part);
      kept += part.length;
    }
    onOutput?.(name, chunk);
  });
  stream.on("error", () => undefined);
  return { text: () => Buffer.concat(chunks), truncated: () => seen > kept };
}

function feed(child: ChildProcess, stdin: RunOptions["stdin"]): void {
  const target = child.stdin;
  if (target === null) return;
  // A command may end without having read its input; its exit code says what that means.
  target.on("error", () => undefined);
  if (stdin instanceof Readable) pipeline(stdin, target).catch(() => undefined);
  else target.end(stdin ?? "");
}

function notStarted(command: string, cause: NodeJS.ErrnoException): AdorableError {
  const missing = cause.code === "ENOENT";
  return new AdorableError({
    code: missing ? "command-not-found" : "command-not-started",
    remedy: "operator",
    message: `The command "${command}" could not be started: ${cause.message}.`,
    hint: missing ? "Install the command, and check that its working directory exists." : "Check the command's permissions.",
    cause,
  });
}
