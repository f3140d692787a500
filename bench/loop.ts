/**
 * How long the loop takes, on a whole platform of its own: comment → green pull request, merge → live, the hold, merge of a revert → restored; and the
 * same change checked by hand.
 *
 * One story is told to warm everything up; then one for each run, each as a project of its own. Figures are medians with their spread.
 */
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { loadConfig } from "../src/config.ts";
import { createReporter } from "../src/demo/reporter.ts";
import { onInterrupt } from "../src/one-machine/interrupt.ts";
import { startOneMachine, type OneMachine } from "../src/one-machine/one-machine.ts";
import type { Figure } from "./figures.ts";
import { lookBefore, machineFacts } from "./machine.ts";
import { tellOnce } from "./story.ts";
import { summarise, tables, type Summary } from "./summary.ts";

const HELP = `npm run bench:loop -- [--runs N] [--quick] [--report FILE]

  --runs N       stories that are counted (default 5); one more comes before them and is not
  --quick        one story, counted as it is
  --report FILE  write {machine, runs, figures, byHand} to it as JSON
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { runs: { type: "string" }, quick: { type: "boolean" }, report: { type: "string" }, help: { type: "boolean", short: "h" } },
  });
  const runs = values.quick ? 1 : Number(values.runs ?? "5");
  if (values.help || !Number.isInteger(runs) || runs < 1) {
    process.stdout.write(HELP);
    return values.help ? 0 : 2;
  }
  const interruption = onInterrupt();
  const report = createReporter();
  const dir = await mkdtemp(join(tmpdir(), "adorable-bench-"));
  await chmod(dir, 0o755);
  let machine: OneMachine | undefined;
  try {
    const before = await lookBefore();
    machine = await report.step("The platform starts", async (note) => {
      const config = loadConfig({ env: {}, directory: dir, flags: { dataDir: join(dir, "data"), logLevel: "info" } });
      const value = await startOneMachine({ config, onProgress: note });
      return { detail: value.dataDir, value };
    });
    const told: { loop: Figure[]; byHand: Figure }[] = [];
    const tellAll = async (started: OneMachine): Promise<void> => {
      for (let index = values.quick ? 1 : 0; index <= runs; index += 1) {
        const name = index === 0 ? "Warming up" : `Run ${index} of ${runs}`;
        const figures = await report.step(name, async (note) => {
          const value = await tellOnce(started, { name: `run-${index}`, dir, note });
          return { detail: [...value.loop, value.byHand].map((one) => `${one.name}: ${(one.ms / 1000).toFixed(2)} s`).join("\n"), value };
        });
        if (index > 0) told.push(figures);
      }
    };
    await Promise.race([tellAll(machine), machine.failed, interruption.interrupted.then(() => Promise.reject(new Error("Interrupted.")))]);
    const summary: Summary = {
      machine: { ...machineFacts(before), isWarm: !values.quick },
      runs: told.length,
      ...summarise(told),
    };
    process.stdout.write(tables(summary));
    if (values.report !== undefined) await writeFile(resolve(values.report), `${JSON.stringify(summary, null, 2)}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`);
    return interruption.isInterrupted() ? 130 : 1;
  } finally {
    await machine?.stop();
    await rm(dir, { recursive: true, force: true, maxRetries: 3 });
    interruption.dispose();
  }
}

process.exitCode = await main();
