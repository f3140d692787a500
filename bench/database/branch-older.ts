/** A branch at a position that lies back: a base is cloned and the log from there is replayed, while the source works or sleeps. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { newId, type TimelineId } from "../../src/core/ids.ts";
import { lsnToBigint, type Lsn } from "../../src/core/lsn.ts";
import type { Checkpoint } from "../../src/database/database.ts";
import { volumesOf, type Bench, type Row } from "./bench.ts";
import { digestOf, fill, mustEqual } from "./content.ts";
import { atMost, figure, type Figure } from "./figures.ts";
import { openPlace, withSession, type Place } from "./place.ts";
import type { Volume } from "./volumes.ts";

const MIB = 1024 * 1024;
/** So far back at most, that no base is taken in between. */
const BASE_EVERY_BYTES = 64 * MIB;
const CLIENTS = 4;

/** Small transactions, as applications make them, without waiting for the disk at each one: what counts is the log. */
const CHURN = `
CREATE TABLE history (at timestamptz, account int, delta int);
CREATE PROCEDURE churn(rows int, transactions int) LANGUAGE plpgsql AS $$
DECLARE chosen int;
BEGIN
  SET synchronous_commit = off;
  FOR n IN 1..transactions LOOP
    chosen := 1 + (random() * (rows - 1))::int;
    UPDATE filling SET body = repeat(md5(random()::text), 30) WHERE id = chosen;
    INSERT INTO history VALUES (clock_timestamp(), chosen, n % 100);
    COMMIT;
  END LOOP;
END $$`;

const LOAD = "UPDATE filling SET body = overlay(body placing 'busy' from 1) WHERE id = (SELECT 1 + (random() * 500)::int)";

export const branchOlder: Row = {
  name: "branch-older",
  title: "A branch at an older position, to its first row",
  async measure(bench) {
    const { volumes, skipped } = volumesOf(bench);
    const figures: Figure[] = [];
    for (const volume of volumes) figures.push(...(await measureOn(bench, volume)));
    return { figures, skipped };
  },
};

interface Mark {
  lsn: Lsn;
  megabytes: number;
  transactions: number;
  digest: string;
}

async function measureOn(bench: Bench, volume: Volume): Promise<Figure[]> {
  const { megabytes, logMegabytes, runs } = bench.scale.older;
  const dir = join(volume.dir, newId<string>("older"));
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
  bench.note(`${volume.name}: filling the source`);
  const place = await openPlace({ dir, runDir: bench.runDir, engine: { baseEveryBytes: BASE_EVERY_BYTES } });
  cleanup.defer(() => place.close());
  const { timeline, name, dsn } = await place.newEndpoint();
  // The only base is the empty template: what fills the database is replayed too.
  const { oldest } = await place.engine.retention(timeline);
  await withSession(dsn, async (client) => (await fill(client, megabytes), await client.query(CHURN)));
  const marks = await makeMarks(bench, place, { timeline, lsn: oldest }, dsn, logMegabytes);

  const measured = marks.map((mark) => ({ mark, busy: [] as number[], asleep: [] as number[] }));
  bench.note(`${volume.name}: the source is busy`);
  await bench.clients.startLoad(dsn, CLIENTS, LOAD);
  try {
    for (let index = 0; index < runs; index += 1)
      for (const { mark, busy } of measured) busy.push(await branchAt(place, timeline, mark, index === 0));
  } finally {
    await bench.clients.stopLoad();
  }
  bench.note(`${volume.name}: the source sleeps`);
  await place.proxy.suspend(name);
  for (let index = 0; index < runs; index += 1)
    for (const { mark, asleep } of measured) asleep.push(await branchAt(place, timeline, mark, false));

  return measured.map(({ mark, busy, asleep }) =>
    figure(`${mark.megabytes} MB of log, ${volume.name}${volume.reflink ? " (reflink)" : ""}, busy source`, "ms", busy, {
      against: { "the same, the source sleeps": asleep },
      aims: ({ median }) => (volume.reflink && mark.megabytes <= 48 ? [atMost("≤ 400 ms", median, 400)] : []),
      note: `${megabytes} MB database, ${mark.transactions} transactions replayed; compared row by row`,
    }),
  );
}

/** Writes until so much log lies behind the base, and remembers what there was at each mark. */
async function makeMarks(bench: Bench, place: Place, base: Checkpoint, dsn: string, logMegabytes: readonly number[]): Promise<Mark[]> {
  const marks: Mark[] = [];
  await withSession(dsn, async (client) => {
    const { rows } = await client.query<{ count: string }>("SELECT count(*) FROM filling");
    let transactions = 0;
    for (const wanted of logMegabytes) {
      for (;;) {
        bench.note(`writing ${wanted} MB of log`);
        const lsn = await place.engine.head(base.timeline);
        const written = Number(lsnToBigint(lsn) - lsnToBigint(base.lsn));
        if (written >= wanted * MIB) {
          marks.push({ lsn, megabytes: Math.round(written / MIB), transactions, digest: await digests(client) });
          break;
        }
        await client.query(`CALL churn(${Number(rows[0]?.count)}, 1000)`);
        transactions += 1000;
      }
    }
  });
  return marks;
}

/** Milliseconds from the call to the first row of the branch. */
async function branchAt(place: Place, timeline: TimelineId, mark: Mark, isCompared: boolean): Promise<number> {
  const id = newId<TimelineId>("tml");
  const startedAt = performance.now();
  await place.engine.branch(id, { timeline, lsn: mark.lsn });
  const ms = await place.onTimeline(id, async (client) => {
    await client.query("SELECT body FROM filling WHERE id = 1");
    const took = performance.now() - startedAt;
    if (isCompared) mustEqual(`the branch at ${mark.lsn}`, await digests(client), mark.digest);
    return took;
  });
  await place.engine.stop(id);
  await place.engine.deleteTimeline(id);
  return ms;
}

async function digests(client: Parameters<typeof digestOf>[0]): Promise<string> {
  return `${await digestOf(client)}; ${await digestOf(client, "history")}`;
}
