/** The files of one app, and nothing else: every path that a model gives is resolved here, inside the app's folder, or refused. */
import { createHash } from "node:crypto";
import { lstat, mkdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { dirname, join, matchesGlob } from "node:path";
import { AdorableError } from "../core/errors.ts";
import { IGNORED_FOLDERS, listTree } from "../plan/project-state.ts";

/** A file above this is refused before it reaches the disk: nobody reviews it, and it is cut off more often than not. */
export const MAX_FILE_BYTES = 60_000;
const MAX_FILES = 500;
const MAX_PATH_CHARACTERS = 200;
/** Names that a model may not write, at any depth. */
const RESERVED_NAMES: ReadonlySet<string> = new Set([".git", ".github", ".adorable", ".gitmodules", ".gitattributes", ...IGNORED_FOLDERS]);

export interface ListedFile {
  path: string;
  bytes: number;
  /** SHA-256, hex. */
  sha256: string;
}

export interface Workspace {
  /** Another number after every change. */
  version(): number;
  list(): Promise<ListedFile[]>;
  /** Throws `file-unknown`, `path-refused` (author). */
  read(path: string): Promise<string>;
  /** Creates or replaces. Returns whether the content is other than before. Throws `path-refused`, `file-too-large`, `too-many-files` (author). */
  write(path: string, content: string): Promise<{ changed: boolean }>;
  /** Throws `file-unknown`, `path-refused` (author). */
  remove(path: string): Promise<void>;
}

/** The workspace of the app whose folder is `root`; `scope` are the globs that may be written. The folder is made if it is not there. */
export async function openWorkspace(root: string, scope: readonly string[]): Promise<Workspace> {
  await mkdir(root, { recursive: true });
  const real = await realpath(root);
  let version = 0;
  return {
    version: () => version,
    async list() {
      const files = await listTree(real);
      return Promise.all(files.map(async (file) => ({ ...file, sha256: sha256(await readFile(join(real, file.path))) })));
    },
    async read(path) {
      const file = await confine(real, path);
      return readFile(file, "utf8").catch(unknownFile(path));
    },
    async write(path, content) {
      const file = await confine(real, path);
      inScope(path, scope);
      const bytes = Buffer.byteLength(content);
      if (bytes > MAX_FILE_BYTES) {
        throw refuse(
          "file-too-large",
          `"${path}" would have ${bytes} bytes; a file may have ${MAX_FILE_BYTES}.`,
          "Split it into several files.",
        );
      }
      const before = await readFile(file, "utf8").catch(absent);
      if (before === content) return { changed: false };
      if (before === undefined && (await listTree(real)).length >= MAX_FILES)
        throw refuse("too-many-files", `The app has ${MAX_FILES} files, which is the limit.`);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, content);
      version += 1;
      return { changed: true };
    },
    async remove(path) {
      const file = await confine(real, path);
      inScope(path, scope);
      await lstat(file).catch(unknownFile(path));
      await rm(file);
      version += 1;
    },
  };
}

/** The absolute path of `path` below `root`; refuses what leaves it by name or through a symbolic link. */
async function confine(root: string, path: string): Promise<string> {
  const parts = path.split("/");
  const bad = parts.find((part) => part === "" || part === "." || part === ".." || RESERVED_NAMES.has(part.toLowerCase()));
  // Backslashes, drive letters and control characters mean something else to other systems that will check this out.
  if (bad !== undefined || path.length > MAX_PATH_CHARACTERS || !/^[\w.@()[\]+ /-]+$/.test(path)) {
    throw refuse(
      "path-refused",
      `The path "${path.slice(0, MAX_PATH_CHARACTERS)}" is not one that may be used.`,
      "Give a path relative to the app's folder, such as src/app.tsx.",
    );
  }
  let current = root;
  for (const [index, part] of parts.entries()) {
    current = join(current, part);
    const stats = await lstat(current).catch(absent);
    if (stats === undefined) continue;
    const last = index === parts.length - 1;
    if (stats.isSymbolicLink()) throw refuse("path-refused", `"${path}" leads through a symbolic link.`);
    if (last ? !stats.isFile() : !stats.isDirectory()) throw refuse("path-refused", `"${path}" is not a file.`);
  }
  return current;
}

function inScope(path: string, scope: readonly string[]): void {
  // `**` alone means everything; as a glob it would leave out names that begin with a dot.
  if (scope.some((glob) => glob === "**" || glob === path || matchesGlob(path, glob))) return;
  throw refuse("path-refused", `"${path}" is outside the task's scope: ${scope.join(", ")}.`);
}

function refuse(code: string, message: string, hint?: string): AdorableError {
  return new AdorableError({ code, remedy: "author", message, hint });
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
  throw error;
}

function unknownFile(path: string): (error: NodeJS.ErrnoException) => never {
  return (error) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR")
      throw refuse("file-unknown", `There is no file "${path}".`, "Use list_files to see what there is.");
    throw error;
  };
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
