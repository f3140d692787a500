/** What an app is made of: its entities and their fields. The parser writes it, the renderer turns it into files. */
import { z } from "zod";
import { AdorableError } from "../../core/errors.ts";
import { slugSchema } from "../../core/spec.ts";
import { namesIn } from "./feature-names.ts";

export const FIELD_TYPES = [
  "text",
  "longtext",
  "boolean",
  "date",
  "datetime",
  "time",
  "integer",
  "decimal",
  "money",
  "rating",
  "email",
  "url",
  "phone",
  "choice",
  "slug",
  "reference",
] as const;
export type FieldType = (typeof FIELD_TYPES)[number];

/** What becomes of a row when the row that it refers to is deleted: that is refused, it goes too, or it stays and refers to nothing. */
export const ON_DELETE = ["restrict", "cascade", "clear"] as const;
export type OnDelete = (typeof ON_DELETE)[number];

export interface FieldModel {
  /** camelCase; the property in code and in the API. A reference's ends with `Id`: "authorId". */
  name: string;
  /** snake_case; the column. A reference's ends with `_id`: "author_id". */
  column: string;
  /** As people read it: "Last watered". Unique within the entity. */
  label: string;
  type: FieldType;
  /** A boolean is always required: it is true or false. */
  required: boolean;
  unique?: boolean | undefined;
  /** What a new row gets when nothing is said, as the API would take it: `false`, `"draft"`, `0`, `"2026-11-21"`, `"09:30"`. A reference has none. */
  default?: unknown;
  /** The values of a `choice`, as stored and shown. */
  choices?: string[] | undefined;
  /** What an `integer` or `decimal` counts, as shown behind it: "kg", "hours". */
  unit?: string | undefined;
  /** Of `money`: ISO 4217, "EUR". Without one, amounts are shown without a currency. */
  currency?: string | undefined;
  /** The smallest and largest value of an `integer`, `decimal` or `money`; `max` of a `rating` is 5 unless it is said. */
  min?: number | undefined;
  max?: number | undefined;
  /** Of a `reference`: the `name` of the entity that it leads to. Required there, absent elsewhere. */
  target?: string | undefined;
  /** Of a `reference`; `chooseOnDelete` knows a sensible one. "clear" only where it is optional. */
  onDelete?: OnDelete | undefined;
  /** Whether the list can be narrowed by it. Default: yes for a `boolean`, `choice` or `reference`; no other type can. */
  filter?: boolean | undefined;
  /** Whether its sum stands below the list and with the rows that refer to the same one. Default: yes for `money`, no for `integer` and `decimal`; no other type can. */
  sum?: boolean | undefined;
  /** The `name` of the field that this one is made from when it is left out: a slug from a title. */
  filledFrom?: string | undefined;
  /** The id of the migration that added it; absent for fields of the first migration. */
  since?: string | undefined;
}

export interface EntityModel {
  /** Singular, camelCase: "post", "blogPost". */
  name: string;
  /** camelCase: "posts"; the tRPC router's name and, in kebab-case, the path. */
  plural: string;
  /** In lower case, as inside a sentence: "post". */
  label: string;
  labelPlural: string;
  table: string;
  /** The `name` of the field that stands for a row in lists and headings. */
  titleField: string;
  fields: FieldModel[];
  /**
   * Sample rows for previews, by field name, oldest first. A field that is left out gets its default or is made from its source.
   * A reference's value is the place of a row in the seed of its target, from 0.
   */
  seed: Record<string, unknown>[];
  /** The id of the migration that added it; absent for entities of the first migration. */
  since?: string | undefined;
}

/** Computations over several entities, by the `name`s of the entities and fields that they work on. */
export type Feature =
  /** Who owes whom: amounts that people paid for all of them, and payments between two of them. */
  | {
      kind: "balances";
      person: string;
      expense: string;
      amount: string;
      paidBy: string;
      payment: string;
      sent: string;
      from: string;
      to: string;
    }
  /** Head counts with plus-ones per event, and a capacity that a yes cannot exceed. `yes`, `maybe` and `no` are choices of `answer`. */
  | {
      kind: "attendance";
      event: string;
      capacity: string;
      guest: string;
      host: string;
      answer: string;
      plusOnes: string;
      yes: string;
      maybe: string;
      no: string;
    }
  /** Stock: what runs low, what it is worth, and adding to it or taking from it. */
  | { kind: "stock"; item: string; quantity: string; reorderAt: string; unitCost: string; supplier?: string | undefined };

