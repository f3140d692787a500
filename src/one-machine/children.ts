/** The platform's processes on one machine: started in order, each ready when it says so, all ended together. */
import { z } from "zod";
import { AdorableError, type ErrorData } from "../core/errors.ts";
import { pidRecordPath } from "../process/pid-record.ts";
import { supervise, type Supervised } from "../process/supervised.ts";

export interface Child {
  name: string;
  pid: number;
  /** What it said on its ready line. */
  ready: Record<string, unknown>;
  /** Settles when it has ended. */
  exited: Supervised["exited"];
  stop(): Promise<void>;
  kill(): Promise<void>;
}

export interface ChildOptions {
  name: string;
  /** The root file. */
  script: string;
  env: Record<string, string>;
  /** Where pid records stand. */
  recordDir: string;
  cwd: string;
  /** Its log: every line but the ready one. */
  onLine: (name: string, line: string) => void;
  timeoutMs?: number;
}

const readySchema = z.looseObject({
  ready: z.boolean(),
  error: z.looseObject({ code: z.string(), remedy: z.string(), message: z.string() }).optional(),
});

/** Starts a root as a child and returns once it is ready. Throws what it says went wrong, or `process-not-ready` (operator). */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { name, script, env, recordDir, cwd, onLine, timeoutMs = 60_000 } = options;
  const lines: string[] = [];
  const answer = Promise.withResolvers<Record<string, unknown>>();
  const process_ = await supervise({
    file: process.execPath,
    args: ["--disable-warning=ExperimentalWarning", script],
    cwd,
    env,
    stdin: "pipe",
    record: pidRecordPath(recordDir, name),
    onLine(stream, line) {
      const ready = stream === "stdout" ? parseReady(line) : undefined;
      if (ready) answer.resolve(ready);
      else {
        lines.push(line);
        if (lines.length > 20) lines.shift();
        onLine(name, line);
      }
    },
  });
  const timer = setTimeout(() => answer.reject(notReady(name, "did not become ready in time", lines)), timeoutMs);
  void process_.exited.then((exit) => answer.reject(notReady(name, `ended (${exit.code ?? exit.signal ?? "?"})`, lines)));
  try {
    const ready = await answer.promise;
    if (ready["ready"] !== true) throw AdorableError.fromJSON(ready["error"] as ErrorData);
    return {
      name,
      pid: process_.pid,
      ready,
      exited: process_.exited,
      stop: async () => void (await process_.stop(10_000)),
      async kill() {
        process_.signal("SIGKILL");
        await process_.exited;
      },
    };
  } catch (error) {
    await process_.stop(2000);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function parseReady(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const parsed = readySchema.safeParse(JSON.parse(line));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

function notReady(name: string, what: string, lines: string[]): AdorableError {
  return new AdorableError({
    code: "process-not-ready",
    remedy: "operator",
    message: `The ${name} process ${what}.${lines.length === 0 ? "" : ` Its last words:\n${lines.join("\n")}`}`,
    hint: "Read its log in the data directory's logs/.",
  });
}
