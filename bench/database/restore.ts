/** A restore in place while clients write: how long they are held, and whether every write that was acknowledged is accounted for. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { newId, type HoldId, type TimelineId } from "../../src/core/ids.ts";
import { volumesOf, type Bench, type Row } from "./bench.ts";
import { WRITES_TABLE } from "./clients-process.ts";
import { atMost, figure, type Figure } from "./figures.ts";
import { openPlace, withSession, type Place } from "./place.ts";
import type { Volume } from "./volumes.ts";
import { judgeWrites, type Judgement } from "./writes.ts";

const HOLD = { budgetMs: 5000, drainMs: 1000, onDrainTimeout: "terminate" as const };

export const restore: Row = {
  name: "restore",
  title: "Restore in place while clients write, the past prepared before",
  async measure(bench) {
    const { volumes, skipped } = volumesOf(bench);
    const figures: Figure[] = [];
    for (const volume of volumes) figures.push(...(await measureOn(bench, volume)));
    return { figures, skipped };
  },
};

async function measureOn(bench: Bench, volume: Volume): Promise<Figure[]> {
  const { clients, rounds } = bench.scale.restore;
  const dir = join(volume.dir, newId<string>("back"));
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
  const place = await openPlace({ dir, runDir: bench.runDir });
  cleanup.defer(() => place.close());
  const prepared: Round[] = [];
  const late: Round[] = [];
  for (let round = 0; round < rounds; round += 1) {
    bench.note(`${volume.name}, ${clients} clients, ${round + 1} of ${rounds}`);
    prepared.push(await restoreOnce(bench, place, { isPrepared: true }));
    late.push(await restoreOnce(bench, place, { isPrepared: false }));
  }
  const all = [...prepared, ...late];
  const sum = (of: (round: Round) => number): number => all.reduce((total, round) => total + of(round), 0);
  const where = `${clients} clients, ${volume.name}${volume.reflink ? " (reflink)" : ""}`;
  const note =
    `${sum((round) => round.acknowledged)} acknowledged writes, all accounted for: ${sum((round) => round.inSnapshotOnly)} of them in the snapshot only; ` +
    `${sum((round) => round.lost)} connections were closed`;
  return [
    figure(
      `time under hold, ${where}`,
      "ms",
      prepared.map((round) => round.heldMs),
      {
        against: { "the past branched under the hold": late.map((round) => round.heldMs) },
        aims: ({ median }) => [atMost("≤ 500 ms", median, 500)],
        note,
      },
    ),
    figure(
      `the longest that a write took, ${where}`,
      "ms",
      prepared.map((round) => round.longestMs),
      {
        against: { "the past branched under the hold": late.map((round) => round.longestMs) },
      },
    ),
  ];
}

interface Round extends Judgement {
  heldMs: number;
  longestMs: number;
  lost: number;
}

/** One restore on an endpoint of its own. Throws `Inexact` where a write is missing, or came along that should not have. */
export async function restoreOnce(bench: Bench, place: Place, { isPrepared }: { isPrepared: boolean }): Promise<Round> {
  const { clients: count, writeMs } = bench.scale.restore;
  const { engine, database } = place;
  const { name, timeline, dsn } = await place.newEndpoint();
  await withSession(dsn, (client) => client.query(WRITES_TABLE));
  const past = newId<TimelineId>("tml");
  const hold = newId<HoldId>("hold");
  await bench.clients.startWriters(dsn, count);
  let written: Awaited<ReturnType<typeof bench.clients.stopWriters>> | undefined;
  try {
    await delay(writeMs);
    const before = await bench.clients.progress();
    const mark = await engine.head(timeline);
    const after = await bench.clients.progress();
    const prepare = () => engine.branch(past, { timeline, lsn: mark });
    if (isPrepared) await prepare();
    await delay(writeMs);
    await bench.clients.resetLongest();

    const startedAt = performance.now();
    await database.hold(name, hold, HOLD);
    const left = { timeline, lsn: await engine.head(timeline) };
    await engine.protect(left, "benchmark");
    if (!isPrepared) await prepare();
    await database.endpoint(name, past, 2);
    await database.resume(hold);
    const heldMs = performance.now() - startedAt;

    await delay(writeMs);
    written = await bench.clients.stopWriters();
    const { acknowledged, longestMs, lost } = written;
    const snapshot = newId<TimelineId>("tml");
    await engine.branch(snapshot, left);
    const logs = acknowledged.map((each, writer) => ({
      acknowledged: each,
      leastAtMark: before.acknowledged[writer] ?? 0,
      mostAtMark: after.sent[writer] ?? 0,
    }));
    const judgement = judgeWrites(logs, await readWrites(place, snapshot, count), await readWrites(place, past, count));
    await database.removeEndpoint(name);
    for (const id of [snapshot, past, timeline]) await engine.deleteTimeline(id);
    return { heldMs, longestMs, lost, ...judgement };
  } finally {
    if (!written) await bench.clients.stopWriters();
  }
}

async function readWrites(place: Place, timeline: TimelineId, count: number): Promise<Set<number>[]> {
  const sets = Array.from({ length: count }, () => new Set<number>());
  const { rows } = await place.onTimeline(timeline, (client) =>
    client.query<{ writer: number; n: number }>("SELECT writer, n FROM writes"),
  );
  for (const { writer, n } of rows) sets[writer]?.add(n);
  return sets;
}
