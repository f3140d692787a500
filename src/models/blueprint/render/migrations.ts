/** Migrations of a model: plain SQL, run once in one transaction, with names that the role's search_path finds. */
import { AdorableError } from "../../../core/errors.ts";
import type { AppModel, EntityModel, FieldModel } from "../entity-model.ts";
import { referenceConstraint, referenceIndex, uniqueConstraint } from "./constraints.ts";
import { columnDefinition, defaultOf, emptyColumnDefinition, isNullable, kindOf, sqlValue } from "./field-kinds.ts";
import { slugFallback, sourceOf } from "./fill.ts";
import { inOrderOfNeed } from "./relations.ts";
import { commentText, sqlName, sqlString } from "./text.ts";

export interface Migration {
  /** Relative to the app's folder. */
  path: string;
  sql: string;
}

/** Creates the tables of the model, with the fields and entities that no later migration adds. `id` is `YYYYMMDDHHMMSS`. */
export function renderCreateMigration(model: AppModel, id: string): Migration {
  const entities = inOrderOfNeed(model).filter((entity) => entity.since === undefined);
  const statements = createTables(model, entities, (field) => field.since === undefined);
  const name = model.entities.length === 1 ? (model.entities[0]?.table ?? "") : model.slug.replaceAll("-", "_");
  return { path: migrationPath(id, `create_${name}`), sql: `${statements.join("\n\n")}\n` };
}

/** The tables of new entities, each after those that it refers to, and then the references that lead to later ones. */
export function createTables(
  model: Pick<AppModel, "entities">,
  entities: readonly EntityModel[],
  holds: (field: FieldModel) => boolean,
): string[] {
  const made = new Set<string>();
  const late: string[] = [];
  const tables = entities.flatMap((entity) => {
    const fields = entity.fields.filter(holds);
    made.add(entity.name);
    const references = fields.filter((field) => field.type === "reference");
    // What is not made here is there already.
    const isLater = (field: FieldModel) => !made.has(field.target ?? "") && entities.some((other) => other.name === field.target);
    for (const field of references.filter(isLater))
      late.push(`alter table ${sqlName(entity.table)} add ${foreignKey(model, entity, field)};`);
    const lines = [
      `"id" bigint generated always as identity primary key`,
      ...fields.map((field) => columnDefinition(entity, field)),
      `"created_at" timestamptz not null default now()`,
      `"updated_at" timestamptz not null default now()`,
      ...fields.filter((field) => field.unique).map((field) => unique(entity, field)),
      ...references.filter((field) => !isLater(field)).map((field) => foreignKey(model, entity, field)),
    ];
    return [`create table ${sqlName(entity.table)} (\n  ${lines.join(",\n  ")}\n);`, ...references.map((field) => index(entity, field))];
  });
  return [...tables, ...late];
}

/** Why what keeps others waiting is done all the same. The release holds clients meanwhile in any case, and is refused where that takes too long. */
const NEW_COLUMN = "the column is new and empty in every row";
export const ONE_PASS = "one pass over the rows, which the rehearsal measures";

/** The statement with the reason for which a rule's finding is accepted. */
export function accept(rule: string, reason: string, statement: string): string {
  return `-- adorable: accept ${rule}: ${reason}\n${statement}`;
}

export function addFieldsName(entity: EntityModel, fields: readonly FieldModel[]): string {
  const names = fields.map((field) => field.column).join("_and_");
  return `add_${names.slice(0, 60)}_to_${entity.table}`;
}

/**
 * Adds `field` to a table that holds rows. A constant default costs no rewrite; a field that is filled from another is added empty,
 * filled in the order of the ids, and only then held to its rules.
 * Throws `field-needs-a-value` (author) when existing rows would break a rule, and `cannot-fill-field` (author).
 */
export function addField(model: Pick<AppModel, "entities">, entity: EntityModel, field: FieldModel): string[] {
  const table = sqlName(entity.table);
  const column = sqlName(field.column);
  const source = sourceOf(entity, field);
  const addUnique =
    field.unique === true
      ? [
          accept(
            "disallowed-unique-constraint",
            source === undefined ? NEW_COLUMN : ONE_PASS,
            `alter table ${table} add ${unique(entity, field)};`,
          ),
        ]
      : [];
  if (source === undefined) {
    const fallback = defaultOf(field);
    if (!isNullable(field) && fallback === undefined) throw needsValue(entity, field, "say a default, or what it is filled from");
    if (field.unique === true && fallback !== undefined)
      throw needsValue(entity, field, "a unique field cannot give every row the same default");
    const addReference =
      field.type === "reference"
        ? [
            accept("adding-foreign-key-constraint", NEW_COLUMN, `alter table ${table} add ${foreignKey(model, entity, field)};`),
            accept("require-concurrent-index-creation", NEW_COLUMN, index(entity, field)),
          ]
        : [];
    return [`alter table ${table} add column ${columnDefinition(entity, field)};`, ...addUnique, ...addReference];
  }
  const fallback = defaultOf(field);
  const mayStayEmpty = field.type !== "slug" && isNullable(source) && fallback === undefined;
  if (!isNullable(field) && mayStayEmpty) throw needsValue(entity, field, `"${source.label}" may be empty, so say a default too`);
  const rules = [
    ...(isNullable(field) ? [] : [`alter column ${column} set not null`]),
    ...(fallback === undefined ? [] : [`alter column ${column} set default ${sqlValue(field, fallback)}`]),
  ];
  return [
    `alter table ${table} add column ${emptyColumnDefinition(entity, field)};`,
    `-- ${commentText(field.label)} comes from ${commentText(source.label)}.\n${accept("backfill-in-one-statement", ONE_PASS, backfill(entity, field, source))}`,
    ...(rules.length === 0 ? [] : [accept("adding-not-nullable-field", ONE_PASS, `alter table ${table}\n  ${rules.join(",\n  ")};`)]),
    ...addUnique,
  ];
}

