/** Keeps every timeline's history reachable and no longer than asked: takes bases in the background, and deletes what retention gives up. */
import type { Clock } from "../../core/clock.ts";
import type { TimelineId } from "../../core/ids.ts";
import { lsnToBigint, type Lsn } from "../../core/lsn.ts";
import { removeBasesExcept, takeColdBase, takeLiveBase, type Base } from "./bases.ts";
import { dropLog } from "./branching.ts";
import { KeyedLocks, Lock } from "./locks.ts";
import { sleepingEnd } from "./positions.ts";
import type { TimelineRecord } from "./records.ts";
import { planRetention, type RetentionPlan } from "./retention.ts";
import type { Workshop } from "./workshop.ts";

export interface HistoryOptions {
  windowMs: number;
  /** Undefined: 32 MiB or, where bytes are copied, the size of the last base, so that a base costs no more than the log that it spares. */
  baseEveryBytes: number | undefined;
  clock: Clock;
  report: (error: unknown) => void;
}

/** About what a replay gets through in a fifth of a second. */
const BASE_EVERY_BYTES = 32 * 1024 * 1024;

export class History {
  #shop: Workshop;
  #options: HistoryOptions;
  /** Shared by those who read a timeline's bases and log, exclusive for those who delete them. */
  #locks = new KeyedLocks();
  /** Shared by those who take a base until a record names it, exclusive for the sweep of bases. */
  #baseStore = new Lock();
  #jobs = new Map<TimelineId, Promise<void>>();
  #closed = false;

  constructor(shop: Workshop, options: HistoryOptions) {
    this.#shop = shop;
    this.#options = options;
  }

  /** Runs `work` while nothing of the timeline's history is deleted. */
  reading<T>(id: TimelineId, work: () => Promise<T>): Promise<T> {
    return this.#locks.shared(id, work);
  }

  /** Runs `work` while nobody reads the timeline's history. */
  deleting<T>(id: TimelineId, work: () => Promise<T>): Promise<T> {
    return this.#locks.exclusive(id, work);
  }

  plan(record: TimelineRecord): RetentionPlan {
    return planRetention(record, this.#options.clock.now().getTime(), this.#options.windowMs);
  }

  /** Takes a base in the background when replay from the last one to `end` (of a sleeping timeline: to its end) would be long. */
  considerBase(id: TimelineId, end?: Lsn): void {
    if (this.#jobs.has(id) || this.#closed) return;
    const job = this.reading(id, () => this.#takeBaseIfFar(id, end))
      .catch((error: unknown) => {
        // Deleting the timeline fails its base too.
        if (this.#shop.records.find(id)) this.#options.report(error);
      })
      .finally(() => this.#jobs.delete(id));
    this.#jobs.set(id, job);
  }

  /** Deletes what no window, protected position or timeline needs. What an interruption leaves is deleted by the next round. */
  async collect(): Promise<void> {
    const { records } = this.#shop;
    for (const { id } of records.all()) {
      await this.deleting(id, async () => {
        if (!records.find(id)) return;
        await records.update(id, (record) => ({ ...record, bases: this.plan(record).bases }));
        const record = records.get(id);
        await dropLog(this.#shop, record, this.plan(record).keeps);
      });
    }
    await this.sweepBases();
  }

  /** Deletes the bases that no timeline names. */
  sweepBases(): Promise<void> {
    const { records, bases, template } = this.#shop;
    return this.#baseStore.exclusive(async () => {
      const needed = new Set([template.id, ...records.all().flatMap((record) => record.bases.map(({ id }) => id))]);
      await removeBasesExcept(bases, (id) => needed.has(id));
    });
  }

  /** Takes no more bases; resolves when none is under way. Those of computes end when the fleet is closed. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#jobs.values());
  }

  async #takeBaseIfFar(id: TimelineId, end: Lsn | undefined): Promise<void> {
    const { records, bases } = this.#shop;
    const last = records.find(id)?.bases.at(-1);
    const position = last && (end ?? (await sleepingEnd(this.#shop, id)));
    if (!last || !position) return;
    const bound = this.#options.baseEveryBytes ?? Math.max(BASE_EVERY_BYTES, bases.reflink ? 0 : last.bytes);
    if (lsnToBigint(position) - lsnToBigint(last.end) < BigInt(bound)) return;
    await this.#baseStore.shared(async () => {
      const base = await this.#takeBase(id);
      const takenAt = this.#options.clock.now().getTime();
      if (base) await records.update(id, (record) => ({ ...record, bases: [...record.bases, { ...base, takenAt }] }));
    });
  }

  /** Undefined when whoever stops or wakes the compute came first. */
  #takeBase(id: TimelineId): Promise<Base | undefined> {
    const { records, bases, fleet } = this.#shop;
    const { data } = records.paths(id);
    if (!fleet.isRunning(id)) return fleet.whileStopped(id, (signal) => takeColdBase(bases, data, { signal }));
    return fleet.use(id, async ({ socketDir }, leave) => {
      try {
        return await takeLiveBase(bases, data, socketDir, leave);
      } catch (error) {
        if (leave.aborted) return undefined;
        throw error;
      }
    });
  }
}
