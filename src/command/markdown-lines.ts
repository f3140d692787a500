/**
 * Which lines of a Markdown text speak in the writer's own voice: not code, not quoted, not hidden in HTML comments.
 *
 * | state   | lines in it            | left by                                                  |
 * |---------|------------------------|----------------------------------------------------------|
 * | prose   | spoken                 | a fence, `<!--`, `<pre` and the like                     |
 * | fence   | code                   | a fence of the same kind, at least as long; the text's end |
 * | comment | hidden                 | `-->`; the text's end                                    |
 * | raw     | code                   | the closing tag; the text's end                          |
 */

export interface MarkdownLine {
  text: string;
  /** `spoken`: a mention here counts. `hidden`: no reader sees it. */
  kind: "spoken" | "quoted" | "code" | "hidden";
}

type State = { in: "prose" } | { in: "fence"; mark: string } | { in: "comment" } | { in: "raw"; end: RegExp };

const FENCE = /^ {0,3}(?:(?:[-*+]|\d{1,9}[.)]) {1,4})*(`{3,}|~{3,})(.*)$/;
const RAW = /^ {0,3}<(pre|script|style|textarea)(?:[\s>]|$)/i;

export function markdownLines(text: string): MarkdownLine[] {
  let state: State = { in: "prose" };
  return text.split("\n").map((line) => {
    const [kind, next] = step(state, line);
    state = next;
    return { text: line, kind };
  });
}

function step(state: State, line: string): [MarkdownLine["kind"], State] {
  if (state.in === "fence") return ["code", closesFence(line, state.mark) ? { in: "prose" } : state];
  if (state.in === "raw") return ["code", state.end.test(line) ? { in: "prose" } : state];
  if (state.in === "comment") return ["hidden", line.includes("-->") ? afterComment(line.slice(line.indexOf("-->") + 3)) : state];

  if (/^ {0,3}>/.test(line)) return ["quoted", state];
  const fence = FENCE.exec(line);
  // Backticks after a backtick fence make it inline code.
  if (fence?.[1] && !(fence[1].startsWith("`") && fence[2]?.includes("`"))) return ["code", { in: "fence", mark: fence[1] }];
  if (/^(?: {4}| {0,3}\t)/.test(line)) return ["code", state];
  const raw = RAW.exec(line)?.[1];
  if (raw !== undefined) {
    const end = new RegExp(`</${raw}>`, "i");
    return ["code", end.test(line) ? state : { in: "raw", end }];
  }
  return [/^ {0,3}<!--/.test(line) ? "hidden" : "spoken", afterComment(line)];
}

/** The state after a line of prose: inside a comment when it opened one and did not close it. */
function afterComment(line: string): State {
  const last = inlineParts(line).findLast((part) => part.kind === "comment");
  return last !== undefined && !last.text.endsWith("-->") ? { in: "comment" } : { in: "prose" };
}

export interface InlinePart {
  kind: "text" | "code" | "comment";
  text: string;
}

/** A line's code spans and HTML comments, and the text between them; a comment that is not closed runs to the end. In linear time. */
export function inlineParts(line: string): InlinePart[] {
  const closers = closersOfCode(line);
  const parts: InlinePart[] = [];
  let from = 0;
  const push = (kind: InlinePart["kind"], to: number) => {
    if (to > from) parts.push({ kind, text: line.slice(from, to) });
    from = to;
  };
  for (const match of line.matchAll(/`+|<!--/g)) {
    if (match.index < from) continue;
    const end = match[0] === "<!--" ? endOfComment(line, match.index) : closers.get(match.index);
    // Backticks without a counterpart are text.
    if (end === undefined) continue;
    push("text", match.index);
    push(match[0] === "<!--" ? "comment" : "code", end);
  }
  push("text", line.length);
  return parts;
}

/** Where the code that each run of backticks opens ends: after the next run of the same length. */
function closersOfCode(line: string): Map<number, number> {
  const closers = new Map<number, number>();
  const nextOfLength = new Map<number, number>();
  for (const run of [...line.matchAll(/`+/g)].reverse()) {
    const { length } = run[0];
    const next = nextOfLength.get(length);
    if (next !== undefined) closers.set(run.index, next + length);
    nextOfLength.set(length, run.index);
  }
  return closers;
}

function endOfComment(line: string, start: number): number {
  const end = line.indexOf("-->", start + 4);
  return end < 0 ? line.length : end + 3;
}

function closesFence(line: string, mark: string): boolean {
  const trimmed = line.trim();
  return trimmed.length >= mark.length && trimmed === mark.charAt(0).repeat(trimmed.length);
}
