/** The engine where files are cloned by reference: on an XFS of our own, mounted from a file where the machine allows that. */
import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TimelineId } from "../../src/core/ids.ts";
import { openPlace, processesIn, rowsOf, type Place } from "./place.ts";

const MIB = 1024 * 1024;
const run = promisify(execFile);

interface Mounted {
  path: string;
  unmount: () => Promise<void>;
}

/** A fresh XFS, or why there is none. */
async function mountXfs(): Promise<Mounted | string> {
  if (process.getuid?.() !== 0) return "only root can mount";
  const home = await mkdtemp(join(tmpdir(), "adx-"));
  const forget = () => rm(home, { recursive: true, force: true });
  const [image, path] = [join(home, "image"), join(home, "m")];
  try {
    await chmod(home, 0o711);
    await mkdir(path);
    await run("truncate", ["-s", "1G", image]);
    const PATH = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;
    await run("mkfs.xfs", ["-q", "-m", "reflink=1", image], { env: { ...process.env, PATH } });
    await run("mount", ["-o", "loop", image, path]);
  } catch (error) {
    await forget();
    const { code, stderr } = error as NodeJS.ErrnoException & { stderr?: string };
    return code === "ENOENT"
      ? "mkfs.xfs is not installed"
      : `no XFS can be mounted here: ${(stderr ?? String(error)).trim().split("\n")[0]}`;
  }
  await chmod(path, 0o711);
  return {
    path,
    async unmount() {
      await run("umount", [path]);
      await forget();
    },
  };
}

const mounted = await mountXfs();
const why = typeof mounted === "string" ? mounted : undefined;
const path = typeof mounted === "string" ? "" : mounted.path;

afterAll(async () => {
  if (typeof mounted !== "string") await mounted.unmount();
});

describe(`with reflinks${why === undefined ? "" : ` (not here: ${why})`}`, () => {
  let place: Place;
  beforeAll(async () => {
    if (why === undefined) place = await openPlace(join(path, "place"), { baseEveryBytes: 4 * MIB });
  });
  afterAll(() => place?.close());

  test("a branch of any position takes next to no room, whatever the size of its source, and is exact", async (ctx) => {
    if (why !== undefined) return ctx.skip(why);
    const { engine } = place;
    expect((await engine.capabilities()).copyOnWrite).toBe(true);
    const [source, older, latest] = ["tl_source", "tl_older", "tl_latest"] as [TimelineId, TimelineId, TimelineId];
    await engine.createTimeline(source);
    await rowsOf(place, source, "CREATE TABLE t AS SELECT i AS v, repeat(md5(i::text), 50) AS pad FROM generate_series(1, 15000) AS i");
    // Or the first who reads them would write every page.
    await rowsOf(place, source, "VACUUM (FREEZE) t");
    await engine.stop(source);
    await expect.poll(bases, { interval: 10 }).toBe(2);
    const before = await engine.head(source);
    await rowsOf(place, source, "DELETE FROM t WHERE v <= 10");
    await engine.stop(source);
    const size = (await engine.usage(source)).storageBytes;
    expect(size).toBeGreaterThan(40 * MIB);
    for (const [id, lsn, n] of [
      [latest, await engine.head(source), 14_990],
      [older, before, 15_000],
    ] as const) {
      const used = await usedBytes();
      await engine.branch(id, { timeline: source, lsn });
      expect((await usedBytes()) - used).toBeLessThan(size / 8);
      expect(await rowsOf(place, id, "SELECT count(*)::int AS n FROM t")).toEqual([{ n }]);
      await engine.stop(id);
    }
    await rowsOf(place, latest, "UPDATE t SET v = -v");
    expect(await rowsOf(place, source, "SELECT count(*)::int AS n FROM t WHERE v > 0")).toEqual([{ n: 14_990 }]);
    expect(await rowsOf(place, older, "SELECT count(*)::int AS n FROM t WHERE v > 0")).toEqual([{ n: 15_000 }]);
    for (const id of [source, older, latest]) await engine.deleteTimeline(id);
    expect(await processesIn(place.dir)).toEqual([]);
  });

  async function bases(): Promise<number> {
    return (await readdir(join(place.dir, "data/bases"))).filter((name) => !name.endsWith(".tmp")).length;
  }

  async function usedBytes(): Promise<number> {
    // Freed and delayed blocks are settled by a sync.
    await run("sync", ["-f", path]);
    const { blocks, bfree, bsize } = await statfs(path);
    return (blocks - bfree) * bsize;
  }
});
