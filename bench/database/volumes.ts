/** Where databases are measured: the temporary directory's file system, and one that clones files without copying their bytes. */
import { constants } from "node:fs";
import { copyFile, mkdir, readFile, readdir, rm, stat, statfs, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../../src/process/run.ts";
import { command } from "./direct.ts";

export interface Volume {
  /** Of the file system. */
  name: string;
  reflink: boolean;
  about: string;
  dir: string;
  /** Bytes that may be written. */
  free(): Promise<number>;
}

const GIB = 1024 ** 3;
const LEAST_IMAGE_BYTES = 2 * GIB;
/** Of the image, which takes no more room than what is written into it. */
const MOST_IMAGE_BYTES = 32 * GIB;

/** The plain volume, which is the folder itself. */
export async function plainVolume(root: string): Promise<Volume> {
  const dir = join(root, "plain");
  await mkdir(dir, { mode: 0o755 });
  const name = (await command("stat", ["-f", "-c", "%T", dir])).trim().replace("ext2/ext3", "ext4");
  const reflink = await canClone(dir);
  return { name, reflink, about: `${dir}${reflink ? ", clones files" : ", copies bytes"}`, dir, free: () => freeBytes(dir) };
}

/** A new XFS in a file below `root`, mounted; or why there is none. What it needs taken back goes onto `cleanup`. */
export async function reflinkVolume(root: string, cleanup: AsyncDisposableStack): Promise<Volume | { why: string }> {
  if (process.platform !== "linux" || process.geteuid?.() !== 0) return { why: "only root on Linux may mount a file system" };
  const tool = await findMkfs();
  if (tool === undefined) return { why: 'no mkfs.xfs (Debian: "apt-get install xfsprogs")' };
  const bytes = Math.min(MOST_IMAGE_BYTES, Math.floor((await freeBytes(root)) * 0.6));
  if (bytes < LEAST_IMAGE_BYTES) return { why: `less than ${(LEAST_IMAGE_BYTES / GIB).toFixed(0)} GiB are free for its image` };
  const image = join(root, "xfs.img");
  const dir = join(root, "xfs");
  await writeFile(image, "");
  await truncate(image, bytes);
  await mkdir(dir, { mode: 0o755 });
  try {
    await command(tool, ["-q", "-m", "reflink=1", image]);
    await command("mount", ["-o", "loop", image, dir]);
  } catch (error) {
    await rm(image, { force: true });
    return { why: error instanceof Error ? error.message : String(error) };
  }
  cleanup.defer(() => unmount(dir));
  if (!(await canClone(dir))) return { why: "its XFS does not clone files" };
  return { name: "xfs", reflink: true, about: `${dir}, clones files; an image on ${root}`, dir, free: () => freeBytes(dir) };
}

const FOLDER = "adorable-bench-db-";

/** The start of the name of a benchmark's folder. */
export function folderPrefix(parent: string): string {
  return join(parent, FOLDER);
}

/** Says whose the folder is. */
export async function claimFolder(root: string): Promise<void> {
  await writeFile(join(root, "pid"), String(process.pid));
}

/** Unmounts and deletes what benchmarks left in `parent` that were killed. */
export async function sweepFolders(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith(FOLDER)) continue;
    const root = join(parent, name);
    const pid = Number(await readFile(join(root, "pid"), "utf8").catch(() => "0"));
    const isOld = Date.now() - (await stat(root)).mtimeMs > 60_000;
    if (pid === 0 ? !isOld : isAlive(pid)) continue;
    await unmount(join(root, "xfs"));
    await rm(root, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Nothing that is not mounted is an error. */
async function unmount(dir: string): Promise<void> {
  const isMounted = async (): Promise<boolean> =>
    (await readFile("/proc/self/mounts", "utf8").catch(() => "")).split("\n").some((line) => line.split(" ")[1] === dir);
  if (!(await isMounted())) return;
  if ((await run("umount", [dir])).exitCode === 0) return;
  // Somebody still stands in it: it goes away with the last of them.
  await command("umount", ["-l", dir]);
}

async function findMkfs(): Promise<string | undefined> {
  for (const path of ["/usr/sbin/mkfs.xfs", "/sbin/mkfs.xfs", "/usr/bin/mkfs.xfs"]) {
    if (await stat(path).catch(() => undefined)) return path;
  }
  return undefined;
}

async function canClone(dir: string): Promise<boolean> {
  const probe = join(dir, "probe");
  await writeFile(probe, Buffer.alloc(4096, 1));
  try {
    await copyFile(probe, `${probe}.clone`, constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch {
    return false; // Whatever the reason: a volume that does not clone is measured as one that copies.
  } finally {
    await rm(probe, { force: true });
    await rm(`${probe}.clone`, { force: true });
  }
}

async function freeBytes(dir: string): Promise<number> {
  const { bavail, bsize } = await statfs(dir);
  return bavail * bsize;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
