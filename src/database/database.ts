/**
 * The database port: timelines, the endpoints that clients connect to, and holds.
 *
 * A **timeline** is one history of one PostgreSQL cluster; a **checkpoint** is a place in it; an **endpoint** is the
 * database name that clients give to the proxy, and points at one timeline at a time. Nothing here ever falls back:
 * what is missing is an error, never another timeline.
 *
 * Callers: the control plane only. All methods may be repeated with the same arguments after a crash of either side.
 */
import type { EndpointName, HoldId, TimelineId } from "../core/ids.ts";
import type { Lsn } from "../core/lsn.ts";

export interface Checkpoint {
  timeline: TimelineId;
  lsn: Lsn;
}

export interface Timeline {
  id: TimelineId;
  /** Where it was forked from; absent for a root. */
  parent?: Checkpoint;
}

export interface Endpoint {
  name: EndpointName;
  timeline: TimelineId;
  epoch: number;
}

/** Where a role connects. The password is a function of name and role alone, so the DSN never changes. */
export interface Credential {
  /** The address of the proxy. */
  host: string;
  port: number;
  database: EndpointName;
  user: string;
  password: string;
  /** All of the above as `postgres://…`. */
  dsn: string;
}

export interface Hold {
  id: HoldId;
  endpoint: EndpointName;
  /** Admitted past the hold, as the administrator; void once the hold has ended. */
  dsn: string;
}

/** A moment of a timeline's log: a time, in milliseconds since 1970, or any position. */
export type LogMoment = { unixMs: number } | { lsn: Lsn };

export interface Usage {
  /** Seconds during which a compute ran, since the timeline was made. A crash of the engine may lose its last half minute. */
  computeSeconds: number;
  /** Bytes on disk: its own and the shared ones. */
  storageBytes: number;
  /** What its deletion would free. */
  ownBytes: number;
  /** What other timelines have too; every one of them counts it. Blocks that only the file system knows to be shared count as its own. */
  sharedBytes: number;
}

export interface Capabilities {
  engine: string;
  /** Major version of PostgreSQL. */
  postgres: number;
  /** False where a branch copies the bytes. */
  copyOnWrite: boolean;
  /** What keeps one timeline's files from another's processes. */
  isolation: "none" | "uid";
}

export interface Database {
  /** An empty root timeline. Idempotent by id. Throws `disk-full`, `data-directory-unwritable` (operator). */
  createTimeline(id: TimelineId): Promise<Timeline>;
  /**
   * A new timeline whose content is exactly what was committed on `from.timeline` at `from.lsn`; the source may be busy or asleep.
   * `from.lsn` must be one that `head` returned. Idempotent by id: a repeat with another `from` throws `timeline-exists` (bug).
   * Throws `timeline-unknown` (bug), `lsn-out-of-retention` (author; details: oldest, head).
   */
  branch(id: TimelineId, from: Checkpoint): Promise<Timeline>;
  /** A durable position that includes every transaction acknowledged before the call. Wakes the timeline's compute. */
  head(id: TimelineId): Promise<Lsn>;
  /**
   * The newest position at or before the moment that `branch` can go to: of a time, with everything that was committed until then and nothing later.
   * Throws `timeline-unknown` (bug), `lsn-out-of-retention` (author).
   */
  locate(id: TimelineId, at: LogMoment): Promise<Lsn>;
  /** Keeps the checkpoint reachable until `unprotect` with the same reason. Idempotent. */
  protect(checkpoint: Checkpoint, reason: string): Promise<void>;
  unprotect(checkpoint: Checkpoint, reason: string): Promise<void>;
  retention(id: TimelineId): Promise<{ oldest: Lsn; head: Lsn }>;
  /**
   * Creates the endpoint or repoints it. A lower epoch than the present one throws `stale-epoch` (bug); an equal one with the same
   * timeline is a no-op. Sessions on the old timeline are closed (57P01) at a transaction boundary; no bytes ever reach the old one after.
   */
  endpoint(name: EndpointName, to: TimelineId, epoch: number): Promise<Endpoint>;
  /** The endpoint, or undefined. */
  findEndpoint(name: EndpointName): Promise<Endpoint | undefined>;
  /** Ends its sessions and forgets it. Idempotent. */
  removeEndpoint(name: EndpointName): Promise<void>;
  /** Client credentials of a role on an endpoint; the role itself is made by SQL. The role `adorable` is the administrator. */
  credential(name: EndpointName, role: string): Promise<Credential>;
  /**
   * Stops the endpoint's sessions at transaction boundaries and parks new ones until `resume`. Returns when all are stopped.
   * Idempotent by id. After `budgetMs` parked clients get 57P03; the hold itself stays until `resume`.
   * Sessions that stay in a transaction for longer than `drainMs`: `abort` throws `hold-drain-timeout` (wait) and undoes the hold, `terminate` ends them.
   * Durable: it outlives a restart of the proxy.
   */
  hold(
    name: EndpointName,
    id: HoldId,
    options: { budgetMs: number; drainMs: number; onDrainTimeout: "abort" | "terminate" },
  ): Promise<Hold>;
  /** Ends the hold and lets the parked sessions on. Idempotent; an unknown id is a no-op. */
  resume(id: HoldId): Promise<void>;
  holds(): Promise<{ id: HoldId; endpoint: EndpointName }[]>;
  /** Starts the compute behind the endpoint. */
  wake(name: EndpointName): Promise<void>;
  /** Stops it once its sessions allow. */
  suspend(name: EndpointName): Promise<void>;
  usage(id: TimelineId): Promise<Usage>;
  /** Stops its compute and deletes its files. Idempotent. Throws `timeline-in-use` (bug) while an endpoint points at it. */
  deleteTimeline(id: TimelineId): Promise<void>;
  /** Every timeline that exists, for sweeps and proofs of deletion. */
  listTimelines(): Promise<Timeline[]>;
  listEndpoints(): Promise<Endpoint[]>;
  capabilities(): Promise<Capabilities>;
}

/** The administrator's role on every timeline. */
export const ADMIN_ROLE = "adorable";
