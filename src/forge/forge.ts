/** The embedded GitHub: starts it on a port and a data directory, and stops it without leaving anything running. */
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import { mkdir, readdir } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { newSecret } from "./accounts.ts";
import { createRunner, type Runner } from "./actions/runner.ts";
import { adminRoutes } from "./admin.ts";
import { ensureApp } from "./apps.ts";
import { createLocks, timestamp, type ForgeCore } from "./core.ts";
import { openDb, type Db } from "./db.ts";
import { createChangeBus } from "./events.ts";
import { Fault } from "./faults.ts";
import { createGitStore } from "./git.ts";
import { isGitRequest, serveGit } from "./git-http.ts";
import type { ForgeObserver } from "./observer.ts";
import { startMergeQueue } from "./merge-queue.ts";
import { createIssuer } from "./oidc.ts";
import { publishPlatform, readFolder, type PlatformFiles } from "./platform.ts";
import { forgetIntents } from "./pulls.ts";
import { syncRefs } from "./refs.ts";
import { finishRepositories } from "./repositories.ts";
import { RUNNER_APP } from "./serialize/actions.ts";
import { runnerRoutes } from "./rest/actions.ts";
import { createApi } from "./rest/api.ts";
import { archiveServices } from "./rest/archives.ts";
import { createRates } from "./rates.ts";
import { errorAnswer, observe, type Api, type ApiEnv } from "./rest/http.ts";
import { createState } from "./state.ts";
import { createHookSender } from "./webhooks.ts";

export interface ForgeOptions {
  /** Everything that the forge keeps is in here. */
  dataDir: string;
  /** Default `127.0.0.1`. */
  host?: string;
  /** 0: a free one. A forge that is started again should get the port that it had. */
  port: number;
  /** Opens `/_forge`; default: one that is made anew and is in the answer. */
  adminToken?: string;
  actions: {
    /** The Node that runs actions; default this process's. */
    nodePath?: string;
    /** Added to the scrubbed environment of every job. */
    env?: Record<string, string>;
    /** Default `<dataDir>/work`. Removed and made anew at start. */
    workDir?: string;
    /** Of a job that does not say; default 15. */
    timeoutMinutes?: number;
    /** Default 2. */
    maxConcurrentJobs?: number;
    /** The folder with `action.yml` and its bundle: `action/` of the platform's repository. */
    platformAction?: { dir: string };
    /** The other files of the platform's repository, `.github/workflows/run.yml` above all: by path, or a folder. */
    platformFiles?: PlatformFiles | string;
  };
  /** The pages, served where no route of the API answers. */
  pages?: (core: ForgeCore) => Pages;
  /** Default: a line on standard error. */
  log?: (line: string) => void;
  /** Of one account; default a million, for a machine of one's own. */
  requestsPerHour?: number;
  /** For tests: hears every answer and every webhook. */
  observer?: ForgeObserver;
}

export interface Pages {
  fetch(request: Request): Response | Promise<Response>;
}

export interface Forge {
  url: string;
  adminToken: string;
  /** The tip of `adorable/platform`; undefined when no platform files were given. */
  platformSha: string | undefined;
  /** For pages and tests. */
  core: ForgeCore;
  /** Ends what runs, delivers nothing more, closes the port. What was pending goes on at the next start. */
  close(): Promise<void>;
}

/** First segments of API paths, which are also served without `/api/v3`. */
const API_ROOTS = new Set([
  "app",
  "apps",
  "graphql",
  "installation",
  "meta",
  "orgs",
  "rate_limit",
  "repos",
  "repositories",
  "user",
  "users",
]);

const REQUESTS_PER_HOUR = 1_000_000;
/** GitHub keeps deliveries for thirty days. */
const DELIVERY_RETENTION_MS = 30 * 24 * 60 * 60 * 1000;

/** Throws what `listen` throws when the port is taken. */
export async function createForge(options: ForgeOptions): Promise<Forge> {
  const { dataDir, host = "127.0.0.1", port, adminToken = newSecret("forge_") } = options;
  const log = options.log ?? ((line: string) => process.stderr.write(`${line}\n`));
  await Promise.all(["git", "logs", "tmp"].map((folder) => mkdir(join(dataDir, folder), { recursive: true, mode: 0o700 })));
  const handler = Promise.withResolvers<(request: Parameters<typeof serveGit>[1], response: Parameters<typeof serveGit>[2]) => void>();
  handler.promise.catch(() => undefined); // told to whoever called; requests that wait for it are closed with the server
  const server = createServer((request, response) => void handler.promise.then((handle) => handle(request, response)));
  const url = await listen(server, host, port);
  let db: Db | undefined;
  try {
    db = openDb(join(dataDir, "forge.sqlite"));
    const parts = await assemble(options, db, url, adminToken, log);
    handler.resolve(parts.handle);
    let closing: Promise<void> | undefined;
    const close = (): Promise<void> => {
      closing ??= parts
        .close()
        .then(() => stopServer(server))
        .then(() => parts.core.db.close());
      return closing;
    };
    return { url, adminToken, platformSha: parts.platformSha, core: parts.core, close };
  } catch (error) {
    handler.reject(error);
    await stopServer(server);
    db?.close();
    throw error;
  }
}

