/** Lists of fields in plain words: "name, species and last watered date", "status (open, done)", "a required price: number, default 0". */
import { FLAGS, takeDetail, type SpokenDetails } from "./field-details.ts";
import { inferKind, splitKind, statedKind, type ValueKind } from "./field-types.ts";
import { CHOICE_NAMES } from "./nouns.ts";
import { sentenceCase, wordsOf } from "./naming.ts";

export interface SpokenField extends Partial<Omit<SpokenDetails, "kind">> {
  /** Lower case, as said, without articles and type words. */
  words: string[];
  label: string;
  kind: ValueKind;
  /** The kind was said, not guessed from the name. */
  stated?: boolean;
}

const ARTICLES: ReadonlySet<string> = new Set(
  "a an the its their his her my our your some each one new another also and plus optionally maybe field fields column columns property called named with of any additional extra possibly well as".split(
    " ",
  ),
);
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
  settle(fields);
  return { fields, rejected };
}

/** What a name means can depend on its neighbours: a time beside a date is a time of day, an amount beside a unit no money. */
function settle(fields: SpokenField[]): void {
  const hasDate = fields.some(({ kind }) => kind === "date");
  const hasUnit = fields.some(({ words }) => /^units?$/.test(words.at(-1) ?? ""));
  for (const field of fields) {
    if (field.stated === true) continue;
    if (field.kind === "dateTime" && field.words.at(-1) === "time" && hasDate) field.kind = "time";
    if (field.kind === "money" && field.words.join(" ") === "amount" && hasUnit) field.kind = "decimal";
  }
}

/** Splits at commas, semicolons, line breaks, bullets and "and", but not inside parentheses or quotes. */
export function splitList(text: string): string[] {
  const items: string[] = [];
  let depth = 0;
  let current = "";
  const tokens =
    text.match(
      /\(|\)|\[|\]|"[^"\n]*"|[,;\n•](?!\d)|\s+(?:and|as well as|along with|plus|&)\s+|\s+-\s+|\s+\/\s+|\s+(?:and\s+)?(?=whether\s)|[^()[\],;\n•\s"]+|\s+|["•,;]/gi,
    ) ?? [];
  for (const [index, token] of tokens.entries()) {
    if (token === "(" || token === "[") depth += 1;
    if (token === ")" || token === "]") depth = Math.max(0, depth - 1);
    const inName = /^\s+plus\s+$/i.test(token) && (/\bof$/i.test(current) || /^ones?$/i.test(tokens[index + 1] ?? ""));
    const separates =
      !inName &&
      depth === 0 &&
      (/^[,;\n•]$/.test(token) || /^\s+(?:and|as well as|along with|plus|&|-|\/)\s+$/i.test(token) || /^\s+and\s+$/i.test(token));
    if (!separates || continuesDetail(current, token, tokens[index + 1] ?? "")) {
      current += token;
      continue;
    }
    items.push(current);
    current = "";
  }
  return mergeDetails([...items, current].filter((item) => item.trim() !== ""));
}

