/** Looks for bytes in everything that a timeline of the embedded engine has on disk, shared files included. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { TimelineId } from "../../src/core/ids.ts";

/** The files, below the engine's directory, that hold one of `texts`. */
export async function filesWith(databaseDir: string, timeline: TimelineId, texts: readonly string[]): Promise<string[]> {
  const root = join("timelines", timeline);
  const record = JSON.parse(await readFile(join(databaseDir, root, "timeline.json"), "utf8")) as { bases: { id: string }[] };
  const found: string[] = [];
  for (const folder of [root, ...record.bases.map((base) => join("bases", base.id))]) {
    for (const entry of await readdir(join(databaseDir, folder), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const bytes = await readFile(join(entry.parentPath, entry.name));
      if (texts.some((text) => bytes.includes(text))) found.push(join(folder, entry.name));
    }
  }
  return found;
}
