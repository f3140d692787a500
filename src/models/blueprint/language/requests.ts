/** What a person asks for, as data: a new app with its records and fields, fields for an existing one, or something else. */
import { parseFields, type SpokenField } from "./fields.ts";
import { singularize } from "./inflect.ts";
import { titleCase, wordsOf } from "./naming.ts";
import { wellKnown } from "./well-known.ts";

export type Spoken =
  | { kind: "create-blog"; name?: string }
  | { kind: "create"; entity: string[]; fields: SpokenField[]; name?: string }
  /** `target`: the words for the records; `app`: the words for the app, where one is named. `source`: what existing rows are filled from. */
  | { kind: "add-fields"; fields: SpokenField[]; target: string[]; app?: string[]; source?: string[] }
  /** Understood in part: `understood` is for the answer. */
  | { kind: "beyond"; understood: string; reason: string };

const CREATE_VERBS =
  "add|build|create|make|generate|write|develop|set up|setup|start|give (?:me|us)|design|implement|scaffold|put together|spin up|prepare|produce|launch|need|want|would like|like|have";
const TRACK_VERBS =
  "track(?:ing|s)?|manag(?:e|ing|es)|keep(?:ing|s)? track of|keep(?:ing|s)? (?:a )?(?:list|log|record|records) of|keep(?:ing|s)?|record(?:ing|s)?|log(?:ging|s)?|stor(?:e|ing|es)|list(?:ing|s)?|catalogu?(?:e|ing|es)?|organi[sz](?:e|ing|es)|collect(?:ing|s)?|maintain(?:ing|s)?|regist(?:er|ering|ers)|sav(?:e|ing|es)|monitor(?:ing|s)?|administer(?:ing)?|remember(?:ing|s)?|note down|write down|document(?:ing|s)?|handl(?:e|ing|es)|see|enter(?:ing)?|add(?:ing)?|plan(?:ning|s)?|follow(?:ing|s)?|look after|schedul(?:e|ing|es)|inventor(?:y|ying)";
const CONTAINERS =
  "inventory|lists?|catalogu?e|directory|log|logbook|collection|database|register|registry|journal|diary|library|table|overview|index|record|records|archive|tracker|manager|page|place|spreadsheet";
/** What an app is called after its records: "plant tracker", "book club app", "event calendar". */
const KINDS_OF_APP =
  "track(?:er|ing)|manage(?:r|ment)|list(?:ing)?|inventory|catalogu?(?:e|ing)|directory|log(?:ger|ging|book)?|organi[sz]er|journal|diary|register|registry|database|planner|collection|library|records?|planning|booking|admin|calendar|watch ?list|wish ?list|check ?list|roster|schedule|ledger|archive";
const APP_NOUNS =
  "(?:web ?app|application|app|apps|tool|site|website|web ?site|page|system|dashboard|program|software|service|platform|crud)";
