/** The texts of an app's test files, now and in the base. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Checkout } from "./checkout.ts";
import type { GateApp } from "./gate.ts";
import { isTest, listSourceFiles } from "./source-files.ts";

/** Path relative to the app → text. */
export async function readTests(app: GateApp): Promise<Map<string, string>> {
  const paths = (await listSourceFiles(app.dir)).filter(isTest);
  return new Map(
    await Promise.all(paths.map(async (path): Promise<[string, string]> => [path, await readFile(join(app.dir, path), "utf8")])),
  );
}

export async function sourcesOfBase(checkout: Checkout, app: GateApp): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (const path of (await checkout.listBase(app.path)).filter(isTest)) {
    const text = await checkout.readBase(path);
    if (text !== undefined) texts.set(path.slice(app.path.length + 1), text);
  }
  return texts;
}
