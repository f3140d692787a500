#!/usr/bin/env node
/** The way in: plain JavaScript for any Node from 20 on. Installs what is missing, finds Node 24, and hands over to it. */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(fileURLToPath(import.meta.url));
const modules = join(root, "node_modules");
const stamp = join(modules, ".adorable-install");
const NODE_MAJOR = 24;

/** What `run <script>` starts, each as headings and commands for Node 24; a script fails when one of its commands does. */
const tools = {
  vitest: join(modules, "vitest", "vitest.mjs"),
  oxfmt: join(modules, "oxfmt", "bin", "oxfmt"),
  oxlint: join(modules, "oxlint", "bin", "oxlint"),
  tsc: join(modules, "typescript", "bin", "tsc"),
  knip: join(modules, "knip", "bin", "knip.js"),
};
const scripts = {
  test: (flags) => [["Tests", tools.vitest, "run", ...flags]],
  "test:crash": (flags) => [["Every kill point", tools.vitest, "run", "test/crash", ...flags]],
  "test:crash:engine": (flags) => [["Every operation of the database engine", tools.vitest, "run", "test/engine/crash.test.ts", ...flags]],
  "bench:loop": (flags) => [["Benchmark", join(root, "bench", "loop.ts"), ...flags]],
  "bench:database": (flags) => [["Benchmark", join(root, "bench", "database", "main.ts"), ...flags]],
  check: (flags) => [
    ["Format", tools.oxfmt, "--check", ...flags],
    ["Lint", tools.oxlint, "--type-aware", "--deny-warnings", "--report-unused-disable-directives"],
    ["Types", tools.tsc, "--noEmit", "-p", root],
    ["Dead code", tools.knip],
  ],
  openapi: (flags) => [["GitHub's description", join(root, "scripts", "trim-openapi.ts"), ...flags]],
  // Twice: the formatter's own output of a few long call chains is not yet its final one.
  format: (flags) => [
    ["Format", tools.oxfmt, "--write", ...flags],
    ["Format again", tools.oxfmt, "--write", ...flags],
  ],
};

process.exitCode = await main(process.argv.slice(2));

async function main(args) {
  if (process.platform === "win32")
    return refuse("Adorable does not run on Windows itself.", "Run it inside WSL2: https://learn.microsoft.com/windows/wsl/install");
  const [command, script, ...flags] = args;
  if (command === "run" && !Object.hasOwn(scripts, script ?? "")) {
    return refuse(`There is no script "${script ?? ""}".`, `Give one of: ${Object.keys(scripts).join(", ")}.`);
  }
  if (!(await install())) return 1;
  const node = findNode();
  if (node === undefined)
    return refuse(
      `Node ${process.versions.node} is too old, and there is no Node ${NODE_MAJOR} package for ${process.platform}-${process.arch}.`,
      `Install Node ${NODE_MAJOR} or newer: https://nodejs.org`,
    );

  if (command !== "run") return run(node, [join(root, "src", "cli.ts"), ...args], {});
  const environment = script.startsWith("test:crash") ? { ADORABLE_CRASH: process.env.ADORABLE_CRASH ?? "all" } : {};
  const failed = [];
  for (const [heading, ...line] of scripts[script](flags)) {
    if (script === "check") process.stdout.write(`\n── ${heading}\n`);
    const code = await run(node, line, environment, root);
    // Ended by a signal: whoever sent it wants no more of this.
    if (code > 128) return code;
    if (code !== 0) failed.push([heading, code]);
  }
  if (script === "check") {
    const names = failed.map(([heading]) => heading.toLowerCase()).join(", ");
    process.stdout.write(failed.length === 0 ? "\nAll checks passed.\n" : `\nFailed: ${names}.\n`);
  }
  return failed[0]?.[1] ?? 0;
}

function refuse(what, hint) {
  process.stderr.write(`${what}\n${hint}\n`);
  return 1;
}

