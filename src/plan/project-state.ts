/** What a project is at a commit, read from its checkout: the data that the architect plans from and the producer builds on. */
import { lstat, readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { parseSpec, SPEC_PATH, type AppSpec, type ProjectSpec } from "../core/spec.ts";

export interface FileEntry {
  /** Relative to the app's folder, with `/`. */
  path: string;
  bytes: number;
}

export interface AppState extends AppSpec {
  files: FileEntry[];
  /** Names of the migration files, oldest first. */
  migrations: string[];
  /** The model that the app was generated from (`blueprint.json`), where there is one. */
  blueprint: unknown;
}

export interface ProjectState {
  spec: ProjectSpec;
  apps: AppState[];
}

/** Folders of an app that are made by tools and never part of the project. */
export const IGNORED_FOLDERS: ReadonlySet<string> = new Set(["node_modules", "dist", ".git"]);
const MIGRATIONS_FOLDER = "db/migrations/";
export const BLUEPRINT_FILE = "blueprint.json";

/** Reads the checkout in `dir`. Throws `invalid-spec` (author). A declared app without a folder has no files. */
export async function readProjectState(dir: string): Promise<ProjectState> {
  const spec = parseSpec(await readIfThere(join(dir, SPEC_PATH)));
  const apps: AppState[] = [];
  for (const app of spec.apps) apps.push(await readAppState(dir, app));
  return { spec, apps };
}

export async function readAppState(dir: string, app: AppSpec): Promise<AppState> {
  const root = appFolder(dir, app.slug);
  const files = await listTree(root);
  const migrations = files
    .filter((file) => file.path.startsWith(MIGRATIONS_FOLDER))
    .map((file) => file.path.slice(MIGRATIONS_FOLDER.length));
  const blueprint = await readIfThere(join(root, BLUEPRINT_FILE));
  return {
    ...app,
    files,
    migrations: migrations.filter((name) => name.endsWith(".sql")).sort(),
    blueprint: blueprint === undefined ? null : parseJson(blueprint),
  };
}

export function appFolder(dir: string, slug: string): string {
  return join(dir, "apps", slug);
}

/** Regular files below `root`, sorted; symbolic links are not followed and not listed. */
export async function listTree(root: string): Promise<FileEntry[]> {
  const found: FileEntry[] = [];
  const visit = async (folder: string, prefix: string): Promise<void> => {
    const entries = await readdir(folder, { withFileTypes: true }).catch(absent);
    for (const entry of entries ?? []) {
      const path = `${prefix}${entry.name}`;
      if (entry.isDirectory() && !IGNORED_FOLDERS.has(entry.name)) await visit(join(folder, entry.name), `${path}/`);
      if (entry.isFile()) found.push({ path, bytes: (await lstat(join(folder, entry.name))).size });
    }
  };
  await visit(root, "");
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function readIfThere(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch(absent);
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === "ENOENT") return undefined;
  throw error;
}

/** A file that is no JSON describes nothing; whoever needs it says so. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}
