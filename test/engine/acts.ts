/** What an engine is killed in the middle of: each act can be repeated, and says whether it has come out exactly. Runs without a test runner. */
import { deepStrictEqual, ok } from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { EndpointName, HoldId, TimelineId } from "../../src/core/ids.ts";
import { compareLsn, type Lsn } from "../../src/core/lsn.ts";
import { openPlace, rowsOf, withClient, withTimeline, type Place, type PlaceOptions } from "./place.ts";

export const SOURCE = "tl_source" as TimelineId;
export const VICTIM = "tl_victim" as TimelineId;
const HEIR = "tl_heir" as TimelineId;
export const TARGET = "tl_target" as TimelineId;
const ENDPOINT = "proj_crash" as EndpointName;
const HOLD = "hold_crash" as HoldId;
const WRITERS = 2;

/** What is known of the place before the act, and what the act said before it was killed. */
export interface Known {
  /** With rows 1 to 3 of `t`; 1 to 6 are there at `head`. */
  older: Lsn;
  head: Lsn;
  /** Of writers that went on meanwhile: the position, and how far each was acknowledged and had sent by then. */
  mark?: { lsn: Lsn; least: number[]; most: number[] };
  /** How far each writer was acknowledged at the end. */
  acknowledged?: number[];
}

export interface Act {
  options: PlaceOptions;
  /** Whether writers write to the source meanwhile. */
  busy?: boolean;
  /** Starts with a place that was never opened. */
  fresh?: boolean;
  /** A rough count of its operations in the grain `edges`. */
  edges: number;
  /** Runs before operations count. */
  before?: (place: Place) => Promise<void>;
  run: (place: Place, known: Known, say: (mark: NonNullable<Known["mark"]>) => void, writers?: Progress) => Promise<void>;
  /** Throws unless the act is done, wholly. */
  check: (place: Place, known: Known) => Promise<void>;
}

export interface Progress {
  acknowledged: number[];
  sent: number[];
}

const small = { baseEveryBytes: 1024 * 1024 };

/** A place with a source that has bases and marks, a timeline to delete and its child, and an endpoint; closed. */
export async function makeSeed(dir: string): Promise<Known> {
  const place = await openPlace(dir, { withProxy: true, ...small });
  try {
    const { engine } = place;
    await engine.createTimeline(SOURCE);
    await rowsOf(
      place,
      SOURCE,
      "CREATE TABLE t AS SELECT generate_series(1, 3) AS v; CREATE TABLE bulk (v text); " +
        "CREATE TABLE entries (writer int, n int, PRIMARY KEY (writer, n)); CREATE TABLE totals (writer int PRIMARY KEY, n int)",
    );
    const older = await engine.head(SOURCE);
    await rowsOf(place, SOURCE, "ALTER TABLE t ADD COLUMN note text; INSERT INTO t SELECT generate_series(4, 6)");
    for (let round = 0; round < 2; round++) {
      const before = await basesOf(place, SOURCE);
      await rowsOf(place, SOURCE, "INSERT INTO bulk SELECT repeat(md5(i::text), 10) FROM generate_series(1, 4000) AS i");
      await engine.stop(SOURCE);
      while ((await basesOf(place, SOURCE)) === before) await delay(5);
    }
    const head = await engine.head(SOURCE);
    await engine.branch(VICTIM, { timeline: SOURCE, lsn: head });
    await engine.branch(HEIR, { timeline: VICTIM, lsn: await engine.head(VICTIM) });
    await place.database?.endpoint(ENDPOINT, SOURCE, 1);
    return { older, head };
  } finally {
    await place.close();
  }
}

async function basesOf(place: Place, id: TimelineId): Promise<number> {
  const record = JSON.parse(await readFile(join(place.dir, "data/timelines", id, "timeline.json"), "utf8")) as { bases: unknown[] };
  return record.bases.length;
}

const sumOf = async (place: Place, id: TimelineId) =>
  (await rowsOf<{ sum: number }>(place, id, "SELECT sum(v)::int AS sum FROM t"))[0]?.sum;

