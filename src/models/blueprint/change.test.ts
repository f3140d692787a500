import { expect, test } from "vitest";
import { makeApp, type AppNotation } from "../../../test/corpus/notation.ts";
import { planChange, type AppFacts, type Change } from "./change.ts";
import type { AppModel } from "./entity-model.ts";

const NOW = new Date("2026-11-21T08:00:00Z");

function facts(notation: AppNotation): AppFacts {
  const model = makeApp(notation, NOW);
  return { slug: model.slug, name: model.name, files: [], migrations: ["20261120080000_create.sql"], blueprint: model };
}

/** A small generator, so that a failure names its seed and can be repeated. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const SYLLABLES = ["bor", "lin", "tak", "ve", "mur", "son", "dal", "pim", "ro", "gul", "zan", "tev", "nor", "fi", "lo", "kar"];

/** Different words that no list of ours knows. */
function invent(seed: number, count: number): string[] {
  const pick = random(seed);
  const words = new Set<string>();
  while (words.size < count) words.add(`${Array.from({ length: 3 }, () => SYLLABLES[pick(SYLLABLES.length)]).join("")}n`);
  return [...words];
}

function change(text: string, apps: AppFacts[]): Change {
  const planned = planChange({ text }, apps, NOW);
  if (planned.kind === "answer") throw new Error(`${text}: ${planned.text}`);
  return planned.change;
}

function sqlOf(made: Change): string {
  return [...made.after]
    .filter(([path]) => path.startsWith("db/migrations/"))
    .map(([, sql]) => sql)
    .join("\n");
}

const SEEDS = Array.from({ length: 40 }, (_, seed) => seed);
const [ONE, TWO, FIELD, OTHER, NEW] = [0, 1, 2, 3, 4] as const;

type Saying = [(words: string[]) => string, (words: string[]) => object];
const SAYINGS: Saying[] = [
  [(w) => `add a ${w[NEW]} to ${w[ONE]}s`, (w) => ({ op: "add", entity: w[ONE], field: label(w[NEW]) })],
  [(w) => `Please add a ${w[NEW]} field to the ${w[ONE]}s`, (w) => ({ op: "add", entity: w[ONE], field: label(w[NEW]) })],
  [(w) => `${w[ONE]}s should have a ${w[NEW]}`, (w) => ({ op: "add", entity: w[ONE], field: label(w[NEW]) })],
  [(w) => `give ${w[ONE]}s a ${w[NEW]}`, (w) => ({ op: "add", entity: w[ONE], field: label(w[NEW]) })],
  [(w) => `rename ${w[FIELD]} to ${w[NEW]}, please`, (w) => ({ op: "rename", entity: w[ONE], field: label(w[FIELD]), to: w[NEW] })],
  [(w) => `The ${w[FIELD]} of ${w[ONE]}s should be called ${w[NEW]}.`, (w) => ({ op: "rename", field: label(w[FIELD]), to: w[NEW] })],
  [(w) => `rename ${w[ONE]}s to ${w[NEW]}s`, (w) => ({ op: "rename", entity: w[ONE], to: w[NEW] })],
  [(w) => `can you remove the ${w[OTHER]} from the ${w[TWO]}s?`, (w) => ({ op: "remove", entity: w[TWO], field: label(w[OTHER]) })],
  [(w) => `We don't need the ${w[FIELD]} field any more`, (w) => ({ op: "remove", entity: w[ONE], field: label(w[FIELD]) })],
  [(w) => `make the ${w[FIELD]} unique`, (w) => ({ op: "unique", entity: w[ONE], field: label(w[FIELD]) })],
  [(w) => `change ${w[OTHER]} to a whole number`, (w) => ({ op: "change", entity: w[TWO], field: label(w[OTHER]), to: "integer" })],
  [(w) => `add comments to ${w[TWO]}s`, () => ({ op: "new", entity: "comment" })],
  [(w) => `each ${w[TWO]} belongs to a ${w[ONE]}`, (w) => ({ op: "add", entity: w[TWO], field: label(w[ONE]) })],
  [(w) => `each ${w[TWO]} belongs to a ${w[NEW]}`, (w) => ({ op: "new", entity: w[NEW] })],
];

function label(word: string | undefined): string {
  return `${(word ?? "").slice(0, 1).toUpperCase()}${(word ?? "").slice(1)}`;
}

