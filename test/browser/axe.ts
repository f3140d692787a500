/** Looks for what keeps people out of a page: every rule of axe, with what it found in words. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Page } from "../../src/process/browser.ts";

const source = readFile(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8");

interface Found {
  violations: { id: string; nodes: { target: string[]; failureSummary?: string }[] }[];
}

/**
 * One line for each place where a rule is broken; `rules`: only these, and not for the numbers of lines, which are as small as lines are.
 * The page's own policy allows no scripts of others: this one comes from outside of it.
 */
export async function violations(page: Page, rules?: readonly string[]): Promise<string[]> {
  if (!(await page.evaluate("typeof axe === 'object'"))) await page.evaluate(await source);
  const where = rules === undefined ? "document" : '{ exclude: [[".line .n"], [".diff .n"]] }';
  const options = { resultTypes: ["violations"], preload: false, ...(rules === undefined ? {} : { runOnly: rules }) };
  const { violations: found } = await page.evaluate<Found>(`axe.run(${where}, ${JSON.stringify(options)})`);
  return found.flatMap(({ id, nodes }) =>
    nodes.map(
      ({ target, failureSummary = "" }) => `${id} at ${target.join(" ")}: ${failureSummary.split("\n").slice(1, 3).join(" ").trim()}`,
    ),
  );
}
