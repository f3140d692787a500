/**
 * The story ends the same wherever the control plane dies.
 *
 * One story is told undisturbed; then one for each seed, from the installation over two changes, two releases and a rollback to the deletion. Seeds are
 * told in pairs, each as a project of its own, at the same time on one platform that is installed once: what one pair left behind would stand in the
 * way of the next, and a kill meets two stories at two places. Meanwhile the control plane is killed (SIGKILL) and started again, `KILLS` times for
 * each seed: at kill points (`support/kill-points.ts`) or shortly after them, which the seed chooses, spread over as many points as the undisturbed
 * story has. What people see and what is stored must be what it was undisturbed, and nothing may be left of a deleted project.
 *
 * `ADORABLE_RESTART_SEEDS=40` tells forty stories, `ADORABLE_RESTART_SEED=7` the seventh alone.
 */
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadConfig } from "../../src/config.ts";
import { APP_SLUG, startOneMachine, type OneMachine } from "../../src/one-machine/one-machine.ts";
import { generator } from "../support/kill-points.ts";
import { end, observe, openScene, tell, type End } from "./tale.ts";
import { assertForgeIsTrue } from "../support/forge-observer.ts";

const SERVER = "test/restart/restart-server.ts";
const only = process.env["ADORABLE_RESTART_SEED"];
const seeds =
  only === undefined
    ? Array.from({ length: Number(process.env["ADORABLE_RESTART_SEEDS"] ?? "10") }, (_, index) => index + 1)
    : [Number(only)];
const pairs = seeds.flatMap((seed, index) => (index % 2 === 0 ? [seeds.slice(index, index + 2)] : []));
/** Of each seed. */
const KILLS = 3;
const STORY_LIMIT_MS = 900_000;

describe("the story", () => {
  let dir: string;
  let trace: string;
  let machine: OneMachine;
  let undisturbed: End;
  let points: number;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "adorable-restart-"));
    await chmod(dir, 0o755);
    trace = join(dir, "trace");
    const config = loadConfig({ env: {}, directory: dir, flags: { dataDir: join(dir, "data"), logLevel: "info" } });
    machine = await startOneMachine({ config, serverScript: SERVER, serverEnv: { ADORABLE_RESTART: JSON.stringify({ trace }) } });
    const scene = await tell(machine, "ada/undisturbed", () => {});
    undisturbed = await observe(scene);
    await end(scene);
    points = Number(await readFile(trace, "utf8"));
  }, STORY_LIMIT_MS);

  afterAll(async () => {
    await machine?.stop();
    assertForgeIsTrue(join(dir, "data/forge"));
    await rm(dir, { recursive: true, force: true });
  });

  test("hears what was said while the control plane was dead", async () => {
    const pid = machine.processes.find((one) => one.name === "control-plane")?.pid ?? 0;
    process.kill(pid, "SIGKILL");
    await machine.controlPlaneEnded();
    const repository = "ada/unheard";
    const scene = await openScene(machine, repository);
    await machine.forge.createRepository(repository, machine.callerFiles);
    await machine.forge.installApp(APP_SLUG, repository);
    const issue = await scene.ada.openIssue(repository, "Help", "");
    const said = await scene.ada.comment(repository, issue.number, "@adorable help");
    await machine.restartControlPlane();

    await expect.poll(() => scene.ada.reactions(repository, said.id)).toEqual(["eyes"]);
    await end(scene);
  });

  test.each(pairs.map((pair) => ({ name: pair.length === 1 ? `seed ${pair[0]}` : `seeds ${pair.join(" and ")}`, pair })))(
    "ends the same when the control plane is killed on the way ($name)",
    async ({ pair }) => {
      const killer = startKiller(machine, pair, points * pair.length, trace);
      const tales = await Promise.allSettled(
        pair.map(async (seed) => {
          const scene = await tell(machine, `ada/seed-${seed}`, (text) => killer.act(seed, text));
          try {
            expect(await observe(scene)).toEqual(undisturbed);
          } finally {
            await end(scene);
          }
        }),
      );
      await killer.stop();
      for (const [index, tale] of tales.entries()) {
        if (tale.status === "fulfilled") continue;
        throw new Error(`Seed ${pair[index]}: ${String(tale.reason)}\nThe control plane was killed\n${killer.kills.join("\n")}`, {
          cause: tale.reason,
        });
      }
      expect(killer.kills.length, "the story was killed on its way").toBeGreaterThan(0);
      expect(await leftovers(machine)).toEqual([]);
    },
    STORY_LIMIT_MS,
  );
});

interface Killer {
  /** Where it died, in order. */
  readonly kills: string[];
  /** What the seed's story is at, for whoever reads of it. */
  act(seed: number, text: string): void;
  /** Kills no more; the control plane runs as it does in production. */
  stop(): Promise<void>;
}

/** `points`: how many the control plane comes by until all stories are told. */
function startKiller(machine: OneMachine, pair: readonly number[], points: number, trace: string): Killer {
  const random = pair.map((seed) => generator(seed));
  const total = KILLS * pair.length;
  const kills: string[] = [];
  const acts = new Map<number, string>();
  let isStopped = false;
  const stopped = Promise.withResolvers<void>();
  const loop = (async () => {
    for (let kill = 0; kill < total && !isStopped; kill += 1) {
      const next = random[kill % pair.length] ?? Math.random;
      // On average the last one comes shortly before the end.
      const killAt = Math.floor((next() * 2 * points) / (total + 1));
      // Half of them at the point itself, half in what follows it.
      const afterMs = next() < 0.5 ? 0 : Math.floor(next() * 200);
      await rm(trace, { force: true });
      await machine.restartControlPlane(SERVER, { ADORABLE_RESTART: JSON.stringify({ trace, killAt, afterMs }) });
      await Promise.race([machine.controlPlaneEnded(), stopped.promise]);
      const label = await readFile(trace, "utf8").catch(() => undefined);
      if (label !== undefined)
        kills.push(`at ${[...acts.values()].map((act) => `"${act}"`).join(" and ")}: ${afterMs} ms after point ${killAt}, ${label}`);
    }
    await machine.restartControlPlane();
  })();
  return {
    kills,
    act: (seed, text) => void acts.set(seed, text),
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
