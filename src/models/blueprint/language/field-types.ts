/** What kind of value a field holds: from the words that people put beside its name, else from the name itself. */

export type ValueKind =
  | "text"
  | "longText"
  | "integer"
  | "decimal"
  | "money"
  | "rating"
  | "boolean"
  | "date"
  | "dateTime"
  | "time"
  | "email"
  | "url"
  | "phone"
  | "choice"
  | "slug";

/** Words that state a type: in parentheses, after a colon, or as the last words of the name. */
const STATED: ReadonlyMap<string, ValueKind> = new Map<string, ValueKind>([
  ...kinds(
    "text",
    "text",
    "string",
    "short text",
    "varchar",
    "line of text",
    "single line",
    "text field",
    "plain text",
    "free text",
    "a line of text",
  ),
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
    "multiple lines",
    "several lines",
    "big text",
    "longer text",
    "text with several lines",
    "text block",
    "long form",
  ),
  ...kinds(
    "integer",
    "integer",
    "int",
    "whole number",
    "number",
    "counter",
    "numeric",
    "count",
    "number without decimals",
    "round number",
    "integer number",
    "natural number",
    "digits",
  ),
  ...kinds("decimal", "decimal", "float", "real", "double", "decimal number", "number with decimals", "decimals", "fraction"),
  ...kinds(
    "money",
    "money",
    "currency",
    "amount",
    "amount of money",
    "price",
    "dollars",
    "euros",
    "pounds",
    "euro",
    "dollar",
    "usd",
    "eur",
    "gbp",
    "chf",
    "money amount",
    "monetary",
  ),
  ...kinds("rating", "rating", "stars", "star rating", "rating in stars", "five stars", "5 stars"),
  ...kinds("phone", "phone", "phone number", "telephone", "telephone number", "mobile number", "phone no"),
  ...kinds("time", "time", "time of day", "clock time"),
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
    "y n",
    "checkmark",
    "check mark",
    "yes no field",
    "bit",
  ),
  ...kinds("date", "date", "day", "calendar date", "date only", "date without time"),
  ...kinds(
    "dateTime",
    "datetime",
    "date time",
    "date and time",
    "timestamp",
    "time stamp",
    "moment",
    "date with time",
    "date plus time",
    "time and date",
    "date incl time",
  ),
  ...kinds("email", "email", "e mail", "email address", "mail address"),
  ...kinds("url", "url", "link", "website", "web address", "uri", "web link", "hyperlink", "web site", "web page"),
  ...kinds("choice", "select", "dropdown", "drop down", "enum", "choice", "choices", "options", "list of choices", "selection"),
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
const DATE_AFTER = /(?:until|^from|^to|^by|since|before|after|ed|en|known|seen|done|made|sold|bought|sent|paid|born|met|built|held|given)$/;

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
  if (/\b(?:email|e ?mail|mail)(?: addr(?:ess)?)?$/.test(phrase)) return "email";
  if (/\b(?:phone|telephone|mobile|cell|cellphone|tel|fax|whatsapp)(?: (?:number|no|nr|num))?$/.test(phrase)) return "phone";
  if (URLS.has(last) || /\bweb (?:site|page|address)$/.test(phrase)) return "url";
  if (/^(?:last|next|first) .*ed$/.test(phrase) || /^(?:date|day) (?:of|when|it) /.test(phrase)) return "date";
  if (/^when .*(?:ed|en|sold|bought|sent|paid|born|met|built|held|given|due|made)$/.test(phrase)) return "date";
  if (/^(?:number|count|no|nr|num|how many) (?:of )?/.test(phrase) && words.length > 1) return "integer";
  if (first === "amount" && words[1] === "of") return "decimal";
  if (/\bin stock$/.test(phrase)) return /^(?:is|in) /.test(phrase) && words.length < 4 ? "boolean" : "integer";
  if (/\b(?:per|a) (?:month|year|day|week|hour|night|person|unit|piece|kg|kilo)$/.test(phrase)) return inferKind(words.slice(0, -2));
  if (/\b(?:best before|use by|sell by|valid until|available from|good until)$/.test(phrase)) return "date";
  if (DATES.has(last) || (words.length > 1 && last === "on" && !/^(?:works?|working|based|depends?)$/.test(words.at(-2) ?? "")))
    return "date";
  if (
    last === "time" &&
    /(?:start|end|begin|opening|closing|departure|arrival|pickup|meeting|check in|check out)$/.test(words.at(-2) ?? "")
  )
    return "time";
  if (DATE_TIMES.has(last) || (words.length > 1 && last === "at" && isMoment(words.at(-2) ?? ""))) return "dateTime";
  if (last === "number" && COUNTED_BEFORE.has(words.at(-2) ?? "")) return "integer";
  if (last === "number" || last === "code" || last === "name" || last === "no" || last === "nr" || last === "type") return "text";
  if (LONG.has(last)) return "longText";
  if (MONEY.has(last)) return "money";
  if (RATINGS.has(last)) return "rating";
  if (/\b(?:party|group|team|class|family|household|crew|shoe) size$/.test(phrase)) return "integer";
  if (DECIMALS.has(last)) return "decimal";
  if (INTEGERS.has(last)) return "integer";
  if (BOOLEAN_STARTS.has(first) && words.length > 1) return "boolean";
  if (BOOLEANS.has(phrase) || (BOOLEANS.has(last) && words.length <= 2 && !NOT_BOOLEAN_STARTS.has(first))) return "boolean";
  if (
    /^(?:given back|handed in|paid back|sent out|picked up|checked in|checked out|signed up|follow up needed|sold out|paid for|cleaned up)$/.test(
      phrase,
    )
  )
    return "boolean";
  if (words.length === 1 && /^(?!.*(?:eed|bed|red|head|read|bread|thread|shed|sled)$)\w{3,}ed$/.test(phrase)) return "boolean";
  if (
    words.length === 2 &&
    /^(?:\w+ed|given|taken|broken|sold|written|eaten|grown|worn|built) (?:up|out|in|off|back|down|away|over)$/.test(phrase)
  )
    return "boolean";
  if (/^(?:link|url) (?:to|of) /.test(phrase)) return "url";
  if (words.length <= 3 && /^(?:needed|required|included|allowed|wanted|possible)$/.test(last)) return "boolean";
  return "text";
}