const APP_ENDING = `(?:(?:${KINDS_OF_APP})(?:[\\s-]+${APP_NOUNS})?|${APP_NOUNS})`;
/** Words before the records that say nothing about them. */
const FILLER =
  /^(?:a|an|the|which|what|my|our|your|their|his|her|its|all|all of|some|any|various|different|new|simple|small|little|basic|tiny|nice|quick|plain|minimal|single|separate|second|another|internal|personal|own|me|us|list of|list|lists of|bunch of|collection of|set of|kinds of|of|web|online|crud|full|complete|good|modern|clean|pretty|beautiful|company'?s|team'?s|family'?s)\s+/i;
/** Where the records' own words end. */
const ENTITY_END =
  /\s+(?:in|at|on|for|that|which|who|whom|whose|from|by|where|when|while|so|because|they|i|we|you|people|he|she|it|of|with|as|using|during|within|across|between|around|and then|including|he|and (?:their|its|to|see|who|when|what|where|how))\b.*$/i;
const FIELD_WORDS =
  "(?:the\\s+)?(?:following\\s+)?(?:fields?|columns?|properties|attributes|data|information|details)(?:\\s+(?:of|for|like|such as|named|called))?";
/** Where the list of fields begins. */
const FIELD_INTRODUCTIONS: readonly RegExp[] = [
  new RegExp(
    `(?:[.;,:\\n]?\\s*\\b(?:for\\s+)?(?:each|every)|[.;:\\n]\\s*(?:an?|all|one))\\s+(?:[\\w'-]+\\s+){0,3}?(?:has|have|having|needs?|gets?|contains?|includes?|should have|must have|consists? of)\\b(?:\\s+${FIELD_WORDS})?\\s*:?`,
    "i",
  ),
  new RegExp(
    `[.;,\\n]\\s*(?:they|it|these|those|i want|we want|we need|i need)\\s+(?:all\\s+)?(?:has|have|having|needs?|get|to (?:store|record|save|see|know)|should have|must have)\\b(?:\\s+${FIELD_WORDS})?\\s*:?`,
    "i",
  ),
  new RegExp(`[.;,(]?\\s*\\b(?:fields?|columns?|properties|attributes)(?:\\s+(?:are|should be|of|would be))?\\s*:`, "i"),
  new RegExp(
    `,?\\s*\\b(?:each\\s+)?(?:with|having|including|containing|consisting of|made of|recording|storing|listing|showing|(?:that|which)\\s+(?:has|have|contains?|includes?))\\b(?:\\s+${FIELD_WORDS})?\\s*:?`,
    "i",
  ),
  new RegExp(`,?\\s*\\b(?:and|along with|together with|as well as)\\s+(?=(?:their|its)\\s)`, "i"),
  new RegExp(`\\s*[-–—]\\s+|\\s*:\\s*|\\s*\\(|\\n`, "i"),
];
/** Plurals that mean several for each record. */
const MANY: ReadonlySet<string> = new Set(
  "comments replies images photos pictures files documents attachments reactions likes reviews ratings messages entries".split(" "),
);
/** What nobody can do with lists of records: asked for, it is said, not ignored. */
const BEYOND =
  /\b(log ?in|sign ?(?:in|up|on)|auth(?:entication|orization)?|oauth|sso|passwords?|user accounts?|permissions?|roles and|payments?|stripe|paypal|checkout|e-?mails? (?:me|us|them|everyone|people|notifications?|reminders?)|send(?:s|ing)? |notif(?:y|ies|ications?)|reminders?|remind|push messages?|sms|charts?|graphs?|plots?|statistics|analytics|maps?\b|geolocation|real[- ]?time|chat|messaging|websockets?|upload(?:s|ing)?|attachments?|csv|excel|pdf export|export(?:s|ing)?|import(?:s|ing)?|integrat(?:e|es|ion|ions)|webhooks?|rest api|graphql|machine learning|recommend(?:s|ation|ations)?|calendar view|kanban|drag and drop|dark mode|multi-?tenant|video calls?|game|scrap(?:e|ing|er)|bot|compiler|3d)\b/i;

export function parseRequest(text: string): Spoken {
  const request = tidy(text);
  const named = takeName(request);
  const addition = parseAddition(request);
  if (addition !== undefined) return addition;
  if (
    /^(?:rename|remove|delete|drop|change|replace|move|fix|update|hide|sort|reorder|undo|revert|style|redesign|translate|deploy|explain|why|what|how|when|who|is|are|does|do)\b/i.test(
      stripCourtesy(named.rest),
    )
  ) {
    return { kind: "beyond", understood: "", reason: "it is neither a new app nor a new field" };
  }
  return parseCreation(named.rest, named.name);
}

function tidy(text: string): string {
  return text
    .normalize("NFKC")
    .replaceAll(/[\u200b-\u200f\u2060\ufeff]/g, "")
    .replaceAll(/[ \t]+/g, " ")
    .replaceAll(/\s*\n\s*/g, "\n")
    .trim()
    .replace(/[\s.!?]+$/, "");
}

/** Takes `called "Green Thumb"` out. A name without quotes is up to three words that begin with a capital, or one word. */
function takeName(text: string): { rest: string; name?: string } {
  const match = /,?\s*\b(?:called|named|titled)\s+(?:["“'«]([^"”'»\n]{1,60})["”'»]|((?:[A-Z][\w]*)(?: [A-Z][\w]*){0,2})|([\w-]+))/.exec(
    text,
  );
  const name = match?.[1] ?? match?.[2] ?? match?.[3];
  if (match === null || name === undefined) return { rest: text };
  return { rest: `${text.slice(0, match.index)}${text.slice(match.index + match[0].length)}`.trim(), name: name.trim() };
}

function stripCourtesy(text: string): string {
  let rest = text;
  for (;;) {
    const next = rest.replace(
      /^(?:please|pls|hey|hi|hello|ok(?:ay)?|so|well|now|then|also|and|just|could you|can you|would you|will you|can we|could we|let'?s|let us|i'?d like you to|i would like you to|i want you to|we want you to|help me(?: to)?|go ahead and|kindly|adorable)[,!:]?\s+/i,
      "",
    );
    if (next === rest) return rest.replace(/,?\s*(?:please|thanks|thank you|thx|pls|cheers)$/i, "");
    rest = next;
  }
}

/** "add a published checkbox to posts", "posts need a slug, filled from the title", "give the books a rating". */
function parseAddition(text: string): Spoken | undefined {
  const request = stripCourtesy(text);
  const verb = "(?:add|include|put|insert|attach|create|introduce|append|i (?:want|need)|we (?:want|need)|i'?d like|we'?d like)";
  const target = "(?:(?:all|each|every|the|my|our|existing|of)\\s+)*([a-z][\\w' -]*?)";
  const forms: { pattern: RegExp; fields: number; target: number }[] = [
    {
      pattern: new RegExp(
        `^${verb}\\s+(.+?)\\s+(?:to|onto|on|for|in|into)\\s+${target}((?:\\s*[,;(]|\\s+(?:filled|generated|derived|based|made|taken|computed|copied|built|populated|which|that|with|from|defaulting|using|so|where)\\b|\\n).*)?$`,
        "is",
      ),
      fields: 1,
      target: 2,
    },
    {
      pattern: new RegExp(
        `^(?:give)\\s+${target}\\s+((?:an?|some|two|three|the)\\s.+?)((?:\\s*[,;]?\\s*(?:filled|generated|derived|based|made|taken|computed|copied|built|populated|from)\\b).*)?$`,
        "is",
      ),
      fields: 2,
      target: 1,
    },
    {
      pattern: new RegExp(
        `^${target}\\s+(?:should (?:also )?have|need(?:s)?|must have|should get|get(?:s)?|could use)\\s+(?:also\\s+)?(.+?)((?:\\s*[,;]?\\s*(?:filled|generated|derived|based|made|taken|computed|copied|built|populated|from)\\b).*)?$`,
        "is",
      ),
      fields: 2,
      target: 1,
    },
  ];
  for (const form of forms) {
    const match = form.pattern.exec(request);
    if (match === null) continue;
    const spokenFields = match[form.fields] ?? "";
    const spokenTarget = (match[form.target] ?? "").trim();
    const rest = match[3] ?? "";
    if (
      looksLikeNewApp(spokenFields, match[0]) ||
      /^(?:i|we|you|it|they|people|users|me|us)$/i.test(spokenTarget) ||
      /^(?:track|manage|keep|record|log|list|store|let|help|organi[sz]e|collect|monitor|sav(?:e|ing)|build)(?:ing)?\b/i.test(spokenTarget)
    )
      continue;
    const source =
      /\b(?:filled|generated|derived|based|made|taken|computed|copied|built|populated|created|set|from)\b[\w ]*?\b(?:from|on|out of|of|with|by|using)\s+(?:the\s+|its\s+|their\s+|each\s+)?([\w -]+?)(?:\s+(?:field|column))?(?=$|[,.;)])/i.exec(
        rest,
      ) ?? /^\s*[,;(]?\s*from\s+(?:the\s+|its\s+|their\s+)?([\w -]+?)(?:\s+(?:field|column))?(?=$|[,.;)])/i.exec(rest);
    const trailing = source === null ? rest.replace(/^\s*,\s*/, ", ") : "";
    const parsed = parseFields(
      `${spokenFields}${/^\s*[,(]?\s*(?:with |by )?default|^\s*(?:which|that) defaults?|^\s*defaulting|^\s*\(|^\s*(?:with (?:the )?)?(?:options|choices|values)|^\s*that is|^\s*which is/i.test(trailing) ? ` ${trailing.replace(/^,\s*/, "").replace(/^(?:which|that) (?=default)/i, "")}` : ""}`,
    );
    if (parsed.rejected.length > 0 || parsed.fields.length === 0) {
      return {
        kind: "beyond",
        understood: `a change to "${spokenTarget}"`,
        reason: `"${parsed.rejected[0] ?? spokenFields}" is not a field that I can add`,
      };
    }
    const several = parsed.fields.find(({ words, kind }) => MANY.has(words.join(" ")) && (kind === "longText" || kind === "text"));
    if (several !== undefined && !/\b(?:field|text|column|an?)\b/i.test(spokenFields)) {
      return {
        kind: "beyond",
        understood: `${several.words.join(" ")} for "${spokenTarget}"`,
        reason: "many of them for one record would be records of their own, and I connect no records",
      };
    }
    const { target: words, app } = splitTarget(spokenTarget);
    if (words.length === 0) continue;
    return {
      kind: "add-fields",
      fields: parsed.fields,
      target: words,
      ...(app === undefined ? {} : { app }),
      ...(source?.[1] === undefined ? {} : { source: wordsOf(source[1]) }),
    };
  }
  return undefined;
}

