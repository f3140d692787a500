/** Keeps every timeline's history reachable and no longer than asked: takes bases in the background, and deletes what retention gives up. */
import { join } from "node:path";
import type { Clock } from "../../core/clock.ts";
import type { TimelineId } from "../../core/ids.ts";
import { lsnToBigint, type Lsn } from "../../core/lsn.ts";
import { removeBasesExcept, takeColdBase, takeLiveBase, type Base } from "./bases.ts";
import { dropLog, logFiles } from "./branching.ts";
import { fitBudget, type Holding } from "./budget.ts";
import { overBudget } from "./failures.ts";
import { missing } from "./files.ts";
import { KeyedLocks, Lock } from "./locks.ts";
import { sleepingEnd } from "./positions.ts";
import { familyOf, type TimelineRecord } from "./records.ts";
import { firstKept, planRetention, type RetentionPlan } from "./retention.ts";
import { listSegments, startOfSegment } from "./wal.ts";
import type { Workshop } from "./workshop.ts";

export interface HistoryOptions {
  windowMs: number;
  /** Of bases and log, for each family of timelines. */
  budgetBytes: number;
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
  /** What was asked for while a job was under way. */
  #next = new Map<TimelineId, Lsn | undefined>();
  #trims = new Set<Promise<void>>();
  /** One trim of a family at a time: an older one that ended last would move a cut back. */
  #trimming = new KeyedLocks();
  /** Families that are over their budget, and were reported. */
  #over = new Set<TimelineId>();
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
    if (this.#closed) return;
    // One that is under way may be given up for the very reason that leads here.
    if (this.#jobs.has(id)) return void this.#next.set(id, end);
    const job = this.reading(id, () => this.#takeBaseIfFar(id, end))
      .then((taken) => {
        if (taken) this.#trimSoon(id);
      })
      .catch((error: unknown) => {
        // Deleting the timeline fails its base too.
        if (this.#shop.records.find(id)) this.#options.report(error);
      })
      .finally(() => {
        this.#jobs.delete(id);
        if (!this.#next.has(id)) return;
        const next = this.#next.get(id);
        this.#next.delete(id);
        this.considerBase(id, next);
      });
    this.#jobs.set(id, job);
  }

  /** A new base lets an older one go, and a busy timeline would outgrow its budget before the next round. */
  #trimSoon(id: TimelineId): void {
    const record = this.#shop.records.find(id);
    if (!record || this.#closed) return;
    const trimming = this.#trim(familyOf(record))
      .then(() => this.sweepBases())
      .catch(this.#options.report)
      .finally(() => this.#trims.delete(trimming));
    this.#trims.add(trimming);
  }

  /** Looks at every timeline that is awake: one that is written without anybody asking for its head needs its bases too. */
  async considerRunning(): Promise<void> {
    const { records, fleet } = this.#shop;
    for (const { id } of records.all()) {
      if (!fleet.isRunning(id) || this.#jobs.has(id)) continue;
      const newest = (await listSegments(join(records.paths(id).data, "pg_wal")).catch(missing))?.at(-1);
      if (newest !== undefined) this.considerBase(id, startOfSegment(newest));
    }
  }

  /** Deletes what no window, budget, protected position or timeline needs. What an interruption leaves is deleted by the next round. */
  async collect(): Promise<void> {
    for (const family of new Set(this.#shop.records.all().map(familyOf))) await this.#trim(family);
    await this.sweepBases();
  }

  /** Gives up what a family of timelines keeps beyond the window and the budget. */
  #trim(family: TimelineId): Promise<void> {
    return this.#trimming.exclusive(family, () => this.#trimNow(family));
  }

  async #trimNow(family: TimelineId): Promise<void> {
    const { records } = this.#shop;
    const members = () => records.all().filter((record) => familyOf(record) === family);
    const { budgetBytes, report } = this.#options;
    const holdings = await Promise.all(members().map((record) => this.#holding(record)));
    const { cuts, bytes } = fitBudget(holdings, budgetBytes, this.#shop.template.id);
    const wasOver = this.#over.delete(family);
    if (bytes > budgetBytes) this.#over.add(family);
    if (bytes > budgetBytes && !wasOver) report(overBudget(family, bytes, budgetBytes));
    for (const { id } of members()) {
      await this.deleting(id, async () => {
        if (!records.find(id)) return;
        const cut = cuts.get(id);
        const now = (record: TimelineRecord) => (cut === undefined ? record : { ...record, cut });
        const { bases } = this.plan(now(records.get(id)));
        if (cut !== undefined || bases.length < records.get(id).bases.length)
          await records.update(id, (record) => ({ ...now(record), bases: this.plan(now(record)).bases }));
        const record = records.get(id);
        await dropLog(this.#shop, record, this.plan(record).keeps);
      });
    }
  }

  async #holding(record: TimelineRecord): Promise<Holding> {
    const { clock, windowMs } = this.#options;
    const segments = await logFiles(this.#shop, record);
    return { record, segments, first: firstKept(record, clock.now().getTime(), windowMs) };
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
    await Promise.all(this.#trims);
  }

  /** Whether it has taken one. */
  async #takeBaseIfFar(id: TimelineId, end: Lsn | undefined): Promise<boolean> {
    const { records, bases } = this.#shop;
    const last = records.find(id)?.bases.at(-1);
    const position = last && (end ?? (await sleepingEnd(this.#shop, id)));
    if (!last || !position) return false;
    const bound = this.#options.baseEveryBytes ?? Math.max(BASE_EVERY_BYTES, bases.reflink ? 0 : last.bytes);
    if (lsnToBigint(position) - lsnToBigint(last.end) < BigInt(bound)) return false;
    return this.#baseStore.shared(async () => {
      const base = await this.#takeBase(id);
      const takenAt = this.#options.clock.now().getTime();
      if (base) await records.update(id, (record) => ({ ...record, bases: [...record.bases, { ...base, takenAt }] }));
      return base !== undefined;
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
