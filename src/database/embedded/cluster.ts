/** One running `postgres`: starts it under its user, says when it is ready and when it has ended, and stops it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chown, mkdir, open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Account } from "./accounts.ts";
import { AdminSession } from "./admin.ts";
import type { Binaries } from "./binaries.ts";
import { computeFailed } from "./failures.ts";
import { endStrays } from "./strays.ts";
import { SOCKET_NAME, type Settings } from "./settings.ts";

export interface ClusterOptions {
  binaries: Binaries;
  settings: Settings;
  dataDir: string;
  /** Made anew for the cluster alone; its user and we can enter it. At most 80 bytes. */
  socketDir: string;
  /** Truncated at every start, so that it stays small. */
  logFile: string;
  account: Account | undefined;
}

export interface Cluster {
  pid: number;
  socketDir: string;
  socketPath: string;
  /** The administrator's, opened at the first question. */
  session: AdminSession;
  /** Resolves when the process has ended, whatever the cause. */
  exited: Promise<void>;
  /** Ends all sessions and stops cleanly; resolves when the process has ended. Idempotent. */
  stop(): Promise<void>;
  /** Ends the server by force; processes of its sessions may be left. Idempotent. */
  kill(): Promise<void>;
  /** Ends it as a crash would. */
  abandon(): Promise<void>;
}

const POLL_MS = 4;
/** Replay of a long log takes its time; a start that says nothing for this long has failed. */
const START_TIMEOUT_MS = 600_000;
const STOP_TIMEOUT_MS = 30_000;

/** Throws `compute-failed` (bug) with the end of the server's log, `disk-full` (operator). */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { binaries, settings, dataDir, socketDir, account } = options;
  await rm(socketDir, { recursive: true, force: true });
  await mkdir(socketDir, { mode: 0o700, recursive: true });
  if (account) await chown(socketDir, account.uid, account.gid);
  const log = await open(options.logFile, "w", 0o600);
  const server = [
    binaries.postgres,
    ...["-D", dataDir, "-k", socketDir],
    ...["-c", `config_file=${settings.configFile}`, "-c", `hba_file=${settings.hbaFile}`, "-c", `ident_file=${settings.identFile}`],
  ];
  const [command, args, identity] = commandLine(binaries, server, account);
  // In a session of its own, or an interrupt at our terminal would stop the database before we have ended its clients.
  const child = spawn(command, args, { ...identity, cwd: dataDir, env: binaries.env, detached: true, stdio: ["ignore", log.fd, log.fd] });
  const exited = new Promise<void>((resolve) => {
    child.once("error", () => resolve());
    child.once("exit", () => resolve());
  });
  let running = true;
  void exited.then(() => (running = false));
  await log.close();

  const end = async (signal: "SIGINT" | "SIGQUIT") => {
    if (running) child.kill(signal);
    const slow = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(slow);
    await rm(socketDir, { recursive: true, force: true });
  };
  const ready = await untilReady(dataDir, child.pid, () => running);
  if (!ready) {
    await end("SIGQUIT");
    throw computeFailed(dataDir, await readFile(options.logFile, "utf8").catch(() => ""));
  }
  const pid = child.pid as number;
  const session = new AdminSession(socketDir);
  void exited.then(() => session.close());
  return {
    pid,
    socketDir,
    socketPath: join(socketDir, SOCKET_NAME),
    session,
    exited,
    stop: () => end("SIGINT"),
    kill: async () => {
      if (running) child.kill("SIGKILL");
      await exited;
    },
    abandon: async () => {
      await end("SIGQUIT");
      await endStrays([dataDir]);
    },
  };
}

/** `setpriv` changes the user too, because a change of user clears the death signal. */
function commandLine(
  binaries: Binaries,
  server: string[],
  account: Account | undefined,
): [string, string[], { uid?: number; gid?: number }] {
  if (binaries.setpriv === undefined) return [server[0] as string, server.slice(1), account ? { uid: account.uid, gid: account.gid } : {}];
  const user = account ? [`--reuid=${account.uid}`, `--regid=${account.gid}`, "--clear-groups"] : [];
  return [binaries.setpriv, [...user, "--pdeathsig", "INT", ...server], {}];
}

/** The server writes its state into the last line of `postmaster.pid`. False when it ended first. */
async function untilReady(dataDir: string, pid: number | undefined, running: () => boolean): Promise<boolean> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (running() && performance.now() < deadline) {
    const lines = (await readFile(join(dataDir, "postmaster.pid"), "utf8").catch(() => "")).split("\n");
    if (lines[0] === String(pid) && lines[7]?.trim() === "ready") return true;
    await delay(POLL_MS);
  }
  return false;
}

/** Runs a tool of PostgreSQL to its end, with `input` on its standard input. Throws with what it printed when it fails. */
export async function runTool(
  command: string,
  args: string[],
  options: { env: Record<string, string>; cwd: string; account: Account | undefined; input?: string },
): Promise<void> {
  const identity = options.account ? { uid: options.account.uid, gid: options.account.gid } : {};
  const child = spawn(command, args, { ...identity, cwd: options.cwd, env: options.env, stdio: ["pipe", "pipe", "pipe"] });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.input ?? "");
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw computeFailed(options.cwd, output);
}