/** A website or a page can be asked for, and can be a field: "a website for plants", "a website to contacts". */
function looksLikeNewApp(phrase: string, whole: string): boolean {
  const field = "(?!\\s+(?:field|column|number|name|url|link|checkbox))";
  if (
    new RegExp(
      `\\b(?:app|application|tracker|tool|system|database|blog|manager|inventory|catalogu?e|directory|journal|diary|planner|organi[sz]er|log ?book|register)\\b${field}`,
      "i",
    ).test(phrase)
  )
    return true;
  return (
    new RegExp(`\\b(?:web ?site|site|page|place|way|list)\\b${field}`, "i").test(phrase) && !whole.slice(phrase.length).includes(" to ")
  );
}

/** "posts in the blog app" → posts, blog. */
function splitTarget(text: string): { target: string[]; app?: string[] } {
  const inApp = /^(.*?)\s+(?:in|of|on|inside|within)\s+(?:the\s+|my\s+|our\s+)?(.+?)(?:\s+app(?:lication)?)?$/i.exec(text);
  if (inApp !== null) return { target: wordsOf(inApp[1] ?? ""), app: wordsOf(inApp[2] ?? "") };
  const owned = /^(.+?)(?:\s+app)?['’]s\s+(.+)$/i.exec(text);
  if (owned !== null) return { target: wordsOf(owned[2] ?? ""), app: wordsOf(owned[1] ?? "") };
  return { target: wordsOf(text.replace(/\s+(?:table|form|list|page|records?|entries|items|model|entity)$/i, "")) };
}

function parseCreation(text: string, name: string | undefined): Spoken {
  const request = stripCourtesy(text);
  const withName = name === undefined ? {} : { name };
  const blog = isBlog(request);
  if (blog === "plain") return { kind: "create-blog", ...withName };
  const { head, list } = splitFields(request);
  const spoken = findEntity(head, list !== undefined);
  const known = spoken === undefined ? undefined : wellKnown(spoken);
  const entity = known?.entity;
  const understood = entity === undefined ? "" : `an app for "${entity.join(" ")}"`;
  const beyond = BEYOND.exec(request);
  if (beyond !== null && !(entity !== undefined && onlyInNames(beyond[0], entity, list)))
    return { kind: "beyond", understood, reason: `"${beyond[0].trim()}" is more than a list of records` };
  if (entity === undefined)
    return blog === "special"
      ? { kind: "create-blog", ...withName }
      : { kind: "beyond", understood: "", reason: "it does not say which records the app is about" };
  if (entity.includes("and") || entity.includes("or"))
    return { kind: "beyond", understood, reason: "it asks for more than one kind of record in one app" };
  const parsed = parseFields(list ?? known?.fields ?? "");
  if (parsed.rejected.length > 0)
    return { kind: "beyond", understood, reason: `"${parsed.rejected[0] ?? ""}" is not a field that I can make` };
  // A guestbook is about entries, and is still called a guestbook.
  const called = spoken === undefined || spoken.join(" ") === entity.join(" ") ? withName : { name: titleCase(spoken), ...withName };
  return { kind: "create", entity, fields: parsed.fields, ...called };
}

/** A blog, and nothing said about it that the vetted one does not have. */
function isBlog(request: string): "plain" | "special" | undefined {
  const bare = new RegExp(
    `^(?:(?:i|we)(?:'d| would)?\\s+)?(?:(?:${CREATE_VERBS})\\s+)?(?:(?:a|an|the|my|our|me|us|new|simple|small|little|basic|personal|nice|company|team|minimal)\\s+)*(?:web ?)?(?:blog|weblog)(?:\\s+(?:app|application|site|website|web ?app|page|engine|system))?(?:\\s+(?:for|to|about|where|so|on which)\\b(?!.*\\bwith\\b).*)?$`,
    "i",
  );
  if (bare.test(request)) return "plain";
  if (new RegExp(`\\b(?:${CREATE_VERBS})\\s+.*\\bblog(?:\\s+(?:app|site|website))?$`, "i").test(request) && request.length < 80)
    return "special";
  return undefined;
}

function splitFields(request: string): { head: string; list?: string } {
  let best: { index: number; end: number } | undefined;
  for (const pattern of FIELD_INTRODUCTIONS) {
    const match = pattern.exec(request);
    if (match !== null && match.index > 0 && (best === undefined || match.index < best.index))
      best = { index: match.index, end: match.index + match[0].length };
  }
  if (best === undefined) return { head: request };
  let list = request.slice(best.end);
  // A second introduction ("…with fields: …", "…: each has …") belongs to the first.
  list = list.replace(new RegExp(`^\\s*(?:${FIELD_WORDS}|each|every one|all|has|have|with|having|are)\\s*:?\\s+(?=\\S)`, "i"), "");
  const opened = request.slice(best.index, best.end).trimEnd().endsWith("(");
  if (opened) list = list.replace(/\)([^)]*)$/, "$1");
  return { head: request.slice(0, best.index), ...(list.trim() === "" ? {} : { list }) };
}

