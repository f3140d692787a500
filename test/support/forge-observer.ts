/** For forges that are processes of their own: validates there, and notes in the forge's data directory at once what it did, so that a kill loses nothing. */
import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ForgeObserver } from "../../src/forge/observer.ts";
import { openGitHubApi } from "./github-api.ts";

const NOTES = "github-api.log";

/** What `ADORABLE_FORGE_OBSERVER` asks of a module. */
export function openObserver(dataDir: string): ForgeObserver {
  return openGitHubApi((kind, text) => appendFileSync(join(dataDir, NOTES), `${kind} ${text.replaceAll("\n", " ")}\n`)).observer;
}

/** What was validated; throws when anything differed, or when a forge that was started validated nothing. */
export function assertForgeIsTrue(forgeDataDir: string): string[] {
  const lines = readFileSync(join(forgeDataDir, NOTES), "utf8").split("\n");
  const of = (kind: string): string[] => [...new Set(lines.filter((line) => line.startsWith(kind)).map((line) => line.slice(2)))];
  const mismatches = of("!");
  if (mismatches.length > 0) throw new Error(`Not as GitHub describes it:\n${mismatches.map((line) => `  ${line}`).join("\n")}`);
  const validated = of("=");
  if (validated.length === 0) throw new Error("Nothing was held against GitHub's description.");
  return validated;
}
