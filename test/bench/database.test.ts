/** The benchmark of the database layer, at sizes that say nothing about speed: that it runs, and that what it checks can fail. */
import { chmod, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { newId, type TimelineId } from "../../src/core/ids.ts";
import type { Bench, Row } from "../../bench/database/bench.ts";
import { branchHead } from "../../bench/database/branch-head.ts";
import { digestOf, fill, Inexact, mustEqual } from "../../bench/database/content.ts";
import { atLeast, atMost, figure } from "../../bench/database/figures.ts";
import { startClients, type Clients, type Helper } from "../../bench/database/helpers.ts";
import { parseRun } from "../../bench/database/pgbench.ts";
import { openPlace, withSession } from "../../bench/database/place.ts";
import { restore } from "../../bench/database/restore.ts";
import { tables } from "../../bench/database/table.ts";
import { plainVolume } from "../../bench/database/volumes.ts";
import { judgeWrites } from "../../bench/database/writes.ts";

let root: string;
let clients: Helper<Clients>;
let bench: Bench;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "bench-"));
  await chmod(root, 0o755);
  const runDir = join(root, "run");
  await mkdir(runDir, { mode: 0o711 });
  clients = await startClients(runDir);
  bench = {
    scale: {
      heads: [{ megabytes: 9, runs: 1, templates: 1, restores: 1 }],
      older: { megabytes: 9, logMegabytes: [4], runs: 1 },
      wakes: { runs: 1, waiters: 2, rounds: 1 },
      restore: { clients: 2, rounds: 1, writeMs: 50 },
      throughput: { scale: 1, clients: [1], seconds: 1, rounds: 1 },
      sleepers: { plain: 1, reflink: 1 },
      checkpoints: 2,
    },
    runDir,
    plain: await plainVolume(root),
    reflink: { why: "not in this test" },
    clients: clients.calls,
    note: () => {},
  };
});
afterAll(async () => {
  await clients?.stop();
  await rm(root, { recursive: true, force: true });
});

describe("the benchmark of the database layer", () => {
  test("rows measure against named alternatives, say what they skip, and leave nothing behind", { timeout: 720_000 }, async () => {
    const rows: Row[] = [branchHead, restore];
    const results = [];
    for (const { name, title, measure } of rows) results.push({ row: name, title, failure: null, ...(await measure(bench)) });

    const figures = results.flatMap((result) => result.figures);
    expect(figures.map(({ name }) => name.split(",")[0])).toEqual(["9 MB", "time under hold", "the longest that a write took"]);
    for (const { median, against } of figures) {
      expect(median).toBeGreaterThan(0);
      expect(against.length).toBeGreaterThan(0);
      for (const other of against) expect(other.ratio).toBeCloseTo(median / other.median);
    }
    expect(figures[1]?.note).toMatch(/^[1-9]\d* acknowledged writes, all accounted for/);
    expect(results[0]?.skipped).toEqual(
      bench.plain.reflink ? [expect.stringContaining("copies bytes")] : [expect.stringContaining("not in this test")],
    );
    expect(await readdir(join(root, "plain"))).toEqual([]);
    const machine = {
      cores: 2,
      processor: "any",
      memoryMiB: 1,
      kernel: "1",
      node: "24",
      loadBefore: 0,
      loadAfter: 0,
      busyBefore: 0,
      isQuiet: true,
    };
    const text = tables({ machine: { ...machine, volumes: [] }, isQuick: true, rows: results, complaints: [] });
    expect(text).toContain("--only branch-head");
    expect(text).toMatch(/\d of \d aims met/);
  });

  test("a branch that differs by one row from its source is found out", async () => {
    const dir = join(root, "differs");
    const place = await openPlace({ dir, runDir: bench.runDir });
    try {
      const { name, timeline, dsn } = await place.newEndpoint();
      const source = await withSession(dsn, async (client) => (await fill(client, 8), await digestOf(client)));
      await place.proxy.suspend(name);
      const id = newId<TimelineId>("tml");
      await place.engine.branch(id, { timeline, lsn: await place.engine.head(timeline) });
      await place.onTimeline(id, async (client) => {
        mustEqual("the branch", await digestOf(client), source);
        await client.query("UPDATE filling SET body = body || '!' WHERE id = 7");
        await expect(async () => mustEqual("the branch", await digestOf(client), source)).rejects.toThrow(Inexact);
      });
    } finally {
      await place.close();
      await rm(dir, { recursive: true, force: true });
    }
  });

  test("a write that is lost, missing in the past, or restored though it came later is found out", () => {
    const log = { acknowledged: [1, 2, 3, 5], leastAtMark: 2, mostAtMark: 3 };
    const judge = (snapshot: number[], restored: number[]) => () => judgeWrites([log], [new Set(snapshot)], [new Set(restored)]);

    expect(judge([1, 2, 3], [1, 2, 5])()).toEqual({ acknowledged: 4, inSnapshotOnly: 1, restored: 3 });
    // In flight at the mark: either is right.
    expect(judge([1, 2, 3], [1, 2, 3, 5])()).toEqual({ acknowledged: 4, inSnapshotOnly: 0, restored: 4 });
    expect(judge([1, 2, 3], [1, 2])).toThrow("Write 5 of writer 0 was acknowledged and is nowhere.");
    expect(judge([1, 2, 3, 5], [1])).toThrow("Write 2 of writer 0 was acknowledged before the restored moment and is not restored.");
    expect(judge([1, 2, 3, 4, 5], [1, 2, 4])).toThrow("Write 4 of writer 0 came after the restored moment and is restored all the same.");
  });

  test("an aim is missed by a figure beyond it and by one that is missing; a run of pgbench with failures is none", () => {
    const aims = (values: number[]) => figure("any", "ms", values, { aims: ({ median }) => [atMost("≤ 3", median, 3)] }).aims;
    expect([aims([1, 3, 9])[0]?.isMet, aims([4])[0]?.isMet, aims([])[0]?.isMet]).toEqual([true, false, false]);
    expect([atLeast("", 0.9, 0.9).isMet, atLeast("", 0.89, 0.9).isMet, atLeast("", undefined, 0.9).isMet]).toEqual([true, false, false]);

    const said = (failed: number) =>
      `number of transactions actually processed: 8123\nnumber of failed transactions: ${failed} (0.000%)\ntps = 2030.75 (without initial connection time)\n`;
    expect(parseRun(said(0))).toEqual({ tps: 2030.75, transactions: 8123 });
    expect(() => parseRun(said(1))).toThrow("did not run to its end");
  });
});
