/** The proxy's connections to computes: wakes them for whoever needs one, and knows every connection until its process is gone. */
import { setTimeout as delay } from "node:timers/promises";
import { AdorableError, toAdorableError } from "../../core/errors.ts";
import type { TimelineId } from "../../core/ids.ts";
import { BACKEND_DATABASE, type Computes } from "../computes.ts";
import { ADMIN_ROLE } from "../database.ts";
import { type Backend, BackendRefusal, connectBackend } from "./backend.ts";
import { ClientRefusal } from "./handshake.ts";
import { within } from "./within.ts";

/** Receives what an operator may want to know. */
export type Log = (event: string, details: Record<string, unknown>) => void;

export interface Backends {
  /** Wakes the compute (one start for all who ask) and opens a session. Throws `ClientRefusal` 57P03 after `wakeMs`, or `BackendRefusal`. */
  open(timeline: TimelineId, parameters: ReadonlyMap<string, string>): Promise<Backend>;
  /** Hangs up; the connection counts as alive until the server has closed it. */
  leave(timeline: TimelineId, backend: Backend): Promise<void>;
  /**
   * Ends the processes of connections that were hung up on, whatever they run. When it returns none of them can write any more: where there is no other way the whole
   * compute is killed, but not with `force: false`, which leaves those that do not end, and says so in the log.
   */
  endLeaving(timeline: TimelineId, options?: { force: boolean }): Promise<void>;
  /** Stops the compute unless someone is about to use it. */
  stopIfUnused(timeline: TimelineId): Promise<boolean>;
  /** The last moment at which someone asked for the compute, in ms since 1970. */
  usedAt(timeline: TimelineId): number;
  touch(timeline: TimelineId): void;
  /** The timelines whose computes may run because somebody asked for them. */
  used(): TimelineId[];
}

/** How long an idle process may take to notice that its client hung up. */
const GRACE_MS = 200;
const TERMINATE_MS = 3000;
/** How long the server may take to let in who ends the others. */
const ADMIT_MS = 2500;
const RETRY_MS = 20;
/** How long a client that the server refuses for want of a place waits for another to become idle. */
const ROOM_MS = 1000;
const TOO_MANY_CONNECTIONS = "53300";
/** What is said where not the server is full, but the role has all that it may have: the places of others are of no use to it. */
const ROLE_IS_FULL = /^too many connections for role /;

export interface BackendsOptions {
  computes: Computes;
  wakeMs: number;
  log: Log;
  /** Takes the backend of an idle session of the timeline, one of `user` before others (or one of theirs at all, where `onlyTheirs`); false where none gives way. */
  makeRoom(timeline: TimelineId, user: string, onlyTheirs: boolean): Promise<boolean>;
}

