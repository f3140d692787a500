import { loadModule, parseSync } from "libpg-query";
import { beforeAll, expect, test } from "vitest";
import { POST } from "../blog.ts";
import type { EntityModel, FieldModel } from "../entity-model.ts";
import { changeModel } from "../model-changes.ts";
import { addField, renderCreateMigration } from "./migrations.ts";

const ID = "20261121093000";
const field = (type: FieldModel["type"], more: Partial<FieldModel> = {}): FieldModel => ({
  name: "extra",
  column: "extra",
  label: "Extra",
  type,
  required: true,
  ...more,
});
const withField = (added: FieldModel): EntityModel => ({ ...POST, fields: [...POST.fields, added] });
const add = (added: FieldModel) => `${addField({ entities: [] }, withField(added), added).join("\n\n")}\n`;
const blog = (entity: EntityModel) => ({ slug: "blog", name: "Blog", description: "", hue: 0, entities: [entity] });
const statements = (sql: string) => parseSync(sql).stmts?.map(({ stmt }: { stmt?: object }) => Object.keys(stmt ?? {})[0]);

beforeAll(() => loadModule());

test("the first migration leaves out what later ones add", () => {
  const model = blog(withField(field("slug", { filledFrom: "title", since: "20261122000000" })));
  const { path, sql } = renderCreateMigration(model, ID);
  expect(path).toBe(`db/migrations/${ID}_create_posts.sql`);
  expect(sql).toContain('"title" text not null');
  expect(sql).not.toContain('"extra"');
});

test("a constant default is one statement that rewrites no row", () => {
  expect(add(field("boolean"))).toBe('alter table "posts" add column "extra" boolean not null default false;\n');
  expect(add(field("choice", { choices: ["a'b", "c"], default: "c" }))).toBe(
    `alter table "posts" add column "extra" text not null default 'c' constraint "posts_extra_check" check ("extra" in ('a''b', 'c'));\n`,
  );
});

test("a slug is added empty, filled, and only then required and unique", () => {
  const sql = add(field("slug", { unique: true, filledFrom: "title" }));
  expect(statements(sql)).toEqual(["AlterTableStmt", "UpdateStmt", "AlterTableStmt", "AlterTableStmt"]);
  expect(sql).not.toMatch(/\bbegin\b|\bcommit\b/i);
  expect(sql.indexOf("add column")).toBeLessThan(sql.indexOf("update"));
  expect(sql.indexOf("update")).toBeLessThan(sql.indexOf("set not null"));
  expect(sql.indexOf("set not null")).toBeLessThan(sql.indexOf("unique ("));
});

test("several fields are one migration", () => {
  const fields = [field("boolean"), { ...field("text", { required: false }), name: "other", column: "other", label: "Other" }];
  const { path, sql } = changeModel(blog(POST), [{ kind: "add-fields", entity: "post", fields }], ID).migration ?? { path: "", sql: "" };
  expect(path).toBe(`db/migrations/${ID}_add_extra_and_other_to_posts.sql`);
  expect(statements(sql)).toEqual(["AlterTableStmt", "AlterTableStmt"]);
});

test("what existing rows could not have is refused", () => {
  const needsValue = expect.objectContaining({ code: "field-needs-a-value", remedy: "author" });
  expect(() => add(field("text"))).toThrow(needsValue);
  expect(() => add(field("text", { default: "same", unique: true }))).toThrow(needsValue);
  expect(() => add(field("text", { filledFrom: "summary" }))).toThrow(needsValue);
  expect(() => add(field("date", { filledFrom: "title" }))).toThrow(
    expect.objectContaining({ code: "cannot-fill-field", remedy: "author" }),
  );
});

test("a constraint's name fits PostgreSQL and stays one of a kind", () => {
  const long = (end: string) => ({ ...field("text", { required: false, unique: true }), column: `${"long_".repeat(11)}${end}` });
  const names = ["one", "two"].map((end) => /constraint "([^"]+)"/.exec(add(long(end)))?.[1] ?? "");
  expect(new Set(names).size).toBe(2);
  for (const name of names) expect(name.length).toBeLessThanOrEqual(63);
});

test("an id that is no timestamp is refused", () => {
  expect(() => changeModel(blog(POST), [{ kind: "add-fields", entity: "post", fields: [field("boolean")] }], "1_x")).toThrow(
    expect.objectContaining({ code: "invalid-migration-id" }),
  );
});
