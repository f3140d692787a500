/** The embedded engine's own rules, beside those of every engine: crashes, the disk and the operating system's users. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, readdir, readlink, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TimelineId } from "../../src/core/ids.ts";
import { bigintToLsn, compareLsn, lsnToBigint, type Lsn } from "../../src/core/lsn.ts";
import { BACKEND_DATABASE, type Computes, type Engine } from "../../src/database/computes.ts";
import { ADMIN_ROLE } from "../../src/database/database.ts";
import { accountOf, firstUserOf } from "../../src/database/embedded/accounts.ts";
import { prepareBinaries } from "../../src/database/embedded/binaries.ts";
import { startCluster } from "../../src/database/embedded/cluster.ts";
import { createEngine, type EngineOptions } from "../../src/database/embedded/engine.ts";
import { writeSettings } from "../../src/database/embedded/settings.ts";
import { startStore } from "../../src/database/embedded/store-cluster.ts";
import { nextRecordStart, SEGMENT_BYTES } from "../../src/database/embedded/wal.ts";
import { LEDGER, readLedger, sql, startWriters, timelineId, withSession, type TimelinesUnderTest } from "./timeline-sessions.ts";

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "adb-"));
  await chmod(home, 0o711);
});
afterAll(() => rm(home, { recursive: true, force: true }));

function connectionOf(computes: Computes) {
  return async (timeline: TimelineId): Promise<pg.ClientConfig> => {
    const { socketPath } = await computes.acquire(timeline);
    return { host: dirname(socketPath), port: 5432, user: ADMIN_ROLE, database: BACKEND_DATABASE };
  };
}

interface Opened extends TimelinesUnderTest {
  engine: Engine;
  dataDir: string;
}

async function open(name: string, options: Partial<EngineOptions> = {}): Promise<Opened> {
  const dataDir = join(home, name);
  const engine = await createEngine({
    dataDir,
    runDir: join(home, `${name}.run`),
    report: (error) => {
      throw error;
    },
    ...options,
  });
  return {
    engine,
    dataDir,
    timelines: engine,
    connection: connectionOf(engine),
    sleep: (id) => engine.stop(id),
    close: () => engine.close(),
  };
}

/** Processes that work below the directory. */
async function processesIn(directory: string): Promise<number[]> {
  const pids: number[] = [];
  for (const name of await readdir("/proc")) {
    const cwd = /^\d+$/.test(name) ? await readlink(`/proc/${name}/cwd`).catch(() => "") : "";
    if (cwd.startsWith(`${directory}/`)) pids.push(Number(name));
  }
  return pids;
}

async function namesBelow(directory: string): Promise<string[]> {
  return (await readdir(directory, { recursive: true })).toSorted();
}

