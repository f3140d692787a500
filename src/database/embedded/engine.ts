/** The embedded engine: timelines as stock PostgreSQL clusters on this machine, branched from any kept position, run only while needed. */
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { systemClock, type Clock } from "../../core/clock.ts";
import { AdorableError } from "../../core/errors.ts";
import type { TimelineId } from "../../core/ids.ts";
import { bigintToLsn, compareLsn, lsnToBigint, type Lsn } from "../../core/lsn.ts";
import type { Engine } from "../computes.ts";
import type { Checkpoint, Timeline } from "../database.ts";
import { makeOpen, makePassable, runsAsRoot } from "./accounts.ts";
import { asAdmin } from "./admin.ts";
import { removeBasesExcept, takeColdBase, takeLiveBase, type Base, type BaseStore } from "./bases.ts";
import { POSTGRES_MAJOR, prepareBinaries } from "./binaries.ts";
import { claim } from "./claim.ts";
import { cloneAt, cloneTemplate, dropLog, type Workshop } from "./branching.ts";
import { readControlFile } from "./control-file.ts";
import { explain, outOfRetention, timelineExists } from "./failures.ts";
import { canReflink, diskBytes, removeTree } from "./files.ts";
import { Fleet } from "./fleet.ts";
import { KeyedLocks, Lock } from "./locks.ts";
import { Records, toTimeline, type TimelineRecord } from "./records.ts";
import { baseFor, planRetention } from "./retention.ts";
import { writeSettings } from "./settings.ts";
import { endStrays } from "./strays.ts";
import { ensureTemplate } from "./template.ts";
import { readRecordEnd } from "./wal.ts";

export interface EngineOptions {
  /** Everything durable. As root, every directory on the way must let other users pass. */
  dataDir: string;
  /** Unix sockets; a path of at most 60 bytes, because the system limits theirs. */
  runDir: string;
  /** For how long every position stays reachable. */
  windowMs?: number;
  /** A new base is taken after this much log since the last one; by default after 32 MiB or, where bytes are copied, the size of the last base. */
  baseEveryBytes?: number;
  clock?: Clock;
  /** Told of failures of what nobody waits for. */
  report?: (error: unknown) => void;
}

const WINDOW_MS = 7 * 24 * 3600 * 1000;
/** About what a replay gets through in a fifth of a second. */
const BASE_EVERY_BYTES = 32 * 1024 * 1024;
const COLLECT_EVERY_MS = 10 * 60 * 1000;
const RUN_DIR_BYTES = 60;

/**
 * Opens the data directory and takes it for this process; computes that outlived the last one are stopped first.
 * Throws `data-directory-unreachable`, `data-directory-unwritable`, `data-directory-in-use`, `run-directory-too-long`, `disk-full` (operator).
 */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  try {
    const engine = new EmbeddedEngine(options);
    await engine.open();
    return engine;
  } catch (error) {
    throw explain(error, options.dataDir);
  }
}

class EmbeddedEngine implements Engine {
  #options: EngineOptions & Required<Pick<EngineOptions, "windowMs" | "clock" | "report">>;
  #release: (() => Promise<void>) | undefined;
  #shop!: Workshop;
  #template!: Base;
  /** One maker per id. */
  #making = new KeyedLocks();
  /** Shared by those who read a timeline's bases and log, exclusive for those who delete them. */
  #history = new KeyedLocks();
  /** Shared by those who take a base until a record names it, exclusive for the sweep of bases. */
  #baseStore = new Lock();
  #jobs = new Map<TimelineId, Promise<void>>();
  /** Calls under way; `close` waits for them. */
  #working = new Set<Promise<unknown>>();
  #closing = false;
  #collecting: NodeJS.Timeout | undefined;

