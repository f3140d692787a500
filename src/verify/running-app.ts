/** An app under judgement as a running server: started as the runtime starts it, and ended with everything it started. */
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { AdorableError } from "../core/errors.ts";
import type { GateApp, GateContext } from "./gate.ts";
import { requestHttp } from "./http-call.ts";

export interface RunningApp {
  app: GateApp;
  host: string;
  port: number;
  origin: string;
  /** The newest of what it said. */
  output(): string;
  /** Its exit, if it has ended. */
  exit(): { exitCode: number | null; signal: string | null } | undefined;
  stop(): Promise<void>;
}

const READY_LIMIT_MS = 45_000;
const POLL_MS = 40;
const HOST = "127.0.0.1";

/**
 * Starts `src/server/main.ts` of a built app and returns when `GET /health` answers 200.
 * Throws `app-not-started` (author) with its output when it exits or does not answer in 45 s; nothing of it keeps running then.
 */
export async function startApp(context: GateContext, app: GateApp, databaseUrl: string, limitMs = READY_LIMIT_MS): Promise<RunningApp> {
  const port = await freePort();
  const child = context.sandbox.start({
    args: ["src/server/main.ts"],
    cwd: app.dir,
    env: { NODE_ENV: "production", HOST, PORT: String(port), DATABASE_URL: databaseUrl },
  });
  let exit: { exitCode: number | null; signal: string | null } | undefined;
  void child.exited.then((value) => (exit = value));
  const running: RunningApp = {
    app,
    host: HOST,
    port,
    origin: `http://${HOST}:${port}`,
    output: () => child.output(),
    exit: () => exit,
    stop: () => child.stop(),
  };

  const deadline = performance.now() + limitMs;
  let last = "nothing listens on its port";
  while (exit === undefined && performance.now() < deadline) {
    const answer = await requestHttp({
      host: HOST,
      port,
      path: "/health",
      timeoutMs: Math.min(2000, Math.max(1, deadline - performance.now())),
    });
    if (answer.status === 200) return running;
    last = answer.status === undefined ? answer.error : `GET /health answered ${answer.status}`;
    await Promise.race([delay(POLL_MS), child.exited]);
  }
  const output = child.output();
  const ended = exit;
  await child.stop();
  const why =
    ended === undefined
      ? `was not ready within ${limitMs / 1000} s: ${last}`
      : `ended with ${ended.exitCode ?? ended.signal ?? "an error"} instead of listening on PORT`;
  throw new AdorableError({
    code: "app-not-started",
    remedy: "author",
    message: `The server of "${app.spec.slug}" ${why}.`,
    hint: "src/server/main.ts must listen on the port in PORT and answer GET /health with 200.",
    details: { output: output.slice(-8000) },
  });
}

/** What a server said that did not start. */
export function outputOf(error: AdorableError): string {
  const output = error.details["output"];
  return typeof output === "string" ? output : "";
}

async function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, HOST, () => {
      const address = server.address();
      server.close(() => (typeof address === "object" && address !== null ? resolve(address.port) : reject(new Error("no port"))));
    });
  });
}
