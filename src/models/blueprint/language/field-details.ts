/** What is said of a field beside its name: a type, flags, a default, choices, a scale, a unit. */
import { statedKind, type ValueKind } from "./field-types.ts";
import { wordsOf } from "./naming.ts";

export interface SpokenDetails {
  kind: ValueKind;
  /** Only where it was said. */
  required: boolean;
  unique: boolean;
  choices: string[];
  /** As said; not yet checked against the kind. */
  default: string;
  min: number;
  max: number;
  unit: string;
  currency: string;
  /** Its sum is wanted. */
  sum: boolean;
}

export const FLAGS: ReadonlyMap<string, Partial<SpokenDetails>> = new Map<string, Partial<SpokenDetails>>([
  ["required", { required: true }],
  ["mandatory", { required: true }],
  ["obligatory", { required: true }],
  ["compulsory", { required: true }],
  ["must have", { required: true }],
  ["not empty", { required: true }],
  ["optional", { required: false }],
  ["not required", { required: false }],
  ["may be empty", { required: false }],
  ["can be empty", { required: false }],
  ["if known", { required: false }],
  ["if any", { required: false }],
  ["unique", { unique: true }],
  ["must be unique", { unique: true }],
  ["no duplicates", { unique: true }],
]);
const UNITS: ReadonlySet<string> = new Set(
  "km m cm mm mi miles ft kg g mg lb lbs oz l ml cl h hrs hours min minutes days weeks months years s sec seconds percent % °c c kcal pcs kwh w gb mb".split(
    " ",
  ),
);
const CURRENCIES: ReadonlyMap<string, string> = new Map([
  ["€", "EUR"],
  ["eur", "EUR"],
  ["euro", "EUR"],
  ["euros", "EUR"],
  ["$", "USD"],
  ["usd", "USD"],
  ["dollar", "USD"],
  ["dollars", "USD"],
  ["£", "GBP"],
  ["gbp", "GBP"],
  ["pounds", "GBP"],
  ["chf", "CHF"],
  ["francs", "CHF"],
]);

/** Splits "status (open, done)", "price: number" and "priority as low, medium or high" into the name and what is said of it. */
export function takeDetail(text: string, found: Partial<SpokenDetails>): string {
  const parenthesis = /^(.*?)\s*[([]([^)\]]*)[)\]]\s*(.*)$/s.exec(text);
  if (parenthesis !== null && !(parenthesis[1] === "" && parenthesis[3] === "")) {
    readDetail(parenthesis[2] ?? "", found);
    return takeDetail(`${parenthesis[1] ?? ""} ${parenthesis[3] ?? ""}`.trim(), found);
  }
  const scale =
    /^(.+?)(?:\s+|\s*:\s*)(?:(?:on a scale\s+)?(?:from|of|between)\s+)?(\d{1,4})\s*(?:-|–|to|and|\.\.)\s*(\d{1,4})(?:\s+stars?)?$/i.exec(
      text,
    );
  if (scale !== null) {
    readScale(Number(scale[2]), Number(scale[3]), found);
    return takeDetail(scale[1] ?? "", found);
  }
  const unit = /^(.+?)\s+in\s+(\S+)$/i.exec(text);
  const measure = (unit?.[2] ?? "").toLowerCase();
  if (unit !== null && (UNITS.has(measure) || CURRENCIES.has(measure))) {
    readUnit(measure, found);
    return takeDetail(unit[1] ?? "", found);
  }
  const yesNo = /^(.+?)[\s,]+(?:yes\s*(?:\/|or)\s*no|y\s*\/\s*n|true\s*(?:\/|or)\s*false)\??$/i.exec(text);
  if (yesNo !== null) {
    found.kind = "boolean";
    return takeDetail(yesNo[1] ?? "", found);
  }
  const introduced =
    /^(.*?)(?:\s*:\s*|\s*=\s*|\s+as an?\s+|\s+of type\s+|,?\s+(?:that|which)\s+(?:is|are|can be|may be|must be|should be)\s+(?=either|one of|an? |optional|required|unique|mandatory)|\s+(?:is|are|can be|may be|should be|must be)\s+(?=either|one of|an?\s|optional|required|unique|mandatory|long text|text\b|numeric)|\s+(?:with (?:the )?)?(?:options?|choices?|values?)(?: of)?\s+|\s+(?=either\s|one of\s)|\s+being\s+|\s+[-–—]\s+)(.+)$/is.exec(
      text,
    );
  if (introduced === null || (introduced[1] ?? "").trim() === "") return text;
  readDetail(introduced[2] ?? "", found);
  return introduced[1] ?? "";
}

