/** The secret store in a folder: one encrypted file per secret, readable by the platform's user alone. */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { link, mkdir, readdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AdorableError } from "../../core/errors.ts";
import { syncFolder, writeDurably } from "../../process/durable-file.ts";
import type { SecretStore } from "../secrets.ts";

const SEGMENT = /^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}$/;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Opens the store in `dir`, which it makes. The key stands in `keyFile` (default `<dir>/key`) and is made at first use; a copy of the folder
 * without it is worthless. Throws `secret-key-invalid` (operator).
 */
export async function createFileSecrets(options: { dir: string; keyFile?: string }): Promise<SecretStore> {
  const values = join(options.dir, "values");
  await mkdir(values, { recursive: true, mode: 0o700 });
  const key = await readOrMakeKey(options.keyFile ?? join(options.dir, "key"));
  return {
    async read(path) {
      let sealed: Buffer;
      try {
        sealed = await readFile(fileOf(values, path));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
        throw new AdorableError({
          code: "secret-unknown",
          remedy: "operator",
          message: `There is no secret "${path}".`,
          hint: "Store it first.",
        });
      }
      return open(key, path, sealed);
    },
    async write(path, value) {
      const file = fileOf(values, path);
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      await writeDurably(file, seal(key, path, value));
      await syncFolder(values);
    },
    async destroy(path) {
      await rm(fileOf(values, path), { force: true });
    },
    async list(prefix) {
      const entries = await readdir(values, { recursive: true, withFileTypes: true });
      const paths = entries
        .filter((entry) => entry.isFile() && !entry.name.endsWith(".tmp"))
        .map((entry) => join(entry.parentPath, entry.name).slice(values.length + 1));
      return paths.filter((path) => prefix === "" || path.startsWith(`${prefix.replace(/\/$/, "")}/`)).toSorted();
    },
  };
}

/** The path is authenticated with the value: a file moved to another name does not open. */
function seal(key: Buffer, path: string, value: string): Buffer {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, iv).setAAD(Buffer.from(path));
  const body = Buffer.concat([cipher.update(value, "utf8"), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), body]);
}

function open(key: Buffer, path: string, sealed: Buffer): string {
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES })
      .setAAD(Buffer.from(path))
      .setAuthTag(sealed.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
    return Buffer.concat([decipher.update(sealed.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]).toString("utf8");
  } catch (cause) {
    throw new AdorableError({
      code: "secret-corrupt",
      remedy: "operator",
      message: `The secret "${path}" cannot be opened with the present key.`,
      hint: "Restore the key file that belongs to this folder, or store the secret again.",
      cause,
    });
  }
}

async function readOrMakeKey(path: string): Promise<Buffer> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const fresh = `${path}.${randomBytes(6).toString("hex")}`;
  let text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) {
    await writeDurably(fresh, randomBytes(32).toString("hex"));
    // A link, not a rename: of two processes that start together the second takes the first one's key.
    await link(fresh, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
    await rm(fresh, { force: true });
    await syncFolder(dirname(path));
    text = await readFile(path, "utf8");
  }
  const key = Buffer.from(text.trim(), "hex");
  if (key.length !== 32) {
    throw new AdorableError({
      code: "secret-key-invalid",
      remedy: "operator",
      message: `The key file "${path}" does not hold 64 hex digits.`,
      hint: "Restore it from a backup.",
    });
  }
  return key;
}

function fileOf(values: string, path: string): string {
  const segments = path.split("/");
  if (segments.length < 2 || !segments.every((segment) => SEGMENT.test(segment)) || path.endsWith(".tmp")) {
    throw new AdorableError({
      code: "secret-path-invalid",
      remedy: "bug",
      message: `"${path}" is not a secret's path (<project>/<name>).`,
    });
  }
  return join(values, ...segments);
}
