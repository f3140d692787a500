/**
 * The edge's root on one machine: the PostgreSQL proxy and the HTTP gateway, and below them the computes and apps that they wake.
 *
 * It serves what its data directory says, also while the control plane is away, which speaks to it over `<run>/edge.sock`.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { pino } from "pino";
import { z } from "zod";
import { createFileArtifacts } from "./artifacts/file/file-artifacts.ts";
import { AdorableError, toAdorableError } from "./core/errors.ts";
import type { EndpointName, EnvironmentId } from "./core/ids.ts";
import { createDatabase } from "./database/compose.ts";
import { createEngine } from "./database/embedded/engine.ts";
import { readOrCreateMasterKey } from "./database/proxy/credentials.ts";
import { createProxy } from "./database/proxy/proxy.ts";
import { prepareModules } from "./process/modules.ts";
import { endWithParent } from "./process/parent.ts";
import { serveRpc } from "./process/rpc.ts";
import type { Gateway } from "./runtime/gateway/gateway.ts";
import { createGateway } from "./runtime/gateway/http-gateway.ts";
import { createLocalRuntime } from "./runtime/local/local-runtime.ts";
import type { Runtime } from "./runtime/runtime.ts";

const portSchema = z.coerce.number().int().min(0).max(65_535).default(0);
const millisecondsSchema = z.coerce.number().int().positive();

const settingsSchema = z.object({
  /** Everything durable. As root, other users must be able to pass it. */
  ADORABLE_DATA: z.string().min(1),
  /** Unix sockets; short. */
  ADORABLE_RUN: z.string().min(1),
  ADORABLE_POSTGRES_PORT: portSchema,
  /** Where PostgreSQL clients may come from beside loopback; those need TLS. */
  ADORABLE_POSTGRES_HOST: z.string().min(1).default("127.0.0.1"),
  /** PEM files, both or none; without them the proxy makes a certificate of its own. */
  ADORABLE_POSTGRES_CERTIFICATE_FILE: z.string().min(1).optional(),
  ADORABLE_POSTGRES_KEY_FILE: z.string().min(1).optional(),
  ADORABLE_GATEWAY_PORT: portSchema,
  /** Hosts of apps lie below it. */
  ADORABLE_DOMAIN: z.string().min(1).default("localhost"),
  /** Made if it is not there. Default `<data>/master.key`. */
  ADORABLE_MASTER_KEY_FILE: z.string().min(1).optional(),
  /** Without sessions at work for so long, a compute is stopped. */
  ADORABLE_DATABASE_IDLE_MS: millisecondsSchema.default(60_000),
  /** For how long positions of a database stay reachable, and how many bytes a family of timelines may keep for it. */
  ADORABLE_DATABASE_WINDOW_MS: millisecondsSchema.optional(),
  ADORABLE_DATABASE_BUDGET_BYTES: z.coerce.number().int().positive().optional(),
  /** Without a request for so long, an app is frozen. */
  ADORABLE_APP_IDLE_MS: millisecondsSchema.default(300_000),
  ADORABLE_LOG_LEVEL: z.enum(["fatal", "error", "warn", "info", "debug"]).default("info"),
});
export type EdgeSettings = z.infer<typeof settingsSchema>;

export interface Edge {
  postgresPort: number;
  gatewayPort: number;
  socketPath: string;
  /** Ends sessions, requests, apps and computes; what is durable stays. Idempotent. */
  close(): Promise<void>;
}

/** Throws `config-invalid` (operator). */
export function readEdgeSettings(env: NodeJS.ProcessEnv): EdgeSettings {
  const parsed = settingsSchema.safeParse(env);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new AdorableError({
    code: "config-invalid",
    remedy: "operator",
    message: `The edge's settings are wrong: "${issue?.path.join(".") ?? ""}": ${issue?.message ?? "is invalid"}.`,
    hint: "Start it with `adorable up`, which composes them.",
  });
}