/** The words for one record, in the singular. */
function findEntity(head: string, hasFields: boolean): string[] | undefined {
  const patterns: RegExp[] = [
    new RegExp(`\\b(?:${CONTAINERS})\\s+(?:of|for)\\s+(?:${TRACK_VERBS})?\\s*(.+)$`, "i"),
    new RegExp(
      `\\b(?:to|that|which|for|where|can|could|lets?|helps?|me|us|i|we|you|people|users|they|everyone|and)\\s+(?:me |us |you |people |users |them |everyone |to |can |could |easily |quickly |simply |just )*(?:${TRACK_VERBS})\\s+(.+)$`,
      "i",
    ),
    new RegExp(`^(?:${TRACK_VERBS.replace("|see", "").replace("|add(?:ing)?", "")})\\s+(.+)$`, "i"),
    new RegExp(
      `\\b(?:app|application|tool|site|website|web ?app|system|software|crud|something|page|program)\\s+(?:for|about|on|around|of)\\s+(?:${TRACK_VERBS})?\\s*(.+)$`,
      "i",
    ),
    new RegExp(`^(?:(?:i|we)(?:'d| would)?\\s+)?(?:(?:${CREATE_VERBS})\\s+)?(.+?)[\\s-]+${APP_ENDING}$`, "i"),
  ];
  for (const pattern of patterns) {
    const entity = cleanEntity(pattern.exec(head.trim())?.[1]);
    if (entity !== undefined) return entity;
  }
  const bare = cleanEntity(
    new RegExp(`^(?:(?:i|we)(?:'d| would)?\\s+)?(?:(?:${CREATE_VERBS})\\s+)?(?:an?|the|my|our|some)\\s+(.+)$`, "i").exec(head.trim())?.[1],
  );
  // Without a word for "app" and without fields only a name that everybody knows is enough.
  return bare !== undefined && (hasFields || wellKnown(bare).fields !== undefined) ? bare : undefined;
}

