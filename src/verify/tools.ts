/** Makes ready what the gates are done with, so that the sandbox's users can reach it. */
import { chmod, copyFile, link, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { findClosure } from "../process/modules-closure.ts";
import { firstClosed } from "../process/isolation.ts";
import { prepareModules, storePackages } from "../process/modules.ts";
import type { VerifyTools } from "./gate.ts";

export interface ToolPlaces {
  /** The platform's own folder, installed. */
  platformRoot: string;
  /** For packages of apps and, where only root can reach the platform's own, for Node and TypeScript. Others must be able to pass it. */
  storeDir: string;
  browserCacheDir: string;
  requireSandbox?: boolean;
}

/** Idempotent, cheap when repeated, safe from several processes; downloads nothing. Throws what `prepareModules` throws. */
export async function prepareVerifyTools({
  platformRoot,
  storeDir,
  browserCacheDir,
  requireSandbox = false,
}: ToolPlaces): Promise<VerifyTools> {
  await mkdir(browserCacheDir, { recursive: true });
  const modules = await prepareModules({ platformRoot, storeDir });
  const tools: VerifyTools = { platformRoot, modulesDir: modules.dir, browserCacheDir, requireSandbox };
  if (process.getuid?.() !== 0) return tools;
  if ((await firstClosed(typescriptDir(tools))) !== undefined) {
    const store = await storePackages({ platformRoot, storeDir, packages: await findClosure(platformRoot, "", ["typescript"]) });
    tools.typescriptDir = join(store.dir, "typescript");
  }
  if ((await firstClosed(process.execPath)) !== undefined) tools.nodePath = await shareNode(join(storeDir, "bin"));
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
