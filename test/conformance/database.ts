/** The one suite of the database port: every engine's own test file runs it by the engine's name. */
import { afterAll, beforeAll, describe } from "vitest";
import type { EndpointName, TimelineId } from "../../src/core/ids.ts";
import { ADMIN_ROLE, type Database } from "../../src/database/database.ts";
import { describeCrashes } from "./database-crashes.ts";
import { describeEndpoints } from "./database-endpoints.ts";
import { describeRepeats } from "./database-repeats.ts";
import { describeRestores } from "./database-restores.ts";
import { describeRetention } from "./database-retention.ts";
import { describeTimelines } from "./database-timelines.ts";
import type { TimelinesUnderTest } from "./timeline-sessions.ts";

export interface DatabaseUnderTest {
  /** As the control plane has it; the same object before and after a crash. */
  database: Database;
  /** Ends engine and proxy as a lost machine would, at once, and starts them again on what is durable. */
  crash: () => Promise<void>;
  /** Lets so much time pass for the engine's windows, and lets it delete what nothing keeps any more. */
  age: (ms: number) => Promise<void>;
  /** Stops whatever runs for the timeline in its tracks, without ending it: a compute that is slow to die. */
  stall: (timeline: TimelineId) => Promise<void>;
  close: () => Promise<void>;
}

/** What an engine may be unable to be put through, with the reason; the suite says so, and skips no other rule. */
export type Unavailable = Partial<Record<"crash" | "age" | "stall", string>>;

/**
 * Runs every rule against one database that `open` gives. The engine's name is printed as `engine=<name>` with what it says of itself.
 */
export function describeDatabase(engine: string, open: () => Promise<DatabaseUnderTest>, unavailable: Unavailable = {}): void {
  describe(`engine=${engine}`, () => {
    const under = {} as DatabaseUnderTest & TimelinesUnderTest;
    beforeAll(async () => {
      const opened = await open();
      Object.assign(under, opened, timelinesOf(opened.database));
      const { postgres, copyOnWrite, isolation } = await opened.database.capabilities();
      const lacks = Object.entries(unavailable).map(([what, why]) => ` ${what}=unavailable (${why})`);
      process.stdout.write(`engine=${engine} postgres=${postgres} copyOnWrite=${copyOnWrite} isolation=${isolation}${lacks.join("")}\n`);
    });
    afterAll(() => under.close?.());

    describeTimelines(under);
    describeEndpoints(under);
    describeRetention(under, unavailable);
    describeRestores(under, unavailable);
    describeRepeats(under, unavailable);
    describeCrashes(under, unavailable);
  });
}

/** Timelines as tests use them, by the port alone: each one that is connected to gets an endpoint, which goes before it. */
function timelinesOf(database: Database): Omit<TimelinesUnderTest, "close"> {
  const endpointOf = (timeline: TimelineId): EndpointName => `of_${timeline}` as EndpointName;
  return {
    timelines: new Proxy(database, {
      get(target, method: keyof Database) {
        if (method !== "deleteTimeline") return target[method];
        return async (id: TimelineId) => {
          await database.removeEndpoint(endpointOf(id));
          await database.deleteTimeline(id);
        };
      },
    }),
    async connection(timeline) {
      const name = endpointOf(timeline);
      await database.endpoint(name, timeline, 1);
      return { connectionString: (await database.credential(name, ADMIN_ROLE)).dsn };
    },
    sleep: (timeline) => database.suspend(endpointOf(timeline)),
  };
}