test.each(SEEDS)("a change is understood with any names (seed %i)", (seed) => {
  const words = invent(seed + 1, 5);
  const [say, expected] = SAYINGS[seed % SAYINGS.length] as Saying;
  const app = facts({
    name: "Invented",
    entities: {
      [words[ONE] ?? ""]: { name: "text !", [words[FIELD] ?? ""]: "text" },
      [words[TWO] ?? ""]: { title: "text !", [words[OTHER] ?? ""]: "text" },
    },
  });
  const made = change(say(words), [app]);
  expect(made.steps[0], say(words)).toMatchObject(expected(words));
  expect(made.migrates).toBe(true);
  expect(made.summary.length).toBeLessThan(2000);
});

const BLOG: AppNotation = { name: "Blog", entities: { post: { title: "text !", body: "longtext !" } } };

test.each([
  "add a slug to posts, filled from the title",
  "add a slug field to posts that is generated from the title",
  "posts should have a slug, derived from title",
  "add a slug to posts based on the title",
])("%s: it is filled for the rows that exist", (text) => {
  const made = change(text, [facts(BLOG)]);
  const model = JSON.parse(made.after.get("blueprint.json") ?? "") as AppModel;
  expect(model.entities[0]?.fields.at(-1)).toMatchObject({ name: "slug", type: "slug", filledFrom: "title", unique: true });
  expect(sqlOf(made)).toContain("update");
});

test("what is removed is said to delete data, what is renamed is renamed in place", () => {
  const removed = change("remove the body", [facts(BLOG)]);
  expect(removed.summary).toContain("deletes data");
  expect(sqlOf(removed)).toMatch(/drop column "body"/);
  const renamed = change("rename body to content", [facts(BLOG)]);
  expect(renamed.summary).not.toContain("deletes data");
  expect(sqlOf(renamed)).toMatch(/rename column "body" to "content"/);
  expect(sqlOf(renamed)).not.toMatch(/drop column/);
});

test("several changes become one migration, in their order", () => {
  const made = change("rename title to headline, remove the body and add a rating", [facts(BLOG)]);
  expect(made.steps.map(({ op }) => op)).toEqual(["rename", "remove", "add"]);
  expect([...made.after.keys()].filter((path) => path.startsWith("db/migrations/"))).toHaveLength(1);
});

const TWO_APPS = [
  facts({ name: "Library", entities: { book: { title: "text !", remark: "text" } } }),
  facts({ name: "Archive", entities: { book: { title: "text !" }, file: { remark: "text !", size: "integer" } } }),
];

test.each([
  ["remove the remark", /Which "remark"/],
  ["remove all books", /never delete its records/],
  ["delete everything", /does not say what to remove/],
  ["remove it", /does not say what to remove/],
  ["remove the remrk from files", /Did you mean "remark"/],
  ["remove books", /Which "books"|as a whole deletes all of them/],
  ["delete the library", /whole app/],
  ["rename title to remark in the library app", /have a field "Remark" already/],
  ["add a required owner to files", /need a value/],
])("%s: what is in doubt or loses more than was said is asked back", (text, reason) => {
  const planned = planChange({ text }, TWO_APPS, NOW);
  expect(planned.kind === "answer" ? planned.text : planned.change.title).toMatch(reason);
});

test("an app that is named decides which records are meant", () => {
  expect(change("add a rating to books in the archive app", TWO_APPS).slug).toBe("archive");
  expect(change("in the library app, remove the remark", TWO_APPS)).toMatchObject({
    slug: "library",
    steps: [{ op: "remove", entity: "book" }],
  });
  expect(change("add a rating to the library app's books", TWO_APPS).slug).toBe("library");
});

test("the producer, who sees one app alone, makes of a request what the architect planned with all of them", () => {
  for (const text of ["add a rating to books in the archive app", "rename size to weight", "add notes to files"]) {
    const planned = change(text, TWO_APPS);
    const own = TWO_APPS.filter((app) => app.slug === planned.slug);
    const built = planChange({ text }, own, NOW, { building: planned.slug });
    expect(built).toEqual({ kind: "change", change: planned });
  }
});

test("an app that was not made from a blueprint is left alone", () => {
  const foreign: AppFacts = { slug: "shop", name: "Shop", files: [], migrations: [], blueprint: null };
  const planned = planChange({ text: "add a rating to the shop" }, [foreign, ...TWO_APPS], NOW);
  expect(planned.kind === "answer" && planned.text).toMatch(/no blueprint\.json/);
});
