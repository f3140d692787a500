import { expect, test } from "vitest";
import { checkAppModel, type AppModel, type EntityModel } from "./entity-model.ts";
import { addedFields, newFields } from "./field-models.ts";
import { parseFields } from "./language/fields.ts";
import { wordsOf } from "./language/naming.ts";
import { appNames, entityNames, fieldNames } from "./names.ts";
import { seedRows } from "./seeds.ts";

const NOW = new Date("2026-11-21T08:00:00Z");

function model(records: string, list: string): AppModel {
  const words = wordsOf(records);
  const made = newFields(parseFields(list).fields, words);
  if (!made.ok) throw new Error(made.reason);
  const base = { ...entityNames(words), ...made.value };
  return checkAppModel({ ...appNames(undefined, words), description: "", hue: 1, entities: [{ ...base, seed: seedRows(base, NOW) }] });
}

const entityOf = (app: AppModel): EntityModel => app.entities[0] as EntityModel;

const RESERVED =
  "order, group, user, default, class, select, limit, from, type, id, created at, search, delete, new, function, table, constructor, 2nd name, date, time, end, xmin, desc, check, column, return";

test.each([
  "plant",
  "order",
  "user",
  "class",
  "event",
  "date",
  "news",
  "species",
  "group",
  "function",
  "map",
  "response",
  "fish",
  "then",
  "app",
  "public",
  "status",
  "person",
])("a record called '%s' gives a valid model, with fields that have reserved names", (record) => {
  const app = model(record, RESERVED);
  const entity = entityOf(app);
  expect(entity.plural).not.toBe(entity.name);
  expect(entity.fields.map(({ label }) => label)).toEqual(expect.arrayContaining(["Order", "Default", "2nd name", "Date"]));
  expect(entity.fields.map(({ label }) => label)).not.toEqual(expect.arrayContaining(["Id"]));
  expect(app.slug).not.toBe("public");
});

test("the field that stands for a row is its name or title, and is required unless it was said to be optional", () => {
  expect(entityOf(model("book", "author, year, title"))).toMatchObject({ titleField: "title" });
  expect(entityOf(model("expense", "amount, category, paid"))).toMatchObject({ titleField: "category" });
  expect(entityOf(model("walk", "distance, date"))).toMatchObject({ titleField: "distance" });
  expect(entityOf(model("book", "optional title")).fields[0]).toMatchObject({ required: false });
  expect(entityOf(model("thing", "")).fields.map(({ name }) => name)).toEqual(["name", "notes"]);
});

test("sample rows use only fields of the entity, and give every required one a value", () => {
  const entity = entityOf(
    model("pot", "name, glaze (red, blue), fired on, weight, owner, email, link, done, notes, count: number, slug, starts at"),
  );
  expect(entity.seed).toHaveLength(4);
  for (const row of entity.seed)
    for (const field of entity.fields)
      if (field.required && field.filledFrom === undefined) expect(row[field.name], field.name).toBeDefined();
});

test("names that are taken get a number", () => {
  const entity = entityOf(model("plant", "name"));
  expect(fieldNames(["name"], ["plant"], entity.fields)).toEqual({ name: "name2", column: "name_2", label: "Name 2" });
});

function add(app: AppModel, text: string, source?: string[]): ReturnType<typeof addedFields> {
  return addedFields(parseFields(text).fields, entityOf(app), { since: "20261121080000", ...(source === undefined ? {} : { source }) });
}

test("an added field gives the rows that exist a value, or may be empty", () => {
  const app = model("post", "title, body");
  expect(add(app, "published checkbox")).toMatchObject({
    value: [{ name: "published", type: "boolean", required: true, default: false, since: "20261121080000" }],
  });
  expect(add(app, "subtitle")).toMatchObject({ value: [{ type: "text", required: false }] });
  expect(add(app, "status (draft, live), default draft")).toMatchObject({ value: [{ type: "choice", required: true, default: "draft" }] });
  expect(add(app, "slug", ["title"])).toMatchObject({ value: [{ type: "slug", required: true, unique: true, filledFrom: "title" }] });
  expect(add(app, "slug")).toMatchObject({ value: [{ filledFrom: "title" }] });
  expect(add(app, "summary", ["body"])).toMatchObject({ value: [{ filledFrom: "body" }] });
});

test.each([
  ["a required code", undefined, /need a value/],
  ["title", undefined, /already/],
  ["created at", undefined, /by itself/],
  ["rating: number, default many", undefined, /"many" is not a value/],
  ["status (open, done), default gone", undefined, /"gone" is not a value/],
  ["slug", ["heading"], /no field "heading"/],
  ["code (unique), default x", undefined, /cannot be unique/],
])("'%s' is refused with the reason", (text, source, reason) => {
  expect(add(model("post", "title, body"), text, source)).toMatchObject({ ok: false, reason: expect.stringMatching(reason) as string });
});
