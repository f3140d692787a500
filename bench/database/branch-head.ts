/** A branch at the head of a timeline that sleeps, beside what PostgreSQL itself offers and what the bytes alone cost. */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { newId, type TimelineId } from "../../src/core/ids.ts";
import { BACKEND_DATABASE } from "../../src/database/computes.ts";
import type { Checkpoint } from "../../src/database/database.ts";
import { volumesOf, type Bench, type Row } from "./bench.ts";
import { databaseBytes, digestOf, fill, mustEqual } from "./content.ts";
import { adopt, copyBytes, dataOf, type Direct } from "./direct.ts";
import { atMost, figure, type Figure } from "./figures.ts";
import { openPlace, withSession, type Place } from "./place.ts";
import type { Volume } from "./volumes.ts";

export const branchHead: Row = {
  name: "branch-head",
  title: "A branch at the head, durable, of a source that sleeps",
  async measure(bench) {
    const { volumes, skipped } = volumesOf(bench);
    const figures: Figure[] = [];
    for (const volume of volumes) {
      const own: Figure[] = [];
      for (const size of bench.scale.heads) {
        const need = size.megabytes * 1024 * 1024 * (volume.reflink ? 5 : 7);
        if ((await volume.free()) < need) {
          skipped.push(`${label(size.megabytes)} on ${volume.name}: ${gib(need)} must be free there, ${gib(await volume.free())} are`);
          continue;
        }
        own.push(...(await measureSize(bench, volume, size)));
      }
      figures.push(...own, ...(volume.reflink ? growth(own) : []));
    }
    return { figures, skipped };
  },
};

const TEMPLATE = "CREATE DATABASE … TEMPLATE";
const FILE_COPY = "CREATE DATABASE … TEMPLATE … STRATEGY file_copy";
const RESTORE = "dump and restore by SQL (COPY out, COPY in, primary key)";
const BYTES = "copying the bytes (cp, sync)";

async function measureSize(bench: Bench, volume: Volume, size: Bench["scale"]["heads"][number]): Promise<Figure[]> {
  const { megabytes, runs, templates, restores } = size;
  const where = `${label(megabytes)}, ${volume.name}${volume.reflink ? " (reflink)" : ""}`;
  const dir = join(volume.dir, newId<string>("head"));
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
  const { place, source, digest, bytes } = await makeSource(bench, dir, megabytes, where);
  cleanup.defer(() => place.close());
  const branch = async (): Promise<TimelineId> => {
    const id = newId<TimelineId>("tml");
    await place.engine.branch(id, source);
    return id;
  };

  bench.note(`${where}: the same bytes for a server of our own`);
  const first = await branch();
  await mkdir(join(dir, "direct"), { mode: 0o755 });
  await copyBytes(dataOf(place.dataDir, first), join(dir, "direct", "data"));
  const files = await adopt(join(dir, "direct"), place.dataDir, bench.runDir);
  const direct = await files.start();
  cleanup.defer(() => direct.stop());
  mustEqual("the branch", await digestOfTimeline(place, first), digest);
  await place.engine.deleteTimeline(first);
  if (restores > 0) await makeBlank(direct);

  const ours: number[] = [];
  const others: Record<string, number[]> = { [BYTES]: [], [TEMPLATE]: [], [FILE_COPY]: [], [RESTORE]: [] };
  const count = async (name: string, work: () => Promise<unknown>): Promise<void> => {
    bench.note(`${where}: ${name}`);
    others[name]?.push(await timed(work));
  };
  for (let index = 0; index < runs; index += 1) {
    bench.note(`${where}: branch ${index + 1} of ${runs}`);
    let id: TimelineId | undefined;
    ours.push(await timed(async () => (id = await branch())));
    if (id === undefined) continue;
    const data = dataOf(place.dataDir, id);
    if (!volume.reflink) await count(BYTES, () => copyBytes(data, join(dir, "copy")));
    await rm(join(dir, "copy"), { recursive: true, force: true });
    // The digest reads it all; of the others the size says enough.
    if (index === runs - 1) mustEqual("the last branch", await digestOfTimeline(place, id), digest);
    await place.engine.deleteTimeline(id);
    if (index < templates) {
      await withSession(direct.dsn, async (client) => {
        for (const [name, strategy] of [
          [TEMPLATE, "wal_log"],
          [FILE_COPY, "file_copy"],
        ] as const) {
          await count(name, () => client.query(`CREATE DATABASE copied TEMPLATE ${BACKEND_DATABASE} STRATEGY ${strategy}`));
          await client.query("DROP DATABASE copied");
        }
      });
    }
    if (index < restores) {
      await count(RESTORE, () => restoreBySql(direct));
      mustEqual("the restored dump", await withSession(databaseUrl(direct, "restored"), digestOf), digest);
      await withSession(direct.dsn, (client) => client.query("DROP DATABASE restored"));
    }
  }
  return [
    figure(`${where}`, "ms", ours, {
      against: others,
      aims: ({ median }, ratios) =>
        volume.reflink ? [atMost("≤ 60 ms", median, 60)] : [atMost("≤ 1.2 × the bytes", ratios.get(BYTES), 1.2)],
      note: `${(bytes / 1024 / 1024).toFixed(0)} MiB; first and last branch compared row by row`,
    }),
  ];
}

