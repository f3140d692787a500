/** The gate `modules`: what the files of an app import, and whether the app builds. */
import { readFile, realpath } from "node:fs/promises";
import { join } from "node:path";
import type { Evidence } from "../core/evidence.ts";
import { checkDependencies, declaredDependencies } from "../process/modules.ts";
import { AdorableError } from "../core/errors.ts";
import type { BuildOutcome } from "./build.ts";
import { codeBlock, count, NO_APP, settleGate, type Annotation, type GateApp, type GateContext } from "./gate.ts";
import { findCycles, readModuleGraph, type ModuleImport, type SourceModule } from "./module-graph.ts";
import { isCode, isTest, listSourceFiles } from "./source-files.ts";

const LIMIT_MS = 240_000;
/** Packages that run on the server only, beside Node's own modules. */
const SERVER_PACKAGES = new Set(["pg", "@hono/node-server"]);

interface AppModules {
  app: GateApp;
  files: number;
  imports: number;
  annotations: Annotation[];
  general: string[];
}

/**
 * Unresolved imports, cycles, imports of other apps and of undeclared packages, server code in the client, dependencies that are not
 * available, and (where `build` is given) a build that fails.
 */
export async function modulesGate(context: GateContext, build?: (app: GateApp) => Promise<BuildOutcome>): Promise<Evidence> {
  return settleGate("modules", context, LIMIT_MS, async () => {
    if (context.apps.length === 0) return NO_APP;
    const results: AppModules[] = [];
    const builds: { app: GateApp; outcome: BuildOutcome }[] = [];
    for (const app of context.apps) {
      results.push(await inspect(context, app));
      if (build) builds.push({ app, outcome: await build(app) });
    }
    const failedBuilds = builds.filter(({ outcome }) => !outcome.ok);
    const annotations = results.flatMap((result) => result.annotations);
    const problems = annotations.length + results.flatMap((result) => result.general).length;
    const modules = count(
      results.reduce((sum, result) => sum + result.files, 0),
      "module",
    );
    const imports = count(
      results.reduce((sum, result) => sum + result.imports, 0),
      "import",
    );
    const graph = problems === 0 ? `${modules} and ${imports} in order` : `${count(problems, "problem")} in ${modules}`;
    const built =
      builds.length === 0
        ? ""
        : failedBuilds.length === 0
          ? `; ${count(builds.length, "app")} built`
          : `; ${failedBuilds.map(({ app }) => app.spec.slug).join(", ")} did not build`;
    return {
      ok: problems === 0 && failedBuilds.length === 0,
      title: graph + built,
      summary: [
        ...results.map((result) => describe(result)),
        ...builds.map(({ app, outcome }) => `### Build of ${app.path}\n\n${outcome.ok ? outcome.note : codeBlock(outcome.output)}`),
      ].join("\n\n"),
      annotations,
    };
  });
}

function describe({ app, files, imports, annotations, general }: AppModules): string {
  const lines = [...general, ...annotations.map(({ path, line, message }) => `${path}:${line} ${message}`)];
  const verdict =
    lines.length === 0 ? `${count(files, "module")}, ${count(imports, "import")}, no problems.` : codeBlock(lines.join("\n"), 20_000);
  return `### ${app.path}\n\n${verdict}`;
}

async function inspect(context: GateContext, app: GateApp): Promise<AppModules> {
  const [appDir, treeDir] = await Promise.all([realpath(app.dir), realpath(context.treeDir)]);
  const files = (await listSourceFiles(appDir)).filter(isCode);
  const modules = await readModuleGraph(appDir, files);
  const result: AppModules = { app, files: files.length, imports: 0, annotations: [], general: [] };
  const note = (path: string, line: number, message: string) => result.annotations.push({ path: `${app.path}/${path}`, line, message });

  try {
    await checkDependencies({ platformRoot: context.tools.platformRoot, appDir });
  } catch (error) {
    if (!AdorableError.isInstance(error) || error.remedy !== "author") throw error;
    result.general.push(`${error.message} ${error.hint ?? ""}`.trim());
  }
  const declared = await readDeclared(appDir);
  for (const module of modules.values()) {
    result.imports += module.imports.length;
    for (const error of module.syntaxErrors) note(module.path, error.line, `does not parse: ${error.message}`);
    for (const item of module.imports) {
      const problem = judge(treeDir, app, item, declared);
      if (problem !== undefined) note(module.path, item.line, problem);
    }
  }
  for (const cycle of findCycles(modules)) {
    const [first = "", second = first] = cycle;
    const line = modules.get(first)?.imports.find(({ target }) => target.kind === "file" && target.path === second)?.line ?? 1;
    note(first, line, `import cycle: ${[...cycle, first].join(" → ")}`);
  }
  for (const { path, line, message } of findServerCodeInClient(modules)) note(path, line, message);
  return result;
}

async function readDeclared(appDir: string): Promise<Set<string>> {
  const text = await readFile(join(appDir, "package.json"), "utf8").catch(() => "{}");
  try {
    return new Set(declaredDependencies(JSON.parse(text) as Record<string, unknown>).keys());
  } catch {
    // Said by checkDependencies already.
    return new Set();
  }
}

function judge(treeDir: string, app: GateApp, item: ModuleImport, declared: Set<string>): string | undefined {
  const { target, specifier } = item;
  if (target.kind === "missing") return `"${specifier}" does not exist`;
  if (target.kind === "outside") {
    const other = new RegExp(`^${escape(treeDir)}/apps/([^/]+)/`).exec(target.path)?.[1];
    return other === undefined || other === app.spec.slug
      ? `"${specifier}" is outside of the app`
      : `"${specifier}" is in another app, "${other}"; apps share nothing but their database`;
  }
  if (target.kind !== "package") return undefined;
  const isDeclared = declared.has(target.name) || (item.isType && declared.has(`@types/${target.name.replace(/^@([^/]+)\//, "$1__")}`));
  if (!isDeclared) return `the package "${target.name}" is not declared in package.json`;
  // A package of types alone resolves for the compiler only; that is the gate "types".
  return target.resolves || item.isType ? undefined : `"${specifier}" does not exist in the package "${target.name}"`;
}

function findServerCodeInClient(modules: Map<string, SourceModule>): { path: string; line: number; message: string }[] {
  const found: { path: string; line: number; message: string }[] = [];
  const reached = new Set<string>([...modules.keys()].filter((path) => path.startsWith("src/client/") && !isTest(path)));
  for (const path of reached) {
    for (const item of modules.get(path)?.imports ?? []) {
      if (item.isType) continue;
      const { target, specifier, line } = item;
      const isServer =
        target.kind === "builtin" ||
        (target.kind === "package" && SERVER_PACKAGES.has(target.name)) ||
        (target.kind === "file" && target.path.startsWith("src/server/"));
      if (isServer) found.push({ path, line, message: `"${specifier}" is server code, and this file is part of the client` });
      else if (target.kind === "file" && modules.has(target.path)) reached.add(target.path);
    }
  }
  return found;
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
