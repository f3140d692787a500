/** Lists of fields in plain words: "name, species and last watered date", "status (open, done)", "a required price: number, default 0". */
import { inferKind, splitKind, statedKind, type ValueKind } from "./field-types.ts";
import { sentenceCase, wordsOf } from "./naming.ts";

export interface SpokenField {
  /** Lower case, as said, without articles and type words. */
  words: string[];
  label: string;
  kind: ValueKind;
  /** Only where it was said. */
  required?: boolean;
  unique?: boolean;
  choices?: string[];
  /** As said; not yet checked against the kind. */
  default?: string;
}

const ARTICLES: ReadonlySet<string> = new Set([
  "a",
  "an",
  "the",
  "its",
  "their",
  "his",
  "her",
  "my",
  "our",
  "your",
  "some",
  "each",
  "one",
  "new",
  "another",
  "also",
  "and",
  "plus",
  "optionally",
  "maybe",
  "field",
  "fields",
  "called",
  "named",
]);
const FLAGS: ReadonlyMap<string, Partial<SpokenField>> = new Map<string, Partial<SpokenField>>([
  ["required", { required: true }],
  ["mandatory", { required: true }],
  ["obligatory", { required: true }],
  ["optional", { required: false }],
  ["unique", { unique: true }],
]);
const MAX_FIELD_WORDS = 5;
/** "with options low, medium and high": a list inside the list, up to its last "and" or "or". */
const NAMED_CHOICES =
  /[,:]?\s+(?:with (?:the )?)?(?:options|choices|values)(?: of| are)?:?\s+((?:[\w-]+(?: [\w-]+)?\s*,\s*)*[\w-]+(?: [\w-]+)?,?\s+(?:and|or)\s+[\w-]+(?: [\w-]+)?)/gi;

export interface ParsedFields {
  fields: SpokenField[];
  /** What stands in the list and cannot be a field. */
  rejected: string[];
}

/** Reads a list of fields. Repeated names count once. */
export function parseFields(text: string): ParsedFields {
  const fields: SpokenField[] = [];
  const rejected: string[] = [];
  for (const item of splitList(text.replaceAll(NAMED_CHOICES, " ($1)"))) {
    const field = parseField(item);
    if (field === "nothing") continue;
    if (field === undefined) rejected.push(item.trim());
    else if (!fields.some((other) => other.words.join(" ") === field.words.join(" "))) fields.push(field);
  }
  return { fields, rejected };
}

/** Splits at commas, semicolons, line breaks, bullets and "and", but not inside parentheses or quotes. */
export function splitList(text: string): string[] {
  const items: string[] = [];
  let depth = 0;
  let current = "";
  const tokens = text.match(/\(|\)|\[|\]|[,;\n•]|\s+(?:and|as well as|plus|&)\s+|\s+-\s+|[^()[\],;\n•\s]+|\s+/gi) ?? [];
  for (const [index, token] of tokens.entries()) {
    if (token === "(" || token === "[") depth += 1;
    if (token === ")" || token === "]") depth = Math.max(0, depth - 1);
    const separates = depth === 0 && (/^[,;\n•]$/.test(token) || /^\s+(?:and|as well as|plus|&|-)\s+$/i.test(token));
    if (!separates || continuesDetail(current, token, tokens[index + 1] ?? "")) {
      current += token;
      continue;
    }
    items.push(current);
    current = "";
  }
  return mergeDetails([...items, current].filter((item) => item.trim() !== ""));
}

/** "date and time" is one type, "open and closed" after "either" one list of choices. */
function continuesDetail(current: string, token: string, next: string): boolean {
  if (!/\band\b/i.test(token)) return false;
  return /\b(?:either|between|one of)\b(?!.*\bor\b)[^,]*$/i.test(current) || (/\bdate$/i.test(current.trim()) && /^time\b/i.test(next));
}

/** "status: open, in progress or done" is cut at its commas; what follows up to the "or" belongs to it. */
function mergeDetails(items: string[]): string[] {
  const merged: string[] = [];
  for (let index = 0; index < items.length; index++) {
    const item = items[index] as string;
    const opensChoices = CHOICE_INTRODUCTION.test(item);
    const end = opensChoices ? items.findIndex((other, at) => at >= index && /\bor\b/i.test(other)) : -1;
    if (end > index && items.slice(index, end + 1).every((part) => part.trim().split(/\s+/).length <= 8)) {
      merged.push(items.slice(index, end + 1).join(", "));
      index = end;
    } else if (/^\s*(?:default(?:s|ing)?\s+\S|by default\s+\S|required\s*$|optional\s*$|unique\s*$)/i.test(item) && merged.length > 0) {
      merged.push(`${merged.pop() ?? ""}, ${item.trim()}`);
    } else merged.push(item);
  }
  return merged;
}

