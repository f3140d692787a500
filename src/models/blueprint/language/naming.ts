/** People's words to names that SQL, TypeScript and URLs accept. */

/** Words that PostgreSQL or TypeScript keep for themselves. */
const RESERVED: ReadonlySet<string> = new Set(
  (
    "all analyse analyze and any array as asc asymmetric authorization between both case cast check collate column constraint create cross current default deferrable desc distinct do else end except false fetch filter for foreign freeze from full grant group having ilike in initially inner intersect into is isnull join lateral leading left like limit localtime natural not notnull null offset on only or order outer over overlaps placing primary references returning right row rows select session similar some symmetric table tablesample then to trailing true union unique user using variadic verbose when where window with " +
    "abstract async await boolean break byte catch char class const continue debugger declare delete double enum eval export extends final finally float function get goto if implements import instanceof int interface internal keyof let long module namespace never new number object of package private protected public readonly record require return set short static string super switch symbol this throw throws transient try type typeof undefined unknown var void volatile while yield arguments constructor prototype"
  ).split(" "),
);
/** Words that mean something else to a browser, to React or to the generated code, where a record's type or variable stands. */
const TAKEN: ReadonlySet<string> = new Set(
  "date time timestamp interval promise map set record error event element node document window history location screen image option text link range request response headers file blob url router route form input button field label layout query mutation list page app schema database api trpc react children key ref state store context provider fragment buffer process module row column table client server fetch".split(
    " ",
  ),
);

export function isTaken(name: string): boolean {
  return RESERVED.has(name) || TAKEN.has(name);
}

/** Lower-case words of letters and digits, without apostrophes and accents. */
export function wordsOf(text: string): string[] {
  const plain = text
    .normalize("NFKD")
    .replace(/[\u0300-\u036f]/g, "")
    .replaceAll(/['’]/g, "");
  const spaced = plain.replaceAll(/([a-z\d])([A-Z])/g, "$1 $2").replaceAll(/[_/-]+/g, " ");
  return spaced.toLowerCase().match(/[a-z\d]+/g) ?? [];
}

export function snakeCase(words: readonly string[]): string {
  return words.join("_");
}

export function camelCase(words: readonly string[]): string {
  return words.map((word, index) => (index === 0 ? word : capital(word))).join("");
}

/** `last watered` → `Last watered`; short forms that people write in capitals keep them. */
export function sentenceCase(words: readonly string[]): string {
  const shown = words.map((word) => (CAPITALS.has(word) ? word.toUpperCase() : word));
  const [first = "", ...rest] = shown;
  return [capital(first), ...rest].join(" ");
}

/** `plant tracker` → `Plant Tracker`. */
export function titleCase(words: readonly string[]): string {
  return words
    .map((word, index) => (CAPITALS.has(word) ? word.toUpperCase() : index > 0 && SMALL.has(word) ? word : capital(word)))
    .join(" ");
}

/** 2 to 32 of a-z, 0-9 and -, starting with a letter: the form of an app's slug. */
export function slugOf(words: readonly string[]): string {
  const joined = words.join("-").replace(/^[^a-z]+/, "");
  const cut = joined.slice(0, 32).replace(/-+$/, "");
  return cut.length >= 2 ? cut : `app-${cut || "1"}`;
}

function capital(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}

const CAPITALS: ReadonlySet<string> = new Set([
  "url",
  "id",
  "isbn",
  "sku",
  "vat",
  "iban",
  "api",
  "ip",
  "dob",
  "eta",
  "faq",
  "gps",
  "pdf",
  "rsvp",
  "tv",
  "dvd",
  "cd",
  "cv",
  "hr",
  "it",
  "ui",
  "crm",
]);
const SMALL: ReadonlySet<string> = new Set(["of", "and", "the", "for", "in", "on", "a", "an", "to"]);
