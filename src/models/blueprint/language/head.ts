/** The sentence that asks for an app: which records it is about, and the list of fields behind it. */
import { singularize } from "./inflect.ts";
import { wordsOf } from "./naming.ts";
import { isNoun, isPlural } from "./nouns.ts";
import { wellKnown } from "./well-known.ts";

export interface Head {
  /** The words for one record, for each kind; none where only an app is spoken of. */
  records: string[][];
  /** "podcasts and their episodes": the later ones belong to the first. */
  theirs: boolean;
  list?: string;
  /** The only one is named in the singular, as in "our choir": it may be no record but what the app is called. */
  singular: boolean;
  /** The list stands behind a colon, a dash or the like. */
  listed: boolean;
  /** It says that an app is wanted, or that something shall be kept track of. */
  certain: boolean;
}

export const CREATE_VERBS =
  "add|build|create|make|generate|write|develop|set up|setup|start|give (?:me|us)|design|implement|scaffold|put together|spin up|prepare|produce|launch|need|want|would like|like|have|get";
const TRACK_VERBS =
  "track(?:ing|s)?|manag(?:e|ing|es)|keep(?:ing|s)? track of|keep(?:ing|s)? (?:a |the )?(?:list|log|record|records|track|overview|eye) (?:of|on)|keep(?:ing|s)?|record(?:ing|s)?|log(?:ging|s)?|stor(?:e|ing|es)|list(?:ing|s)?|catalogu?(?:e|ing|es)?|organi[sz](?:e|ing|es)|collect(?:ing|s)?|maintain(?:ing|s)?|regist(?:er|ering|ers)|sav(?:e|ing|es)|monitor(?:ing|s)?|administer(?:ing)?|remember(?:ing|s)?|not(?:e|es|ing)(?! down)|note down|write down|document(?:ing|s)?|leav(?:e|ing)|submit(?:ting)?|report(?:ing)?|suggest(?:ing)?|propos(?:e|ing)|offer(?:ing)?|announc(?:e|ing)|handl(?:e|ing|es)|see|enter(?:ing)?|add(?:ing)?|plan(?:ning|s)?|follow(?:ing|s)?|look after|schedul(?:e|ing|es)|inventor(?:y|ying)";
const CONTAINERS =
  "inventory|lists?|catalogu?e|directory|log|logbook|collection|database|register|registry|journal|diary|library|table|overview|index|record|records|archive|tracker|manager|page|place|spreadsheet";
/** What an app is called after its records: "plant tracker", "book club app", "event calendar". */
const KINDS_OF_APP =
  "track(?:er|ing)|manage(?:r|ment)|list(?:ing)?|inventory|catalogu?(?:e|ing)|directory|log(?:ger|ging|book)?|organi[sz]er|journal|diary|register|registry|database|planner|collection|library|records?|planning|booking|admin|calendar|watch ?list|wish ?list|check ?list|roster|schedule|ledger|archive|trainer";
export const APP_NOUNS =
  "(?:web ?app|application|app|apps|tool|site|website|web ?site|page|system|dashboard|program|software|service|platform|crud)";
