/** How the tests run: real processes and real databases on few cores, so few files at a time and patient limits. */
import { join } from "node:path";
import { configDefaults, defineConfig } from "vitest/config";
import { LongestFirst } from "./test/support/longest-first.ts";
import { ClosingLineReporter } from "./test/support/closing-line-reporter.ts";

// `npm run test:crash` sets this; without it only the seeded sample of the kill points runs.
const everyKillPoint = process.env.ADORABLE_CRASH === "all";

export default defineConfig({
  test: {
    environment: "node",
    include: ["src/**/*.test.ts", "test/**/*.test.ts", "action/**/*.test.ts"],
    exclude: [...configDefaults.exclude, "templates/**", ".adorable-data/**", ...(everyKillPoint ? [] : ["test/crash/full/**"])],
    env: {
      // Every forge that a test starts as a process is held against GitHub's description.
      ADORABLE_FORGE_OBSERVER: join(import.meta.dirname, "test/support/forge-observer.ts"),
      // Each platform has a data directory of its own; what Node made of the same sources serves them all.
      NODE_COMPILE_CACHE: join(import.meta.dirname, "node_modules/.cache/compiled"),
    },
    pool: "forks",
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    // Against hanging, not a measure: a machine may be ten times as slow as the one before. Speed is for the benchmarks.
    testTimeout: 480_000,
    hookTimeout: 480_000,
    expect: { poll: { timeout: 60_000 } },
    teardownTimeout: 60_000,
    passWithNoTests: false,
    reporters: ["default", new ClosingLineReporter()],
  },
});
