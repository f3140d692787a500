/** Makes timelines: clones of the template, and branches that hold exactly what was committed at a position of another timeline. */
import { lstat, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { AdorableError } from "../../core/errors.ts";
import type { TimelineId } from "../../core/ids.ts";
import { bigintToLsn, lsnToBigint, type Lsn } from "../../core/lsn.ts";
import type { Checkpoint } from "../database.ts";
import { makeOpen, type Account } from "./accounts.ts";
import { dataOf, isTransient, writeLabel, type Base } from "./bases.ts";
import { startCluster } from "./cluster.ts";
import { readControlFile } from "./control-file.ts";
import { cloneTree, eachOf, missing, removeTree, syncTree } from "./files.ts";
import { familyOf, type TimelineRecord } from "./records.ts";
import { baseFor, lastSegmentBefore } from "./retention.ts";
import { cutSegment, listSegments, nextRecordStart, placeSegment, readRecordEnd, segmentName, segmentOf } from "./wal.ts";
import type { Workshop } from "./workshop.ts";

/** An empty timeline: a clone of the template, which starts by itself. */
export async function cloneTemplate(shop: Workshop, id: TimelineId, template: Base): Promise<void> {
  const number = await shop.records.takeNumber();
  const owner = shop.records.accountOf(number);
  const paths = await emptyRoot(shop, id);
  await cloneTree(dataOf(shop.bases, template.id), paths.data, { owner, reflink: shop.bases.reflink, live: false, skip: () => false });
  await syncTree(paths.root);
  await shop.records.create({ id, number, origin: template.end, bases: [template], protected: [], computeSeconds: 0 });
}

/** Undefined when the position cannot be reached any more. The source's history must not be collected meanwhile. */
export async function cloneAt(shop: Workshop, id: TimelineId, source: TimelineRecord, at: Lsn): Promise<"made" | undefined> {
  const base = baseFor(source, at);
  if (!base) return undefined;
  const log = await findLog(shop, source, base, at);
  if (!log) return undefined;

  const number = await shop.records.takeNumber();
  const owner = shop.records.accountOf(number);
  const paths = await emptyRoot(shop, id);
  await mkdir(paths.inherited, { mode: 0o700 });
  for (const [segment, path] of log) {
    if (segment < segmentOf(at)) await placeSegment(path, join(paths.inherited, segmentName(segment)), undefined);
  }
  const reached =
    (await cloneStopped(shop, source, paths.data, owner, at, log)) ?? (await cloneBase(shop, base, paths.data, owner, at, log));
  if (reached !== at) await replay(shop, id, number, owner, at);
  await dropCopies(paths.data, at);
  await syncTree(paths.root);
  const parent: Checkpoint = { timeline: source.id, lsn: at };
  await shop.records.create({
    id,
    number,
    parent,
    origin: at,
    family: familyOf(source),
    bases: source.bases.filter((known) => known.id === base.id),
    protected: [],
    computeSeconds: 0,
  });
  return "made";
}

/** Whether the position can be branched from. */
export async function canReach(shop: Workshop, source: TimelineRecord, at: Lsn): Promise<boolean> {
  const base = baseFor(source, at);
  return base !== undefined && (await findLog(shop, source, base, at)) !== undefined;
}

/** The segments from the base to the position by number; undefined when one is gone. */
export async function findLog(shop: Workshop, source: TimelineRecord, base: Base, at: Lsn): Promise<Map<number, string> | undefined> {
  const paths = shop.records.paths(source.id);
  const own = new Set(await listSegments(join(paths.data, "pg_wal")));
  const inherited = new Set(source.parent ? await listSegments(paths.inherited) : []);
  const log = new Map<number, string>();
  for (let segment = segmentOf(base.start); segment <= lastSegmentBefore(at); segment++) {
    const isInherited = source.parent !== undefined && segment < segmentOf(source.origin);
    if (!(isInherited ? inherited : own).has(segment)) return undefined;
    log.set(segment, join(isInherited ? paths.inherited : join(paths.data, "pg_wal"), segmentName(segment)));
  }
  return log;
}

/** Copies the files of a source that sleeps exactly at the position, so that no replay is needed. Undefined when it does not. */
async function cloneStopped(
  shop: Workshop,
  source: TimelineRecord,
  data: string,
  owner: Account | undefined,
  at: Lsn,
  log: Map<number, string>,
): Promise<Lsn | undefined> {
  // A base of this very position does as well, and keeps nobody from waking the source.
  if (baseFor(source, at)?.end === at) return undefined;
  const from = shop.records.paths(source.id).data;
  const reached = await shop.fleet.whileStopped(source.id, async (signal) => {
    const { checkpoint } = await readControlFile(from);
    if (bigintToLsn(await readRecordEnd(join(from, "pg_wal"), checkpoint)) !== at) return undefined;
    await cloneTree(from, data, { owner, reflink: shop.bases.reflink, live: false, skip: isTransient, signal });
    await placeLog(data, owner, bigintToLsn(checkpoint), at, log);
    return at;
  });
  if (reached === undefined) await removeTree(data);
  return reached;
}

async function cloneBase(
  shop: Workshop,
  base: Base,
  data: string,
  owner: Account | undefined,
  at: Lsn,
  log: Map<number, string>,
): Promise<Lsn> {
  await cloneTree(dataOf(shop.bases, base.id), data, { owner, reflink: shop.bases.reflink, live: false, skip: isTransient });
  await placeLog(data, owner, base.start, at, log);
  if (base.label === undefined && base.end === at) return at;
  await writeLabel(data, base, owner);
  return base.end === at ? base.start : base.end;
}

/** Puts the log from `start` up to `at` where the server looks for it, and not a byte more. */
async function placeLog(data: string, owner: Account | undefined, start: Lsn, at: Lsn, log: Map<number, string>): Promise<void> {
  const segments = [...log].filter(([segment]) => segment >= segmentOf(start));
  const directory = join(data, "pg_wal");
  await eachOf(segments, async ([segment, path]) => {
    if (segment < segmentOf(at)) await placeSegment(path, join(directory, segmentName(segment)), owner);
    else await cutSegment(path, directory, at, owner);
  });
}

/** Lets the server replay the log to its end and proves that the end is the position. Throws `branch-inexact` (bug). */
async function replay(shop: Workshop, id: TimelineId, number: number, account: Account | undefined, at: Lsn): Promise<void> {
  const { data, log } = shop.records.paths(id);
  const { binaries, replaySettings: settings, runDir } = shop;
  const cluster = await startCluster({ binaries, settings, dataDir: data, logFile: log, socketDir: join(runDir, String(number)), account });
  try {
    // The first record that a server writes after a replay is the checkpoint that ends it.
    const { redo } = await readControlFile(data);
    if (redo === nextRecordStart(lsnToBigint(at))) return;
    throw new AdorableError({
      code: "branch-inexact",
      remedy: "bug",
      message: `The branch "${id}" ended at "${bigintToLsn(redo)}" instead of "${at}".`,
      details: { timeline: id, reached: bigintToLsn(redo), wanted: at },
    });
  } finally {
    await cluster.stop();
  }
}

/** What replay needed is kept as links beside the data; the copies have done their work. */
async function dropCopies(data: string, at: Lsn): Promise<void> {
  const { redo } = await readControlFile(data);
  const first = Math.min(segmentOf(at), segmentOf(bigintToLsn(redo)));
  const directory = join(data, "pg_wal");
  for (const segment of await listSegments(directory)) {
    if (segment < first) await rm(join(directory, segmentName(segment)));
  }
}

/** The timeline's directory with nothing in it; a try before this one may have left something. */
async function emptyRoot(shop: Workshop, id: TimelineId) {
  const paths = shop.records.paths(id);
  await removeTree(paths.root);
  await makeOpen(paths.root);
  return paths;
}

/** The segments of a timeline that are there, inherited ones included, and which file each is. */
export async function logFiles(shop: Workshop, record: TimelineRecord): Promise<{ segment: number; file: string; bytes: number }[]> {
  const found: { segment: number; file: string; bytes: number }[] = [];
  for (const directory of await logDirectories(shop, record)) {
    await eachOf((await listSegments(directory).catch(missing)) ?? [], async (segment) => {
      const stats = await lstat(join(directory, segmentName(segment))).catch(missing);
      if (stats) found.push({ segment, file: `inode ${stats.ino}`, bytes: stats.blocks * 512 });
    });
  }
  return found;
}

async function logDirectories(shop: Workshop, record: TimelineRecord): Promise<string[]> {
  const paths = shop.records.paths(record.id);
  const present = (await readdir(paths.root).catch(missing)) ?? [];
  return [join(paths.data, "pg_wal"), ...(present.includes("inherited") ? [paths.inherited] : [])];
}

/** Deletes the segments of a timeline that retention does not keep. */
export async function dropLog(shop: Workshop, record: TimelineRecord, keeps: (segment: number) => boolean): Promise<void> {
  for (const directory of await logDirectories(shop, record)) {
    for (const segment of await listSegments(directory)) {
      if (!keeps(segment)) await rm(join(directory, segmentName(segment)), { force: true });
    }
  }
}
