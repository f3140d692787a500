/** The embedded engine: timelines as stock PostgreSQL clusters on this machine, branched from any kept position, run only while needed. */
import { join } from "node:path";
import { systemClock, type Clock } from "../../core/clock.ts";
import { AdorableError } from "../../core/errors.ts";
import type { TimelineId } from "../../core/ids.ts";
import { compareLsn, type Lsn } from "../../core/lsn.ts";
import type { Engine } from "../computes.ts";
import type { Checkpoint, LogMoment, Timeline, Usage } from "../database.ts";
import { makePassable, runsAsRoot } from "./accounts.ts";
import { POSTGRES_MAJOR } from "./binaries.ts";
import { canReach, cloneAt, cloneTemplate } from "./branching.ts";
import { claim } from "./claim.ts";
import { explain, outOfRetention, timelineExists } from "./failures.ts";
import { diskBytes, removeTree } from "./files.ts";
import { History } from "./history.ts";
import { locate } from "./locate.ts";
import { KeyedLocks } from "./locks.ts";
import { flushedEnd, markedEnd, normalLsn, sleepingEnd } from "./positions.ts";
import { toTimeline, type TimelineRecord } from "./records.ts";
import { openWorkshop, type Workshop } from "./workshop.ts";

export interface EngineOptions {
  /** Everything durable. As root, every directory on the way must let other users pass. */
  dataDir: string;
  /** Unix sockets; a path of at most 60 bytes, because the system limits theirs. */
  runDir: string;
  /** For how long every position stays reachable, within the budget. By default 7 days. */
  windowMs?: number;
  /**
   * How many bytes of bases and log each root and its branches may keep together, besides their data; the oldest history goes first. By
   * default 16 GB. What is protected is kept even so, and so is each timeline's newest base with the log behind it; then
   * `history-over-budget` (operator) is reported.
   */
  budgetBytes?: number;
  /** How often timelines that are written are looked at. */
  watchEveryMs?: number;
  /** A new base is taken after this much log since the last one; by default after 32 MiB or, where bytes are copied, the size of the last base. */
  baseEveryBytes?: number;
  clock?: Clock;
  /** Told of failures of what nobody waits for. */
  report?: (error: unknown) => void;
}

const WINDOW_MS = 7 * 24 * 3600 * 1000;
const BUDGET_BYTES = 16e9;
const COLLECT_EVERY_MS = 10 * 60 * 1000;
const WATCH_EVERY_MS = 15_000;
const RUN_DIR_BYTES = 60;

/**
 * Opens the data directory and takes it for this process; computes that outlived the last one are stopped first.
 * Throws `data-directory-unreachable`, `data-directory-unwritable`, `data-directory-in-use`, `run-directory-too-long`, `disk-full` (operator).
 */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  try {
    return await open(options);
  } catch (error) {
    throw explain(error, options.dataDir);
  }
}

async function open(options: EngineOptions): Promise<Engine> {
  const dataDir = await makePassable(options.dataDir);
  const runDir = await makePassable(options.runDir);
  if (Buffer.byteLength(runDir) > RUN_DIR_BYTES) throw tooLong(runDir);
  const report = options.report ?? ((error) => process.emitWarning(error instanceof Error ? error : String(error)));
  const release = await claim(dataDir);
  try {
    const shop = await openWorkshop({ dataDir, runDir, report, onStopped: (id) => history.considerBase(id) });
    const { windowMs = WINDOW_MS, budgetBytes = BUDGET_BYTES, clock = systemClock, baseEveryBytes } = options;
    const history = new History(shop, { windowMs, budgetBytes, clock, baseEveryBytes, report });
    await history.sweepBases();
    return new EmbeddedEngine(shop, history, release, { report, watchEveryMs: options.watchEveryMs ?? WATCH_EVERY_MS });
  } catch (error) {
    await release();
    throw error;
  }
}

class EmbeddedEngine implements Engine {
  #shop: Workshop;
  #history: History;
  #release: () => Promise<void>;
  #timers: NodeJS.Timeout[];
  /** One maker per id. */
  #making = new KeyedLocks();
  /** Calls under way; `close` waits for them. */
  #working = new Set<Promise<unknown>>();

  constructor(
    shop: Workshop,
    history: History,
    release: () => Promise<void>,
    { report, watchEveryMs }: { report: (error: unknown) => void; watchEveryMs: number },
  ) {
    this.#shop = shop;
    this.#history = history;
    this.#release = release;
    const repeat = (work: () => Promise<void>, everyMs: number) => setInterval(() => void work().catch(report), everyMs).unref();
    this.#timers = [repeat(() => this.collect(), COLLECT_EVERY_MS), repeat(() => history.considerRunning(), watchEveryMs)];
  }