/** "date and time" is one type, "open and closed" after "either" one list of choices, "yes / no" one answer. */
function continuesDetail(current: string, token: string, next: string): boolean {
  if (/\//.test(token)) return /\b(?:yes|true|y)$/i.test(current.trim()) || /:/.test(current);
  if (!/\band\b/i.test(token)) return false;
  if (/\b(?:from|between|of)\s+\d+$/i.test(current) && /^\d+$/.test(next)) return true;
  return /\b(?:either|between|one of)\b(?!.*\bor\b)[^,]*$/i.test(current) || (/\bdate$/i.test(current.trim()) && /^time\b/i.test(next));
}

/** "status: open, in progress or done" is cut at its commas; what follows up to the "or" belongs to it. */
function mergeDetails(items: string[]): string[] {
  const merged: string[] = [];
  for (let index = 0; index < items.length; index++) {
    const item = items[index] as string;
    const end = endOfChoices(items, index);
    if (end > index && items.slice(index, end + 1).every((part) => part.trim().split(/\s+/).length <= 9)) {
      merged.push(items.slice(index, end + 1).join(", "));
      index = end;
    } else if (
      /^\s*(?:with (?:a )?default\s+\S|default(?:s|ing)?\s+\S|by default\s+\S|(?:which |that )?defaults? to|required\s*$|optional\s*$|unique\s*$|mandatory\s*$|no duplicates\s*$)/i.test(
        item,
      ) &&
      merged.length > 0
    ) {
      merged.push(`${merged.pop() ?? ""}, ${item.trim()}`);
    } else merged.push(item);
  }
  return merged;
}

const CHOICE_OF = new RegExp(`^\\s*(?:an?\\s+|the\\s+|its\\s+)?(?:[\\w-]+ )?${CHOICE_NAMES.source.replace(/^\^|\$$/g, "")}\\s+of\\s+`, "i");
const CHOICE_INTRODUCTION = /(?::|\bone of|\beither|\bbeing|\bthat is|\bwhich is|\bof type|\boptions?|\bchoices?(?: of)?|\bvalues?)\s+\S/i;
const CERTAIN_CHOICES = /\b(?:one of|either|choice of|choices?:|options?:)\s/i;

/** The place of the last item that is a choice of the item at `start`, or -1. */
function endOfChoices(items: readonly string[], start: number): number {
  const item = items[start] ?? "";
  if (!CHOICE_INTRODUCTION.test(item) && !CHOICE_OF.test(item)) return -1;
  const end = items.findIndex((other, at) => at >= start && /\bor\b/i.test(other));
  if (end >= 0) return end;
  if (!CERTAIN_CHOICES.test(item)) return -1;
  // Without an "or" they go on until something that can only be a field.
  const next = items.findIndex((other, at) => at > start && /^\s*(?:an?|the|whether)\s|[:(]/i.test(other));
  return (next < 0 ? items.length : next) - 1;
}

function parseField(item: string): SpokenField | "nothing" | undefined {
  const found: Partial<SpokenDetails> = {};
  let text = item
    .trim()
    .replace(/^(?:[-*•]|\d+[.)])\s*/, "")
    .replace(/[.!]+$/, "")
    .replace(/^["'](.*)["']$/, "$1");
  if (text.endsWith("?") || /\?\s*(?=\()/.test(text)) {
    found.kind = "boolean";
    text = text.replace(/\s*\?(?=\s*(?:\(|$))/, "");
  }
  if (text.endsWith("*")) {
    found.required = true;
    text = text.slice(0, -1);
  }
  const named = /^(?:(?:an?|the|new|optional|required)\s+)*(?:\w+\s+)?["']([^"']+)["']\s*(?:(\w+(?: \w+)?)\s*)?$/i.exec(text);
  const kindBeside = statedKind(wordsOf(named?.[2] ?? "")) ?? statedKind(wordsOf(/(\w+)\s+["']/.exec(text)?.[1] ?? ""));
  if (named?.[1] !== undefined && kindBeside !== undefined) {
    found.kind = kindBeside;
    text = named[1];
  }
  if (CHOICE_OF.test(text) && /\bor\b/i.test(text)) text = text.replace(/\s+of\s+/i, ": ");
  text = takeClause(takeDefault(text, found), found);
  const words = wordsOf(stripMarkup(takeDetail(text, found))).filter(
    (word, index, all) =>
      !(ARTICLES.has(word) && (index === 0 || all.slice(0, index).every((before) => ARTICLES.has(before) || FLAGS.has(before)))),
  );
  const kept: string[] = [];
  for (const word of words) {
    const flag = FLAGS.get(word);
    if (flag === undefined) kept.push(word);
    else Object.assign(found, flag);
  }
  while (kept.length > 1 && /^(?:field|column|property|too|also|as|well|there|each)$/.test(kept.at(-1) ?? "")) kept.pop();
  if (kept.length === 0) return "nothing";
  const trailing = splitKind(kept);
  if (trailing.words.length > MAX_FIELD_WORDS || !/[a-z]/.test(trailing.words[0] ?? "")) return undefined;
  const kind = chooseKind(found, trailing);
  if (kind === "choice" && found.choices === undefined) return undefined;
  const stated = found.kind !== undefined || trailing.kind !== undefined || found.choices !== undefined;
  return { ...found, words: trailing.words, label: sentenceCase(trailing.words), kind, ...(stated ? { stated } : {}) };
}

function takeDefault(text: string, found: Partial<SpokenDetails>): string {
  return text.replace(
    /[,(\s]*\b(?:with (?:a )?|by |the )?default(?:s|ing|ed)?(?: (?:value|to|of|is))*\s*[:=]?\s*["']?([\p{L}\p{N}_.@-]+(?: [\w-]+)?)["']?\s*\)?/iu,
    (all, value: string) => {
      found.default = value;
      // A parenthesis that was opened before stays closed.
      return all.endsWith(")") && !all.includes("(") ? ") " : " ";
    },
  );
}

/** "whether it is vegetarian", "when I bought it": a name in the form of a clause. */
function takeClause(text: string, found: Partial<SpokenDetails>): string {
  const whether =
    /^(?:and\s+)?(?:whether|if)\s+(?:or not\s+)?(?:(?:it|they|i|he|she|we|the \w+)(?:'s|'ve)?\s+)?(?:(?:is|are|was|were|has|have|had|can|been|already)\s+)*(.+?)(?:\s+(?:it|them|or not|already|yet))*$/i.exec(
      text,
    );
  if (whether?.[1] !== undefined) {
    found.kind = "boolean";
    return whether[1];
  }
  const when =
    /^(?:and\s+)?when\s+(?:it|they|i|he|she|we|the \w+)\s+(?:(?:is|are|was|were|has|have|had|been|last)\s+)*(\w+?)(?:\s+(?:it|them))?$/i.exec(
      text,
    );
  if (when?.[1] !== undefined) {
    found.kind = "date";
    return `${when[1]} on`;
  }
  const which = /^(?:and\s+)?which\s+(\w+)\s+(?:it|they|he|she|each)\b/i.exec(text);
  return which?.[1] ?? text;
}

function chooseKind(found: Partial<SpokenDetails>, trailing: { words: string[]; kind?: ValueKind }): ValueKind {
  if (found.choices !== undefined) return "choice";
  const stated = found.kind ?? trailing.kind;
  const inferred = inferKind(trailing.words);
  // "number" says less than a name such as "price" does.
  if (stated === "integer" && (inferred === "decimal" || inferred === "money") && found.max === undefined) return inferred;
  // A scale of a count is a count, and of a priority a priority.
  if (stated === "rating" && found.max !== undefined && inferred === "integer" && found.max > 5) return "integer";
  if (stated === undefined && found.unit !== undefined && !["integer", "decimal", "money"].includes(inferred))
    return /^(?:min|minutes|s|sec|seconds|days|weeks|months|years|pcs)$/.test(found.unit) ? "integer" : "decimal";
  return stated ?? inferred;
}

function stripMarkup(text: string): string {
  return text.replaceAll(/[`*"]/g, "");
}
