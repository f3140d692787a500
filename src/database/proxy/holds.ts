/**
 * Holds: durable rows that keep an endpoint's gate shut.
 *
 * | state    | invariant                                                        | exits                                 |
 * |----------|------------------------------------------------------------------|---------------------------------------|
 * | absent   | the gate is open, other holds aside                              | draining                              |
 * | draining | the row is on disk, no batch begins, open transactions may end    | held; absent (abort at the drain bound) |
 * | held     | every session is at a boundary, no earlier process runs anything | absent (resume)                       |
 */
import { AdorableError } from "../../core/errors.ts";
import type { EndpointName, HoldId } from "../../core/ids.ts";
import type { Database } from "../database.ts";
import type { Backends } from "./backends.ts";
import type { StateFile } from "./durable-state.ts";
import type { EndpointHost } from "./endpoint-host.ts";

export interface HoldControl {
  /** Idempotent by id; a repeat drains again what is not at rest, under the first budget. Throws `hold-drain-timeout` (wait), `hold-ended` (wait), `hold-exists`, `endpoint-unknown` (bug). */
  hold(name: EndpointName, id: HoldId, options: HoldOptions): Promise<void>;
  resume(id: HoldId): Promise<void>;
  of(name: EndpointName): HoldId[];
  /** Runs changes of one endpoint one after another. */
  inTurn<T>(name: EndpointName, work: () => Promise<T>): Promise<T>;
}

type HoldOptions = Parameters<Database["hold"]>[2];

export function createHoldControl({
  file,
  hosts,
  backends,
}: {
  file: StateFile;
  hosts: Map<EndpointName, EndpointHost>;
  backends: Backends;
}): HoldControl {
  const turns = new Map<EndpointName, Promise<unknown>>();
  const find = (id: HoldId): { endpoint: EndpointName; deadline: number } | undefined => file.current().holds.find((row) => row.id === id);
  const forget = (id: HoldId): Promise<void> =>
    file.update((state) =>
      state.holds.some((row) => row.id === id) ? { ...state, holds: state.holds.filter((row) => row.id !== id) } : state,
    );
  for (const { id, endpoint, deadline } of file.current().holds) hosts.get(endpoint)?.gate.hold(id, deadline);

  function inTurn<T>(name: EndpointName, work: () => Promise<T>): Promise<T> {
    const mine = (turns.get(name) ?? Promise.resolve()).then(work);
    const settled = mine.catch(() => {});
    turns.set(name, settled);
    void settled.then(() => turns.get(name) === settled && turns.delete(name));
    return mine;
  }

  async function hold(name: EndpointName, id: HoldId, { budgetMs, drainMs, onDrainTimeout }: HoldOptions): Promise<void> {
    const host = hosts.get(name);
    if (!host) throw new AdorableError({ code: "endpoint-unknown", remedy: "bug", message: `There is no endpoint "${name}".` });
    const present = find(id);
    if (present && present.endpoint !== name) {
      throw new AdorableError({
        code: "hold-exists",
        remedy: "bug",
        message: `The hold "${id}" is one of the endpoint "${present.endpoint}".`,
      });
    }
    const deadline = present?.deadline ?? Date.now() + budgetMs;
    host.gate.hold(id, deadline);
    try {
      await file.update((state) =>
        state.holds.some((row) => row.id === id) ? state : { ...state, holds: [...state.holds, { id, endpoint: name, deadline }] },
      );
    } catch (error) {
      host.gate.unhold(id);
      throw error;
    }
    const busy = await host.settle(drainMs, id);
    if (busy.length > 0 && onDrainTimeout === "abort") {
      await end(host, id);
      throw new AdorableError({
        code: "hold-drain-timeout",
        remedy: "wait",
        message: `${busy.length} sessions of "${name}" were still in a transaction after ${drainMs} ms.`,
        hint: "Try again when they have ended.",
        details: { sessions: busy.length, users: [...new Set(busy.map((session) => session.user))] },
      });
    }
    for (const session of busy) session.fail("57P01", "terminating connection: the database is being changed", "Connect again.");
    await backends.endLeaving(host.endpoint.timeline);
    if (!find(id))
      throw new AdorableError({ code: "hold-ended", remedy: "wait", message: `The hold "${id}" was resumed while it was being set.` });
  }

  /** The hold's own sessions end first: its credential is void from here. */
  async function end(host: EndpointHost, id: HoldId): Promise<void> {
    const own = [...host.sessions].filter((session) => session.hold === id);
    for (const session of own) session.fail("57P01", "terminating connection: the hold has ended");
    if (own.length > 0) await backends.endLeaving(host.endpoint.timeline);
    await forget(id);
    host.gate.unhold(id);
  }

  return {
    hold,
    async resume(id) {
      const row = find(id);
      const host = row && hosts.get(row.endpoint);
      if (host) await end(host, id);
      else await forget(id);
    },
    of: (name) =>
      file
        .current()
        .holds.filter((row) => row.endpoint === name)
        .map((row) => row.id),
    inTurn,
  };
}
