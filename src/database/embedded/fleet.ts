/**
 * The computes of all timelines: one start for all who ask, clean stops, and exclusive use of the files of those that sleep.
 *
 * | state    | invariant                                   | exits                                                                  |
 * | -------- | ------------------------------------------- | ---------------------------------------------------------------------- |
 * | stopped  | no process uses the data directory          | `acquire`, `use` → starting; `whileStopped` → quiet                    |
 * | quiet    | the files stay as a clean stop left them    | the work ends → stopped; somebody asks for the compute: work is aborted |
 * | starting | one start, shared by all who ask            | ready → running; failed → stopped, and the error to all who asked       |
 * | running  | the process accepts sessions                | `stop` → stopping; it ends by itself → stopped, listeners are told      |
 * | stopping | sessions are ended, the log is being closed | → stopped                                                              |
 */
import { existsSync, readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { join } from "node:path";
import { AdorableError } from "../../core/errors.ts";
import type { TimelineId } from "../../core/ids.ts";
import type { RunningCompute } from "../computes.ts";
import type { Binaries } from "./binaries.ts";
import { startCluster, type Cluster } from "./cluster.ts";
import { readControlFile } from "./control-file.ts";
import { computeEnded } from "./failures.ts";
import { Lock } from "./locks.ts";
import type { Records } from "./records.ts";
import type { Settings } from "./settings.ts";
import { endStrays } from "./strays.ts";

interface Compute {
  lock: Lock;
  cluster: Cluster | undefined;
  /** The last one that was started, which may be ending. */
  last: Cluster | undefined;
  /** That one was ended by `kill`. */
  killed: boolean;
  generation: number;
  startedAt: number;
  /** A client of ours outside the engine relies on it, until `stop`. */
  wanted: boolean;
  /** The engine's own uses under way. */
  uses: Set<Promise<unknown>>;
  /** Aborts work on the files of a stopped compute. */
  quiet: AbortController | undefined;
  /** Tells the engine's own long uses that the compute shall stop. */
  leave: AbortController;
  linger: NodeJS.Timeout | undefined;
  /** True after an end that was no clean stop, until processes left over are gone. */
  dirty: boolean;
}

export interface FleetOptions {
  records: Records;
  binaries: Binaries;
  settings: Settings;
  runDir: string;
  /** Called after a clean stop. */
  onStopped: (id: TimelineId) => void;
  /** Told of failures of what nobody waits for. */
  report: (error: unknown) => void;
}

/** How long a compute that only the engine woke stays up for the next question. */
const LINGER_MS = 2_000;
const METER_MS = 30_000;

export class Fleet {
  #options: FleetOptions;
  #computes = new Map<TimelineId, Compute>();
  #listeners = new Set<(id: TimelineId) => void>();
  #meter: NodeJS.Timeout;
  #closed = false;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#meter = setInterval(() => void this.#meterAll().catch(options.report), METER_MS).unref();
  }

  async acquire(id: TimelineId): Promise<RunningCompute> {
    const { cluster, generation } = await this.#running(id, (compute) => (compute.wanted = true));
    return { socketPath: cluster.socketPath, generation };
  }

  isRunning(id: TimelineId): boolean {
    return this.#computes.get(id)?.cluster !== undefined;
  }

  /** True when no process uses the files, nor is about to. */
  isAsleep(id: TimelineId): boolean {
    const compute = this.#computes.get(id);
    return !compute || (!compute.cluster && (compute.lock.free || compute.quiet !== undefined));
  }

  onExit(listener: (id: TimelineId) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Runs `work` with the compute up. A stop waits for it, and says so through the signal, which long work must obey.
   * When nobody else wants the compute, it stops soon after.
   */
  async use<T>(id: TimelineId, work: (cluster: Cluster, leave: AbortSignal) => Promise<T>): Promise<T> {
    let done: (() => void) | undefined;
    const use = new Promise<void>((resolve) => (done = resolve));
    const { compute, cluster } = await this.#running(id, ({ uses }) => uses.add(use));
    try {
      return await work(cluster, compute.leave.signal);
    } finally {
      compute.uses.delete(use);
      done?.();
      this.#lingerOn(id, compute);
    }
  }

  /** Runs `work` while the compute is stopped cleanly, and aborts it when somebody wants the compute. Undefined when it is not stopped cleanly. */
  async whileStopped<T>(id: TimelineId, work: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    const compute = this.#compute(id);
    if (compute.cluster || !compute.lock.free) return undefined;
    return compute.lock.exclusive(async () => {
      if (compute.cluster || compute.dirty || !(await readControlFile(this.#options.records.paths(id).data)).stopped) return undefined;
      const quiet = (compute.quiet = new AbortController());
      try {
        return await work(quiet.signal);
      } catch (error) {
        if (quiet.signal.aborted) return undefined;
        throw error;
      } finally {
        compute.quiet = undefined;
      }
    });
  }

  async stop(id: TimelineId): Promise<void> {
    const compute = this.#computes.get(id);
    if (!compute) return;
    compute.wanted = false;
    await this.#halt(id, compute, () => !compute.wanted);
  }

  /** Ends the compute as a crash would, also one that is being stopped and does not answer. */
  async kill(id: TimelineId): Promise<void> {
    const compute = this.#computes.get(id);
    if (!compute?.last) return;
    compute.wanted = false;
    compute.killed = true;
    await compute.last.kill();
    // Its sessions' processes may outlive it.
    await compute.lock.exclusive(async () => {
      if (!compute.cluster && compute.dirty) await endStrays([this.#options.records.paths(id).data]);
    });
  }

  /** Ends the compute for good, as a crash would: its files are about to be deleted. */
  async discard(id: TimelineId): Promise<void> {
    const compute = this.#computes.get(id);
    if (!compute) return;
    clearTimeout(compute.linger);
    compute.quiet?.abort();
    await compute.lock.exclusive(async () => {
      const { cluster } = compute;
      compute.cluster = undefined;
      await cluster?.abandon();
    });
    this.#computes.delete(id);
  }

  /** Compute seconds that the record does not have yet. */
  unmetered(id: TimelineId): number {
    const compute = this.#computes.get(id);
    return compute?.cluster ? (performance.now() - compute.startedAt) / 1000 : 0;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#meter);
    await Promise.all(
      [...this.#computes].map(([id, compute]) => {
        compute.wanted = false;
        compute.quiet?.abort();
        return this.#halt(id, compute, () => true);
      }),
    );
  }

  #compute(id: TimelineId): Compute {
    let compute = this.#computes.get(id);
    if (!compute) {
      const asleep = {
        cluster: undefined,
        last: undefined,
        killed: false,
        generation: 0,
        startedAt: 0,
        wanted: false,
        quiet: undefined,
        linger: undefined,
        dirty: false,
      };
      compute = { ...asleep, lock: new Lock(), uses: new Set(), leave: new AbortController() };
      this.#computes.set(id, compute);
    }
    return compute;
  }

  /** `claim` runs in the same turn in which the compute is seen running, so that no stop comes between. */
  async #running(id: TimelineId, claim: (compute: Compute) => void): Promise<{ compute: Compute; cluster: Cluster; generation: number }> {
    this.#options.records.get(id);
    const compute = this.#compute(id);
    for (;;) {
      if (compute.cluster && compute.lock.free) {
        clearTimeout(compute.linger);
        claim(compute);
        return { compute, cluster: compute.cluster, generation: compute.generation };
      }
      compute.quiet?.abort();
      await compute.lock.exclusive(async () => {
        if (!compute.cluster) await this.#start(id, compute);
        if (compute.cluster) claim(compute);
      });
      if (compute.cluster) return { compute, cluster: compute.cluster, generation: compute.generation };
    }
  }

  async #start(id: TimelineId, compute: Compute): Promise<void> {
    if (this.#closed) throw closed();
    const { records, binaries, settings, runDir } = this.#options;
    const { number } = records.get(id);
    const { data, log } = records.paths(id);
    if (compute.dirty) await endStrays([data]);
    const cluster = await startCluster({
      binaries,
      settings,
      dataDir: data,
      logFile: log,
      socketDir: join(runDir, String(number)),
      account: records.accountOf(number),
    });
    compute.dirty = false;
    compute.cluster = cluster;
    compute.last = cluster;
    compute.killed = false;
    compute.leave = new AbortController();
    compute.startedAt = performance.now();
    compute.generation = Math.max(compute.generation + 1, Date.now());
    void cluster.exited.then(() => {
      if (compute.cluster === cluster) return this.#ended(id, compute);
    });
  }

  #ended(id: TimelineId, compute: Compute): void {
    const { records, report } = this.#options;
    compute.cluster = undefined;
    compute.dirty = true;
    compute.wanted = false;
    compute.leave.abort();
    void this.#addSeconds(id, compute).catch(report);
    // The next start writes the log anew.
    const { log } = records.paths(id);
    const said = existsSync(log) ? readFileSync(log, "utf8") : "";
    for (const listener of this.#listeners) listener(id);
    if (!compute.killed) report(computeEnded(id, said));
  }

  async #halt(id: TimelineId, compute: Compute, still: () => boolean): Promise<void> {
    clearTimeout(compute.linger);
    if (!compute.cluster && compute.quiet) return;
    compute.leave.abort();
    await Promise.all(compute.uses);
    const stopped = await compute.lock.exclusive(async () => {
      const { cluster } = compute;
      if (!cluster || compute.uses.size > 0 || !still()) return false;
      compute.cluster = undefined;
      await cluster.stop();
      compute.dirty = !(await readControlFile(this.#options.records.paths(id).data)).stopped;
      await this.#addSeconds(id, compute);
      return !compute.dirty;
    });
    if (stopped && !this.#closed) this.#options.onStopped(id);
  }

  #lingerOn(id: TimelineId, compute: Compute): void {
    if (compute.wanted || compute.uses.size > 0 || this.#closed) return;
    clearTimeout(compute.linger);
    compute.linger = setTimeout(() => void this.#halt(id, compute, () => !compute.wanted).catch(this.#options.report), LINGER_MS).unref();
  }

  async #addSeconds(id: TimelineId, compute: Compute): Promise<void> {
    const now = performance.now();
    const seconds = (now - compute.startedAt) / 1000;
    compute.startedAt = now;
    await this.#options.records.update(id, (record) => ({ ...record, computeSeconds: record.computeSeconds + seconds }));
  }

  async #meterAll(): Promise<void> {
    for (const [id, compute] of this.#computes) if (compute.cluster) await this.#addSeconds(id, compute);
  }
}

function closed(): AdorableError {
  return new AdorableError({
    code: "engine-closed",
    remedy: "wait",
    message: "The database engine is shutting down.",
    hint: "Try again when it is up again.",
  });
}