function isMoment(verb: string): boolean {
  return (
    MOMENT_BEFORE.test(verb) ||
    (verb.endsWith("ed") && !/^(?:located|based|employed|stored|parked|used|placed|priced|aimed|offered)$/.test(verb))
  );
}

/** Verbs that make "at" a moment: "starts at", not "found at". */
const MOMENT_BEFORE =
  /^(?:starts?|begins?|ends?|opens?|closes?|created|updated|submitted|arrives?|departs?|leaves?|due|scheduled|booked|sent|received|happened|happens|finished|started|ended|published|viewing|logged|recorded|checked|called|measured|taken|completed|paid|signed|expires|posted|reported|resolved|cancelled|confirmed|delivered|shipped|reserved|planned|picked)$/;
const COUNTED_BEFORE = set("shirt jersey page position lap week year round season");

function kinds(kind: ValueKind, ...names: string[]): [string, ValueKind][] {
  return names.map((name) => [name, kind]);
}

function set(words: string): ReadonlySet<string> {
  return new Set(words.split(" "));
}

const URLS = set("url link website homepage site webpage uri photo image picture avatar logo thumbnail linkedin github");
const DATES = set("date day birthday birthdate dob deadline due expiry expiration anniversary since until born expires renewal");
const DATE_TIMES = set("datetime timestamp time");
const LONG = set(
  "notes note description body content contents bio biography comment comments summary details instructions instruction message story review abstract ingredients steps directions remarks remark observations explanation agenda transcript lyrics excerpt method feedback requests background",
);
const MONEY = set(
  "price cost costs salary budget fee fees revenue expense wage income rent deposit tip amount total earnings profit spending fare premium donation payment subtotal",
);
const RATINGS = set("rating stars");
const DECIMALS = set(
  "balance weight height length width depth distance latitude longitude temperature rate value percentage discount tax area volume size km kg miles altitude elevation hours dosage",
);
const INTEGERS = set(
  "count quantity qty age year pages page stock rank position duration minutes days weeks months years servings floor score priority level points seats rooms bedrooms bathrooms capacity calories episodes chapters wins losses goals likes votes views copies units mileage reps sets laps season odometer population guests players strength portions ones places spots tickets",
);
const BOOLEAN_STARTS = set("is has can was are does did should needs will have had");
const BOOLEANS = set(
  "done completed complete published active archived enabled disabled available paid read favorite favourite featured verified approved finished visible private public shipped delivered confirmed resolved closed starred pinned billed urgent important hidden locked subscribed cancelled canceled sold returned borrowed lent vegan vegetarian mandatory taxable refundable recurring reviewed accepted rejected signed attended booked reserved installed deprecated solved answered vaccinated neutered indoor outdoor edible poisonous watched fixed visited seen used tried bought attended tested repaired cleaned checked recycled started eaten granted found fulfilled handled invoiced missing vip blocked discontinued billable attending working ready open closed won lost accepted married retired insured free",
);
const NOT_BOOLEAN_STARTS = set("last next first date day time when");
