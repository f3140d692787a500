/**
 * The yardstick: the same change as a plain CI script would check it, one step after the other, with the app's own scripts.
 *
 * Its packages are installed by `npm ci` from the platform's lock and npm's cache, as a project with a lock would do it in CI.
 */
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fetchApp } from "../src/demo/http.ts";
import { eventually } from "../src/demo/check.ts";
import { openBrowser } from "../src/process/browser.ts";
import { gitText } from "../src/process/git.ts";
import { run } from "../src/process/run.ts";
import { supervise } from "../src/process/supervised.ts";
import { pidRecordPath } from "../src/process/pid-record.ts";
import type { Figure, Part } from "./figures.ts";
import { freePort } from "./free-port.ts";

const ROOT = join(import.meta.dirname, "..");
const WORKSPACE = "templates/app";
const INSTALL = [
  "ci",
  `--workspace=${WORKSPACE}`,
  "--include-workspace-root=false",
  "--prefer-offline",
  "--ignore-scripts",
  "--no-audit",
  "--no-fund",
];

export interface ByHand {
  cloneUrl: string;
  branch: string;
  /** For git over HTTP. */
  authorization: string;
  app: string;
  /** With the change's schema, reached as the app. */
  databaseUrl: string;
  browserDir: string;
  /** For its folder. */
  dir: string;
}

/** Throws with the output of the step that failed. */
export async function checkByHand(options: ByHand): Promise<Figure> {
  const work = await mkdtemp(join(options.dir, "by-hand-"));
  const app = join(work, WORKSPACE);
  const parts: Part[] = [];
  const step = async (name: string, doIt: () => Promise<unknown>): Promise<void> => {
    const startedAt = performance.now();
    await doIt();
    parts.push({ name, ms: performance.now() - startedAt });
  };
  const env = {
    PATH: `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}`,
    HOME: process.env["HOME"] ?? work,
    DATABASE_URL: options.databaseUrl,
  };
  const npm = async (args: string[], cwd = app): Promise<void> => {
    const done = await run("npm", args, { cwd, env, timeoutMs: 300_000 });
    if (done.exitCode !== 0) throw new Error(`npm ${args.join(" ")} failed:\n${done.stdout.toString()}${done.stderr.toString()}`);
  };
  try {
    for (const file of ["package.json", "package-lock.json"]) await cp(join(ROOT, file), join(work, file));
    await mkdir(app, { recursive: true });
    await cp(join(ROOT, WORKSPACE, "package.json"), join(app, "package.json"));
    const clone = join(work, "clone");
    await step("checkout", async () => {
      await gitText(["clone", "--quiet", "--depth", "1", "--branch", options.branch, options.cloneUrl, clone], {
        protocols: ["http"],
        config: { "http.extraHeader": `Authorization: ${options.authorization}` },
      });
    });
    await step("npm ci, from npm's cache", () => npm(INSTALL, work));
    await cp(join(clone, "apps", options.app), app, { recursive: true });
    await step("types", () => npm(["run", "typecheck"]));
    await step("tests", () => npm(["test"]));
    await step("build", () => npm(["run", "build"]));
    await step("browser", () => visit(app, env, options));
    return { name: "by hand", ms: parts.reduce((sum, part) => sum + part.ms, 0), parts, beside: [] };
  } finally {
    await rm(work, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function visit(app: string, env: Record<string, string>, options: ByHand): Promise<void> {
  const port = await freePort();
  const server = await supervise({
    file: process.execPath,
    args: ["src/server/main.ts"],
    cwd: app,
    env: { ...env, NODE_ENV: "production", HOST: "127.0.0.1", PORT: String(port) },
    record: pidRecordPath(options.dir, "by-hand"),
    onLine: () => {},
  });
  try {
    const url = `http://127.0.0.1:${port}`;
    await eventually("the app answers", () =>
      fetchApp(`${url}/health`).then(
        (answer) => (answer.status === 200 ? true : undefined),
        () => undefined,
      ),
    );
    const browser = await openBrowser({ cacheDir: options.browserDir });
    try {
      const page = await browser.newPage();
      await page.goto(url, { waitUntil: "networkidle" });
      await page.screenshot();
    } finally {
      await browser.close();
    }
  } finally {
    await server.stop(5000);
  }
}
