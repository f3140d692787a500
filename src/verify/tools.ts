/** Makes ready what the gates are done with, so that the sandbox's users can reach it. */
import { chmod, copyFile, link, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { findClosure } from "../process/modules-closure.ts";
import { prepareModules, storePackages } from "../process/modules.ts";
import type { VerifyTools } from "./gate.ts";
import { firstClosed } from "./isolation.ts";

/**
 * Packages for apps, the place for the browser and, where only root can reach the platform's own, Node and TypeScript, all below `dir`, which
 * others must be able to pass. Idempotent, cheap when repeated, safe from several processes.
 */
export async function prepareVerifyTools(options: { platformRoot: string; dir: string; requireSandbox?: boolean }): Promise<VerifyTools> {
  const { platformRoot, dir } = options;
  const browserCacheDir = join(dir, "browser");
  await mkdir(browserCacheDir, { recursive: true });
  const modules = await prepareModules({ platformRoot, storeDir: join(dir, "modules") });
  const tools: VerifyTools = { platformRoot, modulesDir: modules.dir, browserCacheDir, requireSandbox: options.requireSandbox === true };
  if (process.getuid?.() !== 0) return tools;
  if ((await firstClosed(typescriptDir(tools))) !== undefined) {
    const packages = await findClosure(platformRoot, "", ["typescript"]);
    const store = await storePackages({ platformRoot, storeDir: join(dir, "tools"), packages });
    tools.typescriptDir = join(store.dir, "typescript");
  }
  if ((await firstClosed(process.execPath)) !== undefined) tools.nodePath = await shareNode(join(dir, "bin"));
  return tools;
}

export function typescriptDir(tools: VerifyTools): string {
  return tools.typescriptDir ?? join(tools.platformRoot, "node_modules/typescript");
}

/** What a sandbox needs to know of the tools. */
export function sandboxTools(tools: VerifyTools, more: string[] = []): { readable: string[]; nodePath?: string } {
  // The compiler is a package of a script and one of a binary, side by side.
  return {
    readable: [dirname(typescriptDir(tools)), tools.modulesDir, ...more],
    ...(tools.nodePath === undefined ? {} : { nodePath: tools.nodePath }),
  };
}

async function shareNode(dir: string): Promise<string> {
  const path = join(dir, `node-${process.version}`);
  await mkdir(dir, { recursive: true });
  await link(process.execPath, path).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code === "EEXIST") return;
    await copyFile(process.execPath, path);
    await chmod(path, 0o755);
  });
  return path;
}
