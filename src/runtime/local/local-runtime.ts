/**
 * The runtime on one machine: apps as processes below this one, each under a user of its own where that is possible.
 *
 * | state    | here                                                              | exits                                        |
 * |----------|-------------------------------------------------------------------|----------------------------------------------|
 * | absent   | no spec on disk                                                   | starting (ensure)                            |
 * | starting | spec on disk, a start under way                                   | running, stopped (not ready: all are killed) |
 * | running  | every process lives and was ready once                            | frozen (freeze), stopped (one ended, crash)  |
 * | frozen   | every process lives, all their groups have SIGSTOP                | running (thaw, wake, ensure), absent         |
 * | stopped  | spec on disk, a process is missing; so it is after every restart  | starting (ensure, wake), absent (remove)     |
 *
 * What is asked of one environment is done one after the other; different environments do not wait for each other.
 */
import { chmod, chown, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ArtifactStore } from "../../artifacts/artifacts.ts";
import { AdorableError } from "../../core/errors.ts";
import type { EnvironmentId } from "../../core/ids.ts";
import { bubblewrapArguments, bubblewrapOf, tryBubblewrap, type Enclosure, type Isolation } from "../../process/isolation.ts";
import { killLeftovers } from "../../process/pid-record.ts";
import type { AppInstance, EnvironmentSpec, EnvironmentState, Observed, ObservedApp, Runtime } from "../runtime.ts";
import { createAppLog, readAppLogs, type AppLog } from "./app-log.ts";
import { startApp, type AppProcess } from "./app-process.ts";
import { assertReachable, createAppUsers, reachableNode } from "./app-user.ts";
import { createEnvironmentFiles, specHash } from "./environment-files.ts";
import { unpackArtifact } from "./unpack.ts";

export interface LocalRuntimeOptions {
  /** All that this runtime keeps; nobody else writes there. */
  dir: string;
  artifacts: ArtifactStore;
  /** The `node_modules` folder that every app gets as its own, read-only. */
  modules: string;
  /** Default: the Node that runs the platform. */
  nodePath?: string;
  /** Default 20,000. */
  readyTimeoutMs?: number;
  /** Default `/usr/bin/bwrap`. */
  bubblewrap?: string;
}

export interface LocalRuntime extends Runtime {
  /** Makes a known environment run as it was ensured: thaws or starts it. Idempotent. Throws `environment-unknown` (bug), `app-not-ready` (author). */
  wake(id: EnvironmentId): Promise<Observed>;
  /** Stops its processes and keeps the rest. Idempotent. */
  stop(id: EnvironmentId): Promise<void>;
  /**
   * What keeps an app from the rest of this machine. `uid`: a user of its own. `bubblewrap`: besides, it sees no process but its own, and of
   * the files only the system's, its packages and itself; it is ended without notice. All of them share the network.
   */
  readonly isolation: Isolation;
  /** Why it is no stronger. */
  readonly isolationNote: string;
  /** Stops every process; the environments stay known. */
  close(): Promise<void>;
}

const NOBODY = 65_534;

interface Environment {
  spec: EnvironmentSpec;
  hash: string;
  apps: Map<string, AppProcess>;
  logs: Map<string, AppLog>;
  reasons: Map<string, string>;
  starting: boolean;
  frozen: boolean;
}