async function assemble(options: ForgeOptions, db: Db, url: string, adminToken: string, log: (line: string) => void) {
  const { dataDir, actions } = options;
  const hooks = createHookSender(() => core);
  const core: ForgeCore = {
    db,
    state: createState(db),
    git: createGitStore(join(dataDir, "git")),
    changes: createChangeBus(),
    dataDir,
    url,
    observer: options.observer,
    rates: createRates(options.requestsPerHour ?? REQUESTS_PER_HOUR),
    lock: createLocks(),
    log,
    wakeHooks: () => hooks.wake(),
    wakeRunner: () => started.runner?.wake(),
  };
  const started: { runner?: Runner } = {};
  const runnerApp = await ensureApp(core, { slug: RUNNER_APP, name: "GitHub Actions" });
  const issuer = await createIssuer(core);
  await finishRepositories(core, await readdir(core.git.root));
  for (const { id } of core.db.all<{ id: number }>("select id from repositories"))
    await core.lock(`repository:${id}`, () => syncRefs(core, id, null));
  forgetIntents(core);
  forgetOld(core);

  const files = typeof actions.platformFiles === "string" ? await readFolder(actions.platformFiles) : (actions.platformFiles ?? {});
  if (actions.platformAction !== undefined) Object.assign(files, await readFolder(actions.platformAction.dir, "action"));
  const platformSha = Object.keys(files).length === 0 ? undefined : await publishPlatform(core, files);

  const { nodePath = process.execPath, env = {}, workDir = join(dataDir, "work"), timeoutMinutes = 15, maxConcurrentJobs = 2 } = actions;
  const runner = createRunner(core, { nodePath, env, workDir, timeoutMinutes, maxConcurrentJobs, app: runnerApp });
  await runner.recover();
  const serve = routes(core, issuer, adminToken, options.pages?.(core));
  const listener = getRequestListener(serve, { hostname: new URL(url).host });
  started.runner = runner;
  const queue = startMergeQueue(core);
  runner.wake();
  hooks.wake();
  return {
    core,
    platformSha,
    handle(request: Parameters<typeof serveGit>[1], response: Parameters<typeof serveGit>[2]): void {
      if (!isGitRequest((request.url ?? "").split("?", 1)[0] ?? "")) return void listener(request, response);
      serveGit(core, request, response).catch((error: unknown) => {
        log(`git over HTTP failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
        response.destroy();
      });
    },
    async close(): Promise<void> {
      await runner.close();
      await queue.close();
      await hooks.close();
    },
  };
}

/** Ends what nobody can use any more, so that the file does not grow without bound. */
function forgetOld(core: ForgeCore): void {
  for (const table of ["tokens", "sessions", "loginLinks"]) core.db.run(`delete from ${table} where expiresAt < ?`, timestamp());
  core.db.run("delete from deliveries where state = 'done' and createdAt < ?", timestamp(Date.now() - DELIVERY_RETENTION_MS));
}

function routes(
  core: ForgeCore,
  issuer: Awaited<ReturnType<typeof createIssuer>>,
  adminToken: string,
  pages: Pages | undefined,
): (request: Request) => Response | Promise<Response> {
  const answering = (): Api => {
    const api: Api = new Hono<ApiEnv>();
    observe(core, api);
    api.onError((error, c) => errorAnswer(core, c, error));
    api.notFound((c) => errorAnswer(core, c, new Fault(404, "Not Found")));
    return api;
  };
  const api = createApi(core);
  const versioned = answering().route("/api/v3", api).route("/api", api);
  const bare = answering().route("/", api);
  const admin = answering();
  adminRoutes(core, admin, adminToken);
  const administration = answering().route("/_forge", admin);
  const services = answering();
  runnerRoutes(core, services, issuer);
  archiveServices(core, services);

  return (request) => {
    const [, first = ""] = new URL(request.url).pathname.split("/");
    if (first === "api") return versioned.fetch(request);
    if (first === "_forge") return administration.fetch(request);
    if (first === "_actions" || first === "oidc") return services.fetch(request);
    return (pages === undefined || API_ROOTS.has(first) ? bare : pages).fetch(request);
  };
}

function listen(server: Server, host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve(`http://${host}:${(server.address() as AddressInfo).port}`);
    });
  });
}

function stopServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