/** A type, flags, or a list of choices. */
export function readDetail(detail: string, found: Partial<SpokenDetails>): void {
  const whole = statedKind(wordsOf(detail.replace(/^an?\s+/i, "").replaceAll("+", " and ")));
  if (whole !== undefined) {
    found.kind = whole;
    return;
  }
  const scale = /^(?:from\s+|between\s+|a number (?:from|between)\s+)?(\d{1,4})\s*(?:-|–|to|and|\.\.)\s*(\d{1,4})(?:\s+stars?)?$/i.exec(
    detail.trim(),
  );
  if (scale !== null) return readScale(Number(scale[1]), Number(scale[2]), found);
  const introduced = detail.replace(
    /^(?:an?\s+)?(?:either|one of|(?:a )?(?:choice|selection|list|dropdown|select|enum)(?: (?:of|between|from|with))?:?|choices?:?|options?:?|values?:?|e\.g\.:?|an?)\s+/i,
    "",
  );
  const separator = /[,;]/.test(introduced) ? /\s*[,;]\s*(?:or\s+|and\s+)?|\s+or\s+/ : /\s*[/|]\s*|\s+or\s+|\s+and\s+(?!time\b)/i;
  const last = introduced.split(separator);
  const parts = last
    .flatMap((part, index) => (index === last.length - 1 && last.length > 2 ? part.split(/\s+and\s+/i) : [part]))
    .map((part) => part.trim().replace(/^["']|["'.]$/g, ""))
    .filter((part) => part !== "");
  const choices: string[] = [];
  for (const part of parts) {
    const words = wordsOf(part);
    const flag = FLAGS.get(words.join(" "));
    const kind = parts.length === 1 || KIND_AMONG_OTHERS.test(part) ? statedKind(words) : undefined;
    if (flag !== undefined) Object.assign(found, flag);
    else if (kind !== undefined) found.kind = kind;
    else if (readDefault(part, found)) continue;
    else if (words.length <= 4) choices.push(part);
  }
  if (choices.length === 2 && choices.every((choice) => /^(?:yes|no|true|false|y|n)$/i.test(choice))) found.kind = "boolean";
  // One word alone is a remark ("weight (kg)"), not a choice.
  else if (choices.length > 1) found.choices = [...new Map(choices.map((choice) => [choice.toLowerCase(), choice])).values()];
  else if (choices[0] !== undefined) readUnit(choices[0].toLowerCase().replace(/^in\s+/, ""), found);
}

const KIND_AMONG_OTHERS =
  /^(?:an? )?(?:text|long text|number|integer|decimal|money|checkbox|date|datetime|email|url|boolean|phone|rating|yes\/no|yes no|whole number)$/i;

/** "default 3", "defaults to open", "by default yes". True where it was one. */
export function readDefault(text: string, found: Partial<SpokenDetails>): boolean {
  const match =
    /^(?:(?:with (?:a |the )?|by |the )?default(?:s|ing|ed)?(?: (?:value|to|of|is|=))*|initially|starts? (?:with|at|as))\s*[:=]?\s*["']?(.+?)["']?$/i.exec(
      text,
    );
  if (match?.[1] === undefined) return false;
  found.default = match[1];
  return true;
}

function readScale(from: number, to: number, found: Partial<SpokenDetails>): void {
  if (from === 1 && to >= 3 && to <= 10) Object.assign(found, { kind: "rating", max: to });
  else if (from < to) Object.assign(found, { kind: "integer", min: from, max: to });
}

function readUnit(word: string, found: Partial<SpokenDetails>): void {
  const currency = CURRENCIES.get(word);
  if (currency !== undefined) Object.assign(found, { kind: "money", currency });
  else if (UNITS.has(word)) found.unit = word;
}
