/** What the local runtime keeps on disk: one folder per environment, and its spec in it, so that it is known after any crash. */
import { createHash } from "node:crypto";
import { chmod, mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { AdorableError } from "../../core/errors.ts";
import { canonicalJson } from "../../core/plan.ts";
import { syncFolder, writeDurably } from "../../process/durable-file.ts";
import type { EnvironmentSpec } from "../runtime.ts";

const storedSchema = z.strictObject({
  id: z.string(),
  project: z.string(),
  apps: z.array(z.strictObject({ slug: z.string(), artifact: z.string(), env: z.record(z.string(), z.string()) })),
});

export interface EnvironmentPaths {
  root: string;
  spec: string;
  app(slug: string): string;
  log(slug: string): string;
  temporary(slug: string): string;
}

export interface EnvironmentFiles {
  paths(id: string): EnvironmentPaths;
  /** Durable when it returns. */
  save(spec: EnvironmentSpec): Promise<void>;
  remove(id: string): Promise<void>;
  /** Every environment that was saved and not removed; what is left of a removal that a crash interrupted is removed now. */
  load(): Promise<EnvironmentSpec[]>;
}

export function createEnvironmentFiles(folder: string): EnvironmentFiles {
  const paths = (id: string): EnvironmentPaths => {
    assertName(id);
    const root = join(folder, id);
    return {
      root,
      spec: join(root, "environment.json"),
      app: (slug) => join(root, assertName(slug)),
      log: (slug) => join(root, `${assertName(slug)}.log`),
      temporary: (slug) => join(root, `${assertName(slug)}.tmpdir`),
    };
  };
  return {
    paths,
    async save(spec) {
      const { root, spec: path } = paths(spec.id);
      await mkdir(root, { recursive: true });
      // Apps have users of their own: they may pass through, and list nothing.
      await chmod(root, 0o711);
      await writeDurably(path, canonicalJson(spec));
      await syncFolder(folder);
    },
    async remove(id) {
      const { root, spec } = paths(id);
      // First what makes it known: a removal that is cut off here is finished by `load`.
      await rm(spec, { force: true });
      await rm(root, { recursive: true, force: true });
    },
    async load() {
      const found: EnvironmentSpec[] = [];
      for (const id of await readdir(folder)) {
        const { root, spec } = paths(id);
        const text = await readFile(spec, "utf8").catch((error: NodeJS.ErrnoException) => {
          if (error.code !== "ENOENT") throw error;
          return undefined;
        });
        if (text === undefined) await rm(root, { recursive: true, force: true });
        else found.push(storedSchema.parse(JSON.parse(text)) as EnvironmentSpec);
      }
      return found;
    },
  };
}

/** Equal for equal specs. */
export function specHash(spec: EnvironmentSpec): string {
  return createHash("sha256").update(canonicalJson(spec)).digest("hex");
}

function assertName(name: string): string {
  if (/^[a-z][a-z0-9_-]{0,80}$/.test(name)) return name;
  throw new AdorableError({ code: "invalid-environment", remedy: "bug", message: `"${name}" cannot name an environment or an app.` });
}