const APP_ENDING = `(?:(?:${KINDS_OF_APP})(?:[\\s-]+${APP_NOUNS})?|${APP_NOUNS})`;
/** Words before the records that say nothing about them. */
const FILLER =
  /^(?:a|an|the|which|what|my|our|your|their|his|her|its|all|all of|some|any|various|different|new|simple|small|little|basic|tiny|nice|quick|plain|minimal|single|separate|second|another|internal|personal|own|me|us|list of|list|lists of|bunch of|collection of|set of|kinds of|of|web|online|crud|full|complete|good|modern|clean|pretty|beautiful|company's?|team's?|family's?)\s+/i;
/** Where the records' own words end. */
const ENTITY_END =
  /\s+(?:in|at|on|for|that|which|who|whom|whose|from|by|where|when|while|so|because|they|i|we|you|people|he|she|it|of|with|as|using|during|within|across|between|around|and then|including|he|to|is|are|and (?:its|to|see|who|when|what|where|how|which))\b.*$/i;
const FIELD_WORDS =
  "(?:the\\s+)?(?:following\\s+)?(?:fields?|columns?|properties|attributes|data|information|details)(?:\\s+(?:of|for|like|such as|named|called))?";
/** Where the list of fields begins. */
const FIELD_INTRODUCTIONS: readonly RegExp[] = [
  new RegExp(
    `(?:[.;,:\\n]?\\s*\\b(?:for\\s+)?(?:each|every)|[.;:\\n]\\s*(?:an?|all|one))\\s+(?:[\\w'-]+\\s+){0,3}?(?:has|have|having|needs?|gets?|contains?|includes?|should have|must have|consists? of|with)\\b(?:\\s+${FIELD_WORDS})?\\s*:?`,
    "i",
  ),
  new RegExp(
    `[.;,\\n]\\s*(?:they|it|these|those|i want|we want|we need|i need)\\s+(?:all\\s+)?(?:has|have|having|needs?|get|to (?:store|record|save|see|know)|should have|must have)\\b(?:\\s+${FIELD_WORDS})?\\s*:?`,
    "i",
  ),
  new RegExp(`[.;,(]?\\s*\\b(?:fields?|columns?|properties|attributes)(?:\\s+(?:are|should be|of|would be))?\\s*[:=]`, "i"),
  new RegExp(
    `,?\\s*\\b(?:each\\s+)?(?:with|having|including|containing|consisting of|made of|recording|storing|listing|showing|(?:that|which)\\s+(?:has|have|contains?|includes?))\\b(?:\\s+${FIELD_WORDS})?\\s*:?`,
    "i",
  ),
  new RegExp(`,?\\s*\\b(?:and|along with|together with|as well as)\\s+(?=(?:its)\\s)`, "i"),
  new RegExp(`\\s*[-–—]\\s+|\\s*:\\s*|\\s*\\(|\\n|\\s*;\\s*`, "i"),
];

/** The head of a request, or undefined where a sentence asks for no app and names no records. */
export function headOf(sentence: string): Head | undefined {
  const { head, list, listed } = splitFields(sentence);
  const found = phraseOf(head.trim(), list !== undefined);
  if (found === undefined) return undefined;
  // "collect quotes, quote is long text, author": behind the first comma come fields, unless all are kinds of records.
  const [record = "", ...others] = found.phrase.split(/\s*,\s*/);
  if (others.length >= 2 && !others.every((other) => isPlural(other.replace(/^and\s+/i, "").replace(FILLER, ""))))
    return {
      records: [cleanEntity(record)].filter((words) => words !== undefined),
      theirs: false,
      singular: false,
      listed,
      certain: found.certain,
      list: [...others, ...(list === undefined ? [] : [list])].join(", "),
    };
  const theirs = /\s+and\s+(?:their|its|the corresponding)\s+/i.test(found.phrase);
  const phrases = found.phrase
    .replace(/\s+and\s+(?:their|its|the corresponding)\s+/i, " and ")
    .split(/\s*,\s*(?:and\s+)?|\s+(?:and|or|&)\s+/i)
    .filter((phrase) => phrase.trim() !== "");
  // "budget planning, entries with a label": the app and its records.
  if (phrases.length === 2 && found.phrase.includes(",") && !isPlural(phrases[0] ?? "") && isPlural(phrases[1] ?? "")) phrases.shift();
  const records = phrases.map((phrase) => cleanEntity(phrase)).filter((words) => words !== undefined);
  const singular = records.length === 1 && !isPlural((phrases[0] ?? "").replace(ENTITY_END, ""));
  return { singular, listed, records, theirs, certain: found.certain, ...(list === undefined ? {} : { list }) };
}

export function splitFields(request: string): { head: string; list?: string; listed: boolean } {
  let best: { index: number; end: number } | undefined;
  for (const pattern of FIELD_INTRODUCTIONS) {
    const match = pattern.exec(request);
    if (match !== null && match.index > 0 && (best === undefined || match.index < best.index))
      best = { index: match.index, end: match.index + match[0].length };
  }
  if (best === undefined) return { head: request, listed: false };
  let list = request.slice(best.end);
  // A second introduction ("…with fields: …", "…: each has …") belongs to the first.
  list = list.replace(new RegExp(`^\\s*(?:${FIELD_WORDS}|each|every one|all|has|have|with|having|are)\\s*:?\\s+(?=\\S)`, "i"), "");
  const opened = request.slice(best.index, best.end).trimEnd().endsWith("(");
  if (opened) list = list.replace(/\)([^)]*)$/, "$1");
  const listed = /^\s*(?:[:;(\n]|[-–—]\s)/.test(request.slice(best.index, best.end));
  return { head: request.slice(0, best.index), listed, ...(list.trim() === "" ? {} : { list }) };
}