const CHOICE_INTRODUCTION = /(?::|\bone of|\beither|\bbeing|\bthat is|\bwhich is|\bof type|\boptions?|\bchoices?|\bvalues?)\s+\S/i;

function parseField(item: string): SpokenField | "nothing" | undefined {
  const found: Partial<SpokenField> = {};
  let text = item
    .trim()
    .replace(/^(?:[-*•]|\d+[.)])\s*/, "")
    .replace(/[.!?]+$/, "");
  text = text.replace(
    /[,(\s]*\b(?:with (?:a )?|by )?default(?:s|ing|ed)?(?: (?:value|to|of|is))*\s*[:=]?\s*["'“]?([\w.-]+(?: [\w-]+)?)["'”]?\s*\)?/i,
    (all, value: string) => {
      found.default = value;
      // A parenthesis that was opened before stays closed.
      return all.endsWith(")") && !all.includes("(") ? ") " : " ";
    },
  );
  const detail = takeDetail(text, found);
  const words = wordsOf(stripMarkup(detail.name)).filter(
    (word, index, all) =>
      !(ARTICLES.has(word) && (index === 0 || all.slice(0, index).every((before) => ARTICLES.has(before) || FLAGS.has(before)))),
  );
  const kept: string[] = [];
  for (const word of words) {
    const flag = FLAGS.get(word);
    if (flag === undefined) kept.push(word);
    else Object.assign(found, flag);
  }
  while (kept.length > 1 && (kept.at(-1) === "field" || kept.at(-1) === "column" || kept.at(-1) === "property")) kept.pop();
  if (kept.length === 0) return "nothing";
  const trailing = splitKind(kept);
  if (trailing.words.length > MAX_FIELD_WORDS || !/[a-z]/.test(trailing.words[0] ?? "")) return undefined;
  const kind = chooseKind(found, trailing);
  if (kind === "choice" && found.choices === undefined) return undefined;
  return { ...found, words: trailing.words, label: sentenceCase(trailing.words), kind };
}

function chooseKind(found: Partial<SpokenField>, trailing: { words: string[]; kind?: ValueKind }): ValueKind {
  if (found.choices !== undefined) return "choice";
  const stated = found.kind ?? trailing.kind;
  const inferred = inferKind(trailing.words);
  // "number" says less than a name such as "price" does.
  if (stated === "integer" && inferred === "decimal") return inferred;
  return stated ?? inferred;
}

/** Splits "status (open, done)", "price: number" and "priority as low, medium or high" into the name and what is said of it. */
function takeDetail(text: string, found: Partial<SpokenField>): { name: string } {
  const parenthesis = /^(.*?)\s*[([]([^)\]]*)[)\]]\s*(.*)$/s.exec(text);
  if (parenthesis !== null) {
    readDetail(parenthesis[2] ?? "", found);
    return takeDetail(`${parenthesis[1] ?? ""} ${parenthesis[3] ?? ""}`.trim(), found);
  }
  const introduced =
    /^(.*?)(?:\s*:\s*|\s*=\s*|\s+as an?\s+|\s+of type\s+|,?\s+(?:that|which)\s+(?:is|can be|may be)\s+(?=either|one of|an? )|\s+(?:with (?:the )?)?(?:options?|choices?|values?)(?: of)?\s+|\s+(?=either\s|one of\s)|\s+being\s+)(.+)$/is.exec(
      text,
    );
  if (introduced === null || (introduced[1] ?? "").trim() === "") return { name: text };
  readDetail(introduced[2] ?? "", found);
  return { name: introduced[1] ?? "" };
}

/** A type, flags, or a list of choices. */
function readDetail(detail: string, found: Partial<SpokenField>): void {
  const parts = detail
    .replace(/^(?:either|one of|an?|choices?:?|options?:?|enum:?|select:?)\s+/i, "")
    .split(/\s*[,/|;]\s*(?:or\s+|and\s+)?|\s+or\s+|\s+and\s+(?!time\b)/i)
    .map((part) => part.trim().replace(/^["'“]|["'”]$/g, ""))
    .filter((part) => part !== "");
  const choices: string[] = [];
  const whole = statedKind(wordsOf(detail));
  if (whole !== undefined) {
    found.kind = whole;
    return;
  }
  for (const part of parts) {
    const words = wordsOf(part);
    const flag = FLAGS.get(words.join(" "));
    const kind = statedKind(words);
    if (flag !== undefined) Object.assign(found, flag);
    else if (kind !== undefined) found.kind = kind;
    else if (words.length > 0 && words.length <= 4) choices.push(part);
  }
  // One word alone is a remark ("weight (kg)"), not a choice.
  if (choices.length > 1) found.choices = [...new Map(choices.map((choice) => [wordsOf(choice).join(" "), choice])).values()];
}

function stripMarkup(text: string): string {
  return text.replaceAll(/[`*"“”]/g, "");
}