  createTimeline(id: TimelineId): Promise<Timeline> {
    return this.#make(id, undefined, async () => {
      await cloneTemplate(this.#shop, id, this.#shop.template);
    });
  }

  branch(id: TimelineId, from: Checkpoint): Promise<Timeline> {
    const wanted: Checkpoint = { timeline: from.timeline, lsn: normalLsn(from.lsn) };
    return this.#make(id, wanted, () =>
      this.#history.reading(wanted.timeline, async () => {
        const source = this.#shop.records.get(wanted.timeline);
        const beyond = compareLsn(wanted.lsn, await flushedEnd(this.#shop, wanted.timeline)) > 0;
        if (beyond || !(await cloneAt(this.#shop, id, source, wanted.lsn)))
          throw outOfRetention(wanted, await this.retention(wanted.timeline));
      }),
    );
  }

  head(id: TimelineId): Promise<Lsn> {
    return this.#guard(async () => {
      this.#shop.records.get(id);
      const asleep = await sleepingEnd(this.#shop, id);
      if (asleep) return asleep;
      const lsn = await markedEnd(this.#shop, id);
      this.#history.considerBase(id, lsn);
      return lsn;
    });
  }

  locate(id: TimelineId, at: LogMoment): Promise<Lsn> {
    return this.#guard(() =>
      this.#history.reading(id, async () => locate(this.#shop, id, at, this.#history.plan(this.#shop.records.get(id)).oldest)),
    );
  }

  protect(checkpoint: Checkpoint, reason: string): Promise<void> {
    const lsn = normalLsn(checkpoint.lsn);
    return this.#guard(() =>
      this.#history.reading(checkpoint.timeline, async () => {
        const { records } = this.#shop;
        const known = ({ protected: all }: TimelineRecord) => all.some((entry) => entry.lsn === lsn && entry.reason === reason);
        const record = records.get(checkpoint.timeline);
        if (known(record)) return;
        if (!(await canReach(this.#shop, record, lsn))) throw outOfRetention(checkpoint, await this.retention(checkpoint.timeline));
        await records.update(checkpoint.timeline, (now) => (known(now) ? now : { ...now, protected: [...now.protected, { lsn, reason }] }));
      }),
    );
  }

  unprotect(checkpoint: Checkpoint, reason: string): Promise<void> {
    const lsn = normalLsn(checkpoint.lsn);
    return this.#guard(() =>
      this.#shop.records.update(checkpoint.timeline, (record) => ({
        ...record,
        protected: record.protected.filter((entry) => entry.lsn !== lsn || entry.reason !== reason),
      })),
    );
  }

  retention(id: TimelineId): Promise<{ oldest: Lsn; head: Lsn }> {
    return this.#guard(async () => ({
      oldest: this.#history.plan(this.#shop.records.get(id)).oldest,
      head: await flushedEnd(this.#shop, id),
    }));
  }

  usage(id: TimelineId): Promise<Usage> {
    return this.#guard(async () => {
      const { records, fleet, template } = this.#shop;
      const record = records.get(id);
      const others = records.all().filter((other) => other.id !== id);
      const elsewhere = new Set([template.id, ...others.flatMap(({ bases }) => bases.map((base) => base.id))]);
      const files = await diskBytes(records.paths(id).root);
      let [ownBytes, sharedBytes] = [files.own, files.linked];
      for (const base of record.bases) {
        if (elsewhere.has(base.id)) sharedBytes += base.bytes;
        else ownBytes += base.bytes;
      }
      const computeSeconds = record.computeSeconds + fleet.unmetered(id);
      return { computeSeconds, storageBytes: ownBytes + sharedBytes, ownBytes, sharedBytes };
    });
  }

  deleteTimeline(id: TimelineId): Promise<void> {
    return this.#guard(() =>
      this.#making.exclusive(id, async () => {
        const { records, fleet, runDir } = this.#shop;
        const record = records.find(id);
        await this.#history.deleting(id, async () => {
          await fleet.discard(id);
          await records.remove(id);
          if (record) await removeTree(join(runDir, String(record.number)));
        });
        if (record) await this.#history.sweepBases();
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

  kill(timeline: TimelineId): Promise<void> {
    return this.#guard(() => this.#shop.fleet.kill(timeline));
  }

  isRunning(timeline: TimelineId): boolean {
    return this.#shop.fleet.isRunning(timeline);
  }

  onExit(listener: (timeline: TimelineId) => void): () => void {
    return this.#shop.fleet.onExit(listener);
  }

  collect(): Promise<void> {
    return this.#guard(() => this.#history.collect());
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.all([this.#history.close(), this.#shop.fleet.close()]);
    await Promise.allSettled(this.#working);
    await this.#release();
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

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    const working = work();
    this.#working.add(working);
    try {
      return await working;
    } catch (error) {
      throw explain(error, this.#shop.dataDir);
    } finally {
      this.#working.delete(working);
    }
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