describe("embedded: computes", () => {
  let under: Opened;
  const reported: unknown[] = [];
  beforeAll(async () => {
    under = await open("computes", { report: (error) => reported.push(error) });
  });
  afterAll(async () => {
    await under?.close();
    expect(reported).toEqual([]);
  });

  test("all who ask for a compute get the same one; a later one has a greater generation", async () => {
    const id = timelineId("shared");
    await under.engine.createTimeline(id);
    expect(under.engine.isRunning(id)).toBe(false);
    const asked = await Promise.all(Array.from({ length: 5 }, () => under.engine.acquire(id)));
    expect(new Set(asked.map(({ generation }) => generation)).size).toBe(1);
    await Promise.all([under.engine.stop(id), under.engine.stop(id)]);
    expect(under.engine.isRunning(id)).toBe(false);
    expect((await under.engine.acquire(id)).generation).toBeGreaterThan(asked[0]?.generation ?? 0);
  });

  test("a killed compute loses nothing acknowledged, is told of, and comes back at the next request", async () => {
    const id = timelineId("killed");
    await under.engine.createTimeline(id);
    await sql(under, id, LEDGER);
    const exits: TimelineId[] = [];
    const forget = under.engine.onExit((timeline) => exits.push(timeline));
    const writers = await startWriters(under, id, 4);
    await expect.poll(() => Math.min(...writers.acknowledged()), { interval: 5 }).toBeGreaterThan(50);
    const mark = await under.engine.head(id);
    for (const pid of await processesIn(join(under.dataDir, "timelines", id))) process.kill(pid, "SIGKILL");
    await expect.poll(() => exits, { interval: 5 }).toEqual([id]);
    forget();
    expect(reported).toContainEqual(expect.objectContaining({ code: "compute-ended", details: expect.objectContaining({ timeline: id }) }));
    expect(reported.splice(0)).toHaveLength(1);
    await writers.stop();
    const reached = await readLedger(under, id, 4);
    writers.acknowledged().forEach((n, writer) => expect(reached[writer]).toBeGreaterThanOrEqual(n));
    // What was marked before the crash is still a place to branch from.
    const child = timelineId("killed");
    await under.engine.branch(child, { timeline: id, lsn: mark });
    const then = await readLedger(under, child, 4);
    then.forEach((n, writer) => expect(n).toBeLessThanOrEqual(reached[writer] as number));
    expect(Math.min(...then)).toBeGreaterThan(50);
  });

  test("deleting a running timeline leaves no process and no file of it", async () => {
    const files = await namesBelow(under.dataDir);
    const source = timelineId("deleted");
    const child = timelineId("deleted");
    await under.engine.createTimeline(source);
    await sql(under, source, "CREATE TABLE t AS SELECT generate_series(1, 1000) AS v");
    await under.engine.branch(child, { timeline: source, lsn: await under.engine.head(source) });
    await sql(under, child, "SELECT 1");
    await under.engine.deleteTimeline(source);
    await under.engine.deleteTimeline(child);
    // The other tests' computes come and go; of these two nothing is left.
    expect((await namesBelow(under.dataDir)).filter((name) => name.includes("deleted"))).toEqual([]);
    expect((await readdir(join(under.dataDir, "bases"))).toSorted()).toEqual(
      files.filter((name) => /^bases\/[^/]+$/.test(name)).map((name) => name.slice(6)),
    );
    for (const id of [source, child]) expect(await processesIn(join(under.dataDir, "timelines", id))).toEqual([]);
  });

  test("a stop does not wait for a base under way, and the compute that comes back takes up its history", async () => {
    const id = timelineId("hasty");
    await under.engine.createTimeline(id);
    await sql(under, id, "CREATE TABLE t AS SELECT 1 AS v");
    await sql(under, id, "CREATE TABLE bulk AS SELECT repeat('x', 900) AS v FROM generate_series(1, 45000)");
    const lsn = await under.engine.head(id);
    const staging = async () => (await readdir(join(under.dataDir, "bases"))).filter((name) => name.endsWith(".tmp")).length;
    await expect.poll(staging, { interval: 1 }).toBe(1);
    await under.engine.stop(id);
    expect(under.engine.isRunning(id)).toBe(false);
    await sql(under, id, "INSERT INTO t VALUES (2)");
    expect(await sql(under, id, "SELECT v FROM t ORDER BY v")).toEqual([{ v: 1 }, { v: 2 }]);
    const child = timelineId("hasty");
    await under.engine.branch(child, { timeline: id, lsn });
    expect(await sql(under, child, "SELECT v FROM t")).toEqual([{ v: 1 }]);
    await expect.poll(staging, { interval: 5 }).toBe(0);
  });

  test.each([
    ["page", 8192n],
    ["segment", BigInt(SEGMENT_BYTES)],
  ])("a position at the very edge of a %s is exact", async (_, edge) => {
    const id = timelineId("edge");
    await under.engine.createTimeline(id);
    const lsn = await withSession(under, id, async (client) => {
      await client.query("CREATE TABLE t AS SELECT 1 AS v");
      const emit = async (length: bigint) => {
        const { rows } = await client.query<{ lsn: Lsn }>(
          "SELECT pg_logical_emit_message(false, 'adorable', repeat('x', $1), true) AS lsn",
          [Number(length)],
        );
        return rows[0]?.lsn as Lsn;
      };
      // A record has 64 bytes besides its text. What the server writes of its own accord may come between, then the next edge is tried.
      let at = lsnToBigint(await emit(1n));
      do {
        const next = nextRecordStart(at);
        const target = (next / edge + 1n) * edge;
        const headers = 24n * ((target - 1n) / 8192n - next / 8192n);
        at = lsnToBigint(await emit(target - next - headers > 400n ? target - next - headers - 64n : 400n));
      } while (at % edge !== 0n);
      await client.query("INSERT INTO t VALUES (2)");
      return bigintToLsn(at);
    });
    const child = timelineId("edge");
    await under.engine.branch(child, { timeline: id, lsn });
    expect(await sql(under, child, "SELECT v FROM t")).toEqual([{ v: 1 }]);
    await sql(under, child, "INSERT INTO t VALUES (3)");
    const grandchild = timelineId("edge");
    await under.engine.branch(grandchild, { timeline: child, lsn: await under.engine.head(child) });
    expect(await sql(under, grandchild, "SELECT v FROM t")).toEqual([{ v: 1 }, { v: 3 }]);
  });

  test("a data directory belongs to one engine at a time", async () => {
    await expect(open("computes")).rejects.toMatchObject({ code: "data-directory-in-use", remedy: "operator" });
  });

  test.runIf(process.getuid?.() === 0)("as root, every timeline has a user of its own and nobody else can read its files", async () => {
    const [a, b] = [timelineId("user"), timelineId("user")];
    await under.engine.createTimeline(a);
    await under.engine.createTimeline(b);
    const data = await Promise.all([a, b].map((id) => stat(join(under.dataDir, "timelines", id, "data"))));
    expect(new Set(data.map(({ uid }) => uid)).size).toBe(2);
    expect(data.map(({ mode, uid }) => [mode & 0o777, uid >= 600_000])).toEqual([
      [0o700, true],
      [0o700, true],
    ]);
    const closed = join(home, "closed");
    await mkdir(closed, { mode: 0o700 });
    await expect(open("closed/below")).rejects.toMatchObject({
      code: "data-directory-unreachable",
      remedy: "operator",
      details: { closedAt: closed },
    });
  });
});