export function createBackends({ computes, wakeMs, log, makeRoom }: BackendsOptions): Backends {
  const leaving = new Map<TimelineId, Map<Backend, Promise<void>>>();
  const opening = new Map<TimelineId, number>();
  const used = new Map<TimelineId, number>();
  const touch = (timeline: TimelineId): void => void used.set(timeline, Date.now());

  async function open(timeline: TimelineId, parameters: ReadonlyMap<string, string>, limitMs = wakeMs): Promise<Backend> {
    opening.set(timeline, (opening.get(timeline) ?? 0) + 1);
    touch(timeline);
    try {
      return await openUntil(Date.now() + limitMs, timeline, parameters);
    } finally {
      // Later, so that there is no moment between "being opened" and "in use by a session".
      setImmediate(() => {
        const left = (opening.get(timeline) ?? 1) - 1;
        if (left > 0) opening.set(timeline, left);
        else opening.delete(timeline);
      });
    }
  }

  async function openUntil(deadline: number, timeline: TimelineId, parameters: ReadonlyMap<string, string>): Promise<Backend> {
    let roomDeadline = Date.now() + ROOM_MS;
    let full: BackendRefusal | undefined;
    for (;;) {
      const leftMs = deadline - Date.now();
      if (leftMs <= 0) throw full ?? new ClientRefusal("57P03", "the database system is starting up");
      const compute = await within(leftMs, acquire(timeline));
      if (!compute) continue;
      try {
        return await connectBackend(compute.socketPath, parameters, Math.max(deadline - Date.now(), 1));
      } catch (error) {
        if (error instanceof BackendRefusal && error.sqlState === TOO_MANY_CONNECTIONS) {
          if (Date.now() >= Math.min(roomDeadline, deadline)) throw error;
          full = error;
          const making = makeRoom(timeline, parameters.get("user") ?? "", ROLE_IS_FULL.test(error.message));
          // Another client may be faster to the place: then there may be a next one.
          if (await within(deadline - Date.now(), making)) roomDeadline = Date.now() + ROOM_MS;
          else await delay(RETRY_MS);
          continue;
        }
        // The compute may have ended between the two steps, or may not take sessions yet.
        if (error instanceof BackendRefusal && error.sqlState !== "57P03" && error.sqlState !== "57P01") throw error;
        log("backend-refused", { timeline, reason: (error as Error).message });
        await delay(RETRY_MS);
      }
    }
  }

  async function acquire(timeline: TimelineId): Promise<{ socketPath: string }> {
    try {
      return await computes.acquire(timeline);
    } catch (thrown) {
      const error = toAdorableError(thrown);
      log("wake-failed", { timeline, code: error.code, reason: error.message });
      throw new ClientRefusal(
        error.code === "timeline-unknown" ? "XX000" : "57P03",
        `the database could not be started (${error.code})`,
        "The log of the platform says more.",
      );
    }
  }

  function leave(timeline: TimelineId, backend: Backend): Promise<void> {
    const mine = leaving.get(timeline) ?? new Map<Backend, Promise<void>>();
    leaving.set(timeline, mine);
    const known = mine.get(backend);
    if (known) return known;
    const gone = backend.leave().finally(() => {
      mine.delete(backend);
      if (mine.size === 0) leaving.delete(timeline);
    });
    mine.set(backend, gone);
    return gone;
  }

  async function endLeaving(timeline: TimelineId, { force } = { force: true }): Promise<void> {
    if (await allGone(timeline, GRACE_MS)) return;
    try {
      await terminate(timeline);
      if (await allGone(timeline, TERMINATE_MS)) return;
    } catch (error) {
      log("terminate-failed", { timeline, reason: (error as Error).message });
    }
    if (!force) return log("terminate-failed", { timeline, reason: "a session that was hung up on has not ended" });
    // Nothing may write after us: the compute as a whole must go, and comes back with the next client.
    await computes.kill(timeline);
    if (!(await allGone(timeline, TERMINATE_MS))) {
      throw new AdorableError({
        code: "session-not-ended",
        remedy: "bug",
        message: `A session of the timeline "${timeline}" did not end.`,
      });
    }
  }

  async function allGone(timeline: TimelineId, timeoutMs: number): Promise<boolean> {
    const mine = leaving.get(timeline);
    if (!mine || mine.size === 0) return true;
    return (await within(timeoutMs, Promise.all(mine.values()))) !== undefined;
  }

  async function terminate(timeline: TimelineId): Promise<void> {
    const pids = [...(leaving.get(timeline)?.keys() ?? [])].map((backend) => backend.key.pid);
    if (pids.length === 0 || !computes.isRunning(timeline)) return;
    const parameters = new Map([
      ["user", ADMIN_ROLE],
      ["database", BACKEND_DATABASE],
      ["application_name", "adorable proxy"],
    ]);
    const administrator = await open(timeline, parameters, ADMIT_MS);
    try {
      const { error } = await administrator.query(
        `select ${pids.map((pid) => `pg_catalog.pg_terminate_backend(${pid})`).join(", ")}`,
        TERMINATE_MS,
      );
      if (error !== undefined) throw new Error(`pg_terminate_backend failed with ${error}`);
    } finally {
      await within(TERMINATE_MS, administrator.leave());
    }
  }

  return {
    open,
    leave,
    endLeaving,
    async stopIfUnused(timeline) {
      if (opening.has(timeline)) return false;
      await computes.stop(timeline);
      if (!opening.has(timeline)) used.delete(timeline);
      return true;
    },
    usedAt(timeline) {
      // First seen: somebody else (a branch, a question for the head) has just woken it.
      if (!used.has(timeline)) touch(timeline);
      return used.get(timeline) ?? 0;
    },
    touch,
    used: () => [...used.keys()],
  };
}
