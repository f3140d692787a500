/** The way in, run as a newcomer runs it, with an npm that does as it is told. */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");
let folder: string;
let clone: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bootstrap-"));
  clone = join(folder, "a clone");
  mkdirSync(join(clone, "src"), { recursive: true });
  copyFileSync(join(root, "bootstrap.mjs"), join(clone, "bootstrap.mjs"));
  writeFileSync(join(clone, "package.json"), JSON.stringify({ type: "module", dependencies: { a: "1.0.0" } }));
  writeFileSync(join(clone, "package-lock.json"), "{}");
  writeFileSync(
    join(clone, "src/cli.ts"),
    "process.stdout.write(JSON.stringify({ args: process.argv.slice(2), path: process.env.PATH }));\nprocess.exitCode = 3;\n",
  );
  npm('mkdir -p node_modules; echo "$@" >> calls');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function npm(script: string): void {
  mkdirSync(join(folder, "bin"), { recursive: true });
  writeFileSync(join(folder, "bin/npm"), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, "bin/npm"), 0o755);
}

function calls(): string[] {
  return existsSync(join(clone, "calls")) ? readFileSync(join(clone, "calls"), "utf8").trim().split("\n") : [];
}

function start(...args: string[]): {
  child: ChildProcess;
  ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
  output: () => string;
} {
  const { npm_execpath: _, ...env } = process.env;
  const child = spawn(process.execPath, [join(clone, "bootstrap.mjs"), ...args], {
    cwd: clone,
    env: { ...env, PATH: [join(folder, "bin"), process.env.PATH].join(delimiter) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  return { child, output: () => stdout, ended: new Promise((done) => child.on("close", (code) => done({ code, stdout, stderr }))) };
}

describe("the way in", () => {
  test("installs once, hands the arguments on, and ends with the exit code of what it started", async () => {
    const first = await start("up", "--port", "3", "a b").ended;
    const second = await start("status").ended;

    expect(first.code).toBe(3);
    expect(JSON.parse(first.stdout)).toMatchObject({ args: ["up", "--port", "3", "a b"] });
    expect(first.stderr).toMatch(/^Installing dependencies … done in \d+ s\n$/);
    expect(second.stderr).toBe("");
    expect(calls()).toEqual(["ci --ignore-scripts --no-audit --no-fund --include=dev --include=optional"]);
  });

  test("puts the Node that it found first in PATH", async () => {
    const { stdout } = await start("up").ended;

    const { path } = JSON.parse(stdout) as { path: string };
    expect(existsSync(join(path.split(delimiter)[0] ?? "", "node"))).toBe(true);
  });

  test.for([
    ["the lock", "package-lock.json", '{"lockfileVersion":3}'],
    ["a dependency", "package.json", '{"type":"module","dependencies":{"a":"2.0.0"}}'],
  ] as const)("installs again when %s has changed", async ([, file, content]) => {
    await start("up").ended;
    writeFileSync(join(clone, file), content);
    await start("up").ended;

    expect(calls()).toHaveLength(2);
  });

  test("does not install again for what is no dependency", async () => {
    await start("up").ended;
    writeFileSync(join(clone, "package.json"), '{"type":"module","dependencies":{"a":"1.0.0"},"scripts":{"x":"y"}}');
    await start("up").ended;

    expect(calls()).toHaveLength(1);
  });

  test("shows what a failing npm said, starts nothing, and tries again the next time", async () => {
    npm('mkdir -p node_modules; echo "E404 not in this registry" >&2; exit 1');

    const failed = await start("up").ended;
    expect(failed).toMatchObject({ code: 1, stdout: "" });
    expect(failed.stderr).toContain("E404 not in this registry");
    expect(failed.stderr).toContain("The dependencies could not be installed.");

    npm("mkdir -p node_modules");
    expect(await start("up").ended).toMatchObject({ code: 3 });
  });

  test("refuses a script that there is none of, and names those that there are", async () => {
    const { code, stderr } = await start("run", "tset").ended;

    expect(code).toBe(1);
    expect(stderr).toContain('There is no script "tset".');
    expect(stderr).toMatch(/Give one of: test, .*\bcheck\b.*\bformat\b/);
    expect(calls()).toEqual([]);
  });

  test.for(["SIGTERM", "SIGINT", "SIGHUP"] as const)("passes %s on and waits for the end", async (signal) => {
    writeFileSync(
      join(clone, "src/cli.ts"),
      `process.on("${signal}", () => { process.stdout.write("ended well"); process.exit(9); });\nsetInterval(() => {}, 1000);\nprocess.stdout.write("up ");\n`,
    );
    const { child, output, ended } = start("up");
    await expect.poll(output).toBe("up ");

    child.kill(signal);

    expect(await ended).toMatchObject({ code: 9, stdout: "up ended well" });
  });
});

describe("the closing line", () => {
  const vitest = join(root, "node_modules/vitest/vitest.mjs");

  async function run(files: Record<string, string>): Promise<{ code: number | null; line: string }> {
    for (const [name, source] of Object.entries(files)) {
      mkdirSync(join(clone, "test"), { recursive: true });
      writeFileSync(join(clone, "test", name), source);
    }
    const args = [vitest, "run", "--globals", "--root", clone, "--config", join(root, "vitest.config.ts")];
    const child = spawn(process.execPath, args, { cwd: clone, env: { ...process.env, NO_COLOR: "1" }, stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.resume();
    const code = await new Promise<number | null>((done) => child.on("close", done));
    return { code, line: stdout.split("\n").find((each) => /^\d+ passed, /.test(each)) ?? "" };
  }

  test("counts what passed, failed and was skipped, files that break before their tests included", async () => {
    const mixed = 'test("a", () => {});\ntest("b", () => { throw new Error("no"); });\ntest.skip("c", () => {});\n';

    expect(await run({ "mixed.test.ts": mixed, "broken.test.ts": 'throw new Error("no");' })).toEqual({
      code: 1,
      line: "1 passed, 2 failed, 1 skipped",
    });
  });

  test("of a good run has no failure, and a run of nothing is a failure", async () => {
    expect(await run({})).toMatchObject({ code: 1 });
    expect(await run({ "good.test.ts": 'test("a", () => {});' })).toEqual({ code: 0, line: "1 passed, 0 failed, 0 skipped" });
  });
});
