/** Ends sessions that stay in one transaction for too long: what PostgreSQL has against it, a session may turn off. */
import type { TimelineId } from "../../core/ids.ts";
import { ADMIN_ROLE } from "../database.ts";
import type { Backends, Log } from "./backends.ts";
import type { EndpointHost } from "./endpoint-host.ts";

export interface TransactionWatchOptions {
  hosts: ReadonlyMap<unknown, EndpointHost>;
  backends: Backends;
  /** How long any role but the administrator's may be away from a transaction boundary. */
  maxMs: number;
  log: Log;
}

const MAX_CHECK_MS = 5000;

/** Returns what ends the watch. */
export function watchTransactions({ hosts, backends, maxMs, log }: TransactionWatchOptions): () => void {
  function check(): void {
    const since = Date.now() - maxMs;
    const left = new Set<TimelineId>();
    for (const host of hosts.values()) {
      for (const session of [...host.sessions]) {
        const { busySince, timeline, user } = session;
        if (user === ADMIN_ROLE || busySince === undefined || busySince > since || timeline === undefined) continue;
        log("transaction-timeout", { endpoint: host.endpoint.name, user });
        session.fail("25P04", "terminating connection due to transaction timeout", "Use shorter transactions.");
        left.add(timeline);
      }
    }
    // The statement under way does not notice that its client is gone. Others have done nothing for which their compute should be killed.
    for (const timeline of left)
      backends
        .endLeaving(timeline, { force: false })
        .catch((error: unknown) => log("terminate-failed", { timeline, reason: error instanceof Error ? error.message : String(error) }));
  }
  const timer = setInterval(check, Math.max(Math.min(maxMs / 4, MAX_CHECK_MS), 10));
  timer.unref();
  return () => clearInterval(timer);
}
