/** `adorable demo`: starts a platform of its own, tells the story on it, and ends it. */
import { rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { loadConfig, type ConfigSources } from "../config.ts";
import { onInterrupt } from "../one-machine/interrupt.ts";
import { startOneMachine, type OneMachine } from "../one-machine/one-machine.ts";
import { createReporter } from "./reporter.ts";
import { tellStory } from "./story.ts";

/** Returns the exit code: 0 only when every claim held. */
export async function runDemo(
  sources: ConfigSources,
  options: { report: string | undefined; keep: boolean; isDataGiven: boolean },
): Promise<number> {
  // A story of its own each time: beside the data of `up`, not in it.
  const config = loadConfig(
    options.isDataGiven ? sources : { ...sources, flags: { ...sources.flags, dataDir: join(sources.directory, ".adorable-data/demo") } },
  );
  if (!options.isDataGiven) await rm(config.dataDir, { recursive: true, force: true });
  const report = createReporter();
  const interruption = onInterrupt();
  let machine: OneMachine | undefined;
  let tools: Promise<void> | undefined;
  let ok = false;
  try {
    machine = await report.step("The platform starts", async (note) => {
      const started = await startOneMachine({ config, onProgress: note });
      return {
        detail: `${started.urls.forge} (the embedded GitHub)${started.note === undefined ? "" : `\n${started.note}`}`,
        value: started,
      };
    });
    // While the first request is written and worked on; what fails here fails again in the gates, where it is said.
    tools = machine.prepareTools().catch(() => {});
    await Promise.race([
      tellStory(machine, report),
      machine.failed,
      interruption.interrupted.then(() => Promise.reject(new Error("Interrupted."))),
    ]);
    ok = true;
  } catch (error) {
    process.stderr.write(
      `\n${error instanceof Error ? error.message : String(error)}\n${machine === undefined ? "" : `The log is in ${join(machine.dataDir, "logs/platform.log")}\n`}`,
    );
  }
  try {
    report.summary();
    if (options.report !== undefined)
      await writeFile(resolve(sources.directory, options.report), `${JSON.stringify({ ok, steps: report.steps }, null, 2)}\n`);
    if (options.keep && machine && !interruption.isInterrupted()) {
      process.stdout.write(`${await machine.forge.loginLink("ada", "/")}\n`);
      report.say("Everything is left running. Ctrl-C ends it.");
      await Promise.race([interruption.interrupted, machine.failed]);
    }
  } finally {
    await tools;
    await machine?.stop();
    interruption.dispose();
  }
  return interruption.isInterrupted() && !ok ? 130 : ok ? 0 : 1;
}
