/** Which packages a workspace needs, by the root lock: dependencies and what they need in turn, as far as they are installed. */
import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { AdorableError } from "../core/errors.ts";

export interface ModulePackage {
  /** Where it is installed, relative to the platform. */
  source: string;
  /** Where it belongs in a tree of the workspace's own: `node_modules/…`. */
  target: string;
  version: string;
  integrity: string;
  /** Command → file relative to the package. */
  bin: Record<string, string>;
}

interface LockEntry {
  version?: string;
  integrity?: string;
  link?: boolean;
  optional?: boolean;
  bin?: Record<string, string>;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  peerDependenciesMeta?: Record<string, { optional?: boolean }>;
}

/**
 * The packages that `workspace` (`templates/app`, or `""` for the platform itself) depends on, or only those that `names` need, sorted by target.
 * Optional ones count when they are installed.
 * Throws `modules-not-installed` (operator), `modules-conflict` (bug).
 */
export async function findClosure(platformRoot: string, workspace: string, names?: string[]): Promise<ModulePackage[]> {
  const lock = JSON.parse(await readFile(join(platformRoot, "package-lock.json"), "utf8")) as { packages: Record<string, LockEntry> };
  const root = lock.packages[workspace];
  if (!root) throw missing(workspace);

  const found = new Map<string, ModulePackage>();
  const queue: { location: string; names: string[]; optional: Set<string> }[] = [
    { location: workspace, names: names ?? Object.keys({ ...root.dependencies, ...root.devDependencies }), optional: new Set() },
  ];
  const seen = new Set<string>();
  for (let item = queue.pop(); item; item = queue.pop()) {
    for (const name of item.names) {
      const source = resolve(lock.packages, item.location, name);
      if (source !== undefined && seen.has(source)) continue;
      const entry = source === undefined ? undefined : lock.packages[source];
      const installed =
        source !== undefined && entry !== undefined && !entry.link && (await exists(join(platformRoot, source, "package.json")));
      if (!installed) {
        if (item.optional.has(name) || entry?.optional) continue;
        throw missing(name);
      }
      seen.add(source);
      const target = source.startsWith(`${workspace}/`) ? source.slice(workspace.length + 1) : source;
      if (found.has(target)) {
        throw new AdorableError({
          code: "modules-conflict",
          remedy: "bug",
          message: `The template and the platform need different versions of "${name}" in one place.`,
          hint: "Pin the same version in both package.json files.",
        });
      }
      found.set(target, { source, target, version: entry.version ?? "", integrity: entry.integrity ?? "", bin: entry.bin ?? {} });
      const peers = Object.keys(entry.peerDependencies ?? {}).filter((peer) => entry.peerDependenciesMeta?.[peer]?.optional !== true);
      queue.push({
        location: source,
        names: [...Object.keys({ ...entry.dependencies, ...entry.optionalDependencies }), ...peers],
        optional: new Set(Object.keys(entry.optionalDependencies ?? {})),
      });
    }
  }
  return [...found.values()].sort((a, b) => (a.target < b.target ? -1 : 1));
}

/** As Node resolves: in the nearest `node_modules` upwards from `location`. */
function resolve(packages: Record<string, LockEntry>, location: string, name: string): string | undefined {
  for (let folder = location; ; folder = parent(folder)) {
    const candidate = folder === "" ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    if (packages[candidate]) return candidate;
    if (folder === "") return undefined;
  }
}

function parent(location: string): string {
  const nested = location.lastIndexOf("/node_modules/");
  return nested === -1 ? "" : location.slice(0, nested);
}

function missing(name: string): AdorableError {
  return new AdorableError({
    code: "modules-not-installed",
    remedy: "operator",
    message: `The package "${name}" of the app template is not installed.`,
    hint: "Run `npm ci` in the platform's folder.",
  });
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
