/** What timelines cost that sleep: processes, memory of their manager, disk, and time when it starts. */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { newId } from "../../src/core/ids.ts";
import { volumesOf, type Bench, type Row } from "./bench.ts";
import { command } from "./direct.ts";
import { atMost, figure, type Figure } from "./figures.ts";
import { startHelper, type Helper } from "./helpers.ts";
import type { Cost, manager } from "./manager-process.ts";
import type { Volume } from "./volumes.ts";

const MIB = 1024 * 1024;
/** What the manager's heap may grow by in all, and still count as flat: a record of each timeline is kept, and no more. */
const FLAT_MB = 5;
/** One timeline on a disk that copies bytes, with room to spare. */
const NEED_BYTES = 20 * MIB;

export const sleepers: Row = {
  name: "sleepers",
  title: "Timelines that sleep",
  async measure(bench) {
    const { volumes, skipped } = volumesOf(bench);
    const figures: Figure[] = [];
    for (const volume of volumes) {
      const count = volume.reflink ? bench.scale.sleepers.reflink : bench.scale.sleepers.plain;
      if ((await volume.free()) < count * NEED_BYTES) skipped.push(`${count} timelines on ${volume.name}: too little room`);
      else figures.push(...(await measureOn(bench, volume, count)));
    }
    return { figures, skipped };
  },
};

type Manager = Helper<typeof manager>;

async function measureOn(bench: Bench, volume: Volume, count: number): Promise<Figure[]> {
  const dir = join(volume.dir, newId<string>("many"));
  await mkdir(dir, { mode: 0o755 });
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
  let running: Manager | undefined;
  cleanup.defer(async () => running?.stop());
  const where = `${count} on ${volume.name}${volume.reflink ? " (reflink)" : ""}`;
  const used = (): Promise<number> => (volume.reflink ? usedOf(volume) : bytesBelow(dir));
  /** A manager that has just started, which knows what is on disk and nothing else. */
  const afresh = async (): Promise<{ startMs: number; cost: Cost }> => {
    await running?.calls.close();
    await running?.stop();
    running = await startHelper<typeof manager>(bench.runDir, "manager-process.ts", "manager");
    const startMs = await running.calls.open(dir, bench.runDir);
    return { startMs, cost: await costOf(running) };
  };

  bench.note(`${where}: an empty engine`);
  await afresh();
  const empty = { ...(await afresh()), disk: await used() };
  bench.note(`${where}: making them`);
  await running?.calls.create(count);
  const never = { disk: await used(), grown: await costOf(running), ...(await afresh()) };
  bench.note(`${where}: waking each once`);
  await running?.calls.wakeEach();
  const once = { disk: await used(), grown: await costOf(running), ...(await afresh()) };

  const [mostNever, mostOnce] = volume.reflink ? [1, 4] : [10, 14];
  const grownBy = (now: Cost): number => (now.heapBytes - empty.cost.heapBytes) / MIB;
  const states: [string, typeof never, number][] = [
    ["never woken", never, mostNever],
    ["woken once", once, mostOnce],
  ];
  return states.flatMap(([state, { disk, grown, startMs, cost }, most]) => {
    const each = (disk - empty.disk) / MIB / count;
    return [
      figure(`disk each, ${state}, ${where}`, "MB", [each], { aims: () => [atMost(`≤ ${most} MB`, each, most)] }),
      figure(`processes, ${state}, ${where}`, "", [grown.children], { aims: () => [atMost("0", grown.children, 0)] }),
      figure(`the manager's heap, more than with none, ${state}, ${where}`, "MB", [grownBy(grown)], {
        aims: () => [atMost(`≤ ${FLAT_MB} MB`, grownBy(grown), FLAT_MB)],
        note: `${megabytes(empty.cost.residentBytes)} MB resident with none, ${megabytes(grown.residentBytes)} MB with all of them, ${megabytes(cost.residentBytes)} MB after a start, where the heap has ${grownBy(cost).toFixed(1)} MB more than with none`,
      }),
      figure(`start, ${state}, ${where}`, "ms", [startMs], {
        against: { "start with none": [empty.startMs] },
        aims: () => [atMost("≤ 1 s", startMs, 1000)],
      }),
    ];
  });
}

async function costOf(running: Manager | undefined): Promise<Cost> {
  const cost = await running?.calls.cost();
  if (!cost) throw new Error("no manager runs");
  if (cost.complaints.length > 0) throw new Error(`The manager complained: ${cost.complaints.join("; ")}`);
  return cost;
}

/** Of a file system of our own: blocks that files share count once. */
async function usedOf(volume: Volume): Promise<number> {
  await command("sync", ["-f", volume.dir]);
  const [, used] = (await command("df", ["--output=used", "-B1", volume.dir])).trim().split("\n");
  return Number(used);
}

/** Files with several names count once. */
async function bytesBelow(dir: string): Promise<number> {
  return Number((await command("du", ["-s", "-B1", dir])).split("\t")[0]);
}

function megabytes(bytes: number): string {
  return (bytes / MIB).toFixed(0);
}
