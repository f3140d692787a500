/** The store of `node_modules` for generated apps: what the template declares, taken from the platform's own installation, keyed by content. */
import { createHash, randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { access, copyFile, link, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { AdorableError } from "../core/errors.ts";
import { findClosure, type ModulePackage } from "./modules-closure.ts";

const TEMPLATE = "templates/app";
/** Beside `node_modules` in a finished store; written before the rename that publishes it. */
const MANIFEST = "manifest.json";
const PARALLEL = 32;

export interface PreparedModules {
  /** The folder `node_modules` itself: link to it as an app's `node_modules`. */
  dir: string;
  /** 32 hex digits of every package and version in it. */
  lockHash: string;
}

interface Manifest {
  lockHash: string;
  files: number;
  packages: { path: string; version: string }[];
}

/**
 * Makes sure that `<storeDir>/<lockHash>/node_modules` exists and is whole. Idempotent, safe to call from several processes at once; nothing
 * is downloaded. As root files are hard links to the platform's own `node_modules` (apps run as other users); else, and where the file system
 * refuses, they are copies, so that no app can reach through them.
 * Throws `modules-not-installed` (operator) when the platform's installation lacks a package, `modules-conflict` (bug) when the template and
 * the platform need two versions in one place.
 */
export async function prepareModules(options: { platformRoot: string; storeDir: string }): Promise<PreparedModules> {
  return storePackages({ ...options, packages: await findClosure(options.platformRoot, TEMPLATE) });
}

/** The same for `packages` of the platform. */
export async function storePackages(options: {
  platformRoot: string;
  storeDir: string;
  packages: ModulePackage[];
}): Promise<PreparedModules> {
  const { platformRoot, storeDir, packages } = options;
  const lockHash = hashOf(packages);
  const target = join(storeDir, lockHash);
  const prepared = { dir: join(target, "node_modules"), lockHash };
  if (await isWhole(target, lockHash)) return prepared;

  await mkdir(storeDir, { recursive: true });
  const draft = join(storeDir, `.${lockHash}-${randomBytes(6).toString("hex")}`);
  try {
    const files = await copyPackages(platformRoot, draft, packages);
    await linkBinaries(draft, packages);
    const manifest: Manifest = { lockHash, files, packages: packages.map(({ target: path, version }) => ({ path, version })) };
    await writeFile(join(draft, MANIFEST), JSON.stringify(manifest));
    await publish(draft, target, lockHash);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return prepared;
}

/**
 * Checks that the app in `appDir` asks for nothing but packages of the template, in their versions; asking for fewer is fine.
 * Throws `dependency-not-available` (author) naming the package, `invalid-package-json` (author).
 */
export async function checkDependencies(options: { platformRoot: string; appDir: string }): Promise<void> {
  const template = declaredDependencies(await readManifest(join(options.platformRoot, TEMPLATE)));
  const app = declaredDependencies(await readManifest(options.appDir));
  for (const [name, version] of app) {
    const offered = template.get(name);
    if (offered === version) continue;
    const known = [...template.keys()].sort().join(", ");
    throw new AdorableError({
      code: "dependency-not-available",
      remedy: "author",
      message:
        offered === undefined
          ? `The package "${name}" is not available to apps.`
          : `The package "${name}" is available in version "${offered}", not "${version}".`,
      hint: offered === undefined ? `Do without it, or use one of: ${known}.` : `Declare "${name}": "${offered}".`,
      details: { name, version },
    });
  }
}

/** Every dependency field of a package.json as name → version; what is only optional or a peer counts as well. */
export function declaredDependencies(manifest: Record<string, unknown>): Map<string, string> {
  const declared = new Map<string, string>();
  for (const field of ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"]) {
    const entries = manifest[field];
    if (typeof entries !== "object" || entries === null) continue;
    for (const [name, version] of Object.entries(entries)) declared.set(name, String(version));
  }
  return declared;
}

async function readManifest(dir: string): Promise<Record<string, unknown>> {
  const path = join(dir, "package.json");
  try {
    const parsed: unknown = JSON.parse(await readFile(path, "utf8"));
    if (typeof parsed === "object" && parsed !== null) return parsed as Record<string, unknown>;
  } catch (cause) {
    throw new AdorableError({ code: "invalid-package-json", remedy: "author", message: `"${path}" cannot be read as JSON.`, cause });
  }
  throw new AdorableError({ code: "invalid-package-json", remedy: "author", message: `"${path}" is not a JSON object.` });
}

function hashOf(packages: ModulePackage[]): string {
  const hash = createHash("sha256").update(`1 ${process.platform}-${process.arch}\n`);
  for (const item of packages) hash.update(`${item.target} ${item.version} ${item.integrity}\n`);
  return hash.digest("hex").slice(0, 32);
}

/** Cheap on purpose, as it runs before every use: the manifest and each package's own package.json. */
async function isWhole(target: string, lockHash: string): Promise<boolean> {
  let manifest: Manifest;
  try {
    manifest = JSON.parse(await readFile(join(target, MANIFEST), "utf8")) as Manifest;
  } catch {
    // Not there, or torn by a full disk: either way it is made again.
    return false;
  }
  if (manifest.lockHash !== lockHash) return false;
  const found = await Promise.all(manifest.packages.map(({ path }) => exists(join(target, path, "package.json"))));
  return found.every(Boolean);
}

async function publish(draft: string, target: string, lockHash: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await rename(draft, target);
      return;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
      if (await isWhole(target, lockHash)) return;
      if (attempt === 2) throw error;
      // What stands there is damaged: out of the way in one step, then gone.
      const damaged = `${draft}-damaged`;
      await rename(target, damaged).catch(ignoreMissing);
      await rm(damaged, { recursive: true, force: true });
    }
  }
}

async function copyPackages(platformRoot: string, draft: string, packages: ModulePackage[]): Promise<number> {
  const files: [from: string, to: string][] = [];
  for (const item of packages) {
    const to = join(draft, item.target);
    await mkdir(to, { recursive: true });
    await listFiles(join(platformRoot, item.source), to, files);
  }
  let next = 0;
  const worker = async () => {
    for (let item = files[next++]; item; item = files[next++]) await linkOrCopy(item[0], item[1]);
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  return files.length;
}

/** Collects the files of one package and makes its folders; nested `node_modules` are packages of their own. */
async function listFiles(from: string, to: string, files: [string, string][]): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (entry.name === "node_modules") continue;
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory()) {
      await mkdir(target);
      await listFiles(source, target, files);
    } else if (entry.isFile()) {
      files.push([source, target]);
    }
  }
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  if (process.getuid?.() !== 0) {
    await copyFile(from, to, constants.COPYFILE_FICLONE);
    return;
  }
  try {
    await link(from, to);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    // Another file system, one without hard links, files of another owner, or too many links.
    if (code !== "EXDEV" && code !== "EPERM" && code !== "EMLINK" && code !== "ENOTSUP" && code !== "EACCES") throw error;
    await copyFile(from, to, constants.COPYFILE_FICLONE);
  }
}

async function linkBinaries(draft: string, packages: ModulePackage[]): Promise<void> {
  const folder = join(draft, "node_modules/.bin");
  await mkdir(folder, { recursive: true });
  const taken = new Set<string>();
  for (const item of packages) {
    if (item.target.lastIndexOf("node_modules/") !== 0) continue;
    for (const [name, path] of Object.entries(item.bin)) {
      const file = join(draft, item.target, path);
      // Two packages may offer one command; the first by name has it.
      if (taken.has(name) || !(await exists(file))) continue;
      taken.add(name);
      await symlink(relative(folder, file), join(folder, name));
    }
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}

/** Links `node_modules` of the app to the store, replacing an older link. A real folder of that name throws EEXIST. */
export async function linkModules(appDir: string, modulesDir: string): Promise<void> {
  const path = join(appDir, "node_modules");
  const draft = join(dirname(path), `.node_modules-${randomBytes(6).toString("hex")}`);
  await symlink(modulesDir, draft, "dir");
  try {
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
