/** Copies, measures, syncs and deletes directory trees without ever blocking the event loop. */
import { spawn } from "node:child_process";
import { constants } from "node:fs";
import { copyFile, type FileHandle, lchown, lstat, mkdir, open, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Account } from "./accounts.ts";

/** How many files are under way at once: enough to keep the thread pool busy. */
const PARALLEL = 8;
const AT_ONCE_BYTES = 4 * 1024 * 1024;
const CHUNK_BYTES = 512 * 1024;
/** After every so many bytes but the first (a log segment would be synced twice) the disk begins to write what it will have to write anyway, while the rest is still being read. */
const WRITE_BACK_BYTES = 16 * 1024 * 1024;

export interface CloneOptions {
  owner: Account | undefined;
  /** From `canReflink` of the same file system. */
  reflink: boolean;
  /** True while a server writes the source: files may grow, shrink and vanish. */
  live: boolean;
  /** Paths relative to the source, with `/`, that are left out. */
  skip: (path: string) => boolean;
  signal?: AbortSignal | undefined;
}

/** Copies the tree to `to`, which must not exist, and returns its size in bytes. */
export async function cloneTree(from: string, to: string, options: CloneOptions): Promise<number> {
  const files: string[] = [];
  const own = async (path: string) => options.owner && lchown(path, options.owner.uid, options.owner.gid);
  const walk = async (relative: string): Promise<void> => {
    await mkdir(join(to, relative), { mode: 0o700 });
    await own(join(to, relative));
    for (const entry of await readdir(join(from, relative), { withFileTypes: true })) {
      const path = relative === "" ? entry.name : `${relative}/${entry.name}`;
      if (options.skip(path)) continue;
      if (entry.isDirectory()) await walk(path);
      else if (entry.isFile()) files.push(path);
    }
  };
  await walk("");
  let bytes = 0;
  await eachOf(files, async (path) => {
    options.signal?.throwIfAborted();
    const target = join(to, path);
    try {
      if (options.reflink) await copyFile(join(from, path), target, constants.COPYFILE_FICLONE_FORCE);
      else if (options.live || (await lstat(join(from, path))).size > AT_ONCE_BYTES)
        await copyUntilEnd(join(from, path), target, options.signal);
      else await copyFile(join(from, path), target);
    } catch (error) {
      if (options.live && (error as NodeJS.ErrnoException).code === "ENOENT") return;
      throw error;
    }
    await own(target);
    const { size } = await lstat(target);
    bytes += size;
  });
  return bytes;
}

/**
 * `copyFile` trusts the size that it saw first and never returns when the file shrinks meanwhile, so a live file is read to its end
 * instead; and a large one, because nothing interrupts `copyFile`.
 */
async function copyUntilEnd(from: string, to: string, signal: AbortSignal | undefined): Promise<void> {
  const input = await open(from, "r");
  try {
    const output = await open(to, "wx", 0o600);
    try {
      let [chunk, other] = [Buffer.allocUnsafe(CHUNK_BYTES), Buffer.allocUnsafe(CHUNK_BYTES)];
      let writing: Promise<void> = Promise.resolve();
      let syncing: Promise<void> = Promise.resolve();
      try {
        for (let at = 0; ;) {
          signal?.throwIfAborted();
          const { bytesRead } = await input.read(chunk, 0, chunk.length, at);
          await writing;
          if (bytesRead === 0) break;
          writing = begun(writeWhole(output, chunk.subarray(0, bytesRead), at));
          at += bytesRead;
          [chunk, other] = [other, chunk];
          if (at > WRITE_BACK_BYTES && at % WRITE_BACK_BYTES < bytesRead) {
            await Promise.all([writing, syncing]);
            syncing = begun(output.datasync());
          }
        }
      } finally {
        await Promise.all([writing, syncing]);
      }
    } finally {
      await output.close();
    }
  } finally {
    await input.close();
  }
}

/** A full disk may take a part before it refuses the rest. */
async function writeWhole(output: FileHandle, bytes: Buffer, at: number): Promise<void> {
  for (let done = 0; done < bytes.length;) done += (await output.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
}

/** Awaited later: its failure is heard then. */
function begun(work: Promise<void>): Promise<void> {
  work.catch(() => {});
  return work;
}

/** Runs `work` on every item, some at a time; the first failure ends it once all that began have ended. */
export async function eachOf<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  let failed: { error: unknown } | undefined;
  const worker = async () => {
    while (next < items.length && !failed) {
      const item = items[next++] as T;
      await work(item).catch((error: unknown) => {
        failed ??= { error };
      });
    }
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, items.length) }, worker));
  if (failed) throw failed.error;
}

/** Whether a file of this directory can be cloned without copying its bytes. */
export async function canReflink(directory: string): Promise<boolean> {
  const source = join(directory, `probe-${process.pid}.tmp`);
  try {
    await writeFile(source, Buffer.alloc(4096, 1));
    await copyFile(source, `${source}.clone`, constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOTSUP" || code === "EOPNOTSUPP" || code === "EXDEV" || code === "EINVAL" || code === "ENOSYS" || code === "ENOTTY")
      return false;
    throw error;
  } finally {
    await rm(source, { force: true });
    await rm(`${source}.clone`, { force: true });
  }
}

/**
 * Bytes on disk of a tree; zero when it is not there. Files that vanish meanwhile do not count. `linked`: of files that have another name
 * too. What a clone shares with its source is not seen.
 */
export async function diskBytes(path: string): Promise<{ own: number; linked: number }> {
  const stats = await lstat(path).catch(missing);
  const sum = { own: 0, linked: 0 };
  if (!stats) return sum;
  sum[stats.isFile() && stats.nlink > 1 ? "linked" : "own"] += stats.blocks * 512;
  if (!stats.isDirectory()) return sum;
  await eachOf((await readdir(path).catch(missing)) ?? [], async (name) => {
    const below = await diskBytes(join(path, name));
    sum.own += below.own;
    sum.linked += below.linked;
  });
  return sum;
}

/** For `catch`: what is not there is undefined. */
export function missing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}

/** Makes everything below `path` survive a power loss. */
export async function syncTree(path: string): Promise<void> {
  const code = await new Promise<number | null>((resolve) => {
    const sync = spawn("/bin/sync", ["-f", path], { stdio: "ignore" });
    sync.once("error", () => resolve(null));
    sync.once("exit", resolve);
  });
  if (code !== 0) await syncEach(path);
}

/** For systems whose `sync` cannot name a file system. */
async function syncEach(path: string): Promise<void> {
  const stats = await lstat(path);
  if (stats.isDirectory()) await eachOf(await readdir(path), (name) => syncEach(join(path, name)));
  if (stats.isDirectory() || stats.isFile()) await syncPath(path);
}

/** Syncs one file, or the entries of one directory. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Where `writeJson` writes first. */
export function stagingOf(path: string): string {
  return `${path}.tmp`;
}

/** Replaces the file by the value as JSON, whole or not at all, durably. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  const staging = stagingOf(path);
  const handle = await open(staging, "w", 0o600);
  try {
    await handle.writeFile(`${JSON.stringify(value, null, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(staging, path);
  await syncPath(dirname(path));
}

/** Deletes a tree. Idempotent. */
export async function removeTree(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 3 });
}
