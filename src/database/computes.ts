/** What the proxy and the root need of an engine that keeps timelines and runs their computes on this machine. */
import type { TimelineId } from "../core/ids.ts";
import type { Database } from "./database.ts";

export interface RunningCompute {
  /** Full path of the compute's unix socket (`…/.s.PGSQL.5432`). Whoever can open it is trusted as any role: only the proxy's user can. */
  socketPath: string;
  /** Grows with every start of this timeline's compute, also across restarts of the engine. */
  generation: number;
}

/** The computes of the timelines: `postgres` processes that exist while someone works. */
export interface Computes {
  /**
   * Starts the timeline's compute if needed; all callers share one start. A stop under way is awaited first.
   * Throws `timeline-unknown` (bug), `compute-failed` (bug).
   */
  acquire(timeline: TimelineId): Promise<RunningCompute>;
  /** Ends the compute at once, cleanly; whatever session is left gets 57P01. Idempotent; an unknown timeline is a no-op. */
  stop(timeline: TimelineId): Promise<void>;
  /** Ends the compute as a crash would, also one that answers nobody: what was acknowledged is on the disk. Idempotent; an unknown timeline is a no-op. */
  kill(timeline: TimelineId): Promise<void>;
  isRunning(timeline: TimelineId): boolean;
  /** Called when a compute ended without `stop`. Returns the function that removes the listener. */
  onExit(listener: (timeline: TimelineId) => void): () => void;
}

/** The part of the database port that an engine answers alone; endpoints, holds and credentials are the proxy's. */
export type Timelines = Pick<
  Database,
  | "createTimeline"
  | "branch"
  | "head"
  | "locate"
  | "protect"
  | "unprotect"
  | "retention"
  | "usage"
  | "deleteTimeline"
  | "listTimelines"
  | "capabilities"
>;

export interface Engine extends Computes, Timelines {
  /** Deletes what no window, protected checkpoint or timeline needs any more. Runs by itself from time to time. */
  collect(): Promise<void>;
  /** Stops every compute and ends all timers. The engine is of no use afterwards. Idempotent. */
  close(): Promise<void>;
}

/** The one database of every timeline, behind whatever endpoint name. */
export const BACKEND_DATABASE = "app";
