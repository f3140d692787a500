/** Counts the operations of this process on the file system and on other processes, and kills it at one of them. Nobody lists them. */
import childProcess from "node:child_process";
import { writeSync } from "node:fs";
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { relative } from "node:path";

/** `every`: each operation. `edges`: the first of each kind per folder, and each that publishes, deletes, syncs, starts or ends something. */
export type Grain = "every" | "edges";

const CHANGES = ["mkdir", "rename", "rm", "writeFile", "copyFile", "link", "symlink", "chmod", "chown", "lchown", "open"] as const;
const HANDLE_CHANGES = ["write", "writeFile", "truncate", "chown", "sync"];
const ALWAYS = /^(rename|rm|link .*\.json|sync|spawn|kill|fork)/;

let armed: { killAt: number; grain: Grain; root: string; seen: Set<string>; passed: string[] } | undefined;

function point(what: string, path: unknown): void {
  if (!armed) return;
  const where = typeof path === "string" ? relative(armed.root, path) : "";
  const label = `${what} ${where}`;
  if (armed.grain === "edges" && !ALWAYS.test(label)) {
    const kind = `${what} ${where.replace(/[^/]*$/, "")}`;
    if (armed.seen.has(kind)) return;
    armed.seen.add(kind);
  }
  armed.passed.push(label);
  if (armed.passed.length !== armed.killAt) return;
  writeSync(1, `killed ${label}\n`);
  process.kill(process.pid, "SIGKILL");
}

/** From here on operations count; the `killAt`th does not happen. */
export function arm(killAt: number, grain: Grain, root: string): void {
  armed = { killAt, grain, root, seen: new Set(), passed: [] };
}

/** Ends the count with one last operation, the answer. Returns what was counted. */
export function answer(): string[] {
  point("answer", undefined);
  const passed = armed?.passed ?? [];
  armed = undefined;
  return passed;
}

type Anything = (this: unknown, ...args: unknown[]) => unknown;

function wrap(
  target: object,
  name: string,
  pathOf: (self: unknown, args: unknown[]) => unknown,
  isChange: (args: unknown[]) => boolean = () => true,
): void {
  const methods = target as Record<string, Anything>;
  const original = methods[name] as Anything;
  methods[name] = function (...args) {
    if (isChange(args)) point(name, pathOf(this, args));
    return original.apply(this, args);
  };
}

/** Where handles lead, as they were opened. */
const opened = new WeakMap<object, unknown>();

async function watchHandles(): Promise<void> {
  const handle = await fs.open(import.meta.filename);
  const prototype = Object.getPrototypeOf(handle) as object;
  await handle.close();
  for (const name of HANDLE_CHANGES) wrap(prototype, name, (self) => opened.get(self as object));
  const { open } = fs;
  fs.open = async (...args) => {
    const made = await open(...args);
    opened.set(made, args[0]);
    return made;
  };
}

await watchHandles();
// What names two paths is known by the one that comes to be.
const second = new Set<string>(["rename", "copyFile", "link", "symlink"]);
for (const name of CHANGES) {
  const isChange = name === "open" ? ([, flags]: unknown[]) => typeof flags === "string" && flags !== "r" : undefined;
  wrap(fs, name, (_, args) => args[second.has(name) ? 1 : 0], isChange);
}
// How far a server is that starts: what waits for it reads this file again and again.
wrap(
  fs,
  "readFile",
  (_, [path]) => path,
  ([path]) => typeof path === "string" && path.endsWith("/postmaster.pid"),
);
wrap(childProcess, "spawn", (_, [command]) => command);
wrap(childProcess.ChildProcess.prototype, "kill", (_, [signal]) => signal);
syncBuiltinESMExports();
