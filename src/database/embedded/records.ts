/** What is durably known of every timeline: one small file each, whose presence is what makes the timeline exist. */
import { readFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { AdorableError } from "../../core/errors.ts";
import type { TimelineId } from "../../core/ids.ts";
import type { Lsn } from "../../core/lsn.ts";
import { USERS_PER_BLOCK } from "../../process/user-block.ts";
import type { Checkpoint, Timeline } from "../database.ts";
import { accountOf, type Account } from "./accounts.ts";
import type { Base } from "./bases.ts";
import { timelineUnknown } from "./failures.ts";
import { eachOf, removeTree, stagingOf, syncPath, writeJson } from "./files.ts";
import { Lock } from "./locks.ts";

export interface TimelineRecord {
  id: TimelineId;
  /** Names its user, which it has to itself, and its socket directory; never given out twice. */
  number: number;
  parent?: Checkpoint;
  /** Where its own history begins. */
  origin: Lsn;
  /** The root that it and all that were branched from there descend from: they share one byte budget. Absent: its parent, or itself. */
  family?: TimelineId;
  /** Oldest first; the first may be shared with other timelines. */
  bases: Base[];
  protected: { lsn: Lsn; reason: string }[];
  /** The end of a base: what lies before it was given up for the byte budget, except what is protected. */
  cut?: Lsn;
  computeSeconds: number;
}

/** The paths of one timeline. */
export interface TimelinePaths {
  root: string;
  /** The live data directory; its `pg_wal` is the log from the origin's segment on. */
  data: string;
  /** Links to the segments before the origin's, as the parent had them. */
  inherited: string;
  log: string;
}

const RECORD = "timeline.json";

export class Records {
  readonly directory: string;
  #records = new Map<TimelineId, TimelineRecord>();
  #writing = new Map<TimelineId, Lock>();
  #numberFile: string;
  #lastNumber = 0;
  #numbering = new Lock();
  #firstUser: number | undefined;

  private constructor(directory: string, numberFile: string, firstUser: number | undefined) {
    this.directory = directory;
    this.#numberFile = numberFile;
    this.#firstUser = firstUser;
  }

  /** Reads all records and deletes what timelines that never came to be have left. */
  static async open(directory: string, numberFile: string, firstUser: number | undefined): Promise<Records> {
    const records = new Records(directory, numberFile, firstUser);
    await eachOf(await readdir(directory), async (name) => {
      const record = await readJson<TimelineRecord>(join(directory, name, RECORD));
      if (!record) return removeTree(join(directory, name));
      records.#records.set(record.id, record);
      await rm(stagingOf(join(directory, name, RECORD)), { force: true });
    });
    await rm(stagingOf(numberFile), { force: true });
    records.#lastNumber = (await readJson<{ last: number }>(numberFile))?.last ?? 0;
    return records;
  }

  paths(id: TimelineId): TimelinePaths {
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(id)) {
      throw new AdorableError({ code: "timeline-id-invalid", remedy: "bug", message: `"${id}" cannot be the id of a timeline.` });
    }
    const root = join(this.directory, id);
    return { root, data: join(root, "data"), inherited: join(root, "inherited"), log: join(root, "postgres.log") };
  }

  find(id: TimelineId): TimelineRecord | undefined {
    return this.#records.get(id);
  }

  /** Throws `timeline-unknown` (bug). */
  get(id: TimelineId): TimelineRecord {
    const record = this.#records.get(id);
    if (!record) throw timelineUnknown(id);
    return record;
  }

  all(): TimelineRecord[] {
    return [...this.#records.values()];
  }

  /** The user of the timeline with this number; undefined when all of them run as ourselves. */
  accountOf(number: number): Account | undefined {
    return accountOf(this.#firstUser, number);
  }

  /** The next number whose user no timeline and not the store has, durably taken. */
  takeNumber(): Promise<number> {
    return this.#numbering.exclusive(async () => {
      const users = new Set([0, ...this.all().map(({ number }) => number % USERS_PER_BLOCK)]);
      let next = this.#lastNumber + 1;
      while (users.has(next % USERS_PER_BLOCK)) next += 1;
      await writeJson(this.#numberFile, { last: next });
      this.#lastNumber = next;
      return next;
    });
  }

  /** Makes the timeline exist; everything else of it is on disk by now. */
  async create(record: TimelineRecord): Promise<void> {
    await writeJson(join(this.paths(record.id).root, RECORD), record);
    await syncPath(this.directory);
    this.#records.set(record.id, record);
  }

  /** Changes the record; concurrent changes come one after the other. A timeline that is gone is left alone. */
  async update(id: TimelineId, change: (record: TimelineRecord) => TimelineRecord): Promise<void> {
    let lock = this.#writing.get(id);
    if (!lock) this.#writing.set(id, (lock = new Lock()));
    await lock.exclusive(async () => {
      const record = this.#records.get(id);
      if (!record) return;
      const changed = change(record);
      await writeJson(join(this.paths(id).root, RECORD), changed);
      this.#records.set(id, changed);
    });
  }

  /** Ends the timeline's existence, then deletes its files. Idempotent. */
  async remove(id: TimelineId): Promise<void> {
    const { root } = this.paths(id);
    const lock = this.#writing.get(id) ?? new Lock();
    await lock.exclusive(async () => {
      this.#records.delete(id);
      await rm(join(root, RECORD), { force: true });
      // Durably gone before the first of its files is.
      await syncPath(root).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOENT") throw error;
      });
    });
    this.#writing.delete(id);
    await removeTree(root);
  }
}

export function familyOf(record: TimelineRecord): TimelineId {
  return record.family ?? record.parent?.timeline ?? record.id;
}

/** For the display of the port. */
export function toTimeline(record: TimelineRecord): Timeline {
  return { id: record.id, ...(record.parent ? { parent: record.parent } : {}) };
}

async function readJson<T>(path: string): Promise<T | undefined> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT" && error.code !== "ENOTDIR") throw error;
  });
  return text === undefined ? undefined : (JSON.parse(text) as T);
}
