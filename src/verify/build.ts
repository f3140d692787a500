/** Builds an app and packs it: sources and `dist` as one gzipped tar whose bytes depend on their content alone. */
import { createHash } from "node:crypto";
import { lstat, mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { Readable } from "node:stream";
import { createGzip } from "node:zlib";
import { create } from "tar";
import { AdorableError } from "../core/errors.ts";
import { count, type GateApp, type GateContext } from "./gate.ts";
import { listSourceFiles } from "./source-files.ts";

export type BuildOutcome = { ok: true; note: string; artifact: Buffer } | { ok: false; output: string };

const BUILD_LIMIT_MS = 180_000;
const ARTIFACT_BYTES = 256 * 1024 ** 2;

/** The digests of an app's sources, taken before anything of it runs. */
export type Seal = ReadonlyMap<string, string>;

export async function sealSources(dir: string): Promise<Seal> {
  const paths = await listSourceFiles(dir);
  return new Map(
    await Promise.all(
      paths.map(async (path): Promise<[string, string]> => [
        path,
        createHash("sha256")
          .update(await readFile(join(dir, path)))
          .digest("hex"),
      ]),
    ),
  );
}

/**
 * Runs the store's Vite with the app's configuration; only `dist` can be written. Sources that are no longer what `seal` says (where nothing
 * isolates them, tests and builds could write them) are not packed: what is released is what was judged.
 */
export async function buildApp(context: GateContext, app: GateApp, seal?: Seal): Promise<BuildOutcome> {
  const { sandbox, tools } = context;
  const dist = join(app.dir, "dist");
  await sandbox.allowWrite(dist);
  const vite = join(tools.modulesDir, "vite/bin/vite.js");
  const run = await sandbox.run({
    args: [vite, "build", "--configLoader", "runner", "--outDir", "dist", "--emptyOutDir", "--logLevel", "warn"],
    cwd: app.dir,
    env: { NODE_ENV: "production" },
    writable: [dist],
    isOffline: true,
    timeoutMs: BUILD_LIMIT_MS,
  });
  if (run.timedOut) return { ok: false, output: `The build did not end within ${BUILD_LIMIT_MS / 1000} s.\n${run.output}` };
  if (run.exitCode !== 0)
    return { ok: false, output: run.output || `The build ended with ${run.exitCode ?? "a signal"} and said nothing.` };
  const built = await listPlainFiles(dist);
  if (!built.includes("index.html")) return { ok: false, output: `The build made no dist/index.html.\n${run.output}` };
  const changed = seal === undefined ? [] : findChanges(seal, await sealSources(app.dir));
  if (changed.length > 0) return { ok: false, output: `The app changed its own sources while it was judged: ${changed.join(", ")}` };
  const artifact = await packApp(app.dir, built);
  if (artifact.length > ARTIFACT_BYTES)
    return { ok: false, output: `The built app has ${artifact.length} bytes packed; ${ARTIFACT_BYTES} are allowed.` };
  return {
    ok: true,
    note: `${count(built.length, "file")} in dist; packed ${Math.ceil(artifact.length / 1024)} KiB in ${run.durationMs} ms.`,
    artifact,
  };
}

function findChanges(before: Seal, now: Seal): string[] {
  return [...new Set([...before.keys(), ...now.keys()])].filter((path) => before.get(path) !== now.get(path));
}

/** Sorted, without times, owners and links: equal content gives equal bytes. */
async function packApp(dir: string, built: string[]): Promise<Buffer> {
  const paths = [...(await listSourceFiles(dir)), ...built.map((path) => `dist/${path}`)].sort();
  const pack = create(
    {
      cwd: dir,
      portable: true,
      noDirRecurse: true,
      noMtime: true,
      onWriteEntry: (entry) => void (entry.stat && (entry.stat.mode = 0o100644)),
    },
    paths,
  );
  return buffer(Readable.from(pack as AsyncIterable<Buffer>).pipe(createGzip({ level: 6 })));
}

async function listPlainFiles(dir: string): Promise<string[]> {
  const files: string[] = [];
  const walk = async (relative: string): Promise<void> => {
    for (const name of (await readdir(join(dir, relative))).sort()) {
      const path = relative === "" ? name : `${relative}/${name}`;
      const stats = await lstat(join(dir, path));
      if (stats.isDirectory()) await walk(path);
      else if (stats.isFile()) files.push(path);
      else
        throw new AdorableError({
          code: "artifact-not-plain",
          remedy: "author",
          message: `"dist/${path}" is neither a file nor a folder.`,
        });
    }
  };
  await mkdir(dir, { recursive: true });
  await walk("");
  return files;
}
