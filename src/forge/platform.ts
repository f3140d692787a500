/** Publishes the platform's own repository in the forge, from files of this installation: what workflows of other repositories call. */
import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { ensureAccount } from "./accounts.ts";
import type { ForgeCore } from "./core.ts";
import { createRepository, writeFiles } from "./repositories.ts";

export const PLATFORM_OWNER = "adorable";
export const PLATFORM_REPOSITORY = "platform";

/** Files by path; text or bytes. */
export type PlatformFiles = Record<string, string | Uint8Array>;

/** A folder's files by path relative to it, below `prefix`. */
export async function readFolder(folder: string, prefix = ""): Promise<PlatformFiles> {
  const files: PlatformFiles = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files[join(prefix, relative(folder, path))] = await readFile(path);
  }
  return files;
}

/** Commits the files as the whole tree of `main` when they differ from it; returns the commit. Idempotent. */
export async function publishPlatform(core: ForgeCore, files: PlatformFiles): Promise<string> {
  const owner = ensureAccount(core, PLATFORM_OWNER, "Organization", "Adorable");
  const known = core.state.repository(PLATFORM_OWNER, PLATFORM_REPOSITORY);
  const repository =
    known ?? (await createRepository(core, owner, { name: PLATFORM_REPOSITORY, description: "The platform's workflow and action." }));
  const content = Object.fromEntries(Object.entries(files).map(([path, data]) => [path, Buffer.from(data)]));
  const sha = await writeFiles(core, repository, owner, { branch: "main", message: "Publish the platform", files: content, replace: true });
  const tip = sha ?? core.state.ref(repository.id, "refs/heads/main");
  if (tip === undefined) throw new Error("The platform's repository has no commit.");
  return tip;
}
