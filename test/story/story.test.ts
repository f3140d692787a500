/** The whole story as anybody runs it: `adorable demo` as a process of its own. */
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { run } from "../../src/process/run.ts";
import { assertForgeIsTrue } from "../support/forge-observer.ts";
import { processesOf } from "./place.ts";

const CLI = join(import.meta.dirname, "../../src/cli.ts");

test("the demo tells the whole story, checks each of its claims and leaves nothing running", { timeout: 1_200_000 }, async () => {
  const dir = await mkdtemp(join(tmpdir(), "adorable-demo-"));
  await chmod(dir, 0o755);
  try {
    const told = await run(process.execPath, [CLI, "demo", "--data", join(dir, "data"), "--report", join(dir, "report.json")], {
      cwd: dir,
      env: { NO_COLOR: "1", ADORABLE_FORGE_OBSERVER: process.env["ADORABLE_FORGE_OBSERVER"] ?? "" },
      timeoutMs: 1_120_000,
    });
    const report = JSON.parse(await readFile(join(dir, "report.json"), "utf8")) as {
      ok: boolean;
      steps: { name: string; ok: boolean; ms: number; detail: string }[];
    };

    expect(report.steps.filter((step) => !step.ok)).toEqual([]);
    expect({ exitCode: told.exitCode, ok: report.ok }, told.stderr.toString()).toEqual({ exitCode: 0, ok: true });
    expect(report.steps.map((step) => step.name)).toEqual([
      "The platform starts",
      "A repository, with the app installed on it",
      "@adorable add a blog app",
      "The pull request, from a runner's bundle",
      "Gates on the test merge, and a preview",
      "@adorable add a published checkbox to posts",
      "Merge: release 1",
      "Posts, through the page and the API",
      "@adorable add a slug to posts, filled from the title",
      "Merge: release 2",
      "More posts, with slugs",
      "Revert: the impact statement",
      "Merge of the revert: code and data are back",
      "The project is deleted, whole",
    ]);
    expect(assertForgeIsTrue(join(dir, "data/forge")).length).toBeGreaterThan(40);
    expect(await processesOf(dir)).toEqual([]);
    // No colours, no moving cursor: there is no terminal.
    expect(told.stdout.toString() + told.stderr.toString()).not.toContain("\u001b");
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
