/** The source files of an app, as the gates see them: everything that is tracked, nothing that is installed or built. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";

const SKIPPED = new Set(["node_modules", "dist", ".git", ".cache"]);

/** Paths relative to `dir`, with `/`, sorted. Symbolic links are not followed and not listed. */
export async function listSourceFiles(dir: string): Promise<string[]> {
  const files: string[] = [];
  const walk = async (relative: string) => {
    for (const entry of await readdir(join(dir, relative), { withFileTypes: true })) {
      const path = relative === "" ? entry.name : `${relative}/${entry.name}`;
      if (entry.isDirectory() && !(relative === "" && SKIPPED.has(entry.name))) await walk(path);
      else if (entry.isFile()) files.push(path);
    }
  };
  await walk("");
  return files.sort();
}

const CODE = /\.[cm]?[jt]sx?$/;
const TYPESCRIPT = /(?<!\.d)\.[cm]?tsx?$/;
const TEST = /\.(?:test|spec)\.[cm]?[jt]sx?$/;

export function isCode(path: string): boolean {
  return CODE.test(path);
}

/** What the compiler must have seen; declarations are seen when something refers to them. */
export function isTypeScript(path: string): boolean {
  return TYPESCRIPT.test(path);
}

export function isTest(path: string): boolean {
  return TEST.test(path);
}
