/** Everything that a gate's test needs: a tree of apps on disk, the tools, a sandbox and a context. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { Contract } from "../../src/core/spec.ts";
import { linkModules } from "../../src/process/modules.ts";
import { createRedactor, type GateContext, type VerifyTools } from "../../src/verify/gate.ts";
import { findApps, readSpec } from "../../src/verify/project-apps.ts";
import { checkPaths } from "../../src/verify/quick-check.ts";
import { openSandbox } from "../../src/verify/sandbox.ts";
import { prepareVerifyTools, sandboxTools } from "../../src/verify/tools.ts";

export const PLATFORM_ROOT = resolve(import.meta.dirname, "../..");
/** Shared by all test files and kept between runs: unpacking the browser takes seconds. */
const CACHE = join(tmpdir(), `adorable-test-cache-${process.getuid?.() ?? 0}`);

export async function verifyTools(): Promise<VerifyTools> {
  await mkdir(CACHE, { recursive: true, mode: 0o755 });
  return prepareVerifyTools({ platformRoot: PLATFORM_ROOT, storeDir: join(CACHE, "modules"), browserCacheDir: join(CACHE, "browser") });
}

export interface BenchApp {
  files: Record<string, string>;
  contract: Contract;
}

export interface Bench {
  context: GateContext;
  workDir: string;
  close(): Promise<void>;
}

export async function openBench(apps: Record<string, BenchApp>, secrets: string[] = []): Promise<Bench> {
  const tools = await verifyTools();
  const workDir = await mkdtemp(join(tmpdir(), "adorable-verify-test-"));
  const treeDir = join(workDir, "tree");
  await writeProject(treeDir, apps);
  const found = await findApps(treeDir, await readSpec(treeDir));
  await Promise.all(found.map((app) => linkModules(app.dir, tools.modulesDir)));
  const sandbox = await openSandbox({ workDir, ...sandboxTools(tools) });
  const context: GateContext = {
    apps: found,
    treeDir,
    tools,
    sandbox,
    redact: createRedactor({ secrets, paths: checkPaths(treeDir, workDir, tools) }),
  };
  return {
    context,
    workDir,
    async close() {
      await sandbox.close();
      await rm(workDir, { recursive: true, force: true });
    },
  };
}

/** Writes the spec and the apps' folders. */
export async function writeProject(treeDir: string, apps: Record<string, BenchApp>): Promise<void> {
  const spec = { version: 1, apps: Object.entries(apps).map(([slug, { contract }]) => ({ slug, name: slug, contract })) };
  await writeTree(treeDir, { ".adorable/spec.json": JSON.stringify(spec, undefined, 2) });
  for (const [slug, { files }] of Object.entries(apps)) await writeTree(join(treeDir, "apps", slug), files);
}

export async function writeTree(dir: string, files: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    const target = join(dir, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, text);
  }
}