/** Starts the edge as it was left. What an earlier one, killed, left running is ended first. */
export async function startEdge(settings: EdgeSettings): Promise<Edge> {
  const log = pino({ level: settings.ADORABLE_LOG_LEVEL }, pino.destination({ dest: 2, sync: true }));
  const onError = (error: unknown): void => log.error({ err: error }, toAdorableError(error).message);
  const data = (name: string): string => join(settings.ADORABLE_DATA, name);
  await mkdir(settings.ADORABLE_RUN, { recursive: true, mode: 0o711 });
  await using started = new AsyncDisposableStack();

  const { ADORABLE_DATABASE_WINDOW_MS: windowMs, ADORABLE_DATABASE_BUDGET_BYTES: budgetBytes } = settings;
  const engine = await createEngine({
    dataDir: data("database"),
    runDir: settings.ADORABLE_RUN,
    ...(windowMs === undefined ? {} : { windowMs }),
    ...(budgetBytes === undefined ? {} : { budgetBytes }),
    report: onError,
  });
  started.defer(() => engine.close());
  const proxy = await createProxy({
    dir: data("proxy"),
    computes: engine,
    host: settings.ADORABLE_POSTGRES_HOST,
    port: settings.ADORABLE_POSTGRES_PORT,
    certificate: certificateFiles(settings),
    masterKey: await readOrCreateMasterKey(settings.ADORABLE_MASTER_KEY_FILE ?? data("master.key")),
    idleMs: settings.ADORABLE_DATABASE_IDLE_MS,
    log: (event, details) => log[event.endsWith("-failed") ? "error" : "info"](details, event),
  });
  started.defer(() => proxy.close());

  const modules = await prepareModules({ platformRoot: join(import.meta.dirname, ".."), storeDir: data("modules") });
  const artifacts = await createFileArtifacts({ dir: data("artifacts") });
  const runtime = await createLocalRuntime({ dir: data("runtime"), artifacts, modules: modules.dir });
  started.defer(() => runtime.close());
  const gateway = await createGateway({
    dir: data("gateway"),
    port: settings.ADORABLE_GATEWAY_PORT,
    domain: settings.ADORABLE_DOMAIN,
    runtime,
    idleMs: settings.ADORABLE_APP_IDLE_MS,
    onError,
    mayFreeze: async (id) => !(await placesOf(gateway, id)).some((place) => proxy.isBusy(place as EndpointName)),
  });
  started.defer(() => gateway.close());

  const socketPath = join(settings.ADORABLE_RUN, "edge.sock");
  const services = { database: createDatabase({ engine, proxy }), runtime: portOfRuntime(runtime), gateway: portOfGateway(gateway) };
  const rpc = await serveRpc(socketPath, services, (error) => {
    if (error.remedy === "bug" || error.remedy === "operator") onError(error);
  });
  started.defer(() => rpc.close());
  const all = started.move();
  let closing: Promise<void> | undefined;
  return { postgresPort: proxy.port, gatewayPort: gateway.port, socketPath, close: () => (closing ??= all.disposeAsync()) };
}

/** Throws `config-invalid` (operator) where one of the two is missing. */
function certificateFiles({
  ADORABLE_POSTGRES_CERTIFICATE_FILE: certificateFile,
  ADORABLE_POSTGRES_KEY_FILE: keyFile,
}: EdgeSettings): { certificateFile: string; keyFile: string } | undefined {
  if (certificateFile === undefined && keyFile === undefined) return undefined;
  if (certificateFile !== undefined && keyFile !== undefined) return { certificateFile, keyFile };
  throw new AdorableError({
    code: "config-invalid",
    remedy: "operator",
    message: `Of the proxy's certificate and key only "${certificateFile ?? keyFile}" is given.`,
    hint: "Give both, or none.",
  });
}

/** The places whose routes lead to the environment: their endpoints have the same names. */
async function placesOf(gateway: Gateway, environment: EnvironmentId): Promise<string[]> {
  const sets = await gateway.listRoutes();
  return sets.filter((set) => set.routes.some((route) => route.environment === environment)).map((set) => set.place);
}

/** The port and nothing beside it: no caller can close the runtime. */
function portOfRuntime(runtime: Runtime): Runtime {
  return {
    ensure: (environment) => runtime.ensure(environment),
    observe: (id) => runtime.observe(id),
    freeze: (id) => runtime.freeze(id),
    thaw: (id) => runtime.thaw(id),
    logs: (id, limit) => runtime.logs(id, limit),
    remove: (id) => runtime.remove(id),
    list: () => runtime.list(),
  };
}

function portOfGateway(gateway: Gateway): Gateway {
  return {
    setRoutes: (set) => gateway.setRoutes(set),
    removeRoutes: (place) => gateway.removeRoutes(place),
    listRoutes: () => gateway.listRoutes(),
    hold: (place, id, options) => gateway.hold(place, id, options),
    resume: (id) => gateway.resume(id),
    mintAccess: (place) => gateway.mintAccess(place),
  };
}

/** Runs as a process: says on standard output when it is ready, ends at a signal or with its parent. */
export async function runEdge(): Promise<void> {
  try {
    const edge = await startEdge(readEdgeSettings(process.env));
    const end = (): void =>
      void edge.close().then(
        () => process.exit(0),
        (error: unknown) => {
          process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
          process.exit(1);
        },
      );
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, end);
    endWithParent(end);
    process.stdout.write(
      `${JSON.stringify({ ready: true, postgresPort: edge.postgresPort, gatewayPort: edge.gatewayPort, socket: edge.socketPath })}\n`,
    );
  } catch (thrown) {
    process.stdout.write(`${JSON.stringify({ ready: false, error: toAdorableError(thrown).toJSON() })}\n`);
    process.exitCode = 1;
  }
}

if (process.argv[1] === import.meta.filename) await runEdge();
