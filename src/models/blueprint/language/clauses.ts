/** Sentences that say what records have and what they belong to: "each book has a title and an author", "books belong to shelves", "clubs – name, room". */
import { parseFields, splitList, type SpokenField } from "./fields.ts";
import { isManyRecords, isNoun, isPlural, NOUN, oneOf } from "./nouns.ts";
import { wordsOf } from "./naming.ts";
import { isOpen } from "./phrases.ts";

export interface SpokenRelation {
  /** What it is called where the target's own name is not enough: "paid by". */
  words?: string[];
  target: string[];
  required?: boolean;
}

/** What a clause says of one kind of record; `of` is undefined for "they" and "it". */
export interface Said {
  of: string[] | undefined;
  fields: SpokenField[];
  relations: SpokenRelation[];
  /** Records of which each has several: they refer to it. */
  parts: { words: string[]; fields: SpokenField[] }[];
  rejected: string[];
  /** What the target of a relation is like: "a project with a name and a colour". */
  described?: { words: string[]; fields: SpokenField[] }[];
  /** The fields were a single one, as in "each book has an author": that may be a record of its own. */
  single?: boolean;
}

const MODAL = "(?:can |could |should |must |will |may |would |shall |also |always |usually |only |just |simply |to )*";
const HAVE =
  "(?:has got|have got|has|have|having|needs?|gets?|contains?|includes?|consists? of|stores?|requires?|comes? with|is described by|are described by)";
const BELONG =
  "(?:belongs? to|is (?:assigned|linked|connected|attached|tied) to|are (?:assigned|linked|connected|attached|tied) to|refers? to|(?:is|are) (?:part of|on|in|at|from|for|of|stored in|kept in|located in|placed on|kept on|grouped by|grouped into|held in)|comes? from|lives? in|rents?|works? (?:at|for|in)|plays? (?:for|in)|stands? on|sits? (?:in|on)|goes? into|falls? (?:into|under))";
const ROLE =
  "(?:(?:is|are|was|were|gets?|being)\\s+)?((?:paid|written|made|owned|created|organi[sz]ed|taught|led|produced|published|directed|designed|sold|supplied|delivered|managed|hosted|run|built|bought|borrowed|rented|treated|reviewed|approved|reported|handled|brewed|recorded|composed|drawn|painted|sent|booked|brought|assigned|sponsored)\\s+(?:by|to|from))";
const SUBJECT = `(?:(each|every|all|any|an?|the|one|both|single)\\s+)?(?:of (?:the|these|those)\\s+)?(?:(?:single|individual|one)\\s+)?(${NOUN})`;
const ONE = "(?:(?:exactly|only|always|just)\\s+)?(?:(?:one|an?|the|some|a single|their|its|at least one|different|various)\\s+)?";

const HAS = new RegExp(`^${SUBJECT}\\s+${MODAL}${HAVE}\\b\\s*:?\\s*(.+)$`, "is");
const BELONGS = new RegExp(
  `^${SUBJECT}\\s+${MODAL}(?:be\\s+)?${BELONG}\\s+${ONE}(${NOUN})(?:\\s+(?:with|that has|which has)\\s+(.+)|,\\s*(?:and\\s+)?(?:with|has|having)\\s+(.+))?$`,
  "is",
);
const DONE_BY = new RegExp(`^${SUBJECT}\\s+${MODAL}(?:be\\s+)?${ROLE}\\s+${ONE}(${NOUN})$`, "is");
const DOES = new RegExp(
  `^([a-z][\\w-]*|[a-z][\\w-]* [a-z][\\w-]*)\\s+(?:can |could |may |should )?\\w+(?:\\s+(?:up|in))?\\s+(?:for|to|in|at|on)\\s+${ONE}(${NOUN})\\s+with\\s+(?:their\\s+|a\\s+)?(.+)$`,
  "is",
);
const LABELLED = new RegExp(`^(?:(?:the|a|an|each|every|table|entity)\\s+)?(${NOUN})\\s*(?::|\\s[-–—]\\s|\\s=\\s)\\s*(.+)$`, "is");
const BRACKETED = new RegExp(`^(?:(?:the|a|an)\\s+)?(${NOUN})\\s*\\(([^()]*(?:\\([^()]*\\)[^()]*)*)\\)$`, "is");
const IS_A = new RegExp(
  `^(?:an?|each|every|the)\\s+(${NOUN})\\s+(?:is|are)\\s+(?:an?|the)\\s+(${NOUN})\\s+(?:with|that has|who has|which has|having)\\s+(.+)$`,
  "is",
);

