/** Reads what shall change in an app that is there, statement by statement, in the words of its author. */
import { clausesOf, readClause, type Said } from "./clauses.ts";
import type { SpokenDetails } from "./field-details.ts";
import { isOpen, phrase } from "./phrases.ts";
import { sentencesOf } from "./sentences.ts";
import {
  REMOVE,
  toEach,
  readRename,
  readRows,
  readRemove,
  readDefault,
  readFlag,
  readExtract,
  readRetype,
  readAct,
  readAdd,
} from "./statements.ts";
import { stripCourtesy } from "./text.ts";
import { parseViews, type View } from "./views.ts";

/** Phrases are as they were said, without articles: `title`, `the phone field` → `phone`. */
export type SpokenChange =
  /** `list` is a list of fields or records; `rest` is what stood behind the target. */
  | { kind: "add"; list: string; to?: string; rest?: string }
  | { kind: "remove"; what: string[]; from?: string; table: boolean }
  | { kind: "rename"; from: string; to: string; of?: string; app: boolean }
  | { kind: "retype"; what: string; of?: string; details: Partial<SpokenDetails>; said: string }
  | { kind: "flag"; what: string[]; of?: string; flag: "required" | "optional" | "unique" | "not unique"; default?: string }
  | { kind: "default"; what: string; of?: string; value: string }
  /** A line of text becomes a list of its own. */
  | { kind: "extract"; what: string; of?: string }
  | { kind: "views"; views: View[] }
  | { kind: "said"; said: Said }
  /** Rows, not fields, shall go. */
  | { kind: "rows" }
  /** It begins like a change and is none that is known. */
  | { kind: "unclear"; text: string };

export interface Vocabulary {
  /** Words for records that are there. */
  isRecord(phrase: string): boolean;
  /** Words for a field that is there. */
  isField(phrase: string): boolean;
}

const VERBS = `(?:add|rename|${REMOVE}|change|make|set|turn|convert|switch|replace|give|introduce|include|insert|create|let me|require|show|filter|count|sum|search|sum up|display|call|mark|move)`;

