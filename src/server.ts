/** The control plane's root: webhooks, queue, sweep and runner API over the implementations that its environment names. */
import { mkdir, readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";
import { getRequestListener } from "@hono/node-server";
import { pino } from "pino";
import { createNodeMiddleware, Probot } from "probot";
import { createFileArtifacts } from "./artifacts/file/file-artifacts.ts";
import { createMirrors } from "./change/mirror.ts";
import type { Platform } from "./change/platform.ts";
import { createSqlTunnel } from "./change/runner-api/sql-tunnel.ts";
import { createControlPlaneApp } from "./control-plane-app.ts";
import { systemClock } from "./core/clock.ts";
import { toAdorableError } from "./core/errors.ts";
import type { ProjectId } from "./core/ids.ts";
import type { Database } from "./database/database.ts";
import { createGitHub } from "./github/create-github.ts";
import { readDelivery } from "./github/delivery.ts";
import { endWithParent } from "./process/parent.ts";
import { connectRpc } from "./process/rpc.ts";
import { handleDelivery } from "./reconcile/deliveries.ts";
import { fetchMissedDeliveries } from "./reconcile/missed-deliveries.ts";
import { reconcile } from "./reconcile/reconcile.ts";
import type { Gateway } from "./runtime/gateway/gateway.ts";
import type { Runtime } from "./runtime/runtime.ts";
import { newestDelivery, saveDelivery } from "./store/deliveries.ts";
import { listProjects } from "./store/projects.ts";
import { enqueueDelivery, enqueueReconcile, startQueue } from "./store/queue.ts";
import { prune } from "./store/prune.ts";
import { lockControlPlane, openStore, type CommitObserver } from "./store/store.ts";
import { readServerSettings, type ServerSettings } from "./server-settings.ts";

const SWEEP_MS = 30_000;
/** How far back missed deliveries are looked for: from the last that came, for one may be missed and the next not. */
const LOOK_BACK_MS = 3_600_000;
const MAX_PAYLOAD_BYTES = 25 * 1024 * 1024;

export interface ServerHooks {
  /** Around every committed statement of the store. */
  observeCommit?: CommitObserver;
  /** Wraps a port or adapter, by name, before anybody uses it. */
  wrap?: <T extends object>(name: string, implementation: T) => T;
}

/** Starts the control plane and returns its address. `close` ends it cleanly; a kill is as good. */
export async function startServer(settings: ServerSettings, hooks: ServerHooks = {}): Promise<{ url: string; close(): Promise<void> }> {
  const wrap = hooks.wrap ?? (<T extends object>(_name: string, implementation: T): T => implementation);
  const log = pino({ level: settings.logLevel }, pino.destination({ dest: 2, sync: true }));
  const store = await openStore(settings.storeUrl, hooks.observeCommit);
  const unlock = await lockControlPlane(store);
  const mirrors = join(settings.platform.dataDir, "mirrors");
  await mkdir(mirrors, { recursive: true });

  const privateKey = await readFile(settings.github.privateKeyFile, "utf8");
  const platform: Platform = {
    store,
    database: wrap("database", connectRpc<Database>(settings.edgeSocket, "database")),
    runtime: wrap("runtime", connectRpc<Runtime>(settings.edgeSocket, "runtime")),
    gateway: wrap("gateway", connectRpc<Gateway>(settings.edgeSocket, "gateway")),
    artifacts: wrap("artifacts", await createFileArtifacts({ dir: settings.artifactsDir })),
    github: wrap(
      "github",
      createGitHub({
        baseUrl: settings.github.apiUrl,
        appId: settings.github.appId,
        privateKey,
        botName: settings.platform.botName,
        secrets: () => [settings.github.webhookSecret, settings.operatorToken],
      }),
    ),
    mirrors: createMirrors(mirrors),
    settings: settings.platform,
    clock: systemClock,
    log: { info: (fields, message) => log.info(fields, message), error: (fields, message) => log.error(fields, message) },
  };

  const queue = await startQueue(
    store,
    { delivery: (id) => handleDelivery(platform, id), reconcile: (project: ProjectId) => reconcile(platform, project) },
    (error) => log.error({ err: error }, toAdorableError(error).message),
  );
  const sweep = async (): Promise<void> => {
    for (const project of await listProjects(store)) await enqueueReconcile(store, project.id);
    await prune(store);
  };
  await sweep();
  let lookFrom = new Date(((await newestDelivery(store)) ?? new Date()).getTime() - LOOK_BACK_MS);
  const catchUp = async (): Promise<void> => {
    const startedAt = Date.now();
    await fetchMissedDeliveries(platform, lookFrom);
    lookFrom = new Date(startedAt - LOOK_BACK_MS);
  };
  // Each alone: GitHub may be away.
  const regularly = (what: string, work: () => Promise<void>): void =>
    void work().catch((error: unknown) => log.error({ err: error }, `${what} failed`));
  const timer = setInterval(() => {
    regularly("the sweep", sweep);
    regularly("asking for missed deliveries", catchUp);
  }, SWEEP_MS);

  const probot = new Probot({
    appId: settings.github.appId,
    privateKey,
    secret: settings.github.webhookSecret,
    baseUrl: settings.github.apiUrl,
    logLevel: "fatal",
  });
  const webhooks = await createNodeMiddleware(
    (app) => {
      // Stored before it is answered, processed after: GitHub waits for ten seconds at most and never asks twice.
      app.onAny(async ({ id, name, payload }) => {
        const delivery = readDelivery(id, name, payload);
        const envelope = delivery.event === "ignored" ? undefined : delivery;
        await store.transaction(async (sql) => {
          const isNew = await saveDelivery(sql, {
            id,
            event: name,
            action: envelope?.action ?? null,
            repository_id: envelope?.repository?.id ?? null,
            payload: delivery,
          });
          if (isNew) await enqueueDelivery(sql, id, envelope?.repository?.id ?? null);
        });
      });
    },
    { probot, webhooksPath: "/webhooks" },
  );

  const pages = getRequestListener(createControlPlaneApp(platform, settings.operatorToken).fetch);
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const isWebhook = request.url?.startsWith("/webhooks") ?? false;
    // GitHub states every payload's length and sends 25 MB at most: https://docs.github.com/en/webhooks/webhook-events-and-payloads
    const length = Number(request.headers["content-length"] ?? (request.method === "POST" ? Number.NaN : 0));
    if (isWebhook && !(length <= MAX_PAYLOAD_BYTES)) {
      response.writeHead(Number.isNaN(length) ? 411 : 413, { connection: "close" }).end();
      return;
    }
    const handled = isWebhook ? webhooks(request, response) : pages(request, response);
    Promise.resolve(handled).catch((error: unknown) => {
      log.error({ err: error }, "a request failed");
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });
  const tunnel = createSqlTunnel(platform);
  server.on("upgrade", (request, socket, head) => {
    if (request.url?.startsWith("/runner/v1/sql")) tunnel.handle(request, socket, head);
    else socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n");
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(settings.port, settings.host, resolve);
  });
  // From here on they can be taken.
  regularly("asking for missed deliveries", catchUp);
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : settings.port;

  return {
    url: `http://${settings.host}:${port}`,
    async close() {
      clearInterval(timer);
      server.closeAllConnections();
      server.close();
      tunnel.close();
      await queue.stop();
      await unlock();
      await store.close();
    },
  };
}

/** Runs as a process: says on standard output when it is ready, ends with its parent or at a signal. */
export async function runServer(hooks: ServerHooks = {}): Promise<void> {
  try {
    const server = await startServer(readServerSettings(process.env), hooks);
    let ending = false;
    const end = (): void => {
      if (ending) return;
      ending = true;
      void server.close().then(
        () => process.exit(0),
        () => process.exit(1),
      );
    };
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, end);
    endWithParent(end);
    process.stdout.write(`${JSON.stringify({ ready: true, url: server.url })}\n`);
  } catch (thrown) {
    const error = toAdorableError(thrown);
    process.stdout.write(`${JSON.stringify({ ready: false, error: error.toJSON() })}\n`);
    process.exitCode = 1;
  }
}

if (process.argv[1] === import.meta.filename) await runServer();
