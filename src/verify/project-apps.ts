/** The apps of a checkout: what the spec declares and what stands in `apps/` must be the same. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { AdorableError } from "../core/errors.ts";
import { parseSpec, SPEC_PATH, type ProjectSpec } from "../core/spec.ts";
import type { GateApp } from "./gate.ts";

/** The spec in `treeDir`. Throws `invalid-spec` (author). */
export async function readSpec(treeDir: string): Promise<ProjectSpec> {
  const text = await readFile(join(treeDir, SPEC_PATH), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  return parseSpec(text);
}

/** Every app of the spec and no folder beside them. Throws `app-without-folder`, `folder-without-app` (author), naming it. */
export async function findApps(treeDir: string, spec: ProjectSpec): Promise<GateApp[]> {
  const folders = await listFolders(treeDir);
  const declared = new Set(spec.apps.map(({ slug }) => slug));
  for (const folder of folders) {
    if (declared.has(folder)) continue;
    throw new AdorableError({
      code: "folder-without-app",
      remedy: "author",
      message: `There is a folder "apps/${folder}", and ${SPEC_PATH} declares no app "${folder}".`,
      hint: "Declare the app in the spec, or remove the folder.",
    });
  }
  return locateApps(treeDir, spec);
}

/** The apps of the spec, whatever else there is. Throws `app-without-folder` (author). */
export async function locateApps(treeDir: string, spec: ProjectSpec): Promise<GateApp[]> {
  const folders = await listFolders(treeDir);
  for (const { slug } of spec.apps) {
    if (folders.has(slug)) continue;
    throw new AdorableError({
      code: "app-without-folder",
      remedy: "author",
      message: `${SPEC_PATH} declares the app "${slug}", and there is no folder "apps/${slug}".`,
      hint: "Add the folder, or remove the app from the spec.",
    });
  }
  return spec.apps.map((app) => ({ spec: app, path: `apps/${app.slug}`, dir: join(treeDir, "apps", app.slug) }));
}

async function listFolders(treeDir: string): Promise<Set<string>> {
  const entries = await readdir(join(treeDir, "apps"), { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  return new Set(entries.filter((entry) => entry.isDirectory()).map(({ name }) => name));
}
