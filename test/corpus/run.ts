/** Prints the score of each part, and what the language misses: `node test/corpus/run.ts [development|held-out]`. */
import { readCorpus, scoreCorpus } from "./score.ts";

const halves =
  process.argv[2] === undefined
    ? (["development", "development-2", "held-out"] as const)
    : [process.argv[2] as "development" | "development-2" | "held-out"];
for (const half of halves) {
  const { passed, total, misses } = scoreCorpus(readCorpus(half));
  print(`${half}: ${passed} of ${total} (${((100 * passed) / total).toFixed(1)} %)`);
  if (half !== "held-out" || process.argv[3] === "--misses")
    for (const { say, given, why } of misses)
      print(`- ${JSON.stringify(say)}${given.length === 0 ? "" : ` [${given.join(", ")}]`}\n    ${why}`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