/** Kills what a killed predecessor left in `dir`, then knows every environment of it, as `stopped`. Throws `data-directory-unreachable` (operator). */
export async function createLocalRuntime(options: LocalRuntimeOptions): Promise<LocalRuntime> {
  const { dir, artifacts, modules } = options;
  const folders = { environments: join(dir, "environments"), records: join(dir, "pids") };
  for (const folder of [dir, folders.environments, folders.records]) await mkdir(folder, { recursive: true });
  for (const folder of [dir, folders.environments]) await chmod(folder, 0o711);
  await chmod(folders.records, 0o700);
  await killLeftovers(folders.records);
  const nodePath = await reachableNode(options.nodePath ?? process.execPath, dir);
  await assertReachable(modules);
  const files = createEnvironmentFiles(folders.environments);
  const environments = new Map<string, Environment>();
  for (const spec of await files.load()) environments.set(spec.id, known(spec));
  const users = await createAppUsers(dir, new Set(environments.keys()));
  const bubblewrap = bubblewrapOf(options);
  const { isolation, note } = await findIsolationOfApps(bubblewrap, {
    nodePath,
    readable: [modules],
    workDir: folders.environments,
    home: "/tmp",
  });
  const queues = new Map<string, Promise<unknown>>();
  let closed = false;

  async function inTurn<T>(id: string, step: () => Promise<T>): Promise<T> {
    const turn = (queues.get(id) ?? Promise.resolve()).then(step, step);
    const settled = turn.catch(() => undefined);
    queues.set(id, settled);
    try {
      return await turn;
    } finally {
      if (queues.get(id) === settled) queues.delete(id);
    }
  }

  async function start(environment: Environment): Promise<void> {
    if (closed) throw new AdorableError({ code: "runtime-closed", remedy: "wait", message: "The runtime is shutting down." });
    thawAll(environment);
    const missing = environment.spec.apps.filter((app) => environment.apps.get(app.slug)?.alive() !== true);
    if (missing.length === 0) return;
    environment.starting = true;
    try {
      const results = await Promise.allSettled(missing.map(async (app) => await startOne(environment, app)));
      const failed = results.find((result) => result.status === "rejected");
      if (failed !== undefined) {
        await stopAll(environment);
        throw failed.reason as Error;
      }
    } finally {
      environment.starting = false;
    }
  }

  async function startOne(environment: Environment, app: AppInstance): Promise<void> {
    const { id } = environment.spec;
    const paths = files.paths(id);
    const uid = await users.uidOf(id, app.slug);
    await unpackArtifact(artifacts, app.artifact, paths.app(app.slug), modules);
    const temporaryFolder = paths.temporary(app.slug);
    await rm(temporaryFolder, { recursive: true, force: true });
    await mkdir(temporaryFolder, { mode: 0o700 });
    if (uid !== undefined) {
      await chown(temporaryFolder, uid, uid);
      // The app reads its own files and changes none of them; other apps' users do not come in.
      await chown(paths.app(app.slug), 0, uid);
      await chmod(paths.app(app.slug), 0o750);
    }
    const log = environment.logs.get(app.slug) ?? createAppLog({ path: paths.log(app.slug), app: app.slug, secrets: secretsOf(app) });
    environment.logs.set(app.slug, log);
    try {
      const process = await startApp({
        environment: id,
        slug: app.slug,
        folder: paths.app(app.slug),
        nodePath,
        recordFolder: folders.records,
        temporaryFolder,
        env: app.env,
        uid,
        enclosure: isolation === "bubblewrap" ? enclose(bubblewrap, paths.app(app.slug), temporaryFolder) : [],
        log,
        readyTimeoutMs: options.readyTimeoutMs ?? 45_000,
      });
      environment.reasons.delete(app.slug);
      environment.apps.set(app.slug, process);
    } catch (error) {
      environment.reasons.set(app.slug, error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  function mustKnow(id: EnvironmentId): Environment {
    const environment = environments.get(id);
    if (environment !== undefined) return environment;
    throw new AdorableError({ code: "environment-unknown", remedy: "bug", message: `There is no environment "${id}".` });
  }

  /** The app's folder alone, of all that apps have. */
  function enclose(program: string, folder: string, home: string): string[] {
    return [program, ...bubblewrapArguments({ nodePath, readable: [modules], workDir: folder, home }, {})];
  }

  const runtime: LocalRuntime = {
    isolation,
    isolationNote: note,
    ensure: async (spec) =>
      await inTurn(spec.id, async () => {
        let environment = environments.get(spec.id);
        if (environment === undefined) {
          await files.save(spec);
          environment = known(spec);
          environments.set(spec.id, environment);
        } else if (environment.hash !== specHash(spec)) {
          throw new AdorableError({
            code: "environment-exists",
            remedy: "bug",
            message: `The environment "${spec.id}" exists with another spec.`,
          });
        }
        await start(environment);
        return observe(environment);
      }),
    wake: async (id) => {
      const environment = environments.get(id);
      // The way of nearly every request: nothing to do, nothing to wait for.
      if (environment !== undefined && !queues.has(id) && stateOf(environment) === "running") return observe(environment);
      return await inTurn(id, async () => {
        await start(mustKnow(id));
        return observe(mustKnow(id));
      });
    },
    observe: (id) => {
      const environment = environments.get(id);
      return Promise.resolve(environment === undefined ? { id, state: "absent", apps: [] } : observe(environment));
    },
    freeze: async (id) =>
      await inTurn(id, () => {
        const environment = mustKnow(id);
        if (stateOf(environment) === "running") {
          for (const app of environment.apps.values()) app.freeze();
          environment.frozen = true;
        }
        return Promise.resolve();
      }),
    thaw: async (id) =>
      await inTurn(id, () => {
        thawAll(mustKnow(id));
        return Promise.resolve();
      }),
    logs: async (id, limit) => {
      const environment = mustKnow(id);
      await Promise.all([...environment.logs.values()].map(async (log) => await log.flush()));
      const paths = files.paths(id);
      return await readAppLogs(
        environment.spec.apps.map((app) => paths.log(app.slug)),
        limit,
      );
    },
    stop: async (id) =>
      await inTurn(id, async () => {
        const environment = environments.get(id);
        if (environment !== undefined) await stopAll(environment);
      }),
    remove: async (id) =>
      await inTurn(id, async () => {
        const environment = environments.get(id);
        if (environment !== undefined) await stopAll(environment);
        await files.remove(id);
        await users.release(id);
        environments.delete(id);
      }),
    list: () => Promise.resolve([...environments.values()].map(observe)),
    async close() {
      closed = true;
      await Promise.all([...environments.keys()].map(async (id) => await runtime.stop(id as EnvironmentId)));
    },
  };
  return runtime;
}

/** Tried as some user without rights: each app has its own. */
async function findIsolationOfApps(bubblewrap: string, enclosure: Enclosure): Promise<{ isolation: Isolation; note: string }> {
  const isRoot = process.getuid?.() === 0;
  const trial = process.platform === "linux" ? await tryBubblewrap(bubblewrap, enclosure, isRoot ? NOBODY : undefined) : "missing";
  if (trial === "works") return { isolation: "bubblewrap", note: "the network is shared" };
  const why = trial === "missing" ? "bubblewrap is not installed" : `bubblewrap does not work: ${trial}`;
  return isRoot ? { isolation: "uid", note: why } : { isolation: "none", note: `${why}, and only root may use other users` };
}

function known(spec: EnvironmentSpec): Environment {
  return { spec, hash: specHash(spec), apps: new Map(), logs: new Map(), reasons: new Map(), starting: false, frozen: false };
}

function thawAll(environment: Environment): void {
  for (const app of environment.apps.values()) app.thaw();
  environment.frozen = false;
}

async function stopAll(environment: Environment): Promise<void> {
  await Promise.all([...environment.apps.values()].map(async (app) => await app.stop()));
  environment.apps.clear();
  environment.frozen = false;
}

function stateOf(environment: Environment): Exclude<EnvironmentState, "absent"> {
  if (environment.starting) return "starting";
  if (environment.spec.apps.some((app) => environment.apps.get(app.slug)?.alive() !== true)) return "stopped";
  return environment.frozen ? "frozen" : "running";
}

function observe(environment: Environment): Observed {
  const state = stateOf(environment);
  const apps = environment.spec.apps.map(({ slug }): ObservedApp => {
    const app = environment.apps.get(slug);
    if (app?.alive() === true) return { slug, state: environment.frozen ? "frozen" : "running", address: app.address };
    if (environment.starting) return { slug, state: "starting" };
    const reason = app?.describeExit() ?? environment.reasons.get(slug);
    return { slug, state: "stopped", ...(reason === undefined ? {} : { reason }) };
  });
  return { id: environment.spec.id, state, apps };
}

/** What must not stand in a log: the database's address and the password in it. */
function secretsOf(app: AppInstance): string[] {
  const url = app.env["DATABASE_URL"];
  if (url === undefined) return [];
  const password = URL.canParse(url) ? new URL(url).password : "";
  return [url, decodeURIComponent(password), password].filter((secret) => secret.length >= 8);
}
