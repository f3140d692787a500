/** `db/seed.sql`: the sample rows of a model, put into tables that are empty. */
import type { AppModel, EntityModel, FieldModel } from "../entity-model.ts";
import { defaultOf, isNullable, kindOf, sqlValue } from "./field-kinds.ts";
import { slugFallback, sourceOf } from "./fill.ts";
import { inOrderOfNeed, relationsFrom } from "./relations.ts";
import { sqlName } from "./text.ts";

const DAYS_BETWEEN_ROWS = 3;

export function renderSeed(model: AppModel): string {
  const inserts = inOrderOfNeed(model).map((entity, index, all) => seedOf(model, entity, all.slice(0, index)));
  return `-- Sample rows for previews; a table that has rows is left alone.\n\n${inserts.join("\n")}`;
}

/** `filled`: the entities whose rows are there by then. */
function seedOf(model: AppModel, entity: EntityModel, filled: readonly EntityModel[]): string {
  const rows = completeRows(entity);
  if (rows.length === 0) return `-- No sample rows for ${sqlName(entity.table)}.\n`;
  const columns = entity.fields.map((field) => sqlName(field.column));
  const references = relationsFrom(model, entity).filter(({ parent }) => filled.includes(parent));
  const isFound = (field: FieldModel) => references.some((relation) => relation.field === field);
  const lines = rows.map((row, index) => {
    const values = entity.fields.map((field) => {
      // A row of its own table, or of one that comes later, is not there yet.
      const value = field.type === "reference" && !isFound(field) ? null : row.get(field.name);
      return typed(sqlValue(field, value), field, index === 0);
    });
    const days = (rows.length - index) * DAYS_BETWEEN_ROWS;
    return `  (${[...values, `now() - interval '${days} days'`].join(", ")})`;
  });
  const selected = entity.fields.map((field) => (isFound(field) ? `${parentAlias(field)}."id"` : `"sample".${sqlName(field.column)}`));
  const joins = references.map(
    ({ field, parent }) =>
      `${field.required ? "join" : "left join"} (select "id", row_number() over (order by "id") - 1 as "place" from ${sqlName(parent.table)}) as ${parentAlias(field)}\n  on ${parentAlias(field)}."place" = "sample".${sqlName(field.column)}\n`,
  );
  return `insert into ${sqlName(entity.table)} (${columns.join(", ")}, "created_at", "updated_at")
select ${selected.join(", ")}, "sample"."created_at", "sample"."created_at"
from (values
${lines.join(",\n")}
) as "sample" (${columns.join(", ")}, "created_at")
${joins.join("")}where not exists (select from ${sqlName(entity.table)})
order by "sample"."created_at";
`;
}

/** What the rows of a reference's target are called, by their place. */
function parentAlias(field: FieldModel): string {
  return sqlName(`of_${field.column}`.slice(0, 63));
}

/** The first row gives the columns of a VALUES list their types. */
function typed(value: string, field: FieldModel, first: boolean): string {
  const { sqlType } = kindOf(field);
  return first ? `${value}::${sqlType}` : value;
}

/** Every row with a value for each field, and without those that would break a rule. */
function completeRows(entity: EntityModel): Map<string, unknown>[] {
  const used = new Map(entity.fields.map((field) => [field.name, new Set<unknown>()]));
  return entity.seed
    .map((row) => completeRow(entity, row, used))
    .filter((row) => entity.fields.every((field) => isNullable(field) || row.get(field.name) !== null));
}

function completeRow(entity: EntityModel, seed: Record<string, unknown>, used: Map<string, Set<unknown>>): Map<string, unknown> {
  const row = new Map<string, unknown>();
  for (const field of entity.fields) {
    let value = seed[field.name] ?? defaultOf(field) ?? null;
    const source = sourceOf(entity, field);
    if (value === null && source !== undefined) {
      const from = seed[source.name] ?? defaultOf(source) ?? null;
      value = field.type === "slug" ? slugify(String(from ?? ""), slugFallback(entity)) : from;
    }
    const others = used.get(field.name);
    if (field.unique === true && typeof value === "string" && others !== undefined) value = firstFree(value, others);
    others?.add(value);
    row.set(field.name, value);
  }
  return row;
}

function firstFree(base: string, used: Set<unknown>): string {
  let value = base;
  for (let suffix = 2; used.has(value); suffix += 1) value = `${base}-${suffix}`;
  return value;
}

/** As in the app: ASCII letters, digits and single hyphens. */
function slugify(source: string, fallback: string): string {
  const plain = source.normalize("NFKD").replace(/[\u0300-\u036f]/g, "");
  const words = plain
    .replace(/[A-Z]/g, (letter) => letter.toLowerCase())
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+/, "");
  return words.slice(0, 80).replace(/-+$/, "") || fallback;
}
