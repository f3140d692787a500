/** A long-running child: its output by lines, its end, and a record on disk by which a later parent finds what a killed one left behind. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { AdorableError } from "../core/errors.ts";
import { dieWithParent, scrubbedEnvironment } from "./environment.ts";
import { forgetProcess, recordProcess, TOKEN_VARIABLE } from "./pid-record.ts";
import { displayCommand, killGroup } from "./run.ts";

export interface SuperviseOptions {
  file: string;
  args: readonly string[];
  cwd: string;
  /** Added to the scrubbed environment. */
  env?: Record<string, string>;
  uid?: number;
  gid?: number;
  /** Where the pid record stands while the child lives. Its folder must exist. */
  record: string;
  /** `pipe`: standard input stays open for as long as this process lives, so that the child can end when it closes. Default: no input. */
  stdin?: "ignore" | "pipe";
  /** Every line of output, without its end; longer ones come in pieces of `MAX_LINE_BYTES`. */
  onLine?: (stream: "stdout" | "stderr", line: string) => void;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface Supervised {
  readonly pid: number;
  /** Settles once the child has ended, its group is gone and its record removed. Never rejects. */
  readonly exited: Promise<Exit>;
  /** Set once it has ended. */
  exit(): Exit | undefined;
  /** To every process of the group. */
  signal(signal: NodeJS.Signals): void;
  /** SIGTERM to the group, SIGKILL after `graceMs`; also to a stopped group. Idempotent. */
  stop(graceMs: number): Promise<Exit>;
}

export const MAX_LINE_BYTES = 16 * 1024;

/** Starts the child in a process group of its own. Throws `command-not-found` and `command-not-started` (operator). */
export async function supervise(options: SuperviseOptions): Promise<Supervised> {
  const token = randomBytes(16).toString("hex");
  const env = { ...scrubbedEnvironment(options.env), [TOKEN_VARIABLE]: token };
  const wrapped = await dieWithParent(options.file, options.args, env);
  const child = spawn(wrapped.file, wrapped.args, {
    cwd: options.cwd,
    env,
    stdio: "pipe",
    detached: true,
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
  });
  if (child.pid === undefined) {
    const [cause] = (await once(child, "error")) as [Error];
    const message = `The command "${displayCommand(options.file, options.args)}" could not be started: ${cause.message}.`;
    throw new AdorableError({ code: "command-not-started", remedy: "operator", message, cause });
  }
  child.on("error", () => undefined);
  child.stdin.on("error", () => undefined);
  if (options.stdin !== "pipe") child.stdin.end();
  const pid = child.pid;
  const closed = once(child, "close");
  byLines(child.stdout, (line) => options.onLine?.("stdout", line));
  byLines(child.stderr, (line) => options.onLine?.("stderr", line));

  let exit: Exit | undefined;
  const ended = (once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>).then(([code, signal]) => {
    exit = { code, signal };
    killGroup(pid, "SIGKILL");
    return exit;
  });
  const recorded = recordProcess(options.record, pid, token);
  const exited = ended.then(async (result) => {
    const straggler = setTimeout(() => {
      child.stdout.destroy();
      child.stderr.destroy();
    }, 1000);
    await closed;
    clearTimeout(straggler);
    await recorded.catch(() => undefined);
    await forgetProcess(options.record, token);
    return result;
  });
  try {
    await recorded;
  } catch (error) {
    // Without its record it could outlive us unknown.
    killGroup(pid, "SIGKILL");
    await exited;
    throw error;
  }

  return {
    pid,
    exited,
    exit: () => exit,
    signal(signal) {
      if (exit === undefined) killGroup(pid, signal);
    },
    async stop(graceMs) {
      if (exit === undefined) {
        killGroup(pid, "SIGTERM");
        killGroup(pid, "SIGCONT");
        const timer = setTimeout(() => {
          if (exit === undefined) killGroup(pid, "SIGKILL");
        }, graceMs);
        await ended;
        clearTimeout(timer);
      }
      return await exited;
    },
  };
}

function byLines(stream: Readable, onLine: (line: string) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  stream.on("data", (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (;;) {
      const end = rest.indexOf(10);
      if (end === -1 && rest.length < MAX_LINE_BYTES) break;
      const cut = end === -1 || end > MAX_LINE_BYTES ? MAX_LINE_BYTES : end;
      onLine(rest.subarray(0, cut).toString("utf8").replace(/\r$/, ""));
      rest = rest.subarray(cut === end ? cut + 1 : cut);
    }
  });
  stream.on("close", () => {
    if (rest.length > 0) onLine(rest.toString("utf8"));
    rest = Buffer.alloc(0);
  });
  stream.on("error", () => undefined);
}