/** Runs `npm ci` unless node_modules already belongs to this lock. The stamp is written last: an interrupted install is repeated. */
async function install() {
  const wanted = installHash();
  if (existsSync(stamp) && readFileSync(stamp, "utf8").trim() === wanted) return true;
  const progress = startProgress(existsSync(modules) ? "Updating dependencies" : "Installing dependencies");
  const line = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--include=dev", "--include=optional"];
  // Under npm, that very npm; else the one in PATH.
  const npm = process.env.npm_execpath ?? "";
  const command = npm.endsWith("npm-cli.js") && existsSync(npm) ? [process.execPath, npm] : ["npm"];
  const { code, output } = await capture(command[0], [...command.slice(1), ...line]);
  if (code !== 0) {
    progress("failed");
    process.stderr.write(output);
    refuse(
      "The dependencies could not be installed.",
      "Correct what npm says above and try again; it needs the network and a writable folder.",
    );
    return false;
  }
  mkdirSync(modules, { recursive: true });
  writeFileSync(stamp, `${wanted}\n`);
  progress("done");
  return true;
}

/** Of the lock and of what the manifests ask for: npm refuses when those two disagree. */
function installHash() {
  const hash = createHash("sha256");
  hash.update(readFileSync(join(root, "package-lock.json")));
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  for (const folder of [".", ...(manifest.workspaces ?? [])]) {
    const { dependencies, devDependencies, optionalDependencies, overrides, workspaces } = JSON.parse(
      readFileSync(join(root, folder, "package.json"), "utf8"),
    );
    hash.update(JSON.stringify([dependencies, devDependencies, optionalDependencies, overrides, workspaces]));
  }
  hash.update(`${process.platform}-${process.arch}`);
  return hash.digest("hex");
}

/** One line on stderr; on a terminal it counts the seconds. Returns how it ends. */
function startProgress(what) {
  const start = Date.now();
  const seconds = () => Math.round((Date.now() - start) / 1000);
  if (!process.stderr.isTTY) {
    return (end) => process.stderr.write(`${what} … ${end} in ${seconds()} s\n`);
  }
  const draw = () => process.stderr.write(`\r${what} … ${seconds()} s`);
  draw();
  const timer = setInterval(draw, 1000);
  return (end) => {
    clearInterval(timer);
    process.stderr.write(`\r${what} … ${end} in ${seconds()} s\n`);
  };
}

function capture(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    const stop = forwardSignals(child);
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    child.on("error", (error) => {
      stop();
      resolve({ code: 1, output: error.code === "ENOENT" ? `"${command}" was not found.\n` : `${error.message}\n` });
    });
    child.on("close", (code, signal) => {
      stop();
      resolve({ code: exitCode(code, signal), output });
    });
  });
}

/** The path of a Node that is new enough: the running one, else the one that npm brought. */
function findNode() {
  if (Number(process.versions.node.split(".")[0]) >= NODE_MAJOR) return process.execPath;
  const node = join(modules, `node-${process.platform}-${process.arch}`, "bin", "node");
  if (!existsSync(node)) return undefined;
  return spawnSync(node, ["--version"]).status === 0 ? node : undefined;
}

function run(node, args, environment, cwd = process.cwd()) {
  return new Promise((resolve) => {
    const env = { ...process.env, ...environment, PATH: [dirname(node), process.env.PATH ?? ""].join(delimiter) };
    const child = spawn(node, ["--disable-warning=ExperimentalWarning", ...args], { cwd, env, stdio: "inherit" });
    const stop = forwardSignals(child);
    child.on("error", (error) => {
      stop();
      resolve(refuse(`"${node}" could not be started: ${error.message}`, `Install Node ${NODE_MAJOR} or newer: https://nodejs.org`));
    });
    child.on("close", (code, signal) => {
      stop();
      resolve(exitCode(code, signal));
    });
  });
}

/** Passes signals on. On a terminal, Ctrl-C reaches the child by itself: passed on as well it would count twice. */
function forwardSignals(child) {
  const handlers = ["SIGINT", "SIGTERM", "SIGHUP"].map((signal) => {
    const handler = () => {
      if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
    };
    process.on(signal, handler);
    return [signal, handler];
  });
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler);
  };
}

function exitCode(code, signal) {
  return signal === null ? (code ?? 1) : 128 + (constants.signals[signal] ?? 0);
}
