/** The identity of whoever judges: a digest over everything on the runner's side that takes part in a gate's result. */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { VerifyTools } from "./gate.ts";
import type { Isolation } from "../process/isolation.ts";

/** Whose code the gates are, where they run from source. */
const SOURCE_FOLDERS = [".", "../process", "../core"];

/**
 * Equal for runners that would find the same: the gates' own code, the lock of what they execute, the packages of the apps, Node and its
 * platform, and how well the apps were isolated. `from` is the folder of the gates' code. Undefined where the tools have no lock: nothing can be said of them then.
 */
export async function judgeDigest(tools: VerifyTools, isolation: Isolation, from = import.meta.dirname): Promise<string | undefined> {
  const lock = await readLock(tools.platformRoot);
  if (lock === undefined) return undefined;
  const hash = createHash("sha256");
  hash.update(`${process.version} ${process.platform}-${process.arch} ${isolation} ${storeOf(tools.modulesDir)}\n`);
  hash.update(lock);
  for (const file of await codeFiles(from))
    hash.update(`\n${basename(file)} `).update(
      createHash("sha256")
        .update(await readFile(file))
        .digest(),
    );
  return hash.digest("hex");
}

async function readLock(platformRoot: string): Promise<Buffer | undefined> {
  for (const name of ["package-lock.json", "node_modules/.package-lock.json"]) {
    try {
      return await readFile(join(platformRoot, name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  return undefined;
}

/** The folder of the store is called after every package and version in it. */
function storeOf(modulesDir: string): string {
  return basename(dirname(modulesDir));
}

/** Every script beside this module, and of the folders that the gates import; as a bundle it is one file. */
async function codeFiles(from: string): Promise<string[]> {
  const isSource = import.meta.filename.endsWith(".ts");
  const files: string[] = [];
  for (const folder of isSource ? SOURCE_FOLDERS : ["."]) {
    const names = await readdir(join(from, folder));
    files.push(...names.filter((name) => /\.m?[jt]s$/.test(name) && !name.endsWith(".test.ts")).map((name) => join(from, folder, name)));
  }
  return files.toSorted();
}
