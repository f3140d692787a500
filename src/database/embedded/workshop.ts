/** Everything that the engine works with, opened from its data directory. */
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { TimelineId } from "../../core/ids.ts";
import { firstUserOf, makeOpen } from "./accounts.ts";
import type { Base, BaseStore } from "./bases.ts";
import { prepareBinaries, type Binaries } from "./binaries.ts";
import { canReflink } from "./files.ts";
import { Fleet } from "./fleet.ts";
import { sweepLeftovers } from "./leftovers.ts";
import { Records } from "./records.ts";
import { writeSettings, type Settings } from "./settings.ts";
import { endStrays } from "./strays.ts";
import { ensureTemplate, TEMPLATE_WORK } from "./template.ts";

export interface Workshop {
  dataDir: string;
  runDir: string;
  binaries: Binaries;
  settings: Settings;
  /** For a server that does nothing but replay, on files that nobody has been told of. */
  replaySettings: Settings;
  records: Records;
  bases: BaseStore;
  template: Base;
  fleet: Fleet;
}

export interface WorkshopOptions {
  /** Real path; ours alone by now. */
  dataDir: string;
  runDir: string;
  onStopped: (id: TimelineId) => void;
  report: (error: unknown) => void;
}

/** Ends what an engine before this one left running, and deletes what it left half made. */
export async function openWorkshop(options: WorkshopOptions): Promise<Workshop> {
  const { dataDir, runDir } = options;
  const binaries = await prepareBinaries(dataDir);
  const settings = await writeSettings(join(dataDir, "postgres"), "compute");
  const replaySettings = await writeSettings(join(dataDir, "postgres"), "replay");
  const bases: BaseStore = { directory: join(dataDir, "bases"), reflink: await canReflink(dataDir) };
  await mkdir(bases.directory, { recursive: true, mode: 0o700 });
  const timelines = join(dataDir, "timelines");
  await makeOpen(timelines);
  // Also in those of timelines that never came to be, which are deleted next.
  await endStrays([...(await readdir(timelines)).map((name) => join(timelines, name, "data")), join(dataDir, TEMPLATE_WORK)]);
  await sweepLeftovers(dataDir, runDir);
  const records = await Records.open(timelines, join(dataDir, "numbers.json"), await firstUserOf(dataDir));
  const template = await ensureTemplate(bases, binaries, dataDir);
  const fleet = new Fleet({ ...options, records, binaries, settings });
  return { dataDir, runDir, binaries, settings, replaySettings, records, bases, template, fleet };
}
