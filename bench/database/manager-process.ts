/** A manager of databases alone in its process: an engine and a proxy, and what they cost. Listens at the socket that it is given. */
import { readdir, readFile } from "node:fs/promises";
import { performance } from "node:perf_hooks";
import { newId, type EndpointName, type TimelineId } from "../../src/core/ids.ts";
import { endWithParent } from "../../src/process/parent.ts";
import { serveRpc } from "../../src/process/rpc.ts";
import { complaints, openPlace, type Place } from "./place.ts";

export interface Cost {
  /** After the garbage was collected: what JavaScript holds, and what the whole process does. */
  heapBytes: number;
  residentBytes: number;
  /** Processes of this one's. */
  children: number;
  complaints: string[];
}

let place: Place | undefined;
const AT_ONCE = 4;

export const manager = {
  /** Milliseconds until it serves clients. */
  async open(dir: string, runDir: string): Promise<number> {
    const startedAt = performance.now();
    place = await openPlace({ dir, runDir });
    return performance.now() - startedAt;
  },

  async create(count: number): Promise<void> {
    await inTurn(
      Array.from({ length: count }, () => newId<TimelineId>("tml")),
      async (timeline) => {
        await opened().database.createTimeline(timeline);
        await opened().database.endpoint(newId<EndpointName>("proj"), timeline, 1);
      },
    );
  },

  /** Wakes every timeline, writes a row, and puts it to sleep. */
  async wakeEach(): Promise<void> {
    const { proxy, database, onTimeline } = opened();
    await inTurn(await database.listEndpoints(), async ({ name, timeline }) => {
      await onTimeline(timeline, (client) => client.query("CREATE TABLE note (text text); INSERT INTO note VALUES ('awake')"));
      await proxy.suspend(name);
    });
  },

  async cost(): Promise<Cost> {
    for (let round = 0; round < 3; round += 1) globalThis.gc?.();
    const { heapUsed, external, rss } = process.memoryUsage();
    return { heapBytes: heapUsed + external, residentBytes: rss, children: await countChildren(), complaints };
  },

  async close(): Promise<void> {
    await place?.close();
    place = undefined;
  },
};

function opened(): Place {
  if (!place) throw new Error("nothing is open");
  return place;
}

async function inTurn<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items];
  const worker = async (): Promise<void> => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

async function countChildren(): Promise<number> {
  let count = 0;
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, "utf8").catch(() => "");
    if (stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1] === String(process.pid)) count += 1;
  }
  return count;
}

if (import.meta.main) {
  endWithParent(() => process.exit(0));
  await serveRpc(process.argv[2] ?? "", { manager });
}
