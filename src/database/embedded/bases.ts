/** Bases: immutable copies of data files from which a position at or after their end is reached by replay. */
import { chown, mkdir, readFile, readdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bigintToLsn, lsnToBigint, type Lsn } from "../../core/lsn.ts";
import { newId } from "../../core/ids.ts";
import type { Account } from "./accounts.ts";
import { readControlFile } from "./control-file.ts";
import { cloneTree, removeTree, syncPath, syncTree, writeJson } from "./files.ts";
import { readRecordEnd, segmentName, segmentOf } from "./wal.ts";
import { adminClient } from "./admin.ts";

export interface Base {
  id: string;
  /** Replay begins here; the log from here on is needed. */
  start: Lsn;
  /** The first position that the base can reach. */
  end: Lsn;
  /** What `pg_backup_stop` said, for a copy of a running server; absent for a copy of a stopped one. */
  label?: string;
  /** Milliseconds since 1970. */
  takenAt: number;
  bytes: number;
}

export interface BaseStore {
  directory: string;
  reflink: boolean;
}

/** What a copy of data files never carries along: the log, and what belongs to one run of the server. */
export function isTransient(path: string): boolean {
  return (
    /^(postmaster\.(pid|opts)|backup_label(\.old)?|tablespace_map(\.old)?|current_logfiles)$/.test(path) ||
    /^(pg_wal|pg_replslot|pg_dynshmem|pg_notify|pg_stat_tmp|pg_subtrans|pg_snapshots|pg_serial)\/./.test(path) ||
    /(^|\/)(pgsql_tmp[^/]*|pg_internal\.init(\.\d+)?)$/.test(path)
  );
}

export function dataOf(store: BaseStore, id: string): string {
  return join(store.directory, id, "data");
}

export interface ColdBaseOptions {
  id?: string;
  signal?: AbortSignal;
  /** Carry the log's end along, so that a clone of the base starts by itself. */
  withLog?: boolean;
}

/** A base of a cleanly stopped cluster, which must stay stopped until this returns or `signal` aborts it. */
export async function takeColdBase(store: BaseStore, dataDir: string, options: ColdBaseOptions = {}): Promise<Base> {
  const control = await readControlFile(dataDir);
  if (!control.stopped) throw new Error(`"${dataDir}" was not stopped cleanly.`);
  const end = await readRecordEnd(join(dataDir, "pg_wal"), control.checkpoint);
  const position = { start: bigintToLsn(control.redo), end: bigintToLsn(end) };
  const log = new Set<string>();
  for (let segment = segmentOf(position.start); options.withLog && segment <= segmentOf(position.end); segment++)
    log.add(`pg_wal/${segmentName(segment)}`);
  const skip = (path: string) => isTransient(path) && !log.has(path);
  return publish(store, options.id, async (staging) => {
    const bytes = await cloneTree(dataDir, staging, {
      owner: undefined,
      reflink: store.reflink,
      live: false,
      skip,
      signal: options.signal,
    });
    return { ...position, bytes };
  });
}

/** A base of a running server. Starts with a checkpoint; the server goes on working. `signal` ends it at any point. */
export async function takeLiveBase(store: BaseStore, dataDir: string, socketDir: string, signal: AbortSignal): Promise<Base> {
  const client = await adminClient(socketDir);
  // A server that does not answer must not keep whoever waits for us.
  let giveUp: () => void = () => {};
  const givenUp = new Promise<void>((resolve) => {
    giveUp = () => {
      void client.end().catch(() => undefined);
      resolve();
    };
  });
  signal.addEventListener("abort", giveUp);
  try {
    if (signal.aborted) giveUp();
    signal.throwIfAborted();
    return await publish(store, undefined, async (staging) => {
      // The server ends the backup by itself when this session goes, so a failure in between leaves nothing behind.
      await client.query("SELECT pg_backup_start('base', true)");
      const bytes = await cloneTree(dataDir, staging, { owner: undefined, reflink: store.reflink, live: true, skip: isTransient, signal });
      const { rows } = await client.query<{ lsn: Lsn; labelfile: string }>("SELECT lsn, labelfile FROM pg_backup_stop(false)");
      const { lsn, labelfile } = rows[0] as { lsn: Lsn; labelfile: string };
      const start = /^START WAL LOCATION: (\S+)/.exec(labelfile)?.[1];
      if (start === undefined) throw new Error(`The label of a backup has no start: "${labelfile}".`);
      return { start: bigintToLsn(lsnToBigint(start)), end: bigintToLsn(lsnToBigint(lsn)), label: labelfile, bytes };
    });
  } finally {
    if (!signal.aborted) await Promise.race([client.end().catch(() => undefined), givenUp]);
    signal.removeEventListener("abort", giveUp);
  }
}

async function publish(
  store: BaseStore,
  wanted: string | undefined,
  fill: (data: string) => Promise<Omit<Base, "id" | "takenAt">>,
): Promise<Base> {
  const id = wanted ?? newId<string>("base");
  const staging = join(store.directory, `${id}.tmp`);
  await removeTree(staging);
  try {
    await mkdir(staging, { mode: 0o700 });
    const base: Base = { id, ...(await fill(join(staging, "data"))), takenAt: Date.now() };
    await writeJson(join(staging, "base.json"), base);
    await syncTree(staging);
    await rename(staging, join(store.directory, id));
    await syncPath(store.directory);
    return base;
  } catch (error) {
    await removeTree(staging);
    throw error;
  }
}

export async function readBase(store: BaseStore, id: string): Promise<Base | undefined> {
  const text = await readFile(join(store.directory, id, "base.json"), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
  return text === undefined ? undefined : (JSON.parse(text) as Base);
}

/** Deletes every base that is not in `needed`, and what an interrupted copy left. */
export async function removeBasesExcept(store: BaseStore, needed: (id: string) => boolean): Promise<void> {
  for (const name of await readdir(store.directory)) {
    if (!needed(name.replace(/\.(tmp|old)$/, ""))) await removeTree(join(store.directory, name));
  }
}

/**
 * Makes the server replay from `base` although its files may look stopped. Without a signal file the replay is that of a crash:
 * it ends where the log ends and stays on the same PostgreSQL timeline.
 */
export async function writeLabel(dataDir: string, base: Base, owner: Account | undefined): Promise<void> {
  const label =
    base.label ??
    [
      `START WAL LOCATION: ${base.start} (file ${segmentName(segmentOf(base.start))})`,
      `CHECKPOINT LOCATION: ${base.start}`,
      "BACKUP METHOD: stopped",
      "BACKUP FROM: primary",
      "START TIME: 2000-01-01 00:00:00 UTC",
      "LABEL: base",
      "START TIMELINE: 1",
      "",
    ].join("\n");
  const path = join(dataDir, "backup_label");
  await writeFile(path, label, { mode: 0o600 });
  if (owner) await chown(path, owner.uid, owner.gid);
}
