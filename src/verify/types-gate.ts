/** The gate `types`: the platform's TypeScript compiler over every source file of every app. */
import { readFile, realpath } from "node:fs/promises";
import { join } from "node:path";
import type { Evidence } from "../core/evidence.ts";
import { codeBlock, count, NO_APP, settleGate, type Annotation, type GateApp, type GateContext } from "./gate.ts";
import { typescriptDir } from "./tools.ts";
import { isTypeScript, listSourceFiles } from "./source-files.ts";

const LIMIT_MS = 240_000;
/** Longer than any compiler run that is not stuck, shorter than the gate. */
const COMPILER_LIMIT_MS = 180_000;

interface AppTypes {
  app: GateApp;
  files: number;
  annotations: Annotation[];
  /** What is wrong and stands at no line of a file. */
  general: string[];
}

/** Strictness is the platform's: an app's own configuration cannot lower it, nor leave files out. */
export async function typesGate(context: GateContext): Promise<Evidence> {
  return settleGate("types", context, LIMIT_MS, async (signal) => {
    if (context.apps.length === 0) return NO_APP;
    const results: AppTypes[] = [];
    for (const app of context.apps) results.push(await compile(context, app, signal));
    const annotations = results.flatMap((result) => result.annotations);
    const general = results.flatMap((result) => result.general);
    const errors = annotations.length + general.length;
    const files = results.reduce((sum, result) => sum + result.files, 0);
    return {
      ok: errors === 0,
      title: errors === 0 ? `${count(files, "file")} compiled without an error` : `${count(errors, "error")} in ${count(files, "file")}`,
      summary: results.map(describe).join("\n\n"),
      annotations,
    };
  });
}

function describe({ app, files, annotations, general }: AppTypes): string {
  const lines = [...general, ...annotations.map(({ path, line, message }) => `${path}:${line} ${message}`)];
  const verdict = lines.length === 0 ? `${count(files, "file")}, no errors.` : codeBlock(lines.join("\n"), 20_000);
  return `### ${app.path}\n\n${verdict}`;
}

async function compile(context: GateContext, app: GateApp, signal: AbortSignal): Promise<AppTypes> {
  const { tools, sandbox } = context;
  const sources = (await listSourceFiles(app.dir)).filter(isTypeScript);
  const result: AppTypes = { app, files: sources.length, annotations: [], general: [] };
  const compiler = join(typescriptDir(tools), "bin/tsc");
  const args = [compiler, "-p", "tsconfig.json", "--noEmit", "--strict", "--incremental", "false", "--pretty", "false", "--listFiles"];
  const run = await sandbox.run({ args, cwd: app.dir, isOffline: true, timeoutMs: COMPILER_LIMIT_MS, signal });
  if (run.timedOut) {
    result.general.push(`The compiler did not end within ${COMPILER_LIMIT_MS / 1000} s.`);
    return result;
  }

  // The compiler may print real paths or those of its working directory.
  const folders = [app.dir, await realpath(app.dir)];
  const seen = new Set<string>();
  for (const line of run.output.split("\n")) {
    const error = parseError(line);
    if (error?.path !== undefined)
      result.annotations.push({ path: inRepository(app, error.path), line: error.line, message: error.message });
    else if (error) result.general.push(error.message);
    else for (const folder of folders) if (line.startsWith(`${folder}/`)) seen.add(line.slice(folder.length + 1).trim());
  }
  if (run.exitCode !== 0 && result.annotations.length + result.general.length === 0) {
    result.general.push(`The compiler ended with ${run.exitCode ?? "a signal"}: ${run.output.trim().slice(-2000) || "no output"}`);
  }
  for (const path of sources) {
    if (!seen.has(path))
      result.annotations.push({ path: `${app.path}/${path}`, line: 1, message: "tsconfig.json leaves this file out of the compilation." });
    const unchecked = findNoCheck(await readFile(join(app.dir, path), "utf8"));
    if (unchecked !== undefined)
      result.annotations.push({
        path: `${app.path}/${path}`,
        line: unchecked,
        message: "`@ts-nocheck` turns the compiler off for this file.",
      });
  }
  return result;
}

/** One line of the compiler's plain output; continuation lines are part of no error. */
function parseError(line: string): { path?: string; line: number; message: string } | undefined {
  const located = /^(.+?)\((\d+),\d+\): error (TS\d+: .*)$/.exec(line);
  if (located) return { path: located[1] ?? "", line: Number(located[2]), message: located[3] ?? "" };
  const general = /^error (TS\d+: .*)$/.exec(line);
  return general ? { line: 1, message: general[1] ?? "" } : undefined;
}

/** A path that the compiler names relative to the app, relative to the repository. */
function inRepository(app: GateApp, path: string): string {
  return new URL(path, `file:///${app.path}/`).pathname.slice(1);
}

function findNoCheck(text: string): number | undefined {
  const index = text.search(/^\s*\/\/\s*@ts-nocheck\b/m);
  if (index === -1) return undefined;
  return text.slice(0, index).split("\n").length + (text.slice(index).startsWith("\n") ? 1 : 0);
}