/** The largest size against the smallest. */
function growth(figures: readonly Figure[]): Figure[] {
  const [small, large] = ["16 MB", "1 GB"].map((size) => figures.find(({ name }) => name.startsWith(size)));
  if (!small || !large) return [];
  const ratio = large.median / small.median;
  return [figure("1 GB over 16 MB (reflink)", "×", [ratio], { aims: () => [atMost("≤ 1.3", ratio, 1.3)] })];
}

async function makeSource(
  bench: Bench,
  dir: string,
  megabytes: number,
  where: string,
): Promise<{ place: Place; source: Checkpoint; digest: string; bytes: number }> {
  bench.note(`${where}: filling the source`);
  const filling = await openPlace({ dir, runDir: bench.runDir });
  let made: { timeline: TimelineId; digest: string; bytes: number };
  try {
    const { timeline, dsn, name } = await filling.newEndpoint();
    made = await withSession(dsn, async (client) => {
      await fill(client, megabytes);
      await client.query("CHECKPOINT");
      return { timeline, digest: await digestOf(client), bytes: await databaseBytes(client) };
    });
    await filling.proxy.suspend(name);
  } finally {
    // Whatever it does in the background on falling asleep has ended with it.
    await filling.close();
  }
  const place = await openPlace({ dir, runDir: bench.runDir });
  return { place, ...made, source: { timeline: made.timeline, lsn: await place.engine.head(made.timeline) } };
}

async function digestOfTimeline(place: Place, timeline: TimelineId): Promise<string> {
  const digest = await place.onTimeline(timeline, (client) => digestOf(client));
  await place.engine.stop(timeline);
  return digest;
}

/** A database with nothing in it, to restore into copies of. */
async function makeBlank(direct: Direct): Promise<void> {
  await withSession(direct.dsn, (client) => client.query(`CREATE DATABASE blank TEMPLATE ${BACKEND_DATABASE}`));
  await withSession(databaseUrl(direct, "blank"), (client) => client.query("DROP TABLE filling"));
}

async function restoreBySql(direct: Direct): Promise<void> {
  const dump = join(direct.scratch, "filling.copy");
  await withSession(direct.dsn, async (client) => {
    await client.query(`COPY filling TO '${dump}'`);
    await client.query("CREATE DATABASE restored TEMPLATE blank");
  });
  await withSession(databaseUrl(direct, "restored"), async (client) => {
    await client.query("CREATE TABLE filling (id int, body text NOT NULL)");
    await client.query(`COPY filling FROM '${dump}'`);
    await client.query("ALTER TABLE filling ADD PRIMARY KEY (id)");
  });
  await rm(dump, { force: true });
}

function databaseUrl(direct: Direct, name: string): string {
  return direct.dsn.replace(/\/[^/]*$/, `/${name}`);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

function label(megabytes: number): string {
  return megabytes < 1024 ? `${megabytes} MB` : `${megabytes / 1024} GB`;
}

function gib(bytes: number): string {
  return `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
}
