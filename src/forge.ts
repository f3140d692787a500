/** Root of the forge's process: reads `ADORABLE_FORGE_*`, prints one line of JSON when it is ready, ends on SIGTERM, SIGINT or when its standard input closes. */
import { resolve } from "node:path";
import { createForge, type ForgeOptions } from "./forge/forge.ts";
import type { ForgeObserver } from "./forge/observer.ts";
import { createPages } from "./forge/pages/pages.ts";

export interface ForgeReady {
  ready: true;
  url: string;
  adminToken: string;
  platformSha: string | undefined;
}

/** Options from the environment; throws a sentence that names the variable. */
export function forgeOptions(env: NodeJS.ProcessEnv): ForgeOptions {
  const dataDir = env["ADORABLE_FORGE_DATA"];
  if (dataDir === undefined || dataDir === "") throw new Error("ADORABLE_FORGE_DATA must name the forge's data directory.");
  const port = Number(env["ADORABLE_FORGE_PORT"] ?? "0");
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`ADORABLE_FORGE_PORT "${env["ADORABLE_FORGE_PORT"]}" is not a port.`);
  const text = (name: string): string | undefined => (env[name] === "" ? undefined : env[name]);
  const host = text("ADORABLE_FORGE_HOST");
  const adminToken = text("ADORABLE_FORGE_ADMIN_TOKEN");
  const action = text("ADORABLE_FORGE_PLATFORM_ACTION");
  const files = text("ADORABLE_FORGE_PLATFORM_FILES");
  const workDir = text("ADORABLE_FORGE_WORK_DIR");
  const jobEnv = text("ADORABLE_FORGE_JOB_ENV");
  return {
    dataDir,
    port,
    ...(host === undefined ? {} : { host }),
    ...(adminToken === undefined ? {} : { adminToken }),
    actions: {
      ...(action === undefined ? {} : { platformAction: { dir: action } }),
      ...(files === undefined ? {} : { platformFiles: files }),
      ...(workDir === undefined ? {} : { workDir }),
      ...(jobEnv === undefined ? {} : { env: JSON.parse(jobEnv) as Record<string, string> }),
    },
  };
}

/** For tests: the module that `ADORABLE_FORGE_OBSERVER` names has `openObserver(dataDir)`. */
async function observerOf(env: NodeJS.ProcessEnv, dataDir: string): Promise<{ observer?: ForgeObserver }> {
  const path = env["ADORABLE_FORGE_OBSERVER"];
  if (path === undefined || path === "") return {};
  const module = (await import(resolve(path))) as { openObserver(dataDir: string): ForgeObserver };
  return { observer: module.openObserver(dataDir) };
}

async function main(): Promise<void> {
  const options = forgeOptions(process.env);
  const forge = await createForge({ ...options, ...(await observerOf(process.env, options.dataDir)), pages: createPages });
  const ready: ForgeReady = { ready: true, url: forge.url, adminToken: forge.adminToken, platformSha: forge.platformSha };
  process.stdout.write(`${JSON.stringify(ready)}\n`);
  const stop = (): void => {
    forge.close().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`${String(error)}\n`);
        process.exit(1);
      },
    );
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  process.stdin.once("end", stop).once("error", stop).resume();
}

if (import.meta.main) {
  main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  });
}