/** How far each writer came; throws where an entry is missing or disagrees with its total. */
export async function readEntries(place: Place, id: TimelineId): Promise<number[]> {
  const rows = await rowsOf<{ writer: number; entries: number; last: number; total: number }>(
    place,
    id,
    "SELECT writer, count(*)::int AS entries, max(e.n) AS last, (SELECT n FROM totals t WHERE t.writer = e.writer) AS total FROM entries e GROUP BY writer",
  );
  const reached = Array.from({ length: WRITERS }, () => 0);
  for (const { writer, entries, last, total } of rows) {
    deepStrictEqual({ writer, last, total }, { writer, last: entries, total: entries });
    reached[writer] = entries;
  }
  return reached;
}

/** Writers on the source, until the process dies or `stop` is called. */
export async function startWriters(place: Place, told: (progress: Progress) => void): Promise<Progress & { stop: () => Promise<void> }> {
  const progress: Progress = { acknowledged: Array.from({ length: WRITERS }, () => 0), sent: Array.from({ length: WRITERS }, () => 0) };
  let going = true;
  const write = (writer: number) =>
    withTimeline(place, SOURCE, async (client) => {
      for (let n = 1; going; n++) {
        progress.sent[writer] = n;
        await client.query(
          `BEGIN; INSERT INTO entries VALUES (${writer}, ${n}); ` +
            `INSERT INTO totals VALUES (${writer}, ${n}) ON CONFLICT (writer) DO UPDATE SET n = excluded.n; COMMIT`,
        );
        progress.acknowledged[writer] = n;
        told(progress);
      }
    });
  const ended = Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)));
  void ended.catch(() => undefined);
  const stop = async () => {
    going = false;
    await ended;
  };
  return { ...progress, stop };
}

async function branchAsleep(place: Place, lsn: Lsn): Promise<void> {
  await place.engine.branch(TARGET, { timeline: SOURCE, lsn });
}

/** At a mark taken meanwhile, which `old` lets grow old first. */
const branchBusy =
  (old: boolean): Act["run"] =>
  async ({ engine }, known, say, writers) => {
    if (writers) {
      const least = [...writers.acknowledged];
      const lsn = await engine.head(SOURCE);
      const mark = { lsn, least, most: [...writers.sent] };
      say(mark);
      known.mark = mark;
      if (old) while (Math.min(...writers.acknowledged.map((n, writer) => n - (mark.most[writer] ?? 0))) < 20) await delay(2);
    }
    const lsn = known.mark?.lsn ?? (await engine.head(SOURCE));
    await engine.branch(TARGET, { timeline: SOURCE, lsn });
  };

async function checkBusy(place: Place, known: Known): Promise<void> {
  const reached = await readEntries(place, TARGET);
  const { least = [], most = known.acknowledged ?? [] } = known.mark ?? {};
  least.forEach((n, writer) => ok((reached[writer] ?? 0) >= n, `writer ${writer} lost entries: ${reached[writer]} < ${n}`));
  if (known.mark)
    most.forEach((n, writer) => ok((reached[writer] ?? 0) <= n, `writer ${writer} has later entries: ${reached[writer]} > ${n}`));
}

async function deleteVictim({ engine }: Place): Promise<void> {
  await engine.deleteTimeline(VICTIM);
}

async function checkDeleted(place: Place): Promise<void> {
  ok(!(await place.engine.listTimelines()).some(({ id }) => id === VICTIM));
  deepStrictEqual(await sumOf(place, HEIR), 21);
}

async function baseNames(place: Place): Promise<string[]> {
  return (await readdir(join(place.dir, "data/bases"))).filter((name) => !name.endsWith(".tmp"));
}

