/** The whole platform on one machine: store, edge, forge and control plane as processes, with what they need to find each other. */
import { createWriteStream } from "node:fs";
import { chmod, copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { buildAction } from "../../action/build.ts";
import type { Config } from "../config.ts";
import { AdorableError } from "../core/errors.ts";
import { startStore } from "../database/embedded/store-cluster.ts";
import type { Database } from "../database/database.ts";
import { findBrowser } from "../process/browser.ts";
import { isolationHere } from "../process/isolation.ts";
import { killLeftovers } from "../process/pid-record.ts";
import { connectRpc } from "../process/rpc.ts";
import type { Gateway } from "../runtime/gateway/gateway.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { ServerSettings } from "../server-settings.ts";
import { prepareVerifyTools } from "../verify/tools.ts";
import { startChild, type Child } from "./children.ts";
import { openDataDirectory, type Memory } from "./data-directory.ts";
import { createForgeAdmin, type ForgeAdmin } from "./forge-admin.ts";
import { refuseRemoteGitHub, requireIsolation } from "./trust.ts";

const ROOT = join(import.meta.dirname, "../..");
const SERVER_SCRIPT = "src/server.ts";
export const APP_SLUG = "adorable";

export interface OneMachine {
  dataDir: string;
  /** Where the carried browser is unpacked. */
  browserDir: string;
  urls: { forge: string; api: string; controlPlane: string };
  ports: Memory["ports"];
  operatorToken: string;
  forge: ForgeAdmin;
  edge: { database: Database; runtime: Runtime; gateway: Gateway };
  /** What a repository needs so that the platform can work there. */
  callerFiles: Record<string, string>;
  processes: { name: string; pid: number }[];
  note: string | undefined;
  /** A line about what keeps generated code from the rest of this machine. */
  trust: string;
  /** Rejects when one of the processes ends by itself. */
  failed: Promise<never>;
  /** Settles when the present control plane has ended, whatever the cause. */
  controlPlaneEnded(): Promise<void>;
  /** Kills the control plane where it stands, if it still does, and starts it again: as it is in production, or another root for it. */
  restartControlPlane(script?: string, env?: Record<string, string>): Promise<void>;
  /** Unpacks what the first verification would have to wait for: the packages of apps, and the browser. Idempotent. */
  prepareTools(): Promise<void>;
  /** Ends everything that was started, the control plane first. Idempotent. */
  stop(): Promise<void>;
}

export interface OneMachineOptions {
  config: Config;
  onProgress?: (what: string) => void;
  /** Another root for the control plane, for crash tests. */
  serverScript?: string;
  serverEnv?: Record<string, string>;
}

/** Starts what the data directory holds, or a new platform in an empty one. Throws what went wrong, with nothing left running. */
export async function startOneMachine(options: OneMachineOptions): Promise<OneMachine> {
  const { config, onProgress = () => {} } = options;
  const trust = requireIsolation(config, await isolationHere());
  refuseRemoteGitHub(config);
  const given: Partial<Memory["ports"]> = {};
  if (config.ports.forge !== 0) given.forge = config.ports.forge;
  if (config.ports.gateway !== 0) given.gateway = config.ports.gateway;
  if (config.ports.controlPlane !== 0) given.controlPlane = config.ports.controlPlane;
  if (config.ports.database !== 0) given.postgres = config.ports.database;

  await using stack = new AsyncDisposableStack();
  const data = await openDataDirectory(config.dataDir, given);
  stack.defer(() => data.close());
  const at = (name: string): string => join(data.path, name);
  // As root, apps, databases and gates have users of their own, who have no business here.
  for (const folder of ["logs", "control", "processes", "action", "platform", "compiled", "artifacts", "proxy", "gateway"]) {
    await mkdir(at(folder), { recursive: true });
    await chmod(at(folder), 0o700);
  }
  await killLeftovers(at("processes"));
  const log = createWriteStream(at("logs/platform.log"), { flags: "a" });
  stack.defer(() => new Promise<void>((done) => log.end(done)));
  const { memory } = data;
  const children = new Map<string, Child>();
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => {});
  // A platform whose log cannot be written has no disk left: that ends it, and says why.
  log.on("error", (cause) =>
    failure.reject(
      new AdorableError({
        code: "log-unwritable",
        remedy: "operator",
        message: `The log in "${at("logs")}" cannot be written: ${cause.message}.`,
        hint: "Free space, then start again.",
        cause,
      }),
    ),
  );
  let isStopping = false;
  stack.defer(() => {
    isStopping = true;
  });

  const start = async (name: string, script: string, env: Record<string, string>): Promise<Child> => {
    onProgress(name);
    const child = await startChild({
      name,
      script: join(ROOT, script),
      // What Node made of the sources is kept: a process that is started again starts in half the time.
      env: { ...env, TMPDIR: join(data.runDir, "tmp"), NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] ?? at("compiled") },
      recordDir: at("processes"),
      cwd: ROOT,
      onLine: (from, line) => void log.write(`${from} ${line}\n`),
    });
    children.set(name, child);
    void child.exited.then((exit) => {
      if (!isStopping && children.get(name) === child)
        failure.reject(
          new Error(`The ${name} process ended (${exit.code ?? exit.signal ?? "?"}). Its log is in "${at("logs/platform.log")}".`),
        );
    });
    return child;
  };

  onProgress("action");
  await buildAction(at("action"));
  // What github.com has in the platform's own repository beside the Action: the workflow that callers call.
  await mkdir(at("platform/.github/workflows"), { recursive: true });
  await copyFile(join(ROOT, ".github/workflows/run.yml"), at("platform/.github/workflows/run.yml"));
  onProgress("store");
  const store = await startStore({ dataDir: at("database"), runDir: data.runDir });
  stack.defer(() => store.close());

  const edge = await start("edge", "src/edge.ts", {
    ADORABLE_DATA: data.path,
    ADORABLE_RUN: data.runDir,
    ADORABLE_POSTGRES_HOST: config.host,
    ADORABLE_POSTGRES_PORT: String(memory.ports.postgres),
    ADORABLE_DATABASE_WINDOW_MS: String(Math.round(config.history.days * 24 * 3600 * 1000)),
    ADORABLE_DATABASE_BUDGET_BYTES: String(Math.round(config.history.gigabytes * 1e9)),
    ...(config.databaseTls === undefined
      ? {}
      : {
          ADORABLE_POSTGRES_CERTIFICATE_FILE: config.databaseTls.certificateFile,
          ADORABLE_POSTGRES_KEY_FILE: config.databaseTls.keyFile,
        }),
    ADORABLE_GATEWAY_PORT: String(memory.ports.gateway),
    ADORABLE_LOG_LEVEL: config.logLevel,
  });
  stack.defer(() => edge.stop());
  const socket = String(edge.ready["socket"]);

  const observer = process.env["ADORABLE_FORGE_OBSERVER"];
  const forge = await start("forge", "src/forge.ts", {
    ...(observer === undefined ? {} : { ADORABLE_FORGE_OBSERVER: observer }),
    ADORABLE_FORGE_DATA: at("forge"),
    ADORABLE_FORGE_PORT: String(memory.ports.forge),
    ADORABLE_FORGE_ADMIN_TOKEN: memory.forgeAdminToken,
    // Outside the forge's private folder: gates run as users who may see nothing but this.
    ADORABLE_FORGE_WORK_DIR: at("work"),
    ADORABLE_FORGE_PLATFORM_ACTION: at("action"),
    ADORABLE_FORGE_PLATFORM_FILES: at("platform"),
    ADORABLE_FORGE_JOB_ENV: JSON.stringify({
      ADORABLE_TOOLS: ROOT,
      ADORABLE_MODULES: at("modules"),
      ADORABLE_BROWSER_CACHE: at("browser"),
      ADORABLE_SANDBOX: "optional",
    }),
  });
  stack.defer(() => forge.stop());
  const forgeUrl = String(forge.ready["url"]);
  const admin = createForgeAdmin(forgeUrl, memory.forgeAdminToken);

  const controlPlane = `http://127.0.0.1:${memory.ports.controlPlane}`;
  const manifest = appManifest.parse(parse(await readFile(join(ROOT, "app.yml"), "utf8")));
  const app = await admin.createApp({
    slug: APP_SLUG,
    name: manifest.name,
    webhookUrl: `${controlPlane}/webhooks`,
    webhookSecret: memory.webhookSecret,
    permissions: manifest.default_permissions,
    events: manifest.default_events,
  });
  const privateKeyFile = at("control/app.pem");
  await writeFile(privateKeyFile, app.pem, { mode: 0o600 });

  const settings: ServerSettings = {
    artifactsDir: at("artifacts"),
    storeUrl: store.dsn,
    edgeSocket: socket,
    host: "127.0.0.1",
    port: memory.ports.controlPlane,
    logLevel: config.logLevel,
    operatorToken: memory.operatorToken,
    github: { apiUrl: `${forgeUrl}/api/v3`, appId: app.id, privateKeyFile, webhookSecret: memory.webhookSecret },
    platform: {
      botName: config.botName,
      publicUrl: controlPlane,
      appsDomain: `localhost:${memory.ports.gateway}`,
      gatewayUrl: `http://127.0.0.1:${memory.ports.gateway}`,
      approval: config.approval,
      previewData: {
        default: config.previewData,
        projects: Object.fromEntries(
          Object.entries(config.projects).flatMap(([name, own]) => (own.previewData === undefined ? [] : [[name, own.previewData]])),
        ),
      },
      budget: config.budget,
      holdBudgetMs: config.holdBudgetMs,
      allowedBots: config.allowedBots,
      dataDir: at("control"),
      models: config.models,
      oidc: {
        issuer: `${forgeUrl}/oidc`,
        audience: "adorable",
        workflow: "adorable/platform/.github/workflows/run.yml",
        allowedWorkflowShas: [String(forge.ready["platformSha"])],
      },
    },
  };
  const startServer = (script: string, env: Record<string, string> = {}): Promise<Child> =>
    start("control-plane", script, { ADORABLE_SERVER_SETTINGS: JSON.stringify(settings), ...env });
  await startServer(options.serverScript ?? SERVER_SCRIPT, options.serverEnv);
  stack.defer(async () => {
    await children.get("control-plane")?.stop();
  });

  const all = stack.move();
  let stopping: Promise<void> | undefined;
  return {
    dataDir: data.path,
    browserDir: at("browser"),
    urls: { forge: forgeUrl, api: `${forgeUrl}/api/v3`, controlPlane },
    ports: memory.ports,
    operatorToken: memory.operatorToken,
    forge: admin,
    edge: {
      database: connectRpc<Database>(socket, "database"),
      runtime: connectRpc<Runtime>(socket, "runtime"),
      gateway: connectRpc<Gateway>(socket, "gateway"),
    },
    callerFiles: {
      "README.md": "# A project\n",
      ".github/workflows/adorable.yml": await readFile(join(ROOT, "workflows/adorable.yml"), "utf8"),
    },
    processes: [...children.values()].map(({ name, pid }) => ({ name, pid })),
    note: data.note,
    trust,
    failed: failure.promise,
    async controlPlaneEnded() {
      await children.get("control-plane")?.exited;
    },
    async restartControlPlane(script = SERVER_SCRIPT, env = {}) {
      const old = children.get("control-plane");
      children.delete("control-plane");
      await old?.kill();
      await startServer(script, env);
    },
    async prepareTools() {
      await prepareVerifyTools({ platformRoot: ROOT, storeDir: at("modules"), browserCacheDir: at("browser") });
      await findBrowser({ cacheDir: at("browser") });
    },
    stop() {
      isStopping = true;
      stopping ??= all.disposeAsync();
      return stopping;
    },
  };
}

const appManifest = z.looseObject({
  name: z.string(),
  default_permissions: z.record(z.string(), z.string()),
  default_events: z.array(z.string()),
});
