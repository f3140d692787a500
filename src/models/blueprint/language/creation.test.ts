import { expect, test } from "vitest";
import { inferKind } from "./field-types.ts";
import { parseFields } from "./fields.ts";
import { pluralize, singularize } from "./inflect.ts";
import { slugOf, wordsOf } from "./naming.ts";
import { parseCreation, type SpokenApp } from "./creation.ts";

/** A small generator, so that a failure names its seed and can be repeated. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const SYLLABLES = ["bor", "lin", "tak", "ve", "mur", "son", "dal", "pim", "ro", "gul", "zan", "tev", "nor", "fi", "lo", "kar"];

/** A word that no list of ours knows. */
function inventWord(pick: (below: number) => number): string {
  const syllable = (): string => SYLLABLES[pick(SYLLABLES.length)] ?? "bor";
  return `${syllable()}${syllable()}${syllable()}n`;
}

function distinct(count: number, make: () => string): string[] {
  const words = new Set<string>();
  while (words.size < count) words.add(make());
  return [...words];
}

const OPENINGS: ((records: string) => string)[] = [
  (records) => `add an app to track ${records}`,
  (records) => `Build me an app that tracks ${records}`,
  (records) => `Please create a small app for managing our ${records}`,
  (records) => `I need an app to keep track of my ${records}`,
  (records) => `we want a simple web app where the team can record ${records}`,
  (records) => `make an inventory of ${records}`,
  (records) => `Could you build an application to manage ${records}`,
  (records) => `an app for ${records}`,
  (records) => `I'd like a place to keep a list of ${records}`,
  (records) => `set up a database of ${records}`,
  (records) => `track my ${records}`,
  (records) => `I want an app so that I can log ${records}`,
];

const LISTINGS: ((fields: string[]) => string)[] = [
  (fields) => ` with ${listed(fields)}`,
  (fields) => `: ${fields.join(", ")}`,
  (fields) => ` (${fields.join(", ")})`,
  (fields) => `. Each one has ${listed(fields.map((field) => `a ${field}`))}.`,
  (fields) => ` with the fields ${listed(fields)}`,
  (fields) => `, each with ${listed(fields)}`,
  (fields) => `\n\n${fields.map((field) => `- ${field}`).join("\n")}`,
  (fields) => `. Fields: ${fields.join("; ")}`,
  (fields) => ` having ${listed(fields)}.`,
];