export interface AppModel {
  slug: string;
  name: string;
  /** One sentence under the heading of the first list; may be empty. */
  description: string;
  /** 0 to 359; `hueFor(slug)` chooses one. */
  hue: number;
  entities: EntityModel[];
  features?: Feature[] | undefined;
}

/** Columns that every table has, and names that PostgreSQL keeps for itself. */
const RESERVED_COLUMNS = new Set(["id", "created_at", "updated_at", "ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"]);
/** `id` and the times are on every row; `search`, `cursor` and `limit` are inputs of every list; every object has the names of its prototype. */
const RESERVED_FIELDS = new Set([
  "id",
  "createdAt",
  "updatedAt",
  "search",
  "cursor",
  "limit",
  ...Object.getOwnPropertyNames(Object.prototype),
]);
/** tRPC refuses these as the name of a router. */
const RESERVED_PLURALS = new Set(["then", "call", "apply"]);
/** Types with too few values, or too long ones, for each row to have its own. */
const UNCOUNTED: ReadonlySet<FieldType> = new Set(["boolean", "choice", "longtext", "rating", "reference"]);
const TEXT_TYPES: ReadonlySet<FieldType> = new Set(["text", "longtext", "email", "url", "phone", "choice", "slug"]);
const NUMBER_TYPES: ReadonlySet<FieldType> = new Set(["integer", "decimal", "money"]);
const FILTER_TYPES: ReadonlySet<FieldType> = new Set(["boolean", "choice", "reference"]);
/** The queries of a generated app call the row that another one refers to by it. */
const RESERVED_TABLES = new Set(["related"]);
export const RATING_MAX = 5;

/** True for types that are stored as text. */
export function isTextual(type: FieldType): boolean {
  return TEXT_TYPES.has(type);
}

/** True for amounts and counts: they can be added up and have a smallest and a largest value. */
export function isNumeric(type: FieldType): boolean {
  return NUMBER_TYPES.has(type);
}

export function isFilter(field: FieldModel): boolean {
  return FILTER_TYPES.has(field.type) && field.filter !== false;
}

export function isSummed(field: FieldModel): boolean {
  return field.sum ?? field.type === "money";
}

const camelName = z.string().regex(/^[a-z][a-zA-Z0-9]{0,59}$/, "a name is camelCase, up to 60 letters and digits");
const sqlName = z.string().regex(/^[a-z][a-z0-9_]{0,62}$/, "a column or table is snake_case, up to 63 characters");
const label = z
  .string()
  .trim()
  .min(1)
  .max(60)
  .regex(/^[^\p{Cc}]*$/u, "a label is one line");

const fieldSchema = z.strictObject({
  name: camelName.refine((name) => !RESERVED_FIELDS.has(name), "a field cannot have that name"),
  column: sqlName.refine((name) => !RESERVED_COLUMNS.has(name), "every table has a column of that name already"),
  label,
  type: z.enum(FIELD_TYPES),
  required: z.boolean(),
  unique: z.boolean().optional(),
  default: z.unknown().optional(),
  choices: z.array(label).min(1).max(30).optional(),
  unit: label.max(20).optional(),
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/, "a currency is three capital letters")
    .optional(),
  min: z.number().optional(),
  max: z.number().optional(),
  target: camelName.optional(),
  onDelete: z.enum(ON_DELETE).optional(),
  filter: z.boolean().optional(),
  sum: z.boolean().optional(),
  filledFrom: camelName.optional(),
  since: z.string().optional(),
});