const PRONOUN = /^(?:they|it|these|those|one|ones|one of them|one of these|of them|all of them)$/i;

/** Cuts "every record has an artist, artists have a name" and "a grade has a score and belongs to a student" into clauses. */
export function clausesOf(sentence: string, isKnown: (words: readonly string[]) => boolean): string[] {
  const subject = `(?:(?:each|every|an?|all|the)\\s+)?(${NOUN})`;
  const verb = `(?:${HAVE}|${BELONG}|can have|should have|must have)`;
  const starts = new RegExp(
    `(?:[,;]\\s+(?:and\\s+|where\\s+|while\\s+|whereas\\s+|in which\\s+)?|\\s+where\\s+|\\s+and\\s+(?=(?:each|every)\\s))(?=${subject}\\s+${verb}\\b)`,
    "gi",
  );
  const carried = new RegExp(`,?\\s+and\\s+(?=(?:also\\s+)?(?:${BELONG}|${ROLE}|has|have)\\s+(?:exactly )?(?:an?|one|the)\\s)`, "gi");
  const views =
    /[,;]\s+(?:and\s+)?(?:please\s+)?(?=(?:i want to\s+|let me\s+)?(?:filter|search|show|sort|sum|count|display)(?:able)?\s+(?:by|the|me|total|number|how|up|a)\b)/gi;
  const labelled = new RegExp(`;\\s+(?=${subject}\\s*(?::|\\s[-–—]\\s)\\s*\\S)`, "gi");
  const cuts = new Map<number, number>();
  for (const pattern of [starts, labelled]) {
    for (const match of sentence.matchAll(pattern)) {
      const noun = match[1] ?? "";
      if (isOpen(sentence.slice(0, match.index)) || !isNoun(noun)) continue;
      if (pattern === starts || isPlural(noun) || isKnown(oneOf(noun))) cuts.set(match.index, match[0].length);
    }
  }
  for (const match of [...sentence.matchAll(carried), ...sentence.matchAll(views)])
    if (!isOpen(sentence.slice(0, match.index))) cuts.set(match.index, match[0].length);
  const clauses: string[] = [];
  let start = 0;
  for (const [at, length] of [...cuts].sort(([a], [b]) => a - b)) {
    if (at < start) continue;
    clauses.push(sentence.slice(start, at));
    start = at + length;
  }
  return [...clauses, sentence.slice(start)].map((clause) => clause.trim()).filter((clause) => clause !== "");
}

/** Reads a clause about records, or undefined when it says nothing of the kind. `isKnown` tells the records that were spoken of. */
export function readClause(clause: string, isKnown: (words: readonly string[]) => boolean): Said | undefined {
  const text = clause.replace(/^(?:where|and|while|whereas|also|furthermore|moreover|then|that|so that|the)\s+(?=\w)/i, "").trim();
  const isA = IS_A.exec(text);
  if (isA !== null) {
    return saidOf(oneOf(isA[1] ?? ""), isA[3] ?? "");
  }
  const own = /^(?:also\s+)?(?:has|have)\s+(.+)$/is.exec(text);
  if (own !== null) return saidOf(undefined, own[1] ?? "");
  const carried = new RegExp(`^(?:also\\s+)?(?:${BELONG})\\s+${ONE}(${NOUN})$`, "i").exec(text);
  if (carried !== null) return { ...nothing(undefined), relations: [{ target: oneOf(carried[1] ?? "") }] };
  const doneBy = DONE_BY.exec(text);
  if (doneBy !== null && isNoun(doneBy[2] ?? ""))
    return {
      ...nothing(oneOf(doneBy[2] ?? "")),
      relations: [{ words: wordsOf(doneBy[3] ?? ""), target: oneOf(doneBy[4] ?? "") }],
    };
  const belongs = BELONGS.exec(text);
  if (belongs !== null && isNoun(belongs[2] ?? "") && isNoun(belongs[3] ?? ""))
    return {
      ...nothing(oneOf(belongs[2] ?? "")),
      relations: [{ target: oneOf(belongs[3] ?? "") }],
      ...(belongs[5] === undefined ? {} : parseFields(belongs[5])),
      ...(belongs[4] === undefined ? {} : { described: [{ words: oneOf(belongs[3] ?? ""), fields: parseFields(belongs[4]).fields }] }),
    };
  const has = HAS.exec(text);
  if (has !== null && (isNoun(has[2] ?? "") || PRONOUN.test(has[2] ?? ""))) {
    return saidOf(PRONOUN.test(has[2] ?? "") ? undefined : oneOf(has[2] ?? ""), has[3] ?? "");
  }
  const does = DOES.exec(text);
  if (does !== null && isPlural(does[1] ?? "") && isKnown(oneOf(does[2] ?? ""))) {
    const parsed = parseFields(does[3] ?? "");
    return { ...nothing(oneOf(does[1] ?? "")), ...parsed, relations: [{ target: oneOf(does[2] ?? ""), required: true }] };
  }
  const labelled = LABELLED.exec(text) ?? BRACKETED.exec(text);
  if (labelled !== null && isNoun(labelled[1] ?? "") && (isPlural(labelled[1] ?? "") || isKnown(oneOf(labelled[1] ?? ""))))
    return saidOf(oneOf(labelled[1] ?? ""), labelled[2] ?? "");
  return undefined;
}

