/** `adorable up`: the platform for use by hand, until Ctrl-C. */
import { fullPreviews, loadConfig, type ConfigSources } from "../config.ts";
import { onInterrupt } from "./interrupt.ts";
import { APP_SLUG, startOneMachine, type OneMachine } from "./one-machine.ts";

const OWNER = "ada";
const REPOSITORY = `${OWNER}/first-project`;

/** Returns the exit code. */
export async function runUp(sources: ConfigSources): Promise<number> {
  const config = loadConfig(sources);
  const interruption = onInterrupt();
  let machine: OneMachine | undefined;
  let tools: Promise<void> | undefined;
  try {
    machine = await startOneMachine({ config, onProgress: (what) => void process.stderr.write(`starting ${what}\n`) });
    if (machine.note !== undefined) process.stderr.write(`${machine.note}\n`);
    process.stderr.write(`${machine.trust}\n`);
    const open = fullPreviews(config);
    if (open !== undefined)
      process.stderr.write(
        `"${open}" is "full": previews hold production's own rows, and so does what a model reads while it works on them.\n`,
      );
    await machine.forge.createRepository(REPOSITORY, machine.callerFiles);
    await machine.forge.installApp(APP_SLUG, REPOSITORY);
    const link = await machine.forge.loginLink(OWNER, `/${REPOSITORY}`);
    process.stderr.write(
      `\nOpen this once to be logged in as ${OWNER}; then open an issue and comment "@${config.botName} add a blog app".\n\n`,
    );
    process.stdout.write(`${link}\n`);
    // Nobody has asked for anything yet; what fails here fails again in the gates, where it is said.
    tools = machine.prepareTools().catch(() => {});
    process.stderr.write(`\nCtrl-C ends everything; starting again finds it as it was.\n`);
    await Promise.race([interruption.interrupted, machine.failed]);
    return 0;
  } finally {
    await tools;
    await machine?.stop();
    interruption.dispose();
  }
}
