/** `adorable delete`: asks the control plane that is up to delete a project, and waits until it is gone. */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { ConfigSources } from "../config.ts";
import { AdorableError } from "../core/errors.ts";
import { connectOperator } from "./operator-client.ts";

const PATIENCE_MS = 120_000;

/** Returns the exit code. Throws `platform-not-up`, `project-unknown`, `deletion-pending` (operator). */
export async function deleteProject(sources: ConfigSources, repository: string): Promise<number> {
  const operator = await connectOperator(sources);
  const path = `/projects/${repository}`;
  await operator.call("DELETE", path);
  const deadline = Date.now() + PATIENCE_MS;
  while (await exists()) {
    if (Date.now() > deadline)
      throw new AdorableError({
        code: "deletion-pending",
        remedy: "operator",
        message: `"${repository}" is still being deleted.`,
        hint: "It goes on by itself; the log says what it waits for.",
      });
    await delay(250);
  }
  process.stderr.write(`"${repository}" is deleted; its ledger is in "${join(operator.dataDir, "control/exports")}".\n`);
  return 0;

  async function exists(): Promise<boolean> {
    try {
      await operator.call("GET", path);
      return true;
    } catch (error) {
      if (AdorableError.isInstance(error) && error.code === "project-unknown") return false;
      throw error;
    }
  }
}