function saidOf(of: string[] | undefined, list: string): Said | undefined {
  const cleaned = list
    .replace(/^(?:to have|to store|the following|these|following)\s+/i, "")
    .replace(
      /^(?:the\s+)?(?:following\s+)?(?:fields|columns|properties|attributes|data|information|details)(?:\s+(?:of|for|like|such as))?\s*:?\s+/i,
      "",
    );
  const many = new RegExp(
    `^(?:many|several|multiple|any number of|a number of|a list of|one or more|zero or more|lots of|0 or more|some)\\s+(${NOUN})(?:\\s*(?::|,?\\s*with|,?\\s*each with|\\()\\s*(.+?)\\)?)?$`,
    "is",
  ).exec(cleaned);
  if (many !== null && (many[2] !== undefined || isPlural(many[1] ?? ""))) {
    const fields = parseFields(many[2] ?? "");
    return { ...nothing(of), parts: [{ words: oneOf(many[1] ?? ""), fields: fields.fields }], rejected: fields.rejected };
  }
  const listed = /^(.*?),?\s+(?:and|as well as)\s+(?:many|several|multiple|any number of)\s+(\S+)$/is.exec(cleaned);
  const own = parseItems(listed?.[1] ?? cleaned);
  if (listed?.[2] !== undefined) own.parts.push({ words: oneOf(listed[2]), fields: [] });
  if (own.fields.length === 0 && own.parts.length === 0 && own.rejected.length === 0) return undefined;
  return { of, relations: [], ...own, ...(own.fields.length === 1 && own.parts.length === 0 ? { single: true } : {}) };
}

/** Fields, and among them "ingredients with a name and a unit": records of which each has several. */
export function parseItems(list: string): Pick<Said, "fields" | "parts" | "rejected"> {
  const nested = new RegExp(`^(${NOUN})\\s*(?:,?\\s+with|,?\\s+each with|\\s+that have|,\\s+which have)\\s+(.+)$`, "is").exec(list);
  if (nested !== null && isManyRecords(nested[1] ?? "") && !/\bdefault\b/i.test(nested[2] ?? "")) {
    const { fields, rejected } = parseFields(nested[2] ?? "");
    return { fields: [], parts: [{ words: oneOf(nested[1] ?? ""), fields }], rejected };
  }
  const inside = new RegExp(`^(${NOUN})\\s*\\(([^()]*,[^()]*)\\)$`, "is").exec(list.trim());
  if (inside !== null && isManyRecords(inside[1] ?? "")) {
    const { fields, rejected } = parseFields(inside[2] ?? "");
    return { fields: [], parts: [{ words: oneOf(inside[1] ?? ""), fields }], rejected };
  }
  const items = splitList(list);
  if (items.length > 0 && items.every((item) => isManyRecords(item.replace(/^\s*(?:and\s+)?(?:some\s+|their\s+|its\s+)?/i, ""))))
    return { fields: [], parts: items.map((item) => ({ words: oneOf(item), fields: [] })), rejected: [] };
  return { ...parseFields(list), parts: [] };
}

function nothing(of: string[] | undefined): Said {
  return { of, fields: [], relations: [], parts: [], rejected: [] };
}

/** Nothing yet, said of whatever was spoken of last. */
export function empty(): Said {
  return nothing(undefined);
}
