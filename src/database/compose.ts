/** The database port of one machine: an engine's timelines behind a proxy's endpoints. */
import { AdorableError } from "../core/errors.ts";
import type { TimelineId } from "../core/ids.ts";
import type { Timelines } from "./computes.ts";
import type { Database } from "./database.ts";

/** What the proxy answers: everything of the port that concerns endpoints. */
export type Endpoints = Omit<Database, keyof Timelines>;

/** Joins the two, and keeps what neither knows alone: an endpoint points at a timeline that exists, and such a timeline is not deleted. */
export function createDatabase({ engine, proxy }: { engine: Timelines; proxy: Endpoints }): Database {
  // Both sets are changed before the first wait, so that of a deletion and a new pointer at the same timeline one sees the other.
  const targets: TimelineId[] = [];
  const deleting = new Set<TimelineId>();

  async function assertTimeline(id: TimelineId): Promise<void> {
    if (!deleting.has(id) && (await engine.listTimelines()).some((timeline) => timeline.id === id)) return;
    throw new AdorableError({ code: "timeline-unknown", remedy: "bug", message: `There is no timeline "${id}".` });
  }

  async function assertUnused(id: TimelineId): Promise<void> {
    const user = (await proxy.listEndpoints()).find((endpoint) => endpoint.timeline === id);
    if (!user && !targets.includes(id)) return;
    throw new AdorableError({
      code: "timeline-in-use",
      remedy: "bug",
      message: `The endpoint "${user?.name ?? "being set"}" points at the timeline "${id}".`,
    });
  }

  return {
    createTimeline: (id) => engine.createTimeline(id),
    branch: (id, from) => engine.branch(id, from),
    head: (id) => engine.head(id),
    locate: (id, at) => engine.locate(id, at),
    protect: (checkpoint, reason) => engine.protect(checkpoint, reason),
    unprotect: (checkpoint, reason) => engine.unprotect(checkpoint, reason),
    retention: (id) => engine.retention(id),
    usage: (id) => engine.usage(id),
    listTimelines: () => engine.listTimelines(),
    capabilities: () => engine.capabilities(),
    async deleteTimeline(id) {
      deleting.add(id);
      try {
        await assertUnused(id);
        await engine.deleteTimeline(id);
      } finally {
        deleting.delete(id);
      }
    },
    async endpoint(name, to, epoch) {
      targets.push(to);
      try {
        await assertTimeline(to);
        return await proxy.endpoint(name, to, epoch);
      } finally {
        targets.splice(targets.indexOf(to), 1);
      }
    },
    findEndpoint: (name) => proxy.findEndpoint(name),
    listEndpoints: () => proxy.listEndpoints(),
    removeEndpoint: (name) => proxy.removeEndpoint(name),
    credential: (name, role) => proxy.credential(name, role),
    hold: (name, id, options) => proxy.hold(name, id, options),
    resume: (id) => proxy.resume(id),
    holds: () => proxy.holds(),
    wake: (name) => proxy.wake(name),
    suspend: (name) => proxy.suspend(name),
  };
}
