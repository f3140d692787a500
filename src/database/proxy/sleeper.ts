/** Lets computes sleep that nobody uses: the rule is what the sessions' protocol says, not what their processes look like. */
import { setTimeout as delay } from "node:timers/promises";
import { AdorableError } from "../../core/errors.ts";
import type { EndpointName, TimelineId } from "../../core/ids.ts";
import type { Computes } from "../computes.ts";
import type { Backends, Log } from "./backends.ts";
import type { EndpointHost } from "./endpoint-host.ts";
import type { Session } from "./session.ts";
import { within } from "./within.ts";

export interface Sleeper {
  /** Stops the compute as soon as its sessions are at transaction boundaries; whoever goes on wakes it again. Throws `suspend-busy` (wait) after a minute. */
  suspend(timeline: TimelineId): Promise<void>;
  /** Ends the watch; returns when nothing of it is under way, the end of a compute aside that takes its time. */
  stop(): Promise<void>;
}

export interface SleeperOptions {
  hosts: ReadonlyMap<EndpointName, EndpointHost>;
  computes: Computes;
  backends: Backends;
  idleMs: number;
  log: Log;
}

const SUSPEND_MS = 60_000;
/** How long other sessions may wait for one transaction. */
const SHUT_MS = 1000;
const RETRY_MS = 10;
const STOP_MS = 5000;
const MAX_CHECK_MS = 5000;

export function startSleeper({ hosts, computes, backends, idleMs, log }: SleeperOptions): Sleeper {
  const falling = new Map<TimelineId, Promise<boolean>>();
  const hostsOf = (timeline: TimelineId): EndpointHost[] => [...hosts.values()].filter((host) => host.endpoint.timeline === timeline);
  const sessionsOf = (timeline: TimelineId): Session[] =>
    hostsOf(timeline)
      .flatMap((host) => [...host.sessions])
      .filter((session) => session.timeline === timeline);

  /** One attempt; false where a session went on. */
  function sleep(timeline: TimelineId): Promise<boolean> {
    const known = falling.get(timeline);
    if (known) return known;
    const attempt = (async () => {
      await Promise.all(sessionsOf(timeline).map((session) => session.release(false, "the database goes to sleep")));
      return sessionsOf(timeline).length === 0 && (await backends.stopIfUnused(timeline));
    })().finally(() => falling.delete(timeline));
    falling.set(timeline, attempt);
    return attempt;
  }

  /** One attempt with the gates shut: sessions that work all the time come to a boundary too. */
  async function sleepNow(timeline: TimelineId): Promise<boolean> {
    const busy = await Promise.all(hostsOf(timeline).map((host) => host.settle(SHUT_MS)));
    if (busy.flat().length > 0) return false;
    await Promise.all(sessionsOf(timeline).map((session) => session.release(true, "the database was suspended")));
    await backends.endLeaving(timeline);
    return backends.stopIfUnused(timeline);
  }

  function isIdle(timeline: TimelineId, now: number): boolean {
    if (!computes.isRunning(timeline) || now - backends.usedAt(timeline) < idleMs) return false;
    return sessionsOf(timeline).every((session) => session.atBoundary && now - session.activeAt >= idleMs);
  }

  function check(): void {
    const now = Date.now();
    for (const timeline of new Set([...[...hosts.values()].map((host) => host.endpoint.timeline), ...backends.used()])) {
      if (!isIdle(timeline, now)) continue;
      sleep(timeline).catch((error: unknown) =>
        log("sleep-failed", { timeline, reason: error instanceof Error ? error.message : String(error) }),
      );
    }
  }

  const timer = setInterval(check, Math.max(Math.min(idleMs / 4, MAX_CHECK_MS), 10));
  timer.unref();
  return {
    async suspend(timeline) {
      const deadline = Date.now() + SUSPEND_MS;
      while (computes.isRunning(timeline)) {
        const leftMs = deadline - Date.now();
        if (leftMs <= 0) {
          throw new AdorableError({
            code: "suspend-busy",
            remedy: "wait",
            message: `The timeline "${timeline}" is in use and cannot be suspended.`,
            hint: "Try again when its transactions have ended.",
          });
        }
        if (await whileShut(hostsOf(timeline), () => sleepNow(timeline))) return;
        // A transaction went on for longer than others should wait for it: they work until it has ended.
        await Promise.all(hostsOf(timeline).map((host) => host.settle(leftMs)));
        await delay(RETRY_MS);
      }
    },
    async stop() {
      clearInterval(timer);
      await within(STOP_MS, Promise.allSettled(falling.values()));
    },
  };
}

/** Runs `work` with the gates of all `hosts` shut. */
function whileShut<T>([host, ...others]: EndpointHost[], work: () => Promise<T>): Promise<T> {
  return host ? host.gate.move(() => whileShut(others, work)) : work();
}
