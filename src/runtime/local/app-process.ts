/** One running app: its process, whether it is ready, and why it is not. */
import { request } from "node:http";
import { createServer, type AddressInfo } from "node:net";
import { AdorableError } from "../../core/errors.ts";
import { pidRecordPath } from "../../process/pid-record.ts";
import { supervise, type Exit, type Supervised } from "../../process/supervised.ts";
import type { AppLog } from "./app-log.ts";

const HOST = "127.0.0.1";
const ENTRY = "src/server/main.ts";
const STOP_GRACE_MS = 3000;
const PORT_ATTEMPTS = 3;
/** Of JavaScript objects, per app; beyond it Node ends the app with a message. */
const MEMORY_MB = 512;

export interface StartOptions {
  environment: string;
  slug: string;
  folder: string;
  nodePath: string;
  /** Where pid records stand. */
  recordFolder: string;
  /** A folder that the app may write to; nothing in it is kept. */
  temporaryFolder: string;
  env: Record<string, string>;
  uid: number | undefined;
  /** A command line to put before the app's: what encloses it. */
  enclosure: readonly string[];
  log: AppLog;
  readyTimeoutMs: number;
}

export interface AppProcess {
  readonly slug: string;
  readonly address: { host: string; port: number };
  readonly exited: Promise<Exit>;
  alive(): boolean;
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
  /** What its end was, for people. */
  describeExit(): string;
}

/** Starts the app and returns once `GET /health` gave 200. Throws `app-not-ready` (author); the process is then gone. */
export async function startApp(options: StartOptions): Promise<AppProcess> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const child = await spawnApp(options, port);
    const problem = await waitUntilReady(child, port, options.readyTimeoutMs);
    if (problem === undefined) return describe(options, child, port);
    await child.stop(0);
    // Node's own frames would push out the line that says what happened.
    const output = options.log.tail().filter((line) => !/^\s+at .*node:internal/.test(line));
    // Somebody else took the port between our look and the app's bind.
    if (attempt < PORT_ATTEMPTS && child.exit() !== undefined && output.some((line) => line.includes("EADDRINUSE"))) continue;
    await options.log.settled();
    throw new AdorableError({
      code: "app-not-ready",
      remedy: "author",
      message: [
        `The app "${options.slug}" ${problem}.`,
        ...(output.length > 0 ? ["Its last output:", ...output.slice(-20)] : ["It printed nothing."]),
      ].join("\n"),
      hint: `Make ${ENTRY} listen on the port in PORT and answer GET /health with 200.`,
      details: { app: options.slug, problem, output },
    });
  }
}

async function spawnApp(options: StartOptions, port: number): Promise<Supervised> {
  const app = [options.nodePath, "--disable-warning=ExperimentalWarning", `--max-old-space-size=${MEMORY_MB}`, ENTRY];
  const [file = "", ...args] = [...options.enclosure, ...app];
  return await supervise({
    file,
    args,
    cwd: options.folder,
    env: {
      ...options.env,
      PATH: "/usr/local/bin:/usr/bin:/bin",
      TMPDIR: options.temporaryFolder,
      NODE_ENV: "production",
      HOST,
      PORT: String(port),
    },
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
    record: pidRecordPath(options.recordFolder, `${options.environment}.${options.slug}`),
    onLine: options.log.write,
  });
}

async function waitUntilReady(child: Supervised, port: number, timeoutMs: number): Promise<string | undefined> {
  const deadline = Date.now() + timeoutMs;
  let seen = "did not listen on its port";
  while (Date.now() < deadline && child.exit() === undefined) {
    const answer = await Promise.race([probe(port, deadline - Date.now()), child.exited.then(() => "exited" as const)]);
    if (answer === 200) return child.exit() === undefined ? undefined : "ended";
    if (typeof answer === "number") seen = `answered GET /health with ${answer}`;
    // The last question is cut short by the deadline: it does not outweigh an answer.
    if (answer === "silent" && !seen.startsWith("answered")) seen = "took the request for GET /health and did not answer";
    if (answer !== "exited") await Promise.race([child.exited, new Promise((resolve) => setTimeout(resolve, 30))]);
  }
  if (child.exit() !== undefined) {
    const exit = await child.exited;
    return `ended with ${exit.code === null ? exit.signal : `code ${exit.code}`} before it was ready`;
  }
  return `${seen} within ${timeoutMs} ms`;
}

async function probe(port: number, timeoutMs: number): Promise<number | "refused" | "silent"> {
  return await new Promise((resolve) => {
    const call = request(
      { host: HOST, port, path: "/health", agent: false, signal: AbortSignal.timeout(Math.max(1, timeoutMs)) },
      (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      },
    );
    call.once("error", (error: NodeJS.ErrnoException) =>
      resolve(error.name === "AbortError" || error.name === "TimeoutError" ? "silent" : "refused"),
    );
    call.end();
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  return await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, HOST, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

function describe(options: StartOptions, child: Supervised, port: number): AppProcess {
  return {
    slug: options.slug,
    address: { host: HOST, port },
    exited: child.exited,
    alive: () => child.exit() === undefined,
    freeze: () => child.signal("SIGSTOP"),
    thaw: () => child.signal("SIGCONT"),
    async stop() {
      await child.stop(STOP_GRACE_MS);
      // A log that cannot be written keeps no app alive; whoever reads it is told.
      await options.log.settled();
    },
    describeExit() {
      const exit = child.exit();
      const how = exit === undefined ? "It is running." : `It ended with ${exit.code === null ? exit.signal : `code ${exit.code}`}.`;
      return [how, ...options.log.tail().slice(-15)].join("\n");
    },
  };
}
