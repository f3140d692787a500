/**
 * The story ends the same wherever the control plane dies.
 *
 * One story is told undisturbed; then one for each seed, each as a project of its own on the same platform, from the installation to the rollback and
 * the deletion. Meanwhile the control plane is killed (SIGKILL) and started again several times: at kill points (`support/kill-points.ts`) or
 * shortly after them, that the seed chooses. Nothing is restored between the seeds: whatever one left behind would stand in the way of the next.
 * `ADORABLE_RESTART_SEEDS=40` tells forty stories, `ADORABLE_RESTART_SEED=7` the seventh alone.
 */
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadConfig } from "../../src/config.ts";
import { startOneMachine, type OneMachine } from "../../src/one-machine/one-machine.ts";
import { generator } from "../support/kill-points.ts";
import { end, observe, tell, type End } from "./tale.ts";
import { assertForgeIsTrue } from "../support/forge-observer.ts";

const only = process.env["ADORABLE_RESTART_SEED"];
const seeds =
  only === undefined
    ? Array.from({ length: Number(process.env["ADORABLE_RESTART_SEEDS"] ?? "10") }, (_, index) => index + 1)
    : [Number(only)];
/** Of one story. */
const KILLS = 5;
const STORY_LIMIT_MS = 300_000;

describe("the story", () => {
  let dir: string;
  let machine: OneMachine;
  let undisturbed: End;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "adorable-restart-"));
    await chmod(dir, 0o755);
    const config = loadConfig({ env: {}, directory: dir, flags: { dataDir: join(dir, "data"), logLevel: "info" } });
    machine = await startOneMachine({ config });
    const scene = await tell(machine, "ada/undisturbed", () => {});
    undisturbed = await observe(scene);
    await end(scene);
  }, STORY_LIMIT_MS);

  afterAll(async () => {
    await machine?.stop();
    assertForgeIsTrue(join(dir, "data/forge"));
    await rm(dir, { recursive: true, force: true });
  });

  test.each(seeds)(
    "ends the same when the control plane is killed on the way (seed %i)",
    async (seed) => {
      const killer = startKiller(machine, seed, join(dir, "trace"));
      try {
        const scene = await tell(machine, `ada/seed-${seed}`, killer.act);
        expect(await observe(scene)).toEqual(undisturbed);
        await end(scene);
      } catch (cause) {
        throw new Error(
          `ADORABLE_RESTART_SEED=${seed} tells it again. ${String(cause)}\nAt "${killer.now()}", after it was killed\n${killer.kills.join("\n")}`,
          { cause },
        );
      } finally {
        await killer.stop();
      }
      expect(killer.kills.length).toBeGreaterThanOrEqual(KILLS - 1);
      expect(await leftovers(machine)).toEqual([]);
    },
    STORY_LIMIT_MS,
  );
});

interface Killer {
  /** Where it died, in order. */
  readonly kills: string[];
  /** What the story is at, for whoever reads of it. */
  act(text: string): void;
  now(): string;
  /** Kills no more; the control plane runs as it does in production. */
  stop(): Promise<void>;
}

/** Between two kills the control plane passes from none to this many points: about a story's length in all. */
const SPREAD = 900;

function startKiller(machine: OneMachine, seed: number, trace: string): Killer {
  const random = generator(seed);
  const kills: string[] = [];
  let act = "";
  let isStopped = false;
  const stopped = Promise.withResolvers<void>();
  const loop = (async () => {
    for (let kill = 0; kill < KILLS && !isStopped; kill += 1) {
      const killAt = Math.floor(random() * SPREAD);
      // Half of them at the point itself, half in what follows it.
      const afterMs = random() < 0.5 ? 0 : Math.floor(random() * 200);
      await rm(trace, { force: true });
      await machine.restartControlPlane("test/restart/restart-server.ts", {
        ADORABLE_RESTART: JSON.stringify({ trace, killAt, afterMs }),
      });
      await Promise.race([machine.controlPlaneEnded(), stopped.promise]);
      if (!isStopped) kills.push(`${act}: ${afterMs} ms after point ${killAt}, ${await readFile(trace, "utf8").catch(() => "?")}`);
    }
    await machine.restartControlPlane();
  })();
  return {
    kills,
    act: (text) => void (act = text),
    now: () => act,
    async stop() {
      isStopped = true;
      stopped.resolve();
      await loop;
    },
  };
}

/** Of deleted projects nothing is left. */
async function leftovers({ edge: { database, runtime, gateway } }: OneMachine): Promise<string[]> {
  return [
    ...(await database.listTimelines()).map((one) => `timeline ${one.id}`),
    ...(await database.listEndpoints()).map((one) => `endpoint ${one.name}`),
    ...(await database.holds()).map((one) => `hold ${one.id}`),
    ...(await runtime.list()).map((one) => `environment ${one.id}`),
    ...(await gateway.listRoutes()).map((one) => `routes ${one.place}`),
  ];
}
