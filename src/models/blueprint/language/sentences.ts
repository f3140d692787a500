/** Cuts a request into sentences: at full stops, line breaks and the items of a list that are sentences of their own. */
import { wordsOf } from "./naming.ts";
import { isOpen } from "./phrases.ts";
import { CHOICE_NAMES, isPlural } from "./nouns.ts";

const ABBREVIATION =
  /(?:^|[\s(])(?:e\.g|i\.e|no|nr|approx|etc|vs|incl|excl|max|min|tel|ca|dr|mr|mrs|ms|st|z\.b|bzw|resp|ref|qty|num|avg)$/i;
const QUESTION = /\b(?:can|could|would|will|may|shall|should|is it possible|do you|are you|how about|what about)\b/i;
/** Begins a change of an app. */
const CHANGE_VERBS =
  "add|rename|remove|delete|drop|change|make|set|turn|convert|show|filter|call|replace|give|introduce|include|create|get rid of|let me|move|require|display|sum|count|new field|search|sort";
export const CHANGE_START = new RegExp(`^(?:please\\s+|also\\s+|then\\s+)*(?:${CHANGE_VERBS})\\b`, "i");

export function sentencesOf(text: string): string[] {
  const sentences: string[] = [];
  const lines = markShortLines(text.split("\n").filter((line) => line.trim() !== ""));
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] ?? "";
    if (!line.startsWith("- ")) {
      sentences.push(...splitSentences(line));
      continue;
    }
    const items: string[] = [];
    while (lines[index]?.startsWith("- ") === true) items.push((lines[index++] ?? "").slice(2).trim());
    index -= 1;
    const before = sentences.at(-1);
    if (before !== undefined && areFields(items)) {
      sentences[sentences.length - 1] =
        `${before.replace(/[\s:,;.]+$/, "")}: ${items.map((item) => item.replace(/[.,;]+$/, "")).join("; ")}`;
    } else for (const item of items) sentences.push(...splitSentences(item));
  }
  return joinCompletions(sentences.map((sentence) => sentence.trim()).filter((sentence) => sentence !== ""));
}

/** "Default is open.", "It is required.": belongs to what was said before. */
function joinCompletions(sentences: readonly string[]): string[] {
  const joined: string[] = [];
  for (const sentence of sentences) {
    const value = /^(?:the\s+|its\s+)?default(?:\s+value)?\s*(?:is|should be|shall be|=|:)\s*(\S+(?: \S+)?)$/i.exec(sentence)?.[1];
    const flag = /^(?:it|this|that)\s+(?:is|should be|must be|has to be)\s+(required|mandatory|optional|unique)$/i.exec(sentence)?.[1];
    const before = joined.at(-1);
    if (before === undefined || (value === undefined && flag === undefined)) joined.push(sentence);
    else joined[joined.length - 1] = `${before}, ${value === undefined ? (flag ?? "") : `default ${value}`}`;
  }
  return joined;
}

/** Lines of a few words each are a list, with bullets or without. */
function markShortLines(lines: string[]): string[] {
  const short = (line: string | undefined): boolean =>
    line !== undefined && !line.startsWith("- ") && line.split(/\s+/).length <= 4 && !/[.!?:]$/.test(line) && !CHANGE_START.test(line);
  return lines.map((line, index) =>
    index > 0 && short(line) && (short(lines[index + 1]) || (index > 1 && short(lines[index - 1]))) ? `- ${line.replace(/,$/, "")}` : line,
  );
}

/** The items of a list are the fields of what stands above it, unless they are sentences or kinds of records with fields of their own. */
function areFields(items: readonly string[]): boolean {
  if (items.some((item) => CHANGE_START.test(item) || /\b(?:has|have|belongs?|should|must)\b/i.test(item))) return false;
  const records = items.filter((item) => {
    const labelled = /^([\w' -]{2,40}?)\s*(?::|\s[-–—]\s)\s*(.+)$/.exec(item);
    if (labelled === null) return false;
    const name = wordsOf(labelled[1] ?? "");
    const values = (labelled[2] ?? "").split(",").length;
    return values >= 2 && !/\bor\b/i.test(labelled[2] ?? "") && (isPlural(name.join(" ")) || !CHOICE_NAMES.test(name.at(-1) ?? ""));
  });
  return records.length * 2 < items.length;
}

export function splitSentences(line: string): string[] {
  const sentences: string[] = [];
  let start = 0;
  for (const match of line.matchAll(/([.!?]+)["')]*\s+(?=\S)/g)) {
    const before = line.slice(start, match.index);
    const rest = line.slice(match.index + match[0].length);
    const mark = match[1] ?? "";
    if (isOpen(before)) continue;
    if (mark === "." && (ABBREVIATION.test(before) || /^\d+$/.test(before.trim()))) continue;
    // "delivered? (yes/no)", "paid?, sent?": a question mark behind a name is no end of a sentence.
    if (mark.startsWith("?") && (!QUESTION.test(before) || rest.startsWith("("))) continue;
    sentences.push(before);
    start = match.index + match[0].length;
  }
  const last = line.slice(start).replace(/[.!]+$/, "");
  const question = QUESTION.test(last) ? last.replace(/\?+$/, "") : last;
  return [...sentences, question];
}