  constructor(options: EngineOptions) {
    this.#options = {
      windowMs: WINDOW_MS,
      clock: systemClock,
      report: (error) => process.emitWarning(error instanceof Error ? error : String(error)),
      ...options,
    };
  }

  async open(): Promise<void> {
    const dataDir = await makePassable(this.#options.dataDir);
    const runDir = await makePassable(this.#options.runDir);
    if (Buffer.byteLength(runDir) > RUN_DIR_BYTES) throw tooLong(runDir);
    this.#release = await claim(dataDir);
    try {
      const binaries = await prepareBinaries(dataDir);
      const settings = await writeSettings(join(dataDir, "postgres"), "compute");
      const bases: BaseStore = { directory: join(dataDir, "bases"), reflink: await canReflink(dataDir) };
      await mkdir(bases.directory, { recursive: true, mode: 0o700 });
      const timelines = join(dataDir, "timelines");
      await makeOpen(timelines);
      // Also those of timelines that never came to be, which are deleted next.
      await endStrays((await readdir(timelines)).map((name) => join(timelines, name, "data")));
      const records = await Records.open(timelines, join(dataDir, "numbers.json"));
      const report = this.#options.report;
      const fleet = new Fleet({ records, binaries, settings, runDir, report, onStopped: (id) => this.#considerBase(id) });
      this.#shop = { records, bases, fleet, binaries, settings, runDir };
      this.#template = await ensureTemplate(bases, binaries, dataDir);
      await this.#sweepBases();
    } catch (error) {
      await this.close();
      throw error;
    }
    this.#collecting = setInterval(() => void this.collect().catch(this.#options.report), COLLECT_EVERY_MS).unref();
  }

  createTimeline(id: TimelineId): Promise<Timeline> {
    return this.#make(id, undefined, async () => {
      await cloneTemplate(this.#shop, id, this.#template);
    });
  }

  branch(id: TimelineId, from: Checkpoint): Promise<Timeline> {
    const wanted: Checkpoint = { timeline: from.timeline, lsn: normal(from.lsn) };
    return this.#make(id, wanted, () =>
      this.#history.shared(wanted.timeline, async () => {
        const source = this.#shop.records.get(wanted.timeline);
        const beyond = compareLsn(wanted.lsn, await this.#position(wanted.timeline)) > 0;
        if (beyond || !(await cloneAt(this.#shop, id, source, wanted.lsn)))
          throw outOfRetention(wanted, await this.retention(wanted.timeline));
      }),
    );
  }

  head(id: TimelineId): Promise<Lsn> {
    return this.#guard(async () => {
      this.#shop.records.get(id);
      const asleep = await this.#sleepingPosition(id);
      if (asleep) return asleep;
      const lsn = await this.#shop.fleet.use(id, ({ socketDir }) =>
        asAdmin(socketDir, async (client) => {
          // The end of a record of our own, flushed with all before it: whatever is committed later lies behind it.
          const { rows } = await client.query<{ lsn: string }>("SELECT pg_logical_emit_message(false, 'adorable', 'head', true) AS lsn");
          return normal(rows[0]?.lsn ?? "");
        }),
      );
      this.#considerBase(id, lsn);
      return lsn;
    });
  }

  protect(checkpoint: Checkpoint, reason: string): Promise<void> {
    const lsn = normal(checkpoint.lsn);
    return this.#guard(() =>
      this.#history.shared(checkpoint.timeline, async () => {
        const { records } = this.#shop;
        const known = ({ protected: all }: TimelineRecord) => all.some((entry) => entry.lsn === lsn && entry.reason === reason);
        const record = records.get(checkpoint.timeline);
        if (known(record)) return;
        if (!baseFor(record, lsn)) throw outOfRetention(checkpoint, await this.retention(checkpoint.timeline));
        await records.update(checkpoint.timeline, (now) => (known(now) ? now : { ...now, protected: [...now.protected, { lsn, reason }] }));
      }),
    );
  }

  unprotect(checkpoint: Checkpoint, reason: string): Promise<void> {
    const lsn = normal(checkpoint.lsn);
    return this.#guard(() =>
      this.#shop.records.update(checkpoint.timeline, (record) => ({
        ...record,
        protected: record.protected.filter((entry) => entry.lsn !== lsn || entry.reason !== reason),
      })),
    );
  }

  retention(id: TimelineId): Promise<{ oldest: Lsn; head: Lsn }> {
    return this.#guard(async () => ({ oldest: this.#plan(this.#shop.records.get(id)).oldest, head: await this.#position(id) }));
  }

  usage(id: TimelineId): Promise<{ computeSeconds: number; storageBytes: number }> {
    return this.#guard(async () => {
      const { records, fleet } = this.#shop;
      const record = records.get(id);
      const shared = record.bases.reduce((sum, base) => sum + base.bytes, 0);
      return {
        computeSeconds: record.computeSeconds + fleet.unmetered(id),
        storageBytes: shared + (await diskBytes(records.paths(id).root)),
      };
    });
  }

  deleteTimeline(id: TimelineId): Promise<void> {
    return this.#guard(() =>
      this.#making.exclusive(id, async () => {
        const { records, fleet, runDir } = this.#shop;
        const record = records.find(id);
        await this.#history.exclusive(id, async () => {
          await fleet.discard(id);
          await records.remove(id);
          if (record) await removeTree(join(runDir, String(record.number)));
        });
        if (record) await this.#sweepBases();
      }),
    );
  }

  async listTimelines(): Promise<Timeline[]> {
    return this.#shop.records.all().map(toTimeline);
  }

  async capabilities() {
    const isolation = runsAsRoot() ? ("uid" as const) : ("none" as const);
    return { engine: "embedded", postgres: POSTGRES_MAJOR, copyOnWrite: this.#shop.bases.reflink, isolation };
  }

  acquire(timeline: TimelineId) {
    return this.#guard(() => this.#shop.fleet.acquire(timeline));
  }

  stop(timeline: TimelineId): Promise<void> {
    return this.#guard(() => this.#shop.fleet.stop(timeline));
  }

  isRunning(timeline: TimelineId): boolean {
    return this.#shop.fleet.isRunning(timeline);
  }

  onExit(listener: (timeline: TimelineId) => void): () => void {
    return this.#shop.fleet.onExit(listener);
  }

  collect(): Promise<void> {
    return this.#guard(async () => {
      const { records } = this.#shop;
      for (const { id } of records.all()) {
        await this.#history.exclusive(id, async () => {
          if (!records.find(id)) return;
          // First the record, then the files: what an interruption leaves is deleted by the next round.
          await records.update(id, (record) => ({ ...record, bases: this.#plan(record).bases }));
          await dropLog(this.#shop, records.get(id), this.#plan(records.get(id)).keeps);
        });
      }
      await this.#sweepBases();
    });
  }

  async close(): Promise<void> {
    clearInterval(this.#collecting);
    this.#closing = true;
    await this.#shop?.fleet.close();
    await Promise.allSettled([...this.#jobs.values(), ...this.#working]);
    await this.#release?.();
  }

  /** Makes the timeline unless it is there already, as a child of `parent`. */
  #make(id: TimelineId, parent: Checkpoint | undefined, make: () => Promise<void>): Promise<Timeline> {
    return this.#guard(() =>
      this.#making.exclusive(id, async () => {
        const { records } = this.#shop;
        const present = records.find(id);
        const describe = (from: Checkpoint | undefined) => (from ? `a branch of "${from.timeline}" at "${from.lsn}"` : "a root");
        if (present && describe(present.parent) !== describe(parent)) throw timelineExists(id, describe(present.parent), describe(parent));
        if (!present) {
          await make().catch(async (error: unknown) => {
            await removeTree(records.paths(id).root);
            throw error;
          });
        }
        return toTimeline(records.get(id));
      }),
    );
  }

  /** The end of everything that is flushed, without writing anything. */
  async #position(id: TimelineId): Promise<Lsn> {
    const asleep = await this.#sleepingPosition(id);
    if (asleep) return asleep;
    return this.#shop.fleet.use(id, ({ socketDir }) =>
      asAdmin(socketDir, async (client) => {
        const { rows } = await client.query<{ lsn: string }>("SELECT pg_current_wal_flush_lsn() AS lsn");
        return normal(rows[0]?.lsn ?? "");
      }),
    );
  }

  /** The end of the log of a cleanly stopped timeline: nothing can be committed before somebody wakes it. */
  async #sleepingPosition(id: TimelineId): Promise<Lsn | undefined> {
    const { records, fleet } = this.#shop;
    if (!fleet.isAsleep(id)) return undefined;
    const { data } = records.paths(id);
    const { stopped, checkpoint } = await readControlFile(data);
    return stopped ? bigintToLsn(await readRecordEnd(join(data, "pg_wal"), checkpoint)) : undefined;
  }

  #plan(record: TimelineRecord) {
    return planRetention(record, this.#options.clock.now().getTime(), this.#options.windowMs);
  }

  /** Takes a base in the background when replay from the last one would be long. */
  #considerBase(id: TimelineId, at?: Lsn): void {
    if (this.#jobs.has(id) || this.#closing) return;
    const job = this.#takeBase(id, at)
      .catch((error: unknown) => {
        // Deleting the timeline fails its base too.
        if (this.#shop.records.find(id)) this.#options.report(error);
      })
      .finally(() => this.#jobs.delete(id));
    this.#jobs.set(id, job);
  }

  #takeBase(id: TimelineId, at: Lsn | undefined): Promise<void> {
    return this.#history.shared(id, async () => {
      const { records, bases, fleet } = this.#shop;
      const record = records.find(id);
      const last = record?.bases.at(-1);
      const position = at ?? (record && (await this.#sleepingPosition(id)));
      if (!record || !last || !position) return;
      // Where bytes are copied, a base costs no more than the log that it spares.
      const bound = this.#options.baseEveryBytes ?? Math.max(BASE_EVERY_BYTES, bases.reflink ? 0 : last.bytes);
      if (lsnToBigint(position) - lsnToBigint(last.end) < BigInt(bound)) return;
      const { data } = records.paths(id);
      await this.#baseStore.shared(async () => {
        const base = fleet.isRunning(id)
          ? await fleet.use(id, ({ socketDir }, leave) => unlessAborted(leave, takeLiveBase(bases, data, socketDir, leave)))
          : await fleet.whileStopped(id, (wanted) => takeColdBase(bases, data, { signal: wanted }));
        const takenAt = this.#options.clock.now().getTime();
        if (base) await records.update(id, (now) => ({ ...now, bases: [...now.bases, { ...base, takenAt }] }));
      });
    });
  }

  #sweepBases(): Promise<void> {
    return this.#baseStore.exclusive(async () => {
      const needed = new Set([this.#template.id, ...this.#shop.records.all().flatMap(({ bases }) => bases.map(({ id }) => id))]);
      await removeBasesExcept(this.#shop.bases, (id) => needed.has(id));
    });
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    const working = work();
    this.#working.add(working);
    try {
      return await working;
    } catch (error) {
      throw explain(error, this.#options.dataDir);
    } finally {
      this.#working.delete(working);
    }
  }
}

/** The result, or undefined when the work failed because it was told to end. */
async function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  }
}

function tooLong(runDir: string): AdorableError {
  return new AdorableError({
    code: "run-directory-too-long",
    remedy: "operator",
    message: `The path "${runDir}" is longer than ${RUN_DIR_BYTES} bytes, so that no socket fits below it.`,
    hint: "Choose a shorter directory, such as one below /run or /tmp.",
  });
}

/** One spelling per position. Throws `invalid-lsn` (bug). */
function normal(lsn: string): Lsn {
  return bigintToLsn(lsnToBigint(lsn));
}
