/** Reads single statements about an app that is there: renames, removals, types, rules, additions. */
import { readDetail, type SpokenDetails } from "./field-details.ts";
import type { SpokenChange, Vocabulary } from "./changes.ts";
import { wordsOf } from "./naming.ts";
import { isManyRecords } from "./nouns.ts";
import { FIELD_WORD, isOpen, owned, phrase, unquoted } from "./phrases.ts";

export const REMOVE =
  "remove|delete|drop|get rid of|take out|take away|throw out|throw away|throw|discard|scrap|lose|ditch|eliminate|strip|kill|erase|omit|cut|hide";
const FLAG_WORDS =
  "required|mandatory|obligatory|compulsory|optional|unique|nullable|empty|left empty|left blank|blank|left out|filled in|filled";

export function readRename(text: string): SpokenChange[] | undefined {
  const match =
    /^(?:rename|retitle|relabel)\s+(.+?)\s+(?:to|into|as|->|→|=>)\s+(.+)$/is.exec(text) ??
    /^change\s+the\s+(?:name|title|label)\s+of\s+(.+?)\s+(?:to|into)\s+(.+)$/is.exec(text) ??
    /^(.+?)\s+(?:should|must|shall|has to|have to|is to|are to|will)\s+(?:now\s+|better\s+)?be\s+(?:called|named|renamed to|titled|known as)\s+(.+)$/is.exec(
      text,
    ) ??
    /^call\s+(?:the\s+)?([\w-]+|"[^"]+"|'[^']+')\s+(.+)$/is.exec(text);
  if (match === null) return undefined;
  const renames: SpokenChange[] = [];
  // "authors to writers and books to titles"
  const rest = `${match[1] ?? ""}\u0000${match[2] ?? ""}`;
  const pairs = rest.split(/\s*(?:,\s*(?:and\s+)?|\s+and\s+)(?=[^,\u0000]+?\s+(?:to|into|as)\s+)/i);
  for (const pair of pairs) {
    const [from = "", to = ""] = pair.includes("\u0000") ? pair.split("\u0000") : pair.split(/\s+(?:to|into|as)\s+/i);
    const named = to
      .replace(/\s+(?:instead|from now on|now|everywhere|please)$/i, "")
      .replace(/^(?:the\s+)?(?:word|name)\s+(?=["'])/i, "")
      .trim();
    const { what, of } = owned(from);
    renames.push({
      kind: "rename",
      from: what,
      to: unquoted(named),
      ...(of === undefined ? {} : { of }),
      app: /^(?:(?:the|this|my|our)\s+)?(?:whole\s+)?(?:app|application|website|site)(?:'s name)?(?:\s+itself)?$/i.test(from.trim()),
    });
  }
  return renames;
}

/** Asks for rows to go: that is done in the app. */
export function readRows(text: string, vocabulary: Vocabulary): SpokenChange[] | undefined {
  if (/^(?:empty|clear|truncate|wipe|purge|clean|reset)\b/i.test(text)) return [{ kind: "rows" }];
  const all = new RegExp(`^(?:${REMOVE})\\s+(?:all|every|each|any)\\s+(?:of\\s+)?(?:the\\s+|my\\s+|our\\s+)?(.+)$`, "i").exec(text);
  if (all === null) return undefined;
  const what = (all[1] ?? "").replace(/\s+(?:that|which|where|with|older|from|in)\b.*$/i, "");
  return vocabulary.isRecord(what) || /^(?:data|rows|records|entries|content)$/i.test(what) ? [{ kind: "rows" }] : undefined;
}

export function readRemove(text: string): SpokenChange[] | undefined {
  const match =
    new RegExp(`^(?:${REMOVE})\\s+(.+)$`, "is").exec(text)?.[1] ??
    /^(?:(?:i|we|you|they)\s+)?(?:don't|do not|no longer|never|won't|will not)\s+(?:really\s+)?(?:need|want|use|require)\s+(.+?)(?:\s+(?:any ?more|any longer|now|at all|either))?$/is.exec(
      text,
    )?.[1] ??
    /^(.+?)\s+(?:is|are)\s+(?:not|no longer|never)\s+(?:really\s+)?(?:needed|wanted|used|necessary|required)\s+(?:any ?more|any longer|now|at all)$/is.exec(
      text,
    )?.[1] ??
    /^(.+?)\s+(?:is|are)\s+(?:no longer needed|unnecessary|obsolete|superfluous|useless|not needed|not used|unused)$/is.exec(text)?.[1] ??
    /^(.+?)\s+(?:can|should|must|may)\s+(?:go|disappear|be removed|be deleted|be dropped|go away)$/is.exec(text)?.[1];
  if (match === undefined) return undefined;
  const { what, of } = owned(match.replace(/,?\s+(?:too|as well|again|completely|entirely|altogether|any ?more)$/i, ""));
  const table = /\b(?:table|entity|list|section|pages?|feature|records? type)\b/i.test(match);
  const items = what
    .split(/\s*,\s*(?:and\s+)?|\s+(?:and|&|as well as|plus)\s+/i)
    .map((item) => phrase(item))
    .filter((item) => item !== "");
  return [{ kind: "remove", what: items, table, ...(of === undefined ? {} : { from: of }) }];
}

export function readDefault(text: string): SpokenChange[] | undefined {
  const match =
    /^(?:set|change|make)?\s*(?:the\s+)?default(?:\s+value)?\s+(?:of|for)\s+(.+?)\s+(?:to|as|=|is|should be|shall be)\s+(.+)$/is.exec(
      text,
    ) ??
    /^(.+?)\s+(?:should\s+|must\s+|shall\s+)?defaults?\s+to\s+(.+)$/is.exec(text) ??
    /^default\s+(.+?)\s+to\s+(.+)$/is.exec(text) ??
    /^(.+?)\s+should\s+be\s+(\S+)\s+by\s+default$/is.exec(text);
  if (match === null || /^(?:add|new|give|include|create|introduce)\b/i.test(text)) return undefined;
  const { what, of } = owned(match[1] ?? "");
  return [{ kind: "default", what, value: unquoted(match[2] ?? ""), ...(of === undefined ? {} : { of }) }];
}

export function readFlag(text: string): SpokenChange[] | undefined {
  const tail = `(?:\\s+(?:for|in|on)\\s+(?:all\\s+|new\\s+|every\\s+)?[\\w ]+?)?(?:\\s*[,(]?\\s*(?:and\\s+)?(?:with\\s+)?(?:the\\s+|a\\s+)?default(?:ing)?(?:\\s+(?:to|of|is|value))*\\s+(.+?)\\)?|\\s*[,;]?\\s*(?:and\\s+)?use\\s+(.+?)\\s+(?:where|for|if|when)\\b.*)?`;
  const make = new RegExp(
    `^(?:make|mark|set|have|keep)\\s+(.+?)\\s+(?:as\\s+|to\\s+)?(not |non-)?(?:an?\\s+)?(?:be\\s+)?(${FLAG_WORDS})(?:\\s+${FIELD_WORD}s?)?${tail}$`,
    "is",
  ).exec(text);
  const shall = new RegExp(
    `^(.+?)\\s+(must|should|shall|has to|have to|needs? to|can|may|shouldn't|should not|mustn't|must not|can't|cannot|can not|may not|need not|needn't|doesn't have to|don't have to|does not have to|do not have to|doesn't need to|don't need to|is|are|isn't|aren't|is not|are not|is no longer|are no longer)\\s+(not\\s+)?(?:be\\s+)?(?:always\\s+|also\\s+)?(${FLAG_WORDS})${tail}$`,
    "is",
  ).exec(text);
  const require = /^require\s+(?:an?\s+|the\s+)?(.+)$/is.exec(text);
  const named = make?.[1] ?? shall?.[1] ?? require?.[1];
  if (named === undefined || /^(?:add|new|give|include|create)\b/i.test(text)) return undefined;
  const word = (make?.[3] ?? shall?.[4] ?? "required").toLowerCase();
  const negative = make?.[2] !== undefined || shall?.[3] !== undefined || /n't|not|no longer/i.test(shall?.[2] ?? "");
  const flag = flagOf(word, negative);
  const { what, of } = owned(named);
  const fallback = make?.[4] ?? make?.[5] ?? shall?.[5] ?? shall?.[6];
  return [
    {
      kind: "flag",
      what: what.split(/\s*,\s*(?:and\s+)?|\s+(?:and|&)\s+/i).map((item) => phrase(item)),
      flag,
      ...(of === undefined ? {} : { of }),
      ...(fallback === undefined ? {} : { default: unquoted(fallback) }),
    },
  ];
}

function flagOf(word: string, negative: boolean): "required" | "optional" | "unique" | "not unique" {
  if (word === "unique") return negative ? "not unique" : "unique";
  if (/^(?:optional|nullable|empty|left empty|left blank|blank|left out)$/.test(word)) return negative ? "required" : "optional";
  return negative ? "optional" : "required";
}

export function readExtract(text: string): SpokenChange[] | undefined {
  const match =
    /^(?:convert|turn|make|change|move|extract|split)\s+(.+?)\s+(?:(?:in)?to\s+|out\s+into\s+)?(?:an?\s+|its\s+|their\s+)?(?:own|separate|new|linked)\s+(?:table|list|entity|record|records|collection|kind of record)s?(?:\s+of (?:its|their) own)?$/is.exec(
      text,
    );
  if (match === null) return undefined;
  const { what, of } = owned(match[1] ?? "");
  return [{ kind: "extract", what, ...(of === undefined ? {} : { of }) }];
}

export function readRetype(text: string, vocabulary: Vocabulary): SpokenChange[] | undefined {
  const match =
    /^(?:change|turn|convert|switch|set|transform|make|alter)\s+(?:the\s+(?:type|kind)\s+of\s+)?(.+?)\s+(?:from\s+.+?\s+)?(?:in)?to\s+(?:be\s+)?(.+)$/is.exec(
      text,
    ) ??
    /^(?:make|turn)\s+(.+?)\s+((?:an?|one of)\s+.+|(?:money|numeric|choice|multi-?line|long text|text|boolean|numbers?|dates?)\b.*)$/is.exec(
      text,
    ) ??
    /^(.+?)\s+(?:should|must|shall|has to|have to|needs? to|ought to)\s+(?:only\s+|rather\s+|really\s+|now\s+|better\s+)?be\s+(.+)$/is.exec(
      text,
    ) ??
    /^(.+?)\s+(?:should|must|shall|can)\s+(?:only\s+)?(?:allow|accept|have)\s+(?:only\s+)?(?:the\s+)?(?:values|options|choices)\s*:?\s+(.+)$/is.exec(
      text,
    ) ??
    /^use\s+((?:an?\s+).+?)\s+for\s+(.+)$/is.exec(text);
  if (match === null || /^(?:add|new|give|include|create|filter|show)\b/i.test(text)) return undefined;
  const [first, second] = /^use\b/i.test(text) ? [match[2] ?? "", match[1] ?? ""] : [match[1] ?? "", match[2] ?? ""];
  const { what, of } = owned(first);
  const details: Partial<SpokenDetails> = {};
  const said = second.replace(/^(?:an?|the)\s+(?=\w)/i, "").replace(/\s+(?:field|column|instead|please|type|input)$/i, "");
  const fallback = /^(.*?)[,;]?\s*\(?(?:with\s+)?(?:the\s+|a\s+)?default(?:ing)?(?:\s+(?:to|of|is|value))*\s+["']?(.+?)["']?\)?$/is.exec(
    said,
  );
  readTypes(fallback?.[1] ?? said, details);
  if (fallback?.[2] !== undefined) details.default = fallback[2];
  if (details.kind === undefined && details.choices === undefined && !vocabulary.isField(what)) return undefined;
  return [{ kind: "retype", what, details, said: second, ...(of === undefined ? {} : { of }) }];
}

/** "a choice of open and closed", "a choice (open, closed)", "a whole number", "phone numbers". */
function readTypes(said: string, details: Partial<SpokenDetails>): void {
  const choices =
    /^(?:choice|selection|dropdown|drop-down|select|enum|list|options?)\s*(?:of|between|from|with|among)?\s*[:(]?\s*(?:the\s+)?(?:options|values|choices)?\s*:?\s*(.+?)\)?$/is.exec(
      said,
    )?.[1] ?? /^\(?((?:one of|either)\s.+?)\)?$/is.exec(said)?.[1];
  if (choices !== undefined)
    return readDetail(/\bor\b|^(?:one of|either)/i.test(choices) || choices.includes(",") ? choices : `one of ${choices}`, details);
  const plain = said
    .replace(/^numbers?\s+(?:without|with no)\s+decimals?(?:\s+places)?$/i, "whole number")
    .replace(/^numbers?\s+with\s+(?:\w+\s+)?decimals?(?:\s+places)?$/i, "decimal");
  readDetail(plain, details);
  if (details.kind === undefined && details.choices === undefined) readDetail(plain.replace(/s$/, ""), details);
}

/** "people can comment on posts", "mark tasks as urgent": what people do, and what it takes. */
export function readAct(text: string, vocabulary: Vocabulary): SpokenChange[] | undefined {
  const act = /\b(comment|review|reply|note)\s+(?:on\s+|to\s+|about\s+)?(?:the\s+|each\s+|every\s+|an?\s+)?([\w -]+)$/i.exec(text);
  if (act !== null && /\b(?:able to|can|could|allow|let|want to|like to|may)\b/i.test(text) && vocabulary.isRecord(act[2] ?? ""))
    return [
      {
        kind: "add",
        list: { comment: "comments", review: "reviews", reply: "replies", note: "comments" }[(act[1] ?? "").toLowerCase()] ?? "comments",
        to: act[2] ?? "",
      },
    ];
  const mark = /\b(?:mark|flag)\s+(?:the\s+|an?\s+|each\s+|some\s+)?([\w -]+?)\s+as\s+(?:being\s+)?["']?([\w -]+?)["']?$/i.exec(text);
  if (mark !== null && vocabulary.isRecord(mark[1] ?? "")) {
    const flags = (mark[2] ?? "").split(/\s+or\s+|\s*,\s*/i).map((flag) => `${flag} checkbox`);
    return [{ kind: "add", list: flags.join(", "), to: mark[1] ?? "" }];
  }
  const only = /^(?:show|see|list|display)\s+(?:me\s+)?only\s+(?:the\s+)?([\w-]+)\s+([\w -]+)$/i.exec(
    text.replace(/^(?:let me|allow me to|be able to)\s+/i, ""),
  );
  if (only !== null && vocabulary.isRecord(only[2] ?? "") && vocabulary.isField(only[1] ?? ""))
    return [{ kind: "views", views: [{ kind: "filter", field: wordsOf(only[1] ?? ""), of: wordsOf(only[2] ?? "") }] }];
  return undefined;
}

const ADD = "(?:add|include|put|insert|attach|create|introduce|append|extend|new)";

/** "add a rating to books", "give books a rating", "new field: rating", "books need a rating". */
export function readAdd(text: string, vocabulary: Vocabulary): SpokenChange | undefined {
  const give = /^give\s+(?:(?:all|each|every|the|my|our)\s+)*(.+?)\s+((?:an?|some|two|three|the|their own)\s.+)$/is.exec(text);
  if (give !== null && vocabulary.isRecord(give[1] ?? "")) return { kind: "add", ...withSource(give[2] ?? ""), to: phrase(give[1] ?? "") };
  const extend = /^extend\s+(?:the\s+)?(.+?)\s+(?:with|by)\s+(.+)$/is.exec(text);
  if (extend !== null) return { kind: "add", list: extend[2] ?? "", to: phrase(extend[1] ?? "") };
  const needs =
    /^(?:(?:all|each|every|the|my|our|an?)\s+)*(.+?)\s+(?:(?:should|must|shall|could|can|may|also)\s+)*(?:have|has|need|needs|get|gets|use)\s+(?:also\s+)?(?!to\b)(.+)$/is.exec(
      text,
    );
  if (needs !== null && vocabulary.isRecord(needs[1] ?? ""))
    return { kind: "add", ...withSource(needs[2] ?? ""), to: phrase(needs[1] ?? "") };
  const match = new RegExp(`^${ADD}(?:\\s+(?:in|also))?\\s+(.+)$`, "is").exec(text);
  if (match === null) return undefined;
  const body = (match[1] ?? "")
    .replace(
      new RegExp(`^(?:(?:an?|the|some|two|three|four|more|new|following)\\s+)*${FIELD_WORD}s?\\s*(?::|called|named)?\\s+(?=\\S)`, "i"),
      "",
    )
    .replace(/^:\s*/, "");
  const whole = ` ${body}`;
  for (const target of whole.matchAll(
    /\s+(?:to|onto|on|for|in|into|of|with each|per)\s+(?:(?:all|each|every|the|my|our|existing|of)\s+)*/gi,
  )) {
    if (isOpen(whole.slice(0, target.index))) continue;
    const after = whole.slice(target.index + target[0].length);
    const named = longestRecord(after, vocabulary);
    if (named === undefined) continue;
    const rest = after
      .slice(named.length)
      .replace(/^\s+(?:table|form|list|page|records?|entries|model|entity)\b/i, "")
      .trim();
    const before = whole.slice(0, target.index).trim();
    if (before === "") return { kind: "add", list: rest.replace(/^:\s*/, ""), to: phrase(named) };
    return { kind: "add", list: before, to: phrase(named), ...(rest === "" ? {} : { rest }) };
  }
  const unknown = /^(.+)\s+(?:to|onto|on|for|into)\s+(?:(?:all|each|every|the|my|our|existing|of)\s+)*([a-z][\w' -]*?)$/is.exec(body);
  if (unknown !== null && (isManyRecords(unknown[2] ?? "") || /\s+to\s+/i.test(body)) && !/\bdefault/i.test(unknown[1] ?? ""))
    return { kind: "add", list: unknown[1] ?? "", to: phrase(unknown[2] ?? "") };
  return { kind: "add", list: body };
}

/** "…to posts and tasks": the same for each. */
export function toEach(change: SpokenChange, vocabulary: Vocabulary): SpokenChange[] {
  if (change.kind !== "add" || change.rest === undefined) return [change];
  const [, others = ""] = /^(?:,\s*(?:and\s+)?|and\s+|&\s*)(?:to\s+)?(?:(?:all|each|every|the|my|our)\s+)*(.+)$/i.exec(change.rest) ?? [];
  const records = others.split(/\s*,\s*(?:and\s+)?|\s+(?:and|&)\s+/i).map((one) => phrase(one));
  if (others === "" || !records.every((one) => vocabulary.isRecord(one))) return [change];
  const { rest: _, ...first } = change;
  return [first, ...records.map((to) => ({ ...first, to }))];
}

/** Cuts "filled from the title" off a list. */
function withSource(list: string): { list: string; rest?: string } {
  const at = list.search(
    /[,;]?\s+(?:(?:that|which)\s+(?:is|are)\s+)?(?:filled|generated|derived|based|made|taken|computed|copied|built|populated)\b/i,
  );
  return at > 0 ? { list: list.slice(0, at), rest: list.slice(at) } : { list };
}

/** The longest beginning of `text` that names records. */
function longestRecord(text: string, vocabulary: Vocabulary): string | undefined {
  const words = /^(?:["']?[\w'-]+["']?)(?:\s+["']?[\w'-]+["']?){0,7}/.exec(text)?.[0].split(/(?<=\s)(?=\S)/) ?? [];
  for (let count = words.length; count > 0; count--) {
    const named = words.slice(0, count).join("").trimEnd();
    if (vocabulary.isRecord(named)) return named;
  }
  return undefined;
}
