/** What kind of value a field holds: from the words that people put beside its name, else from the name itself. */

export type ValueKind = "text" | "longText" | "integer" | "decimal" | "boolean" | "date" | "dateTime" | "email" | "url" | "choice" | "slug";

/** Words that state a type: in parentheses, after a colon, or as the last words of the name. */
const STATED: ReadonlyMap<string, ValueKind> = new Map<string, ValueKind>([
  ...kinds("text", "text", "string", "short text", "varchar", "word", "words", "line of text", "single line", "text field"),
  ...kinds(
    "longText",
    "long text",
    "longtext",
    "multiline",
    "multi line",
    "multiline text",
    "textarea",
    "text area",
    "paragraph",
    "markdown",
    "rich text",
  ),
  ...kinds("integer", "integer", "int", "whole number", "number", "counter", "numeric"),
  ...kinds("decimal", "decimal", "float", "money", "currency", "amount", "real", "double", "decimal number", "dollars", "euros"),
  ...kinds(
    "boolean",
    "boolean",
    "bool",
    "checkbox",
    "check box",
    "flag",
    "toggle",
    "switch",
    "yes no",
    "true false",
    "tickbox",
    "tick box",
    "yes or no",
    "true or false",
  ),
  ...kinds("date", "date", "day"),
  ...kinds("dateTime", "datetime", "date time", "date and time", "timestamp", "time stamp", "moment"),
  ...kinds("email", "email", "e mail", "email address", "mail address"),
  ...kinds("url", "url", "link", "website", "web address", "uri"),
  ...kinds("choice", "select", "dropdown", "drop down", "enum", "choice", "choices", "options"),
  ...kinds("slug", "slug"),
]);

/** Endings of a name that only say the type: `published checkbox` is called `published`. */
const TRAILING: ReadonlySet<string> = new Set([
  "checkbox",
  "check box",
  "flag",
  "toggle",
  "switch",
  "boolean",
  "tickbox",
  "tick box",
  "textarea",
  "text area",
  "dropdown",
  "drop down",
  "select",
  "text field",
  "string",
  "integer",
]);
/** Endings that say the type and are left out where other words name the field: `last watered date`. */
const DATE_AFTER = /(?:ed|en|known|seen|done|made|sold|bought|sent|paid|born|met|built|held|given)$/;

export function statedKind(words: readonly string[]): ValueKind | undefined {
  return STATED.get(words.join(" "));
}

/** Takes a type that the name ends or begins with off it: `published checkbox`, `checkbox for published`. */
export function splitKind(words: readonly string[]): { words: string[]; kind?: ValueKind } {
  for (const length of [2, 1]) {
    const tail = words.slice(-length).join(" ");
    if (words.length <= length || !TRAILING.has(tail)) continue;
    const kind = STATED.get(tail);
    return { words: words.slice(0, -length), ...(kind === undefined ? {} : { kind }) };
  }
  const leading = STATED.get(words[0] ?? "");
  if (words.length > 1 && leading !== undefined && TRAILING.has(words[0] ?? ""))
    return { words: words.slice(words[1] === "for" && words.length > 2 ? 2 : 1), kind: leading };
  const last = words.at(-1);
  if (words.length > 1 && last === "date" && DATE_AFTER.test(words.at(-2) ?? "")) return { words: words.slice(0, -1), kind: "date" };
  return { words: [...words] };
}

/** The kind that a name suggests. Words decide from the last to the first, as English does. */
export function inferKind(words: readonly string[]): ValueKind {
  const phrase = words.join(" ");
  const last = words.at(-1) ?? "";
  const first = words[0] ?? "";
  if (last === "slug") return "slug";
  if (last === "email" || last === "mail" || /\bemail address$/.test(phrase)) return "email";
  if (URLS.has(last)) return "url";
  if (/^(?:last|next|first) .*ed$/.test(phrase) || /^(?:date|day) (?:of|when|it) /.test(phrase)) return "date";
  if (/^(?:number|count|amount) of /.test(phrase)) return first === "amount" ? "decimal" : "integer";
  if (DATES.has(last) || (words.length > 1 && last === "on")) return "date";
  if (DATE_TIMES.has(last) || (words.length > 1 && last === "at")) return "dateTime";
  if (last === "number" || last === "code" || last === "name") return "text";
  if (LONG.has(last)) return "longText";
  if (DECIMALS.has(last)) return "decimal";
  if (INTEGERS.has(last)) return "integer";
  if (BOOLEAN_STARTS.has(first) && words.length > 1) return "boolean";
  if (BOOLEANS.has(phrase) || (BOOLEANS.has(last) && words.length <= 2 && !NOT_BOOLEAN_STARTS.has(first))) return "boolean";
  return "text";
}

function kinds(kind: ValueKind, ...names: string[]): [string, ValueKind][] {
  return names.map((name) => [name, kind]);
}

function set(words: string): ReadonlySet<string> {
  return new Set(words.split(" "));
}

const URLS = set("url link website homepage site webpage uri photo image picture avatar logo thumbnail");
const DATES = set("date day birthday birthdate dob deadline due expiry expiration anniversary since until born expires");
const DATE_TIMES = set("datetime timestamp time");
const LONG = set(
  "notes note description body content contents bio biography comment comments summary details instructions instruction message text story review abstract ingredients steps directions remarks remark observations explanation agenda transcript lyrics excerpt method feedback",
);
const DECIMALS = set(
  "price cost total salary budget fee balance revenue expense weight height length width depth distance latitude longitude temperature rate percentage discount tax amount value area volume wage income rent deposit tip area size km kg miles altitude elevation",
);
const INTEGERS = set(
  "count quantity qty age year pages stock rank position duration minutes hours days weeks months years servings floor score rating priority level points seats rooms bedrooms bathrooms capacity calories episodes chapters wins losses goals likes votes views copies units mileage reps sets laps season volume-number odometer population attendees guests players strength",
);
const BOOLEAN_STARTS = set("is has can was are does did should needs will have had");
const BOOLEANS = set(
  "done completed complete published active archived enabled disabled available paid read favorite favourite featured verified approved finished visible private public shipped delivered confirmed resolved closed starred pinned billed urgent important hidden locked subscribed cancelled canceled sold returned borrowed lent vegan vegetarian mandatory taxable refundable recurring reviewed accepted rejected signed attended booked reserved installed deprecated solved answered vaccinated neutered indoor outdoor edible poisonous watched fixed visited seen used tried bought attended tested",
);
const NOT_BOOLEAN_STARTS = set("last next first date day time when");