function phraseOf(head: string, hasFields: boolean): { phrase: string; certain: boolean } | undefined {
  const people =
    "me|us|i|we|you|people|users|they|everyone|members|guests|visitors|customers|students|teachers|employees|colleagues|staff|friends|families|volunteers|the team|our \\w+|my \\w+|the \\w+";
  const patterns: RegExp[] = [
    new RegExp(
      `\\b(?!(?:an?|the|my|our|your|new|simple|small|little|short|long|complete|full|keep|this|that)\\b)([\\w-]+)\\s+(?:list|log|register|directory|roster|planner|diary|journal|tracker|catalogu?e)\\s+for\\s+`,
      "i",
    ),
    new RegExp(`\\b(?:${CONTAINERS})\\s+(?:of|for)\\s+(?:${TRACK_VERBS})?\\s*(.+)$`, "i"),
    new RegExp(
      `\\b(?:to|that|which|for|where|can|could|lets?|helps?|${people}|and)\\s+(?:(?:${people}|to|can|could|easily|quickly|simply|just) )*(?:${TRACK_VERBS})\\s+(.+)$`,
      "i",
    ),
    new RegExp(`^(?:${TRACK_VERBS.replace("|see", "").replace("|add(?:ing)?", "").replace("|enter(?:ing)?", "")})\\s+(.+)$`, "i"),
    new RegExp(
      `\\b(?:app|application|tool|site|website|web ?app|system|software|crud|something|page|program)\\s+(?:for|about|on|around|of)\\s+(?:${TRACK_VERBS})?\\s*(.+)$`,
      "i",
    ),
    new RegExp(`^(?:(?:i|we)(?:'d| would)?\\s+)?(?:(?:${CREATE_VERBS})\\s+)?(.+?)[\\s-]+${APP_ENDING}$`, "i"),
  ];
  for (const pattern of patterns) {
    const phrase = pattern.exec(head)?.[1];
    if (phrase !== undefined && phrase.split(/\s*,\s*|\s+and\s+/i).some((part) => cleanEntity(part) !== undefined))
      return { phrase, certain: true };
  }
  const wish = new RegExp(
    `^(?:(?:i|we)(?:'d| would)?\\s+)?(?:(?:${CREATE_VERBS})\\s+)?(?:to have\\s+)?(?:(?:an?|the|another|one|new|second|simple|small)\\s+)*(?:web\\s+)?${APP_NOUNS}$`,
    "i",
  );
  if (wish.test(head)) return { phrase: "", certain: true };
  const bare = new RegExp(
    `^(?:(?:i|we)(?:'d| would)?\\s+(?:(?:really |also )?(?:love|like|want|need)\\s+)?(?:to\\s+)?)?(?:(?:${CREATE_VERBS})\\s+)?((?:an?|the|my|our|some)\\s+)?(.+)$`,
    "i",
  ).exec(head);
  const phrase = bare?.[2];
  if (phrase === undefined) return undefined;
  const parts = phrase.split(/\s*,\s*|\s+and\s+/i);
  const nouns = parts.map((part) => cleanEntity(part));
  if (nouns.includes(undefined)) return undefined;
  // Without a word for "app" and without fields only a name that everybody knows is enough, or several kinds of records.
  const known = nouns.length === 1 && wellKnown(nouns[0] ?? []).fields !== undefined;
  const plural = parts.every((part) => isPlural(part.replace(FILLER, "")));
  if (!(known || (hasFields && (bare?.[1] !== undefined || plural || phrase !== head)) || (plural && parts.length > 1))) return undefined;
  return { phrase, certain: known || phrase !== head };
}

function cleanEntity(phrase: string | undefined): string[] | undefined {
  let rest = (phrase ?? "").replaceAll(/["`']s?\b|["`]/g, "").trim();
  for (let next = rest.replace(FILLER, ""); next !== rest; next = rest.replace(FILLER, "")) rest = next;
  const words = wordsOf(rest.replace(ENTITY_END, "").replace(/[,.;:].*$/s, ""));
  while (words.length > 1 && /^(?:all|my|our|the|a|an|simple|new|own|app|application|data|information|about)$/.test(words[0] ?? ""))
    words.shift();
  while (words.length > 1 && /^(?:app|apps|site|tool|records|entries|data)$/.test(words.at(-1) ?? "")) words.pop();
  if (words.length === 0 || words.length > 4 || !/^[a-z]/.test(words[0] ?? "")) return undefined;
  if (words.length === 1 && (NAMELESS.test(words[0] ?? "") || !isNoun(words[0] ?? ""))) return undefined;
  return singularize(words.join(" ")).split(" ");
}

const NAMELESS =
  /^(?:app|application|site|website|tool|something|thing|things|stuff|it|that|this|page|system|web|crud|simple|new|data|everything|anything|small|one|me|us|list|a|an|the|my|our|and|login|user|people|track|keep|be|do|help|get|use|work)$/;
