/** `adorable psql`: a look at a moment of a project's data, with the system's psql or a small client of our own; the fork goes when it ends. */
import { spawn } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { z } from "zod";
import type { ConfigSources } from "../config.ts";
import { AdorableError } from "../core/errors.ts";
import { parseMoment, type Moment } from "../release/moments.ts";
import { connectOperator } from "./operator-client.ts";
import { runSqlClient } from "./sql-client.ts";

export interface PsqlOptions {
  project?: string | undefined;
  /** Default: now. */
  at?: string | undefined;
  /** The number of a pull request whose change's data is meant; default: production. */
  change?: string | undefined;
  /** Runs this and ends. */
  command?: string | undefined;
  /** The rows of `command` as JSON. */
  json: boolean;
}

const lookSchema = z.object({
  checkpoint: z.object({ timeline: z.string(), lsn: z.string() }),
  host: z.string(),
  port: z.number(),
  database: z.string(),
  user: z.string(),
  password: z.string(),
});
export type LookAddress = z.infer<typeof lookSchema>;

const INTERRUPTED = 130;

/** Returns the exit code, which is psql's. Throws `platform-not-up`, `moment-unknown`, `look-ended` (operator). */
export async function runPsql(sources: ConfigSources, options: PsqlOptions): Promise<number> {
  const moment = parseMoment(options.at ?? "now");
  if (options.change !== undefined && !/^\d{1,9}$/.test(options.change)) throw notNumber(options.change);
  const operator = await connectOperator(sources);
  const project = await operator.project(options.project);
  const query = new URLSearchParams({ at: spell(moment), ...(options.change === undefined ? {} : { pull: options.change }) });
  const closing = new AbortController();
  // Held open: the platform keeps the fork for exactly as long as this connection lives.
  const answer = await operator.call("POST", `/projects/${project}/looks?${query}`, { signal: closing.signal });
  const text = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  const program = options.json ? undefined : await findPsql();
  const signals = onTermination(closing, program !== undefined);
  try {
    const look = await readAddress(text);
    const lost = untilEnded(text, closing.signal);
    if (options.command === undefined)
      process.stderr.write(
        `${project} ${options.change === undefined ? "in production" : `in #${options.change}`} at ${look.checkpoint.lsn} of ${look.checkpoint.timeline}. Read-only; it goes when you leave.\n`,
      );
    const session =
      program === undefined
        ? runSqlClient(look, { command: options.command, json: options.json, signal: closing.signal })
        : runProgram(program, look, options.command, closing.signal);
    const code = await Promise.race([session, lost]);
    return signals.hasEnded() ? INTERRUPTED : code;
  } finally {
    signals.dispose();
    closing.abort();
  }
}

/** A time without a zone was this machine's; the platform gets one that means the same everywhere. */
function spell(moment: Moment): string {
  switch (moment.kind) {
    case "now":
      return "now";
    case "release":
      return `release:${moment.number}`;
    case "checkpoint":
      return `checkpoint:${moment.id}`;
    case "time":
      return moment.at.toISOString();
    case "lsn":
      return moment.timeline === undefined ? moment.lsn : `${moment.timeline}@${moment.lsn}`;
  }
}

async function readAddress(text: ReadableStreamDefaultReader<string> | undefined): Promise<LookAddress> {
  let line = "";
  while (!line.includes("\n")) {
    const part = await text?.read();
    if (part?.value === undefined) throw ended(undefined);
    line += part.value;
  }
  return lookSchema.parse(JSON.parse(line));
}

/** Rejects when the platform lets go of the fork by itself. */
async function untilEnded(text: ReadableStreamDefaultReader<string> | undefined, closing: AbortSignal): Promise<never> {
  try {
    for (let part = await text?.read(); part?.value !== undefined; part = await text?.read());
  } catch (cause) {
    if (closing.aborted) return await new Promise<never>(() => {});
    throw ended(cause);
  }
  throw ended(undefined);
}

function ended(cause: unknown): AdorableError {
  return new AdorableError({
    code: "look-ended",
    remedy: "operator",
    message: "The platform ended the session: it was stopped or restarted.",
    hint: "Start the command again when it is up.",
    cause,
  });
}

async function findPsql(): Promise<string | undefined> {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(folder, "psql");
    const isThere = await access(path, constants.X_OK).then(
      () => folder !== "",
      () => false,
    );
    if (isThere) return path;
  }
  return undefined;
}

/** The password goes through the environment: it stands in no process list. */
async function runProgram(file: string, look: LookAddress, command: string | undefined, signal: AbortSignal): Promise<number> {
  const env = {
    ...process.env,
    PGHOST: look.host,
    PGPORT: String(look.port),
    PGDATABASE: look.database,
    PGUSER: look.user,
    PGPASSWORD: look.password,
    PGSSLMODE: "disable",
    PGCONNECT_TIMEOUT: "15",
  };
  // Scripts get what they asked for, whatever a person has set up for their own sessions.
  const args = command === undefined ? [] : ["--no-psqlrc", "--set=ON_ERROR_STOP=1", "--command", command];
  const child = spawn(file, args, { stdio: "inherit", env });
  const end = (): void => void child.kill("SIGTERM");
  signal.addEventListener("abort", end, { once: true });
  return await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
}

/** Whoever ends us ends the session. Ctrl-C at psql, which gets it too, is for the query that runs. */
function onTermination(closing: AbortController, isPsql: boolean): { hasEnded(): boolean; dispose(): void } {
  let isEnded = false;
  const end = (signal: NodeJS.Signals): void => {
    if (signal === "SIGINT" && isPsql) return;
    isEnded = true;
    closing.abort();
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, end);
  return {
    hasEnded: () => isEnded,
    dispose() {
      for (const signal of signals) process.off(signal, end);
    },
  };
}

function notNumber(change: string): AdorableError {
  return new AdorableError({
    code: "moment-unreadable",
    remedy: "operator",
    message: `"${change}" is no number of a pull request.`,
    hint: "Write --change 7 for the pull request 7.",
  });
}