export const ACTS: Record<string, Act> = {
  "the first start": {
    options: {},
    fresh: true,
    edges: 80,
    run: async () => undefined,
    check: async ({ engine }) => deepStrictEqual(await engine.listTimelines(), []),
  },
  create: {
    options: {},
    edges: 42,
    run: async ({ engine }) => void (await engine.createTimeline(TARGET)),
    check: async (place) => deepStrictEqual(await rowsOf(place, TARGET, "SELECT 1 AS v"), [{ v: 1 }]),
  },
  "branch a sleeping source at its head": {
    options: {},
    edges: 44,
    run: (place, { head }) => branchAsleep(place, head),
    check: async (place) => deepStrictEqual(await sumOf(place, TARGET), 21),
  },
  "branch a sleeping source at an older position": {
    options: {},
    edges: 54,
    run: (place, { older }) => branchAsleep(place, older),
    check: async (place) => deepStrictEqual(await rowsOf(place, TARGET, "SELECT * FROM t ORDER BY v"), [{ v: 1 }, { v: 2 }, { v: 3 }]),
  },
  "branch a busy source at its head": { options: {}, busy: true, edges: 54, run: branchBusy(false), check: checkBusy },
  "branch a busy source at an older position": { options: {}, busy: true, edges: 54, run: branchBusy(true), check: checkBusy },
  "delete a sleeping timeline": { options: {}, edges: 5, run: deleteVictim, check: checkDeleted },
  "delete a timeline that is awake": {
    options: {},
    edges: 8,
    before: async (place) => void (await rowsOf(place, VICTIM, "INSERT INTO t VALUES (7)")),
    run: deleteVictim,
    check: checkDeleted,
  },
  collect: {
    options: { windowMs: 1000, clock: { now: () => new Date(Date.now() + 3_600_000) } },
    edges: 9,
    before: ({ engine }) => engine.protect({ timeline: SOURCE, lsn: engineOlder.lsn }, "release"),
    run: ({ engine }) => engine.collect(),
    async check(place, { older }) {
      const { oldest } = await place.engine.retention(SOURCE);
      ok(compareLsn(oldest, older) > 0);
      await place.engine.branch(TARGET, { timeline: SOURCE, lsn: older });
      deepStrictEqual(await sumOf(place, TARGET), 6);
      deepStrictEqual(await sumOf(place, HEIR), 21);
    },
  },
  "take a base of a busy timeline": {
    options: small,
    edges: 45,
    async run(place) {
      const before = new Set(await baseNames(place));
      await rowsOf(place, SOURCE, "INSERT INTO bulk SELECT repeat(md5(i::text), 10) FROM generate_series(1, 6000) AS i");
      await place.engine.head(SOURCE);
      while ((await baseNames(place)).every((name) => before.has(name))) await delay(2);
      await place.engine.stop(SOURCE);
    },
    check: async (place) => ok((await basesOf(place, SOURCE)) > 0),
  },
  "restore in place": {
    options: { withProxy: true },
    edges: 65,
    async run({ database }, { older }) {
      await database?.hold(ENDPOINT, HOLD, { budgetMs: 10_000, drainMs: 1000, onDrainTimeout: "terminate" });
      await database?.branch(TARGET, { timeline: SOURCE, lsn: older });
      await database?.endpoint(ENDPOINT, TARGET, 2);
      await database?.resume(HOLD);
    },
    async check({ database }) {
      const credential = await database?.credential(ENDPOINT, "adorable");
      const read = async () =>
        withClient(credential?.dsn ?? "", async (client) => (await client.query("SELECT sum(v)::int AS sum FROM t")).rows);
      deepStrictEqual(await read(), [{ sum: 6 }]);
      deepStrictEqual(await database?.findEndpoint(ENDPOINT), { name: ENDPOINT, timeline: TARGET, epoch: 2 });
      deepStrictEqual(await database?.holds(), []);
    },
  },
};

/** The position that `collect` must keep; known once the seed is made. */
export const engineOlder = { lsn: "0/0" as Lsn };

/** What holds after a kill, before anything is repeated: nothing acknowledged is lost, and what is there is whole. */
export async function checkSurvivors(place: Place, known: Known): Promise<void> {
  deepStrictEqual(await sumOf(place, SOURCE), 21);
  const reached = await readEntries(place, SOURCE);
  known.acknowledged?.forEach((n, writer) => ok((reached[writer] ?? 0) >= n, `writer ${writer} lost entries: ${reached[writer]} < ${n}`));
  if (place.database) {
    const { timeline, epoch } = (await place.database.findEndpoint(ENDPOINT)) ?? {};
    ok((timeline === SOURCE && epoch === 1) || (timeline === TARGET && epoch === 2), `the endpoint points at "${timeline}"`);
    ok((await place.database.holds()).every(({ id }) => id === HOLD));
  }
}
