/** Which words name records: kinds of things there are several of, things that group others, parts of others. */
import { pluralize, singularize } from "./inflect.ts";
import { wordsOf } from "./naming.ts";

/** One to three words, as a pattern: `spare parts`. */
export const NOUN =
  "[a-z][\\w'-]*(?: (?!(?:and|or|that|which|who|with|to|is|are|has|have|of|for|should|must|can|could|may|might|would|will|shall|also|always|need|needs|get|gets|belong|belongs)\\b)[a-z][\\w'-]*){0,2}";

/** Of these, lists say values and not fields. */
export const CHOICE_NAMES =
  /^(?:status|state|type|kind|priority|category|level|size|stage|condition|severity|colou?r|phase|mood|gender|role|result|verdict|outcome|difficulty|frequency|unit)$/;

/** Plurals that are one value of a record. */
const PLURAL_FIELDS: ReadonlySet<string> = new Set(
  "notes details contents instructions tags hours minutes days weeks months years pages points calories seats rooms bedrooms bathrooms remarks observations directions species series servings guests keywords skills hobbies languages miles stars units copies sets reps words translations attendees participants places spots tickets likes views votes requests requirements symptoms dimensions colors colours costs fees earnings initials plus-ones ones links status".split(
    " ",
  ),
);
/** What others belong to: one of them for each of the others, many of the others for one of them. */
const GROUPS: ReadonlySet<string> = new Set(
  "category genre supplier author shelf project team customer client company publisher brand department location warehouse artist label owner album course class teacher school club room person country city member folder manufacturer vendor employee driver vehicle venue organizer host instructor musician band group section collection list board user producer winery brewery roaster".split(
    " ",
  ),
);
/** Lists that people expect to choose from and to see totals for. */
const CLASSIFIERS: ReadonlySet<string> = new Set("category genre supplier department".split(" "));
const PARTS: ReadonlySet<string> = new Set(
  "comment reply review answer vote step line message reaction ingredient chapter episode track photo subtask attendee guest registration bid measurement reading payment visit session booking loan lesson milestone visitor".split(
    " ",
  ),
);
const NO_NOUN =
  /^(?:(?:a|an|the)$|i|we|you|they|it|he|she|me|us|them|this|that|these|those|there|who|which|what|everyone|everybody|people(?= )|app|apps|application|the app|tool|tracker|system|site|website|page|my|our|your|please|also|and|or|thanks|field|fields|column|columns|data|information|something|anything|everything|required|optional|unique|default|show|filter|search|sort|if|whether|when|while|because|users? can)\b|\s(?:i|we|you|they|it|he|she)\b/i;

export function isNoun(phrase: string): boolean {
  return !NO_NOUN.test(phrase.trim());
}

/** The words for one record: `the spare parts` → `spare part`. */
export function oneOf(phrase: string): string[] {
  const words = wordsOf(phrase.replaceAll(/["`]/g, "").replace(/'s\b/g, "")).filter(
    (word, index) =>
      index > 0 || !/^(?:a|an|the|each|every|all|any|one|our|my|their|its|new|some|many|several|multiple|exactly|single)$/.test(word),
  );
  return singularize(words.join(" ")).split(" ").filter(Boolean);
}

export function isPlural(phrase: string): boolean {
  const words = wordsOf(phrase).join(" ");
  return words !== "" && singularize(words) !== words && pluralize(words) === words;
}

/** "ingredients", "spare parts": several records for one, not a value of it. */
export function isManyRecords(phrase: string): boolean {
  const words = wordsOf(phrase);
  return words.length > 0 && words.length <= 2 && isPlural(phrase) && !PLURAL_FIELDS.has(words.at(-1) ?? "");
}

export function isGroup(words: readonly string[]): boolean {
  return GROUPS.has(words.at(-1) ?? "");
}

export function isClassifier(words: readonly string[]): boolean {
  return words.length === 1 && CLASSIFIERS.has(words[0] ?? "");
}

export function isPart(words: readonly string[]): boolean {
  return PARTS.has(words.at(-1) ?? "");
}