/** The statements of a request, in order. */
export function parseChanges(text: string, vocabulary: Vocabulary): SpokenChange[] {
  const changes: SpokenChange[] = [];
  for (const sentence of sentencesOf(text).map(flagsApart)) {
    let subject: string | undefined;
    for (const part of statementsOf(stripCourtesy(sentence), vocabulary)) {
      const led = /^((?:[\w'"-]+ ?){1,4}?)\s*(?::|\s[-–—]\s)\s*(?=\S)(.+)$/s.exec(part);
      let statement = stripCourtesy(part);
      if (led !== null && (vocabulary.isRecord(led[1] ?? "") || vocabulary.isField(led[1] ?? "")) && startsChange(led[2] ?? "")) {
        subject = phrase(led[1] ?? "");
        statement = stripCourtesy(led[2] ?? "");
      }
      const found = readStatement(pronounsOf(statement, subject), vocabulary);
      const inSubject = subject !== undefined && vocabulary.isRecord(subject) ? subject : undefined;
      const again = (change: SpokenChange): boolean =>
        change.kind === "remove" && changes.some((other) => other.kind === "remove" && other.what.join() === change.what.join());
      for (const change of found.filter((one) => !again(one))) changes.push(inSubject === undefined ? change : within(change, inSubject));
      const last = found.at(-1);
      if (last?.kind === "remove") subject = last.what.at(-1) ?? subject;
      else if (last?.kind === "flag") subject = last.what.at(-1) ?? subject;
    }
  }
  return changes;
}

/** "amount should be required and description unique": two statements. */
function flagsApart(sentence: string): string {
  const flag = "required|mandatory|optional|unique";
  return sentence
    .replace(
      new RegExp(`\\b(should|must|has to|have to)\\s+be\\s+(${flag})\\s+and\\s+(?:the\\s+)?([\\w ]+?)\\s+(${flag})$`, "i"),
      "$1 be $2; $3 $1 be $4",
    )
    .replace(new RegExp(`^make\\s+(.+?)\\s+(${flag})\\s*,?\\s+and\\s+(?:the\\s+)?([\\w ]+?)\\s+(${flag})$`, "i"), "make $1 $2; make $3 $4")
    .replace(
      new RegExp(`^make\\s+(.+?)\\s+(${flag})\\s*,?\\s+and\\s+(?:the\\s+)?([\\w ]+?)\\s+(?:too|as well)$`, "i"),
      "make $1 $2; make $3 $2",
    );
}

/** "it" in the second half of a sentence is what its first half was about. */
function pronounsOf(statement: string, subject: string | undefined): string {
  return subject === undefined ? statement : statement.replace(/^(\w+(?: rid of)?)\s+(?:it|them|that|those|this)\b/i, `$1 ${subject}`);
}

function startsChange(text: string): boolean {
  return new RegExp(`^(?:please\\s+|also\\s+|now\\s+)*${VERBS}\\b`, "i").test(text);
}

/** "rename a to b, drop c; make d unique": cut where the next verb begins. */
function statementsOf(sentence: string, vocabulary: Vocabulary): string[] {
  const begins = new RegExp(
    `(?:\\s*;\\s*(?:and\\s+|then\\s+|also\\s+)*|\\s*,\\s*(?:and\\s+|then\\s+|also\\s+|please\\s+|so\\s+|just\\s+|but\\s+)*|\\s+(?:and|then|but)\\s+(?:then\\s+|also\\s+|please\\s+|just\\s+)*)(?=${VERBS}\\s+(?!and\\b|,|or\\b)\\S)|\\s*;\\s*(?:and\\s+)?|\\s+(?:and|but)\\s+(?=(?:the\\s+)?[\\w' -]{2,40}?\\s+(?:should|shouldn't|must|mustn't|needs? to|has to|have to|can be|may be|is no longer|are no longer)\\b)`,
    "gi",
  );
  const parts: string[] = [];
  let start = 0;
  for (const match of sentence.matchAll(begins)) {
    const before = sentence.slice(start, match.index);
    const after = sentence.slice(match.index + match[0].length);
    if (match.index < start || isOpen(sentence.slice(0, match.index)) || before.trim() === "") continue;
    const verb = new RegExp(`^${VERBS}`, "i").exec(after)?.[0].toLowerCase() ?? "";
    // "add make, model and set": words that are verbs can be fields, where nothing stands behind them that they could be about.
    if (/^(?:make|set|count|display|show|mark|cut|move|search|call|filter|hide|sum|switch|turn|change)$/.test(verb)) {
      const next = after
        .slice(verb.length)
        .trim()
        .replace(/^(?:the|all|a|an|its|every|each|my|our)\s+/i, "");
      const article = /^\s+(?:the|all|a|an|me|it|up|every|each|how)\b/i.test(after.slice(verb.length));
      if (
        !article &&
        !vocabulary.isField(next.split(/[\s,]/)[0] ?? "") &&
        !vocabulary.isRecord(next.split(/[\s,]/)[0] ?? "") &&
        !/^["']/.test(next)
      )
        continue;
    }
    parts.push(before);
    start = match.index + match[0].length;
  }
  return [...parts, sentence.slice(start)].map((part) => part.trim()).filter((part) => part !== "");
}

function readStatement(statement: string, vocabulary: Vocabulary): SpokenChange[] {
  const text = spelledOut(statement, vocabulary)
    .replace(
      /^(?:and|also|then|but|so|please|furthermore|(?:i|we)(?:'d| would)? (?:also )?(?:want|like|love) to|(?:i|we) (?:need|have) to)\s+(?=\w)/i,
      "",
    )
    .replace(/^(?:(?:i|we)(?:'d| would)?\s+(?:like|want|need)|there should be|there must be)\s+(?=(?:an?|another|some|the)\s)/i, "add ")
    .trim();
  const read =
    readRename(text) ??
    readRows(text, vocabulary) ??
    readRemove(text) ??
    readDefault(text) ??
    readFlag(text) ??
    readExtract(text) ??
    readRetype(text, vocabulary) ??
    readAct(text, vocabulary);
  if (read !== undefined) return read;
  const views = parseViews(text);
  if (views !== undefined) return [{ kind: "views", views }];
  const isKnown = (words: readonly string[]): boolean => vocabulary.isRecord(words.join(" "));
  const clauses = clausesOf(text, isKnown);
  const said = clauses.map((clause) => readClause(clause, isKnown)).filter((one) => one !== undefined);
  const whole = said.length === clauses.length && said.length > 0;
  if (whole && (clauses.length > 1 || /^(?:each|every|an?|all)\s/i.test(text))) return said.map((one) => ({ kind: "said", said: one }));
  const add = readAdd(text, vocabulary);
  if (add !== undefined) return toEach(add, vocabulary);
  return whole ? said.map((one) => ({ kind: "said", said: one })) : [{ kind: "unclear", text }];
}

/** Short and roundabout ways of saying the same: "email -> unique", "let readers leave comments on posts". */
function spelledOut(statement: string, vocabulary: Vocabulary): string {
  const arrow = /^(?:the\s+)?(.+?)\s*(?:->|→|=>)\s*(.+)$/.exec(statement);
  if (arrow !== null && vocabulary.isField(arrow[1] ?? "")) {
    const [, what = "", to = ""] = arrow;
    return /^(?:required|mandatory|optional|unique|not required|not unique)$/i.test(to) ? `make ${what} ${to}` : `rename ${what} to ${to}`;
  }
  const people = "(?:readers|people|users|visitors|customers|members|guests|everyone|anyone|us|me|them|i|we|it should be possible to|one)";
  const leave = "(?:leave|write|post|give|attach|add|make|store|record|save|capture|note|enter|have)";
  const plain = statement.replace(/,?\s+(?:too|as well)$/i, "").replace(/^(?:i|we)'d (?:also )?like to\s+/i, "");
  const acts = new RegExp(
    `^(?:(?:let|allow|enable)\\s+${people}\\s+(?:to\\s+)?|${people}\\s+(?:also\\s+)?(?:should|can|must|want to|need to|may|would like to|'d like to)\\s+(?:also\\s+)?(?:be able to\\s+)?)?(?:also\\s+)?${leave}\\s+(.+?)\\s+(on|to|for|about|of)\\s+((?:(?:all|each|every|the|my|our)\\s+)*)([\\w-]+)\\b(.*)$`,
    "is",
  ).exec(plain);
  if (acts !== null && vocabulary.isRecord(acts[4] ?? "") && !/^(?:make|give|add)\b/i.test(plain))
    return `add ${acts[1] ?? ""} to ${acts[4] ?? ""}${acts[5] ?? ""}`;
  return plain;
}

function within(change: SpokenChange, subject: string): SpokenChange {
  switch (change.kind) {
    case "add":
      return change.to === undefined ? { ...change, to: subject } : change;
    case "remove":
      return change.from === undefined && !change.what.includes(subject) ? { ...change, from: subject } : change;
    case "rename":
    case "retype":
    case "flag":
    case "default":
    case "extract":
      return change.of === undefined ? { ...change, of: subject } : change;
    default:
      return change;
  }
}
