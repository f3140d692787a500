/** `adorable delete`: asks the control plane that is up to delete a project, and waits until it is gone. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { loadConfig, type ConfigSources } from "../config.ts";
import { AdorableError } from "../core/errors.ts";
import type { Memory } from "./data-directory.ts";

const PATIENCE_MS = 120_000;

/** Returns the exit code. Throws `platform-not-up`, `project-unknown`, `deletion-pending` (operator). */
export async function deleteProject(sources: ConfigSources, repository: string): Promise<number> {
  const { dataDir } = loadConfig(sources);
  const text = await readFile(join(dataDir, "memory.json"), "utf8").catch((cause: unknown) => {
    throw new AdorableError({
      code: "platform-not-up",
      remedy: "operator",
      message: `There is no platform in "${dataDir}".`,
      hint: "Give its folder with --data.",
      cause,
    });
  });
  const memory = JSON.parse(text) as Memory;
  const call = async (method: string): Promise<Response> =>
    fetch(`http://127.0.0.1:${memory.ports.controlPlane}/operator/v1/projects/${repository}`, {
      method,
      headers: { authorization: `Bearer ${memory.operatorToken}` },
    }).catch((cause: unknown) => {
      throw new AdorableError({
        code: "platform-not-up",
        remedy: "operator",
        message: "The control plane does not answer.",
        hint: "Start it with `adorable up`.",
        cause,
      });
    });
  const answer = await call("DELETE");
  if (answer.status === 404)
    throw new AdorableError({
      code: "project-unknown",
      remedy: "operator",
      message: `There is no project "${repository}".`,
      hint: "Write it as owner/repository.",
    });
  const deadline = Date.now() + PATIENCE_MS;
  while ((await call("GET")).status !== 404) {
    if (Date.now() > deadline)
      throw new AdorableError({
        code: "deletion-pending",
        remedy: "operator",
        message: `"${repository}" is still being deleted.`,
        hint: "It goes on by itself; the log says what it waits for.",
      });
    await delay(250);
  }
  process.stderr.write(`"${repository}" is deleted; its ledger is in "${join(dataDir, "control/exports")}".\n`);
  return 0;
}
