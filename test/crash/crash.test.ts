/**
 * Releases and rollbacks that are killed end as if they had not been.
 *
 * An uninterrupted run finds every kill point; each kill starts from the same copied snapshot. By default at every state's edge, and at a seeded
 * few between (`ADORABLE_CRASH_SEED`); with `ADORABLE_CRASH=all`, as `npm run test:crash` sets it, at every point.
 */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { generator } from "../support/kill-points.ts";
import { live, merge, observe, prepareRelease, prepareRollback, settled, World, type End } from "./world.ts";

const isComplete = process.env["ADORABLE_CRASH"] === "all";
const seed = Number(process.env["ADORABLE_CRASH_SEED"] ?? "1");
const SAMPLE = 2;

interface Act {
  name: string;
  snapshot: string;
  release: number;
  pull: number;
  points: string[];
  end: End;
}

describe("a release and a rollback", () => {
  let world: World;
  const acts: Act[] = [];

  beforeAll(async () => {
    const dir = await mkdtemp(join(tmpdir(), "adorable-crash-"));
    await chmod(dir, 0o755);
    world = new World(dir);
    let session = await world.open();
    const second = await prepareRelease(session);
    await session.machine.stop();
    await world.save("before-release");
    acts.push(await uninterrupted("release", "before-release", 2, second));

    session = await world.open();
    const revert = await prepareRollback(session, second);
    await session.machine.stop();
    await world.save("before-rollback");
    acts.push(await uninterrupted("rollback", "before-rollback", 3, revert));
  }, 1_200_000);

  afterAll(() => rm(world.dir, { recursive: true, force: true }));

  async function uninterrupted(name: string, snapshot: string, release: number, pull: number): Promise<Act> {
    const trace = join(world.dir, `${name}.trace`);
    const session = await world.open({ trace });
    try {
      await merge(session, pull);
      await live(session, release);
      await settled(session);
      return { name, snapshot, release, pull, points: await world.trace(trace), end: await observe(session) };
    } finally {
      await session.machine.stop();
    }
  }

  async function killed(act: Act, killAt: number): Promise<{ end: End; died: boolean }> {
    await world.restore(act.snapshot);
    // The uninterrupted run was held against GitHub's description; each forge that does so spends seconds on reading it.
    vi.stubEnv("ADORABLE_FORGE_OBSERVER", undefined);
    const trace = join(world.dir, `${act.name}-${killAt}.trace`);
    const session = await world.open({ killAt, trace });
    try {
      await merge(session, act.pull);
      const died = await Promise.race([
        session.machine.controlPlaneEnded().then(() => true),
        live(session, act.release).then(
          () => false,
          () => true,
        ),
      ]);
      await session.machine.restartControlPlane();
      await live(session, act.release);
      await settled(session);
      return { end: await observe(session), died };
    } finally {
      await session.machine.stop();
    }
  }

  test("have many kill points, and end as they should when nobody kills them", () => {
    for (const act of acts) {
      expect(act.points.length).toBeGreaterThan(50);
      expect(act.end).toMatchObject({ ledgerBroken: null, answers: 200, holds: 0, leaks: [] });
    }
  });

  test.each([0, 1])(
    "end the same after a kill at any point (%i)",
    async (index) => {
      const act = acts[index] as Act;
      const chosen = isComplete ? act.points.map((_, point) => point) : sample(act.points);
      const wrong: unknown[] = [];
      let deaths = 0;
      for (const killAt of chosen) {
        const { end, died } = await killed(act, killAt);
        if (died) deaths += 1;
        if (!isDeepStrictEqual(end, act.end)) wrong.push({ killAt, point: act.points[killAt], end });
      }
      expect(wrong, JSON.stringify(act.end)).toEqual([]);
      // A pass may come by some points fewer than the run that found them, so the last of them may not be reached; most kills must have happened.
      expect(deaths).toBeGreaterThan(chosen.length * 0.75);
    },
    isComplete ? 4 * 3600_000 : 1_800_000,
  );

  /** Right after each statement that moves the state, and a seeded few between them. */
  function sample(points: readonly string[]): number[] {
    const edges = points.flatMap((label, index) => (/^store: (update rollouts set state|commit).* after$/.test(label) ? [index] : []));
    const random = generator(seed);
    const between = Array.from({ length: SAMPLE }, () => Math.floor(random() * points.length));
    return [...new Set([...edges, ...between])].sort((a, b) => a - b);
  }
});
