/** The gate `tests`: the app's own tests, run by the store's vitest against a throwaway database. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Evidence } from "../core/evidence.ts";
import { codeBlock, count, NO_APP, settleGate, type Annotation, type GateApp, type GateContext } from "./gate.ts";

const LIMIT_MS = 300_000;
const APP_LIMIT_MS = 240_000;

export interface TestsSources {
  /** `postgres://…` as the app's role. */
  databaseUrl(app: GateApp): Promise<string>;
  /** Tests that were deleted, skipped or weakened since the base; one sentence each. */
  flags(app: GateApp): Promise<string[]>;
}

interface AppTests {
  app: GateApp;
  passed: number;
  failed: number;
  skipped: number;
  annotations: Annotation[];
  flags: string[];
  failure?: string;
  output: string;
}

/** Of vitest's JSON report, what is used. */
const reportSchema = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numPendingTests: z.number(),
  numTodoTests: z.number().default(0),
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string().default(""),
      assertionResults: z.array(
        z.object({ fullName: z.string(), status: z.string(), failureMessages: z.array(z.string()).nullable().default([]) }),
      ),
    }),
  ),
});

export async function testsGate(context: GateContext, sources: TestsSources): Promise<Evidence> {
  return settleGate("tests", context, LIMIT_MS, async (signal) => {
    if (context.apps.length === 0) return NO_APP;
    const results: AppTests[] = [];
    for (const app of context.apps) results.push(await runTests(context, app, sources, signal));
    const sum = (key: "passed" | "failed" | "skipped") => results.reduce((total, result) => total + result[key], 0);
    const failures = results.filter(({ failure }) => failure !== undefined);
    const flags = results.flatMap((result) => result.flags);
    return {
      ok: failures.length === 0 && sum("failed") === 0,
      title: [
        `${sum("passed")} passed, ${sum("failed")} failed, ${sum("skipped")} skipped`,
        ...failures.map(({ app, failure }) => `${app.spec.slug}: ${failure ?? ""}`),
        ...(flags.length === 0 ? [] : [`weakened: ${flags.join("; ")}`]),
      ].join("; "),
      summary: results.map(describe).join("\n\n"),
      annotations: results.flatMap((result) => result.annotations),
      flagged: flags.length > 0,
    };
  });
}

async function runTests(context: GateContext, app: GateApp, sources: TestsSources, signal: AbortSignal): Promise<AppTests> {
  const { sandbox, tools } = context;
  const reportPath = join(sandbox.home, `vitest-${app.spec.slug}.json`);
  const vitest = join(tools.modulesDir, "vitest/vitest.mjs");
  const databaseUrl = await sources.databaseUrl(app);
  const run = await sandbox.run({
    args: [
      vitest,
      "run",
      "--configLoader",
      "runner",
      "--reporter",
      "default",
      "--reporter",
      "json",
      "--outputFile.json",
      reportPath,
      "--no-cache",
      "--passWithNoTests=false",
    ],
    cwd: app.dir,
    env: { NODE_ENV: "test", DATABASE_URL: databaseUrl },
    timeoutMs: APP_LIMIT_MS,
    signal,
  });
  const result: AppTests = { app, passed: 0, failed: 0, skipped: 0, annotations: [], flags: await sources.flags(app), output: run.output };
  if (run.timedOut) return { ...result, failure: `the tests did not end within ${APP_LIMIT_MS / 1000} s` };
  const report = await readReport(reportPath);
  if (!report) return { ...result, failure: /No test files? found/i.test(run.output) ? "no tests were found" : "the tests could not run" };

  result.passed = report.numPassedTests;
  result.failed = report.numFailedTests;
  result.skipped = report.numPendingTests + report.numTodoTests;
  for (const file of report.testResults) {
    const path = file.name.startsWith("/") ? pathInApp(file.name, app) : file.name;
    for (const test of file.assertionResults) {
      if (test.status !== "failed") continue;
      const message = (test.failureMessages ?? []).join("\n");
      result.annotations.push({ path: `${app.path}/${path}`, line: lineIn(message, path), message: `${test.fullName}\n${message}` });
    }
    if (file.status === "failed" && !file.assertionResults.some(({ status }) => status === "failed")) {
      result.annotations.push({
        path: `${app.path}/${path}`,
        line: lineIn(file.message, path),
        message: file.message || "The file could not be run.",
      });
    }
  }
  if (result.passed + result.failed === 0)
    result.failure =
      result.annotations.length > 0 ? "the tests could not run" : result.skipped > 0 ? "every test is skipped" : "no tests were found";
  else if (run.exitCode !== 0 && result.failed === 0) result.failure = `vitest ended with ${run.exitCode ?? "a signal"}`;
  return result;
}

async function readReport(path: string): Promise<z.infer<typeof reportSchema> | undefined> {
  const text = await readFile(path, "utf8").catch(() => "");
  if (text === "") return undefined;
  const parsed = reportSchema.safeParse(JSON.parse(text));
  return parsed.success ? parsed.data : undefined;
}

function pathInApp(file: string, app: GateApp): string {
  const marker = `/${app.path}/`;
  const index = file.lastIndexOf(marker);
  return index === -1 ? file : file.slice(index + marker.length);
}

function lineIn(message: string, path: string): number {
  const index = message.indexOf(`${path}:`);
  const line = index === -1 ? undefined : /^\d+/.exec(message.slice(index + path.length + 1))?.[0];
  return line === undefined ? 1 : Number(line);
}

function describe({ app, passed, failed, skipped, flags, failure, annotations, output }: AppTests): string {
  const isGood = failure === undefined && failed === 0;
  return [
    `### ${app.path}`,
    `${count(passed, "test")} passed, ${failed} failed, ${skipped} skipped.${failure === undefined ? "" : ` **${failure}**`}`,
    ...(flags.length === 0 ? [] : ["Compared with the base:", flags.map((flag) => `- ${flag}`).join("\n")]),
    ...(annotations.length === 0
      ? []
      : [codeBlock(annotations.map(({ path, line, message }) => `${path}:${line} ${message}`).join("\n\n"), 15_000)]),
    ...(isGood ? [] : [codeBlock(output)]),
  ].join("\n\n");
}