function cleanEntity(phrase: string | undefined): string[] | undefined {
  let rest = (phrase ?? "").replaceAll(/["“”'’`]s?\b|["“”`]/g, "").trim();
  for (let next = rest.replace(FILLER, ""); next !== rest; next = rest.replace(FILLER, "")) rest = next;
  const words = wordsOf(rest.replace(ENTITY_END, "").replace(/[,.;:].*$/s, ""));
  while (words.length > 1 && /^(?:all|my|our|the|a|an|simple|new|own|app|application|data|information|about)$/.test(words[0] ?? ""))
    words.shift();
  while (words.length > 1 && /^(?:app|apps|site|tool|records|entries|data)$/.test(words.at(-1) ?? "")) words.pop();
  if (words.length === 0 || words.length > 4 || !/^[a-z]/.test(words[0] ?? "")) return undefined;
  if (
    words.length === 1 &&
    /^(?:app|application|site|website|tool|something|thing|things|stuff|it|that|this|page|system|web|crud|simple|new|data|everything|anything|small|one|me|us|list|a|an|the|my|our|and|login|user|people)$/.test(
      words[0] ?? "",
    )
  )
    return undefined;
  return singularize(words.join(" ")).split(" ");
}

/** "a map collection with name": a word of the list above that only names the records or a field. */
function onlyInNames(word: string, entity: readonly string[], list: string | undefined): boolean {
  const [needle = ""] = wordsOf(word);
  const singular = singularize(needle);
  if (entity.includes(singular) || entity.includes(needle)) return true;
  if (list === undefined) return false;
  return parseFields(list).fields.some((field) => field.words.length <= 3 && field.words.includes(needle));
}
