/** A whole verification: the tree that a merge would make, judged by every gate of the runner. */
import { chmod, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { AdorableError } from "../core/errors.ts";
import { GATES, type Evidence, type GateName } from "../core/evidence.ts";
import type { RunEvent, VerifyAssignment, VerifyResult } from "../core/runner-protocol.ts";
import { parseSpec, SPEC_PATH, type Contract } from "../core/spec.ts";
import { openBrowser } from "../process/browser.ts";
import { linkModules } from "../process/modules.ts";
import { browseGate } from "./browse-gate.ts";
import { buildApp, sealSources, type BuildOutcome } from "./build.ts";
import { checkoutTree, type Checkout } from "./checkout.ts";
import { contractGate } from "./contract-gate.ts";
import { createRedactor, failedGate, type GateApp, type GateContext, type VerifyTools } from "./gate.ts";
import { judgeDigest } from "./judge.ts";
import { modulesGate } from "./modules-gate.ts";
import { findApps, readSpec } from "./project-apps.ts";
import { checkPaths } from "./quick-check.ts";
import type { RunnerClient } from "./runner-client.ts";
import type { SqlTarget } from "./run-sql.ts";
import { startApp, type RunningApp } from "./running-app.ts";
import { openSandbox, type Sandbox } from "./sandbox.ts";
import { openSqlTunnel, type SqlTunnel } from "./sql-tunnel.ts";
import { readTests, sourcesOfBase } from "./test-sources.ts";
import { compareTests } from "./test-flags.ts";
import { testsGate } from "./tests-gate.ts";
import { sandboxTools } from "./tools.ts";
import { typesGate } from "./types-gate.ts";

/** The gates of this job; the others run in the control plane. */
export const VERIFY_GATES = ["types", "modules", "contract", "tests", "browse"] as const satisfies readonly GateName[];

export type VerifyClient = Pick<RunnerClient, "sql" | "database" | "putFile">;

export interface VerifyOptions {
  assignment: VerifyAssignment;
  client: VerifyClient;
  /** An empty folder of this verification alone; emptied again at the end. */
  workDir: string;
  tools: VerifyTools;
  /** Git configuration for the clone, as `http.extraHeader` for a private repository. */
  gitConfig?: Record<string, string>;
  onEvent?: (event: RunEvent) => void;
  /** Ends everything that runs; the result is then worth nothing. */
  signal?: AbortSignal;
}

/**
 * Judges `assignment.tree` and returns one evidence per gate of `VERIFY_GATES`. What stands in the repository never makes it reject: where no
 * gate could run, all have failed and say why. Rejects only when the control plane cannot be reached for what is not a gate's own.
 */
export async function runVerify(options: VerifyOptions): Promise<VerifyResult> {
  const { assignment, workDir, tools } = options;
  const treeDir = join(workDir, "tree");
  const secrets: string[] = [];
  const treeDirs = [treeDir];
  const redact = (text: string) => createRedactor({ secrets, paths: treeDirs.flatMap((dir) => checkPaths(dir, workDir, tools)) })(text);
  const closers: (() => Promise<unknown>)[] = [];
  const report = (gate: string, state: "started" | "success" | "failure") => options.onEvent?.({ type: "gate", gate, state });
  options.onEvent?.({ type: "phase", phase: "verify" });
  try {
    await mkdir(workDir, { recursive: true });
    await chmod(workDir, 0o711);
    const checkout = await checkoutTree({
      assignment,
      workDir,
      ...(options.gitConfig === undefined ? {} : { gitConfig: options.gitConfig }),
    });
    const found = await findApps(checkout.treeDir, await readSpec(checkout.treeDir));
    await mkdir(tools.browserCacheDir, { recursive: true });
    // Each app is judged in a folder that only its own user enters.
    const folderOf = (app: string): string => join(workDir, `app-${app}`);
    const open = async (app: string): Promise<Sandbox> => {
      await mkdir(folderOf(app), { recursive: true });
      const opened = await openSandbox({
        workDir: folderOf(app),
        ...sandboxTools(tools, [tools.browserCacheDir]),
        required: tools.requireSandbox === true,
      });
      closers.push(() => opened.close());
      options.signal?.addEventListener("abort", () => void opened.close(), { once: true });
      options.signal?.throwIfAborted();
      return opened;
    };
    const first = found[0]?.spec.slug ?? "none";
    const sandbox = await open(first);
    const digest = await judgeDigest(tools, sandbox.isolation);
    const known = (assignment.known ?? []).filter((one) => one.judge === digest);
    const isKnown = (app: GateApp, gate: GateName) => known.some((one) => one.app === app.spec.slug && one.gate === gate);
    const due = found.filter((app) => VERIFY_GATES.some((gate) => !isKnown(app, gate)));
    const apps = await separate(checkout, found, due, folderOf);
    treeDirs.push(...apps.map((app) => app.treeDir));
    await Promise.all(apps.map((app) => linkModules(app.dir, tools.modulesDir)));
    const context: GateContext = { apps, treeDir: checkout.treeDir, tools, sandbox, redact };
    const contexts = new Map<string, GateContext>();
    for (const app of apps) {
      const { slug } = app.spec;
      contexts.set(app.path, { ...context, apps: [app], treeDir: app.treeDir, sandbox: slug === first ? sandbox : await open(slug) });
    }
    const alone = (app: GateApp) => contexts.get(app.path) ?? context;
    const judged = await judge({ options, context, alone, hasApps: found.length > 0, isKnown, checkout, secrets, closers, report });
    return {
      kind: "verify",
      tree: assignment.tree,
      ...judged,
      ...(digest === undefined ? {} : { judge: digest }),
      reused: found.flatMap((app) => VERIFY_GATES.filter((gate) => isKnown(app, gate)).map((gate) => ({ app: app.spec.slug, gate }))),
    };
  } catch (error) {
    if (!AdorableError.isInstance(error) || error.remedy === "wait") throw error;
    for (const gate of VERIFY_GATES) report(gate, "failure");
    return {
      kind: "verify",
      tree: assignment.tree,
      evidence: VERIFY_GATES.map((gate) => failedGate(gate, { redact }, error)),
      artifacts: {},
    };
  } finally {
    for (const close of closers.toReversed()) await close();
    await rm(workDir, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** An app in a tree without its siblings and the spec that names them: nothing of them can take part in what is found of it, which is why that may be kept. */
interface SeparateApp extends GateApp {
  treeDir: string;
}

async function separate(
  checkout: Checkout,
  all: readonly GateApp[],
  wanted: readonly GateApp[],
  folderOf: (app: string) => string,
): Promise<SeparateApp[]> {
  const slugs = all.map((app) => app.spec.slug);
  const apps: SeparateApp[] = [];
  for (const app of wanted) {
    const others = slugs.filter((slug) => slug !== app.spec.slug);
    const treeDir = join(folderOf(app.spec.slug), "tree");
    await mkdir(folderOf(app.spec.slug), { recursive: true });
    const without = [SPEC_PATH, ...others.map((slug) => `apps/${slug}`)];
    if (others.length > 0) await checkout.layOutWithout(treeDir, without);
    else {
      await rename(checkout.treeDir, treeDir);
      await rm(join(treeDir, SPEC_PATH));
    }
    apps.push({ ...app, treeDir, dir: join(treeDir, app.path) });
  }
  await rm(checkout.treeDir, { recursive: true, force: true });
  return apps;
}

interface Verification {
  options: VerifyOptions;
  /** Its apps are those of which something is to be found out. */
  context: GateContext;
  /** The same for one of them: its own tree, and a sandbox that no other app's code runs in. */
  alone(app: GateApp): GateContext;
  /** Of the tree. */
  hasApps: boolean;
  isKnown(app: GateApp, gate: GateName): boolean;
  checkout: Checkout;
  secrets: string[];
  closers: (() => Promise<unknown>)[];
  report(gate: string, state: "started" | "success" | "failure"): void;
}

async function judge(verification: Verification): Promise<Pick<VerifyResult, "evidence" | "artifacts">> {
  const { options, context, alone, checkout, closers, report } = verification;
  const { apps } = context;
  const { client, tools } = options;

  // Two forks: tests may do to their database what they like while the app is looked at.
  const probeDatabase = once(() => openDatabase(verification));
  const testDatabase = once(() => openDatabase(verification));
  const browser = once(async () => {
    const opened = await openBrowser({
      cacheDir: tools.browserCacheDir,
      // Beside the tools and not beside this file, which may be part of a bundle.
      packageDir: join(tools.platformRoot, "node_modules/@sparticuz/chromium"),
      ...(context.sandbox.uid === undefined ? {} : { uid: context.sandbox.uid }),
    });
    closers.push(() => opened.close());
    return opened;
  });
  const seals = new Map(await Promise.all(context.apps.map(async (app) => [app, await sealSources(app.dir)] as const)));
  const built = perApp((app) => buildApp(alone(app), app, seals.get(app)));
  const running = perApp(async (app): Promise<RunningApp> => {
    const [outcome, database] = await Promise.all([built(app), probeDatabase()]);
    if (!outcome.ok)
      throw new AdorableError({
        code: "app-not-built",
        remedy: "author",
        message: `The app "${app.spec.slug}" was not started, as it does not build.`,
      });
    return startApp(alone(app), app, urlOf(database(app)));
  });
  const gate = async (name: GateName, run: (context: GateContext) => Promise<Evidence>): Promise<Evidence[]> => {
    report(name, "started");
    const evidence = verification.hasApps ? [] : [await run(context)];
    for (const app of apps.filter((one) => !verification.isKnown(one, name)))
      evidence.push({ ...(await run(alone(app))), app: app.spec.slug });
    report(name, evidence.every(({ conclusion }) => conclusion === "success") ? "success" : "failure");
    return evidence;
  };

  const isDue = (...gates: GateName[]) => apps.some((app) => gates.some((name) => !verification.isKnown(app, name)));
  if (isDue("contract", "browse")) prefetch(probeDatabase);
  if (isDue("tests")) prefetch(testDatabase);
  if (isDue("browse")) prefetch(browser);
  const evidence = await Promise.all([
    gate("types", (own) => typesGate(own)),
    gate("modules", (own) => modulesGate(own, built)),
    gate("contract", (own) =>
      contractGate(own, {
        running,
        database: async (app) => (await probeDatabase())(app),
        baseContract: (app) => readBaseContract(checkout, app),
      }),
    ),
    gate("tests", (own) =>
      testsGate(own, {
        databaseUrl: async (app) => urlOf((await testDatabase())(app)),
        flags: async (app) => compareTests(await sourcesOfBase(checkout, app), await readTests(app)),
      }),
    ),
    gate("browse", (own) => browseGate(own, { running, browser, putFile: (bytes, contentType) => client.putFile(bytes, contentType) })),
  ]);
  const artifacts: Record<string, string> = {};
  for (const app of apps) {
    // What is kept of a gate that built the app is kept with the app.
    if (verification.isKnown(app, "modules")) continue;
    const outcome: BuildOutcome = await built(app);
    if (outcome.ok) artifacts[app.spec.slug] = (await client.putFile(outcome.artifact, "application/gzip")).digest;
  }
  return { evidence: sortEvidence(evidence.flat().map((item) => withIsolation(item, context.sandbox))), artifacts };
}

/** A throwaway fork of the run's timeline, reachable here: the target for each app. */
async function openDatabase({ options, context, secrets, closers }: Verification): Promise<(app: GateApp) => SqlTarget> {
  const { client } = options;
  const answer = await client.database(context.apps.map(({ spec }) => spec.slug));
  secrets.push(...Object.values(answer.apps).map(({ password }) => password));
  const tunnel: SqlTunnel = await openSqlTunnel(client.sql, answer.database);
  closers.push(() => tunnel.close());
  return (app) => {
    const role = answer.apps[app.spec.slug];
    if (!role)
      throw new AdorableError({
        code: "database-role-missing",
        remedy: "bug",
        message: `The control plane gave no role for "${app.spec.slug}".`,
      });
    return { host: tunnel.host, port: tunnel.port, database: answer.database, user: role.user, password: role.password };
  };
}

function urlOf(target: SqlTarget): string {
  const { host, port, database, user, password } = target;
  return `postgres://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${host}:${port}/${encodeURIComponent(database)}`;
}

async function readBaseContract(checkout: Checkout, app: GateApp): Promise<Contract | undefined> {
  const text = await checkout.readBase(SPEC_PATH);
  try {
    return parseSpec(text).apps.find(({ slug }) => slug === app.spec.slug)?.contract;
  } catch {
    // A base whose spec is invalid declares nothing that could be lost.
    return undefined;
  }
}

/** How far what was run could reach is part of what the gates found. */
function withIsolation(evidence: Evidence, { isolation, note }: Sandbox): Evidence {
  const line = `\n\nisolation: ${isolation} (${note})`;
  return { ...evidence, summary: evidence.summary.slice(0, 60_000 - line.length) + line };
}

function sortEvidence(evidence: Evidence[]): Evidence[] {
  return evidence.toSorted((a, b) => GATES.indexOf(a.gate) - GATES.indexOf(b.gate));
}

/** Begins what takes long and is needed later; who needs it sees its failure. */
function prefetch(...starts: (() => Promise<unknown>)[]): void {
  for (const start of starts) start().catch(() => undefined);
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

function perApp<T>(make: (app: GateApp) => Promise<T>): (app: GateApp) => Promise<T> {
  const made = new Map<string, Promise<T>>();
  return (app) => {
    const slug = app.spec.slug;
    const known = made.get(slug) ?? make(app);
    made.set(slug, known);
    return known;
  };
}