function listed(items: string[]): string {
  return items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} and ${items.at(-1) ?? ""}`;
}

test.each(Array.from({ length: 150 }, (_, seed) => seed))("an app is understood with any names, in any phrasing (seed %i)", (seed) => {
  const pick = random(seed + 1);
  const entity = distinct(1 + pick(2), () => inventWord(pick)).join(" ");
  const names = distinct(1 + pick(5), () => distinct(1 + pick(2), () => inventWord(pick)).join(" "));
  const opening = OPENINGS[seed % OPENINGS.length];
  const listing = LISTINGS[pick(LISTINGS.length)];
  const text = `${opening?.(pluralize(entity)) ?? ""}${listing?.(names) ?? ""}`;
  const [only, ...others] = appOf(text).entities;
  expect(only?.words, text).toEqual(entity.split(" "));
  expect(others, text).toEqual([]);
  expect(
    only?.fields.map(({ words }) => words.join(" ")),
    text,
  ).toEqual(names);
});

function appOf(text: string): SpokenApp {
  const spoken = parseCreation(text);
  if (spoken.kind === "beyond") throw new Error(`${text}: ${spoken.reason}`);
  return spoken.app;
}

test.each([
  ["add a blog app", {}],
  ["a blog", {}],
  ["Please build me a simple blog!", {}],
  ['create a blog called "Field Notes"', { name: "Field Notes" }],
  ["we need a blog for our company", {}],
])("%s is the vetted blog", (text, rest) => {
  expect(appOf(text)).toMatchObject({ base: "blog", entities: [], ...rest });
});

test.each([
  ["name", "text"],
  ["last watered date", "date"],
  ["due date", "date"],
  ["date of birth", "date"],
  ["starts at", "dateTime"],
  ["email", "email"],
  ["website", "url"],
  ["price", "money"],
  ["number of pages", "integer"],
  ["quantity", "integer"],
  ["is active", "boolean"],
  ["published checkbox", "boolean"],
  ["notes", "longText"],
  ["body", "longText"],
  ["phone number", "phone"],
  ["last name", "text"],
  ["slug", "slug"],
  ["weight (kg)", "decimal"],
  ["size (text)", "text"],
  ["added: date", "date"],
  ["finished as a date", "date"],
  ["status (open, in progress, done)", "choice"],
  ["priority: low, medium or high", "choice"],
  ["condition with options new, used and broken", "choice"],
])("the kind of '%s' is %s", (text, kind) => {
  const { fields, rejected } = parseFields(`title, ${text}`);
  expect(rejected).toEqual([]);
  expect(fields.at(-1)?.kind).toBe(kind);
  expect(fields).toHaveLength(2);
});

test("flags, choices and defaults are read, and belong to their own field", () => {
  expect(
    parseFields(
      "a required title, an optional subtitle, code (unique), status (open, done), default open, count: number, default 3 and notes",
    ).fields,
  ).toEqual([
    { words: ["title"], label: "Title", kind: "text", required: true },
    { words: ["subtitle"], label: "Subtitle", kind: "text", required: false },
    { words: ["code"], label: "Code", kind: "text", unique: true },
    { words: ["status"], label: "Status", kind: "choice", stated: true, choices: ["open", "done"], default: "open" },
    { words: ["count"], label: "Count", kind: "integer", stated: true, default: "3" },
    { words: ["notes"], label: "Notes", kind: "longText" },
  ]);
});

test("'and' separates fields, but not inside a type or a list of choices", () => {
  const names = (text: string): string[] => parseFields(text).fields.map(({ label }) => label);
  expect(names("date and status")).toEqual(["Date", "Status"]);
  expect(names("date and time and status")).toEqual(["Date and time", "Status"]);
  expect(parseFields("a phase that is either open or closed and a date").fields).toMatchObject([
    { choices: ["open", "closed"] },
    { kind: "date" },
  ]);
});

test.each([
  "rename the app",
  "what can you do?",
  "build a chess game",
  "an app with login to track plants with name",
  "an app to track authors and books with name",
  "build something",
  "make an app to send an email to every customer each week",
  "fix the typo on the home page",
  "app",
  "🙂",
  "",
])("'%s' is said to be beyond, not half built", (text) => {
  expect(parseCreation(text).kind).toBe("beyond");
});

test.each([
  ["make a to-do list app with title, due date and done", ["task"], ["title", "due date", "done"]],
  ["an address book with name, phone and email", ["contact"], ["name", "phone", "email"]],
  ["add an events calendar with title, starts at, location", ["event"], ["title", "starts at", "location"]],
  ["add a job application tracker with company and role", ["job", "application"], ["company", "role"]],
  ["add a movie watchlist: title, year, watched", ["movie"], ["title", "year", "watched"]],
  ["I want to track which tools we lent to whom: tool, borrower, lent on", ["tool"], ["tool", "borrower", "lent on"]],
  ["Add an app where members can register their bikes with brand and frame number.", ["bike"], ["brand", "frame number"]],
  ["add a newsletter app", ["newsletter"], []],
])("'%s' is about %s", (text, entity, fields) => {
  const [only] = appOf(text).entities;
  expect(only?.words).toEqual(entity);
  expect(only?.fields.map(({ words }) => words.join(" "))).toEqual(fields);
});

test.each([
  ["plant", "plants"],
  ["category", "categories"],
  ["box", "boxes"],
  ["person", "people"],
  ["house", "houses"],
  ["grandchild", "grandchildren"],
  ["bookshelf", "bookshelves"],
  ["movie", "movies"],
  ["species", "species"],
  ["bus", "buses"],
  ["class", "classes"],
  ["day", "days"],
  ["analysis", "analyses"],
  ["status", "statuses"],
  ["power tool", "power tools"],
  ["batch", "batches"],
  ["quiz", "quizzes"],
])("%s is one, %s are many", (one, many) => {
  expect(pluralize(one)).toBe(many);
  expect(pluralize(many)).toBe(many);
  expect(singularize(many)).toBe(one);
  expect(singularize(one)).toBe(one);
});

test("a slug has the form of an app's slug, whatever was said", () => {
  for (const text of [
    "Plants",
    "Ünïcode Café",
    "3D prints",
    "a",
    "x".repeat(80),
    "--",
    "My  Very-Long_name of an app for things that go on",
  ]) {
    expect(slugOf(wordsOf(text)), text).toMatch(/^[a-z][a-z0-9-]{0,30}[a-z0-9]$/);
  }
});

test("names decide from the last word, as English does", () => {
  expect(inferKind(["email", "count"])).toBe("integer");
  expect(inferKind(["date", "name"])).toBe("text");
  expect(inferKind(["price", "notes"])).toBe("longText");
});
