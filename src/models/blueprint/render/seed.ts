/** `db/seed.sql`: the sample rows of a model, put into tables that are empty. */
import type { AppModel, EntityModel, FieldModel } from "../entity-model.ts";
import { defaultOf, isNullable, kindOf, sqlValue } from "./field-kinds.ts";
import { slugFallback, sourceOf } from "./fill.ts";
import { sqlName } from "./text.ts";

const DAYS_BETWEEN_ROWS = 3;

export function renderSeed(model: AppModel): string {
  return `-- Sample rows for previews; a table that has rows is left alone.\n\n${model.entities.map(seedOf).join("\n")}`;
}

function seedOf(entity: EntityModel): string {
  const rows = completeRows(entity);
  if (rows.length === 0) return `-- No sample rows for ${sqlName(entity.table)}.\n`;
  const columns = entity.fields.map((field) => sqlName(field.column));
  const lines = rows.map((row, index) => {
    const values = entity.fields.map((field) => typed(sqlValue(field, row.get(field.name)), field, index === 0));
    const days = (rows.length - index) * DAYS_BETWEEN_ROWS;
    return `  (${[...values, `now() - interval '${days} days'`].join(", ")})`;
  });
  return `insert into ${sqlName(entity.table)} (${columns.join(", ")}, "created_at", "updated_at")
select "sample".*, "sample"."created_at"
from (values
${lines.join(",\n")}
) as "sample" (${columns.join(", ")}, "created_at")
where not exists (select from ${sqlName(entity.table)});
`;
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
