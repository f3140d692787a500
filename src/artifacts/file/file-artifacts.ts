/** The artifact store in a folder: one file per digest, read back only if its bytes still have that digest. */
import { createHash, randomBytes } from "node:crypto";
import { mkdir, open, readdir, rename, rm, stat, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { AdorableError } from "../../core/errors.ts";
import type { Digest } from "../../core/ids.ts";
import { syncFolder } from "../../process/durable-file.ts";
import type { ArtifactStore } from "../artifacts.ts";

const DIGEST = /^sha256:([0-9a-f]{64})$/;
const TEMPORARY = "incoming";
/** A file of an upload that nobody is writing any more: its process was killed. */
const ABANDONED_MS = 24 * 60 * 60 * 1000;

/** Opens the store in `dir`, which it makes. Several processes may use the same folder at once. */
export async function createFileArtifacts(options: { dir: string }): Promise<ArtifactStore> {
  const { dir } = options;
  await mkdir(join(dir, TEMPORARY), { recursive: true, mode: 0o700 });
  await sweepAbandoned(join(dir, TEMPORARY));
  return {
    put: async (stream) => await put(dir, stream),
    get: async (digest) => await get(dir, digest),
    async remove(digest) {
      await rm(pathOf(dir, digest), { force: true });
    },
    async list() {
      const found: Digest[] = [];
      for (const prefix of await readdir(dir)) {
        if (!/^[0-9a-f]{2}$/.test(prefix)) continue;
        for (const name of await readdir(join(dir, prefix))) found.push(`sha256:${name}` as Digest);
      }
      return found.toSorted();
    },
  };
}

async function put(dir: string, stream: Readable): Promise<Digest> {
  const temporary = join(dir, TEMPORARY, randomBytes(12).toString("hex"));
  try {
    const hash = createHash("sha256");
    const file = await open(temporary, "wx", 0o600);
    try {
      for await (const chunk of stream) {
        const bytes = Buffer.from(chunk as Uint8Array);
        hash.update(bytes);
        await file.writeFile(bytes);
      }
      await file.sync();
    } finally {
      await file.close();
    }
    const digest = `sha256:${hash.digest("hex")}` as Digest;
    const path = pathOf(dir, digest);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await rename(temporary, path);
    await syncFolder(dirname(path));
    await syncFolder(dir);
    return digest;
  } catch (error) {
    await rm(temporary, { force: true });
    if (["ENOSPC", "EDQUOT"].includes((error as NodeJS.ErrnoException).code ?? "")) {
      throw new AdorableError({
        code: "disk-full",
        remedy: "operator",
        message: `There is no space left for an artifact in "${dir}".`,
        hint: "Free some space, or move the data directory.",
        cause: error,
      });
    }
    throw error;
  }
}

async function get(dir: string, digest: Digest): Promise<Readable> {
  let file: FileHandle;
  try {
    file = await open(pathOf(dir, digest), "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new AdorableError({ code: "artifact-unknown", remedy: "bug", message: `There is no artifact "${digest}".`, cause: error });
  }
  try {
    const hash = createHash("sha256");
    for await (const chunk of file.createReadStream({ start: 0, autoClose: false })) hash.update(chunk as Buffer);
    const found = `sha256:${hash.digest("hex")}`;
    if (found !== digest) {
      throw new AdorableError({
        code: "artifact-corrupt",
        remedy: "operator",
        message: `The artifact "${digest}" in "${dir}" has the digest "${found}".`,
        hint: "Check the disk; restore the file from a backup, or remove it and build the commit again.",
      });
    }
    // The same open file, so that what is read is what was checked.
    return file.createReadStream({ start: 0, autoClose: true });
  } catch (error) {
    await file.close();
    throw error;
  }
}

function pathOf(dir: string, digest: Digest): string {
  const hex = DIGEST.exec(digest)?.[1];
  if (hex === undefined) throw new AdorableError({ code: "artifact-unknown", remedy: "bug", message: `"${digest}" is not a digest.` });
  return join(dir, hex.slice(0, 2), hex);
}

async function sweepAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const info = await stat(path).catch(() => undefined);
    if (info !== undefined && Date.now() - info.mtimeMs > ABANDONED_MS) await rm(path, { force: true });
  }
}
