/** How findings look on a terminal: a mark, a name, what was found; colours where somebody watches, plain words in a pipe. */
import { styleText } from "node:util";

export type Mark = "ok" | "note" | "missing" | "failed";

export interface Finding {
  mark: Mark;
  name: string;
  text: string;
  /** Below it, indented. */
  more?: string[];
}

const MARKS = { ok: ["✓", "ok", "green"], note: ["·", "--", "dim"], missing: ["!", "--", "yellow"], failed: ["✗", "FAIL", "red"] } as const;

/** To standard output: findings are the result. */
export function printFindings(
  findings: readonly Finding[],
  out: NodeJS.WriteStream = process.stdout,
  env: NodeJS.ProcessEnv = process.env,
): void {
  const isColoured = out.isTTY && env["NO_COLOR"] === undefined && env["TERM"] !== "dumb";
  const isUnicode = out.isTTY && /utf-?8/i.test(env["LC_ALL"] ?? env["LC_CTYPE"] ?? env["LANG"] ?? "");
  const width = Math.max(0, ...findings.map((finding) => finding.name.length));
  for (const { mark, name, text, more = [] } of findings) {
    const [sign, word, colour] = MARKS[mark];
    const shown = isUnicode ? sign : word.padEnd(4);
    out.write(`  ${isColoured ? styleText(colour, shown) : shown}  ${name.padEnd(width)}  ${text}\n`);
    const indent = " ".repeat(2 + shown.length + 2 + width + 2);
    for (const line of more) out.write(`${indent}${isColoured ? styleText("dim", line) : line}\n`);
  }
}

/** One object, and nothing else, on standard output. */
export function printJson(schema: string, value: object): void {
  process.stdout.write(`${JSON.stringify({ schema: `adorable.${schema}/1`, ...value }, null, 2)}\n`);
}
