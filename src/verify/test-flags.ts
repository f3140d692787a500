/** Compares an app's tests with those of the base: what was deleted, skipped or says less than before. */
import { parseSync } from "oxc-parser";

export interface TestCensus {
  tests: number;
  skipped: number;
  only: number;
  expectations: number;
}

const TESTERS = new Set(["test", "it"]);
const GROUPS = new Set(["describe", "suite"]);
const SKIPS = new Set(["skip", "skipIf", "runIf", "todo", "fails"]);

/**
 * One sentence per file that lost something. `before` and `after` are path → text of the test files, paths relative to the app.
 * A renamed file that kept everything counts as one deletion; the sentence says so by naming it.
 */
export function compareTests(before: Map<string, string>, after: Map<string, string>): string[] {
  const flags: string[] = [];
  for (const [path, text] of before) {
    const now = after.get(path);
    const old = countTests(path, text);
    if (now === undefined) {
      flags.push(`${path} was deleted (${old.tests} tests)`);
      continue;
    }
    const fresh = countTests(path, now);
    if (fresh.tests < old.tests) flags.push(`${path} has ${fresh.tests} tests, ${old.tests} before`);
    if (fresh.expectations < old.expectations) flags.push(`${path} has ${fresh.expectations} expectations, ${old.expectations} before`);
    if (fresh.skipped > old.skipped) flags.push(`${path} skips ${fresh.skipped}, ${old.skipped} before`);
    if (fresh.only > old.only) flags.push(`${path} runs only ${fresh.only} of its tests`);
  }
  for (const [path, text] of after) {
    if (before.has(path)) continue;
    const fresh = countTests(path, text);
    if (fresh.skipped > 0) flags.push(`${path} skips ${fresh.skipped}`);
    if (fresh.only > 0) flags.push(`${path} runs only ${fresh.only} of its tests`);
  }
  return flags;
}

/** Counts calls by their names, as written: `test(…)`, `it.skip(…)`, `describe.only(…)`, `expect(…)`. */
export function countTests(path: string, text: string): TestCensus {
  const census: TestCensus = { tests: 0, skipped: 0, only: 0, expectations: 0 };
  walk(parseSync(path, text).program, (chain) => {
    const [name = "", ...rest] = chain;
    if (name === "expect") census.expectations++;
    if (!TESTERS.has(name) && !GROUPS.has(name)) return;
    if (TESTERS.has(name)) census.tests++;
    if (rest.some((word) => SKIPS.has(word))) census.skipped++;
    if (rest.includes("only")) census.only++;
  });
  return census;
}

/** Calls `visit` with the dotted name of what each call calls. */
function walk(node: unknown, visit: (chain: string[]) => void): void {
  if (Array.isArray(node)) {
    for (const item of node) walk(item, visit);
    return;
  }
  if (typeof node !== "object" || node === null) return;
  const entry = node as Record<string, unknown>;
  if (entry["type"] === "CallExpression") {
    const chain = chainOf(entry["callee"]);
    if (chain) visit(chain);
  }
  for (const [key, value] of Object.entries(entry)) if (key !== "parent") walk(value, visit);
}

/** `["it", "skip"]` of `it.skip`; `it.each(rows)` counts once, by its outer call. */
function chainOf(callee: unknown): string[] | undefined {
  if (typeof callee !== "object" || callee === null) return undefined;
  const node = callee as Record<string, unknown>;
  if (node["type"] === "Identifier") return [String(node["name"])];
  if (node["type"] !== "MemberExpression" || node["computed"] === true) return undefined;
  const head = chainOf(node["object"]);
  const property = node["property"] as Record<string, unknown> | undefined;
  return head && property ? [...head, String(property["name"])] : undefined;
}
