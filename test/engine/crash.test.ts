/**
 * An engine that is killed in the middle of anything harms nobody, shows nothing by half, leaves nothing over, and does the same again.
 *
 * Every kill starts from the same copied snapshot. By default seven acts at one operation each, by `ADORABLE_CRASH_SEED`; with
 * `ADORABLE_CRASH=all`, as `npm run test:crash:engine` sets it, every operation on the file system and on processes; with `edges` every one
 * that differs in kind.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, test } from "vitest";
import { generator } from "../support/kill-points.ts";
import { ACTS, checkSurvivors, engineOlder, makeSeed, TARGET, VICTIM, type Act, type Known } from "./acts.ts";
import type { Grain } from "./operations.ts";
import { assertTidy, copyPlace, endByForce, openPlace, processesIn } from "./place.ts";

const mode = process.env["ADORABLE_CRASH"] ?? "";
const seed = Number(process.env["ADORABLE_CRASH_SEED"] ?? "1");
const grain: Grain = mode === "all" ? "every" : "edges";
const isSweep = mode === "all" || mode === "edges";
/** How many acts are killed, each once, where not all are. */
const SAMPLE = 7;
/** Kills under way at once. */
const LANES = isSweep ? 3 : 2;

const ids = Object.keys(ACTS);
let home: string;
let known: Known;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "adk-"));
  await chmod(home, 0o711);
  known = await makeSeed(join(home, "seed"));
  engineOlder.lsn = known.older;
});
afterAll(() => rm(home, { recursive: true, force: true }));

interface Ended {
  known: Known;
  /** Where it was killed. */
  killedAt?: string;
  /** What it did, where it came to its end. */
  passed?: string[];
}

async function perform(name: string, dir: string, killAt: number): Promise<Ended> {
  const args = [join(import.meta.dirname, "doomed.ts"), name, dir, String(killAt), grain, JSON.stringify(known)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const ended: Ended = { known: { ...known } };
  const lines = createInterface({ input: child.stdout });
  lines.on("line", (line) => {
    const space = line.indexOf(" ");
    const [what, rest] = [line.slice(0, space), line.slice(space + 1)];
    if (what === "killed") ended.killedAt = rest;
    else if (what === "mark") ended.known.mark = JSON.parse(rest) as NonNullable<Known["mark"]>;
    else if (what === "acknowledged") ended.known.acknowledged = JSON.parse(rest) as number[];
    else if (what === "done") ended.passed = JSON.parse(rest) as string[];
  });
  const exit = once(child, "exit");
  await once(lines, "close");
  const [code, signal] = (await exit) as [number | null, string | null];
  if (ended.killedAt === undefined || signal !== "SIGKILL")
    expect({ name, killAt, code, signal }).toEqual({ name, killAt, code: 0, signal: null });
  return ended;
}

async function kill(name: string, act: Act, killAt: number, dir: string): Promise<Ended> {
  if (act.fresh) await rm(dir, { recursive: true, force: true });
  else await copyPlace(join(home, "seed"), dir);
  const ended = await perform(name, dir, killAt);
  // Every second time its computes are killed with it, before they can end by themselves.
  if (killAt % 2 === 1) for (const pid of await processesIn(join(dir, "data"))) endByForce(pid);
  const place = await openPlace(dir, act.options);
  try {
    const before = act.fresh ? [] : (await readdir(join(home, "seed/data/timelines"))).filter((id) => id !== VICTIM);
    const listed = (await place.engine.listTimelines()).map(({ id }) => id as string);
    expect(listed).toEqual(expect.arrayContaining(before));
    for (const id of listed) expect([...before, VICTIM, TARGET]).toContain(id);
    await assertTidy(place);
    if (!act.fresh) await checkSurvivors(place, ended.known);
    await act.run(place, ended.known, () => undefined);
    await act.check(place, ended.known);
    for (const { id } of await place.engine.listTimelines()) await place.engine.stop(id);
  } catch (error) {
    throw new Error(`"${name}", killed at operation ${killAt}: ${ended.killedAt ?? "came to its end"}`, { cause: error });
  } finally {
    await place.close();
  }
  expect(await processesIn(dir)).toEqual([]);
  await rm(dir, { recursive: true, force: true });
  return ended;
}

/** Runs `work` on all items, some at once; throws the first failure when all that began have ended. */
async function inLanes<T>(items: T[], work: (item: T, lane: number) => Promise<void>): Promise<void> {
  const left = [...items];
  const lane = async (number: number) => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) {
      await work(item, number).catch((error: unknown) => {
        left.length = 0;
        throw error;
      });
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: LANES }, (_, number) => lane(number)));
  for (const one of ended) if (one.status === "rejected") throw one.reason;
}

if (isSweep) {
  test.each(Object.keys(ACTS))(
    "%s",
    async (name) => {
      const act = ACTS[name] as Act;
      const whole = await kill(name, act, Number.MAX_SAFE_INTEGER, join(home, "whole"));
      const count = whole.passed?.length ?? 0;
      expect(count).toBeGreaterThan(2);
      let killed = 0;
      await inLanes(
        Array.from({ length: count }, (_, index) => index + 1),
        async (killAt, lane) => {
          if ((await kill(name, act, killAt, join(home, `${ids.indexOf(name)}-${lane}`))).killedAt !== undefined) killed += 1;
        },
      );
      // Where others work at the same time, a run is now and then shorter than the first was.
      expect(killed).toBeGreaterThan(count * 0.8);
      process.stdout.write(`${name}: killed at ${killed} of ${count} operations\n`);
    },
    4 * 3600_000,
  );
} else {
  test(`${SAMPLE} acts survive a kill at one of their operations (seed ${seed})`, async () => {
    const random = generator(seed);
    const all = Object.entries(ACTS).map(([name, act]) => ({ name, act, killAt: 1 + Math.floor(random() * act.edges), order: random() }));
    const acts = all.toSorted((one, other) => one.order - other.order).slice(0, SAMPLE);
    await inLanes(
      acts,
      async ({ name, act, killAt }, lane) => void (await kill(name, act, killAt, join(home, `${ids.indexOf(name)}-${lane}`))),
    );
  }, 960_000);
}
