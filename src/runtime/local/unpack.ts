/** Unpacking an app's artifact: plain files and folders below its own folder, or nothing at all. */
import { mkdir, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { extract, Parser, type ReadEntry } from "tar";
import type { ArtifactStore } from "../../artifacts/artifacts.ts";
import { AdorableError } from "../../core/errors.ts";
import type { Digest } from "../../core/ids.ts";

const MAX_BYTES = 512 * 1024 * 1024;
const MAX_ENTRIES = 50_000;
const PLAIN = new Set(["File", "OldFile", "ContiguousFile", "Directory"]);

/**
 * Unpacks the artifact to `target` and links `node_modules` there to `modules`. `target` appears as one, complete; an older one is replaced.
 * Throws `artifact-unsafe` (author) for a link, a device, a path that leaves the folder, or one that is too large, and unpacks nothing of it.
 */
export async function unpackArtifact(artifacts: ArtifactStore, digest: Digest, target: string, modules: string): Promise<void> {
  await checkArtifact(artifacts, digest);
  const temporary = `${target}.tmp`;
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary, { recursive: true, mode: 0o755 });
  await pipeline(await artifacts.get(digest), extract({ cwd: temporary, strict: true, noChmod: true, preserveOwner: false, umask: 0o022 }));
  await symlink(modules, join(temporary, "node_modules"), "dir");
  await rm(target, { recursive: true, force: true });
  await rename(temporary, target);
}

async function checkArtifact(artifacts: ArtifactStore, digest: Digest): Promise<void> {
  let bytes = 0;
  let entries = 0;
  let refusal: string | undefined;
  const parser = new Parser({ strict: true });
  parser.on("entry", (entry: ReadEntry) => {
    bytes += entry.size;
    entries += 1;
    refusal ??= whyUnsafe(entry) ?? (bytes > MAX_BYTES || entries > MAX_ENTRIES ? "it is too large" : undefined);
    entry.resume();
  });
  try {
    await pipeline(await artifacts.get(digest), parser as unknown as NodeJS.WritableStream);
  } catch (error) {
    if (AdorableError.isInstance(error)) throw error;
    throw unsafe(digest, "it is not a gzipped tar", error);
  }
  if (entries === 0) refusal ??= "it is empty";
  if (refusal !== undefined) throw unsafe(digest, refusal);
}

function whyUnsafe(entry: ReadEntry): string | undefined {
  const path = entry.path;
  const segments = path.split("/").filter((segment) => segment !== "" && segment !== ".");
  if (!PLAIN.has(entry.type)) return `"${path}" is a ${entry.type}`;
  if (path.startsWith("/") || path.includes("\\") || path.includes("\0") || segments.includes(".."))
    return `"${path}" leaves the app's folder`;
  if (segments[0] === "node_modules") return `"${path}" brings its own modules`;
  return undefined;
}

function unsafe(digest: Digest, why: string, cause?: unknown): AdorableError {
  return new AdorableError({
    code: "artifact-unsafe",
    remedy: "author",
    message: `The built app "${digest}" is refused: ${why}.`,
    hint: "Keep links and other special files out of the app's folder.",
    cause,
  });
}
