/** The gates that need nothing to run: for the work loop, between two edits. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Evidence } from "../core/evidence.ts";
import type { ProjectSpec } from "../core/spec.ts";
import { linkModules } from "../process/modules.ts";
import { createRedactor, failedGate, type GateContext, type VerifyTools } from "./gate.ts";
import { modulesGate } from "./modules-gate.ts";
import { locateApps } from "./project-apps.ts";
import { openSandbox } from "./sandbox.ts";
import { sandboxTools } from "./tools.ts";
import { typesGate } from "./types-gate.ts";

/**
 * `types` and `modules` over the apps of `spec` in the working copy `dir`, which may hold others; `node_modules` of each app is linked to the store.
 * Never rejects for what stands in the working copy.
 */
export async function quickCheck(dir: string, spec: ProjectSpec, tools: VerifyTools): Promise<Evidence[]> {
  const workDir = await mkdtemp(join(tmpdir(), "adorable-check-"));
  const redact = createRedactor({ secrets: [], paths: checkPaths(dir, workDir, tools) });
  try {
    // Not isolated by user: the compiler runs nothing of the app, and the working copy may be closed to other users.
    const sandbox = await openSandbox({ workDir, ...sandboxTools(tools, [dir]) });
    try {
      const apps = await locateApps(dir, spec);
      await Promise.all(apps.map((app) => linkModules(app.dir, tools.modulesDir)));
      const context: GateContext = { apps, treeDir: dir, tools, sandbox, redact };
      return await Promise.all([typesGate(context), modulesGate(context)]);
    } finally {
      await sandbox.close();
    }
  } catch (error) {
    return [failedGate("types", { redact }, error), failedGate("modules", { redact }, error)];
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

/** What the gates' texts call this machine's folders. */
export function checkPaths(treeDir: string, workDir: string, tools: VerifyTools): [string, string][] {
  return [
    [treeDir, ""],
    [workDir, "<work>"],
    [tools.modulesDir, "node_modules"],
    [tools.platformRoot, "<platform>"],
    [tools.browserCacheDir, "<browser>"],
  ];
}
