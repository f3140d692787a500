/** The log of one app: lines of JSON in a file that starts anew when it is full, with one older file kept. */
import { appendFile, readFile, rename, stat } from "node:fs/promises";
import type { LogLine } from "../runtime.ts";

const MAX_FILE_BYTES = 1024 * 1024;
/** Lines that wait for the disk; of an app that writes faster the oldest are dropped, and the log says how many. */
const MAX_WAITING = 5000;
const TAIL = 40;

export interface AppLog {
  write(stream: LogLine["stream"], line: string): void;
  /** The last lines since the process that writes it began, oldest first. */
  tail(): string[];
  /** All that was written is in the file when it returns, or could not be written. Never throws. */
  settled(): Promise<void>;
  /** As `settled`; throws the failure of a write since the last call. */
  flush(): Promise<void>;
}

/** `secrets`: texts that never reach the file; each is replaced by dots. */
export function createAppLog(options: { path: string; app: string; secrets: readonly string[] }): AppLog {
  const { path, app, secrets } = options;
  const last: string[] = [];
  let waiting: LogLine[] = [];
  let dropped = 0;
  let writing: Promise<void> | undefined;
  let failure: Error | undefined;

  async function drain(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      const [first] = batch;
      if (dropped > 0 && first !== undefined) {
        batch.unshift({
          at: first.at,
          app,
          stream: "stderr",
          line: `(${dropped} lines were dropped here: the app wrote faster than the disk)`,
        });
        dropped = 0;
      }
      const size = (await stat(path).catch(() => undefined))?.size ?? 0;
      if (size > MAX_FILE_BYTES) await rename(path, `${path}.1`);
      await appendFile(path, batch.map((line) => `${JSON.stringify(line)}\n`).join(""), { mode: 0o600 });
    }
  }

  return {
    write(stream, line) {
      let clean = line;
      for (const secret of secrets) clean = clean.replaceAll(secret, "•••");
      last.push(clean);
      if (last.length > TAIL) last.shift();
      waiting.push({ at: new Date().toISOString(), app, stream, line: clean });
      // The newest lines are those that say what went wrong.
      if (waiting.length > MAX_WAITING) dropped += waiting.splice(0, MAX_WAITING / 5).length;
      writing ??= drain()
        .catch((error: unknown) => {
          failure = error as Error;
        })
        .finally(() => {
          writing = undefined;
        });
    },
    tail: () => [...last],
    async settled() {
      await writing;
    },
    async flush() {
      await writing;
      if (failure !== undefined) {
        const error = failure;
        failure = undefined;
        throw error;
      }
    },
  };
}

/** The newest `limit` lines of the logs at `paths`, oldest first. */
export async function readAppLogs(paths: readonly string[], limit: number): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  for (const path of paths) {
    for (const file of [`${path}.1`, path]) {
      const text = await readFile(file, "utf8").catch(() => "");
      // What follows the last line end was cut off by a crash, or is being written.
      for (const line of text.split("\n").slice(0, -1)) lines.push(...parseLine(line));
    }
  }
  const ordered = lines.toSorted((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  return limit === 0 ? [] : ordered.slice(-limit);
}

/** After a crash the next line may stand behind half of another. */
function parseLine(line: string): LogLine[] {
  try {
    return [JSON.parse(line) as LogLine];
  } catch {
    return [];
  }
}