describe("embedded: history", () => {
  test("positions stay exact over many bases, and are given up only outside the window unless protected", async () => {
    let now = Date.now();
    const hour = 3_600_000;
    const under = await open("history", { windowMs: 10 * hour, baseEveryBytes: 1024 * 1024, clock: { now: () => new Date(now) } });
    try {
      const id = timelineId("history");
      await under.engine.createTimeline(id);
      await sql(under, id, "CREATE TABLE t (round int, v text)");
      const bases = async () => (await readdir(join(under.dataDir, "bases"))).filter((name) => !name.endsWith(".tmp")).length;
      const marks: { round: number; lsn: Awaited<ReturnType<Engine["head"]>> }[] = [];
      for (let round = 1; round <= 4; round++) {
        const before = await bases();
        await sql(under, id, `INSERT INTO t SELECT ${round}, repeat('x', 400) FROM generate_series(1, 6000)`);
        marks.push({ round, lsn: await under.engine.head(id) });
        // Odd rounds take their base while the compute runs, even ones when it has stopped.
        if (round % 2 === 0) await under.engine.stop(id);
        await expect.poll(bases, { timeout: 20_000, interval: 20 }).toBeGreaterThan(before);
        now += hour;
      }
      const roundsAt = async (mark: (typeof marks)[number]) => {
        const child = timelineId("history");
        await under.engine.branch(child, { timeline: id, lsn: mark.lsn });
        const rows = await sql<{ n: number; last: number }>(under, child, "SELECT count(*)::int AS n, max(round) AS last FROM t");
        await under.engine.deleteTimeline(child);
        return rows;
      };
      const [first, second, third, fourth] = marks as [(typeof marks)[0], (typeof marks)[0], (typeof marks)[0], (typeof marks)[0]];
      for (const mark of marks) expect(await roundsAt(mark)).toEqual([{ n: mark.round * 6000, last: mark.round }]);

      await under.engine.collect();
      for (const mark of [first, fourth]) expect(await roundsAt(mark)).toEqual([{ n: mark.round * 6000, last: mark.round }]);

      await under.engine.protect({ timeline: id, lsn: second.lsn }, "release");
      const held = (await under.engine.usage(id)).storageBytes;
      now += 24 * hour;
      await under.engine.collect();
      expect((await under.engine.usage(id)).storageBytes).toBeLessThan(held);
      const { oldest, head } = await under.engine.retention(id);
      expect(compareLsn(oldest, third.lsn)).toBeGreaterThan(0);
      expect(await roundsAt(second)).toEqual([{ n: 12000, last: 2 }]);
      for (const mark of [first, third]) {
        await expect(roundsAt(mark)).rejects.toMatchObject({ code: "lsn-out-of-retention", details: { oldest, head } });
      }
      await expect(under.engine.protect({ timeline: id, lsn: third.lsn }, "late")).rejects.toMatchObject({ code: "lsn-out-of-retention" });
      await under.engine.unprotect({ timeline: id, lsn: second.lsn }, "release");
      await under.engine.collect();
      await expect(roundsAt(second)).rejects.toMatchObject({ code: "lsn-out-of-retention" });
      expect(await sql(under, id, "SELECT count(*)::int AS n FROM t")).toEqual([{ n: 24000 }]);
      expect(await roundsAt({ round: 4, lsn: await under.engine.head(id) })).toEqual([{ n: 24000, last: 4 }]);
    } finally {
      await under.close();
    }
  });

  test("an engine killed under load loses nothing acknowledged, leaves no process behind, and its next start clears what was half made", async () => {
    const dataDir = join(home, "crash");
    const id = timelineId("crash");
    const child = spawn(process.execPath, [join(import.meta.dirname, "engine-under-load.ts"), dataDir, join(home, "crash.run"), id], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const acknowledged = [0, 0, 0, 0];
    const lines = createInterface({ input: child.stdout });
    lines.on("line", (line) => {
      const [writer, n] = line.split(" ").map(Number) as [number, number];
      acknowledged[writer] = n;
    });
    await expect.poll(() => Math.min(...acknowledged), { timeout: 20_000, interval: 5 }).toBeGreaterThan(50);
    child.kill("SIGKILL");
    await once(lines, "close");
    await mkdir(join(dataDir, "timelines", "half", "data"), { recursive: true });
    await mkdir(join(dataDir, "bases", "base_half.tmp"));
    await writeFile(join(dataDir, "bases", "base_half.tmp", "base.json"), "{}");

    const under = await open("crash");
    try {
      expect(await processesIn(dataDir)).toEqual([]);
      const reached = await readLedger(under, id, 4);
      acknowledged.forEach((n, writer) => expect(reached[writer]).toBeGreaterThanOrEqual(n));
      const known = await under.engine.listTimelines();
      expect((await readdir(join(dataDir, "timelines"))).toSorted()).toEqual(known.map((timeline) => timeline.id as string).toSorted());
      expect((await readdir(join(dataDir, "bases"))).filter((name) => !name.startsWith("template-"))).toEqual([]);
      for (const timeline of known) await readLedger(under, timeline.id, 4);
    } finally {
      await under.close();
    }
    expect(await processesIn(dataDir)).toEqual([]);

    // Where nothing ends a compute with its engine, the next engine does.
    const root = join(dataDir, "timelines", id);
    const { number } = JSON.parse(await readFile(join(root, "timeline.json"), "utf8")) as { number: number };
    const stray = await startCluster({
      binaries: { ...(await prepareBinaries(dataDir)), setpriv: undefined },
      settings: await writeSettings(join(dataDir, "postgres"), "compute"),
      dataDir: join(root, "data"),
      socketDir: join(home, "crash.run", String(number)),
      logFile: join(root, "postgres.log"),
      account: accountOf(await firstUserOf(dataDir), number),
    });
    const after = await open("crash");
    try {
      await stray.exited;
      await readLedger(after, id, 4);
    } finally {
      await after.close();
    }
  });
});

describe("embedded: the control plane's cluster", () => {
  test("keeps what was committed over a restart, and is used by its connection string", async () => {
    const options = { dataDir: join(home, "store"), runDir: join(home, "store.run") };
    const count = async (dsn: string, before: string) => {
      const client = new pg.Client(dsn);
      await client.connect();
      try {
        await client.query(before);
        return (await client.query<{ n: number }>("SELECT count(*)::int AS n FROM t")).rows;
      } finally {
        await client.end();
      }
    };
    const first = await startStore(options);
    expect(await count(first.dsn, "CREATE TABLE t AS SELECT 1 AS v")).toEqual([{ n: 1 }]);
    await expect(startStore(options)).rejects.toMatchObject({ code: "data-directory-in-use" });
    await first.close();
    const second = await startStore(options);
    expect(await count(second.dsn, "INSERT INTO t VALUES (2)")).toEqual([{ n: 2 }]);
    await second.close();
    expect(await processesIn(options.dataDir)).toEqual([]);
  });
});