const entitySchema = z
  .strictObject({
    name: camelName,
    plural: camelName.refine((name) => !RESERVED_PLURALS.has(name), "an API cannot have a router of that name"),
    label,
    labelPlural: label,
    table: sqlName
      .refine((name) => !name.startsWith("pg_"), "PostgreSQL keeps names that start with pg_ for itself")
      .refine((name) => !RESERVED_TABLES.has(name), "the queries use that name"),
    titleField: camelName,
    fields: z.array(fieldSchema).min(1).max(40),
    seed: z.array(z.record(z.string(), z.unknown())).max(50),
    since: z.string().optional(),
  })
  .superRefine((entity, context) => {
    const complain = (path: (string | number)[], message: string) => context.addIssue({ code: "custom", path, message });
    const names = new Set(entity.fields.map((field) => field.name));
    if (!names.has(entity.titleField)) complain(["titleField"], `there is no field "${entity.titleField}"`);
    for (const key of ["name", "column"] as const) {
      const twice = duplicate(entity.fields.map((field) => field[key]));
      if (twice !== undefined) complain(["fields"], `two fields have the ${key} "${twice}"`);
    }
    const labelTwice = duplicate(entity.fields.map((field) => field.label.toLowerCase()));
    if (labelTwice !== undefined) complain(["fields"], `two fields have the label "${labelTwice}"`);
    if (entity.fields.find((field) => field.name === entity.titleField)?.type === "reference")
      complain(["titleField"], "a reference cannot stand for a row");
    entity.fields.forEach((field, index) => {
      for (const [key, message] of fieldMistakes(field)) complain(["fields", index, key], message);
      if ((field.type === "choice") !== (field.choices !== undefined))
        complain(["fields", index, "choices"], "a choice, and only a choice, has choices");
      if (field.unique && UNCOUNTED.has(field.type)) complain(["fields", index, "unique"], `a ${field.type} cannot be unique`);
      if (field.choices && duplicate(field.choices) !== undefined) complain(["fields", index, "choices"], "a choice stands twice");
      if (field.filledFrom !== undefined && (field.filledFrom === field.name || !names.has(field.filledFrom)))
        complain(["fields", index, "filledFrom"], `there is no other field "${field.filledFrom}"`);
    });
    entity.seed.forEach((row, index) => {
      for (const key of Object.keys(row)) if (!names.has(key)) complain(["seed", index], `there is no field "${key}"`);
    });
  });

/** What does not fit the field's type: key and reason. */
function* fieldMistakes(field: z.infer<typeof fieldSchema>): Generator<[string, string]> {
  const { type } = field;
  if ((type === "reference") !== (field.target !== undefined)) yield ["target", "a reference, and only a reference, has a target"];
  if ((type === "reference") !== (field.onDelete !== undefined))
    yield ["onDelete", "a reference, and only a reference, says what a deletion does"];
  if (type === "reference" && !(field.name.endsWith("Id") && field.name.length > 2)) yield ["name", "the name of a reference ends with Id"];
  if (type === "reference" && !(field.column.endsWith("_id") && field.column.length > 3))
    yield ["column", "the column of a reference ends with _id"];
  if (type === "reference" && field.default !== undefined) yield ["default", "a reference has no default"];
  if (type === "reference" && field.filledFrom !== undefined) yield ["filledFrom", "a reference is not filled from another field"];
  if (field.onDelete === "clear" && field.required) yield ["onDelete", "a required reference cannot be cleared"];
  if (field.unit !== undefined && type !== "integer" && type !== "decimal") yield ["unit", `a ${type} has no unit`];
  if (field.currency !== undefined && type !== "money") yield ["currency", `a ${type} has no currency`];
  if (field.min !== undefined && !NUMBER_TYPES.has(type)) yield ["min", `a ${type} has no smallest value`];
  if (field.max !== undefined && !NUMBER_TYPES.has(type) && type !== "rating") yield ["max", `a ${type} has no largest value`];
  if (type === "rating" && field.max !== undefined && !(Number.isInteger(field.max) && field.max >= 2 && field.max <= 10))
    yield ["max", "a rating goes to a whole number from 2 to 10"];
  if (field.min !== undefined && field.max !== undefined && field.min > field.max) yield ["max", "the largest value is below the smallest"];
  if (field.filter === true && !FILTER_TYPES.has(type)) yield ["filter", `a ${type} is no filter`];
  if (field.sum === true && !NUMBER_TYPES.has(type)) yield ["sum", `a ${type} has no sum`];
}

const featureSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("balances"),
    person: camelName,
    expense: camelName,
    amount: camelName,
    paidBy: camelName,
    payment: camelName,
    sent: camelName,
    from: camelName,
    to: camelName,
  }),
  z.strictObject({
    kind: z.literal("attendance"),
    event: camelName,
    capacity: camelName,
    guest: camelName,
    host: camelName,
    answer: camelName,
    plusOnes: camelName,
    yes: label,
    maybe: label,
    no: label,
  }),
  z.strictObject({
    kind: z.literal("stock"),
    item: camelName,
    quantity: camelName,
    reorderAt: camelName,
    unitCost: camelName,
    supplier: camelName.optional(),
  }),
]);

export const appModelSchema = z
  .strictObject({
    slug: slugSchema,
    name: z
      .string()
      .trim()
      .min(1)
      .max(80)
      .regex(/^[^\p{Cc}]*$/u, "a name is one line"),
    description: z
      .string()
      .max(300)
      .regex(/^[^\p{Cc}]*$/u, "a description is one line"),
    hue: z.number().int().min(0).max(359),
    entities: z.array(entitySchema).min(1).max(12),
    features: z.array(featureSchema).max(3).optional(),
  })
  .superRefine((app, context) => {
    const entities = new Map(app.entities.map((entity) => [entity.name, entity]));
    app.entities.forEach((entity, index) =>
      entity.fields.forEach((field, place) => {
        if (field.target !== undefined && !entities.has(field.target))
          context.addIssue({
            code: "custom",
            path: ["entities", index, "fields", place, "target"],
            message: `there is no entity "${field.target}"`,
          });
      }),
    );
    for (const [index, feature] of (app.features ?? []).entries()) {
      const complain = (message: string) => context.addIssue({ code: "custom", path: ["features", index], message });
      if (entities.has(feature.kind) || app.entities.some(({ plural }) => plural === feature.kind))
        complain(`an entity has the name "${feature.kind}", which the computation needs`);
      for (const { entity, fields } of namesIn(feature)) {
        const there = new Set(entities.get(entity)?.fields.map((field) => field.name));
        const missing = fields.find((field) => !there.has(field));
        if (!entities.has(entity)) complain(`there is no entity "${entity}"`);
        else if (missing !== undefined) complain(`"${entity}" has no field "${missing}"`);
      }
    }
    const circle = app.entities.find((entity) => needsItself(entity.name, entities));
    if (circle !== undefined)
      context.addIssue({ code: "custom", path: ["entities"], message: `no first "${circle.name}" could be made: it needs one itself` });
    for (const key of ["name", "plural", "table"] as const) {
      const twice = duplicate(app.entities.map((entity) => entity[key].toLowerCase()));
      if (twice !== undefined) context.addIssue({ code: "custom", path: ["entities"], message: `two entities have the ${key} "${twice}"` });
    }
  });

/** True when a row of the entity can only be made where there is one already. */
function needsItself(
  name: string,
  entities: ReadonlyMap<string, { fields: { target?: string | undefined; required: boolean }[] }>,
): boolean {
  const needed = new Set<string>();
  const visit = (from: string): void => {
    for (const { target, required } of entities.get(from)?.fields ?? []) {
      if (target === undefined || !required || needed.has(target)) continue;
      needed.add(target);
      visit(target);
    }
  };
  visit(name);
  return needed.has(name);
}

/** The model, checked. Throws `invalid-app-model` (bug) with the path of the first mistake. Idempotent. */
export function checkAppModel(model: unknown): AppModel {
  const parsed = appModelSchema.safeParse(model);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new AdorableError({
    code: "invalid-app-model",
    remedy: "bug",
    message: `The app model is wrong at "${issue?.path.join(".") ?? ""}": ${issue?.message ?? "it is invalid"}.`,
    cause: parsed.error,
  });
}

function duplicate(values: string[]): string | undefined {
  return values.find((value, index) => values.indexOf(value) !== index);
}
