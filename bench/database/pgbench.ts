/** Debian's `pgbench` and `pgbouncer`: whether they are there, and one run of each. */
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { BACKEND_DATABASE } from "../../src/database/computes.ts";
import { ADMIN_ROLE } from "../../src/database/database.ts";
import { initdbAccount } from "../../src/database/embedded/accounts.ts";
import { pidRecordPath } from "../../src/process/pid-record.ts";
import { run } from "../../src/process/run.ts";
import { supervise } from "../../src/process/supervised.ts";
import { freePort } from "../free-port.ts";
import { command } from "./direct.ts";
import { withSession } from "./place.ts";

export interface Target {
  host: string;
  port: number;
  database: string;
  user: string;
  password: string;
}

export interface Load {
  kind: "select" | "tpcb";
  mode: "simple" | "prepared";
  clients: number;
  seconds: number;
}

/** Its version, or undefined where it is not installed. */
export async function versionOf(tool: "pgbench" | "pgbouncer"): Promise<string | undefined> {
  try {
    const { stdout, exitCode } = await run(tool, ["--version"]);
    return exitCode === 0 ? stdout.toString().split("\n")[0] : undefined;
  } catch (error) {
    if ((error as { code?: string }).code === "command-not-found") return undefined;
    throw error;
  }
}

export async function initialise(target: Target, scale: number): Promise<void> {
  await pgbench(target, ["-i", "-q", "-I", "dtgvp", "-s", String(scale)]);
}

export interface Run {
  /** Transactions per second, without the time that connecting took. */
  tps: number;
  transactions: number;
}

/** Throws where one client failed. */
export async function load(target: Target, { kind, mode, clients, seconds }: Load): Promise<Run> {
  const script = kind === "select" ? "select-only" : "tpcb-like";
  const said = await pgbench(target, ["-n", "-b", script, "-M", mode, "-c", String(clients), "-j", "1", "-T", String(seconds)]);
  return parseRun(said);
}

/** Throws where the output is not one of a run without failures. */
export function parseRun(said: string): Run {
  const tps = Number(/^tps = ([\d.]+) /m.exec(said)?.[1]);
  const transactions = Number(/^number of transactions actually processed: (\d+)/m.exec(said)?.[1]);
  const failed = Number(/^number of failed transactions: (\d+)/m.exec(said)?.[1] ?? 0);
  if (!(tps > 0) || !(transactions > 0) || failed > 0 || /aborted/.test(said)) throw new Error(`pgbench did not run to its end:\n${said}`);
  return { tps, transactions };
}

async function pgbench({ host, port, database, user, password }: Target, args: readonly string[]): Promise<string> {
  const env = { PGPASSWORD: password, PGSSLMODE: "disable" };
  const done = await run("pgbench", ["-h", host, "-p", String(port), "-U", user, ...args, database], { env, timeoutMs: 300_000 });
  const said = `${done.stdout.toString()}${done.stderr.toString()}`;
  if (done.exitCode !== 0) throw new Error(`${done.command} failed:\n${said}`);
  return said;
}

/** In session mode before the server at `socketPath`, as itself or as the user without rights that PostgreSQL runs as. */
export async function startPgbouncer(
  runDir: string,
  socketPath: string,
  clients: number,
): Promise<{ pid: number; target: Target; stop(): Promise<void> }> {
  const port = await freePort();
  const dir = join(runDir, `b${port}`);
  await mkdir(dir, { mode: 0o755 });
  const serverPort = socketPath.split(".").at(-1);
  const user = ADMIN_ROLE;
  await writeFile(join(dir, "users.txt"), `"${user}" ""\n`, { mode: 0o644 });
  await writeFile(
    join(dir, "pgbouncer.ini"),
    [
      "[databases]",
      `${BACKEND_DATABASE} = host=${dirname(socketPath)} port=${serverPort} user=${user}`,
      "[pgbouncer]",
      "listen_addr = 127.0.0.1",
      `listen_port = ${port}`,
      "unix_socket_dir =",
      "auth_type = trust",
      `auth_file = ${join(dir, "users.txt")}`,
      "pool_mode = session",
      `default_pool_size = ${clients + 2}`,
      "server_idle_timeout = 1",
      "max_client_conn = 200",
      "ignore_startup_parameters = extra_float_digits",
      "",
    ].join("\n"),
    { mode: 0o644 },
  );
  const account = initdbAccount();
  if (account) await command("chown", ["-R", `${account.uid}:${account.gid}`, dir]);
  await chmod(dir, 0o755);
  const said: string[] = [];
  const child = await supervise({
    file: "pgbouncer",
    args: ["-q", join(dir, "pgbouncer.ini")],
    cwd: dir,
    record: pidRecordPath(runDir, `b${port}`),
    onLine: (_, line) => void said.push(line),
    ...account,
  });
  const target = { host: "127.0.0.1", port, database: BACKEND_DATABASE, user, password: "" };
  for (const deadline = Date.now() + 10_000; ;) {
    try {
      await withSession(target, (client) => client.query("SELECT 1"));
      break;
    } catch (error) {
      if (Date.now() < deadline && child.exit() === undefined) continue;
      await child.stop(1000);
      throw new Error(`pgbouncer did not start: ${said.join("\n")}`, { cause: error });
    }
  }
  return { pid: child.pid, target, stop: async () => void (await child.stop(5000)) };
}