function backfill(entity: EntityModel, field: FieldModel, source: FieldModel): string {
  const table = sqlName(entity.table);
  const column = sqlName(field.column);
  const fallback = defaultOf(field);
  if (field.type !== "slug" && field.unique !== true) {
    const value = field.type === "text" && source.type === "longtext" ? `left(${sqlName(source.column)}, 200)` : sqlName(source.column);
    return `update ${table} set ${column} = ${fallback === undefined ? value : `coalesce(${value}, ${sqlValue(field, fallback)})`};`;
  }
  const base = field.type === "slug" ? slugOf(entity, source) : sqlName(source.column);
  if (field.unique !== true) return `update ${table} set ${column} = ${base};`;
  if (field.type !== "slug" && field.type !== "text") return `update ${table} set ${column} = ${base};`;
  return numbered(table, column, base);
}

/**
 * The first row by id keeps the plain value, each later one gets the lowest `-2`, `-3`… that is not the plain value of another row.
 * Suffixed values of different bases cannot meet: the last hyphen splits them in one way only.
 */
function numbered(table: string, column: string, base: string): string {
  return `with named as (
  select "id", "base", row_number() over (partition by "base" order by "id") as "place"
  from (select "id", ${base} as "base" from ${table}) as "plain"
),
taken as (
  select distinct "base" as "value" from named
),
suffixed as (
  select regexp_replace("value", '-[0-9]+$', '') as "base", count(*) as "count" from taken where "value" ~ '-[0-9]+$' group by 1
),
repeated as (
  select "base", max("place") as "rows" from named group by "base" having max("place") > 1
),
free as (
  select repeated."base", candidate."value", 1 + row_number() over (partition by repeated."base" order by candidate."suffix") as "place"
  from repeated
  left join suffixed on suffixed."base" = repeated."base"
  cross join lateral (
    select "suffix", repeated."base" || '-' || "suffix" as "value"
    from generate_series(2, repeated."rows" + coalesce(suffixed."count", 0)) as "suffix"
  ) as candidate
  where not exists (select from taken where taken."value" = candidate."value")
)
update ${table} as target
set ${column} = case when named."place" = 1 then named."base" else free."value" end
from named
left join free on free."base" = named."base" and free."place" = named."place"
where target."id" = named."id" and named."base" is not null;`;
}

/** What \`slugify\` in the app makes of the same text. */
function slugOf(entity: EntityModel, source: FieldModel): string {
  const text = `coalesce(${sqlName(source.column)}::text, '')`;
  const plain = String.raw`regexp_replace(normalize(${text}, nfkd), '[\u0300-\u036f]', '', 'g')`;
  const lower = `translate(${plain}, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')`;
  const words = `ltrim(regexp_replace(${lower}, '[^a-z0-9]+', '-', 'g'), '-')`;
  return `coalesce(nullif(rtrim(left(${words}, 80), '-'), ''), ${sqlString(slugFallback(entity))})`;
}

export function unique(entity: EntityModel, field: FieldModel): string {
  return `constraint ${sqlName(uniqueConstraint(entity, field))} unique (${sqlName(field.column)})`;
}

const DELETIONS = { restrict: "restrict", cascade: "cascade", clear: "set null" } as const;

export function foreignKey(model: Pick<AppModel, "entities">, entity: EntityModel, field: FieldModel): string {
  const target = model.entities.find((other) => other.name === field.target);
  if (target === undefined) throw new Error(`"${field.name}" leads to "${field.target ?? ""}", which the model does not have.`);
  return `constraint ${sqlName(referenceConstraint(entity, field))} foreign key (${sqlName(field.column)}) references ${sqlName(target.table)} on delete ${DELETIONS[field.onDelete ?? "restrict"]}`;
}

function index(entity: EntityModel, field: FieldModel): string {
  return `create index ${sqlName(referenceIndex(entity, field))} on ${sqlName(entity.table)} (${sqlName(field.column)});`;
}

export function migrationPath(id: string, name: string): string {
  if (!/^\d{14}$/.test(id))
    throw new AdorableError({
      code: "invalid-migration-id",
      remedy: "bug",
      message: `"${id}" is not a migration id such as "20261121093000".`,
    });
  return `db/migrations/${id}_${name}.sql`;
}

export function needsValue(entity: EntityModel, field: FieldModel, hint: string): AdorableError {
  return new AdorableError({
    code: "field-needs-a-value",
    remedy: "author",
    message: `${entity.labelPlural} that exist would have no valid value for "${field.label}" (${kindOf(field).sqlType}).`,
    hint: `Make it optional, or ${hint}.`,
  });
}
