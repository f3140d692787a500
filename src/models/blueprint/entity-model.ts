/** What an app is made of: its entities and their fields. The parser writes it, the renderer turns it into files. */
import { z } from "zod";
import { AdorableError } from "../../core/errors.ts";
import { slugSchema } from "../../core/spec.ts";

export const FIELD_TYPES = [
  "text",
  "longtext",
  "boolean",
  "date",
  "datetime",
  "integer",
  "decimal",
  "email",
  "url",
  "choice",
  "slug",
] as const;
export type FieldType = (typeof FIELD_TYPES)[number];

export interface FieldModel {
  /** camelCase; the property in code and in the API. */
  name: string;
  /** snake_case; the column. */
  column: string;
  /** As people read it: "Last watered". Unique within the entity. */
  label: string;
  type: FieldType;
  /** A boolean is always required: it is true or false. */
  required: boolean;
  unique?: boolean | undefined;
  /** What a new row gets when nothing is said, as the API would take it: `false`, `"draft"`, `0`, `"2026-11-21"`. */
  default?: unknown;
  /** The values of a `choice`, as stored and shown. */
  choices?: string[] | undefined;
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
  /** Sample rows for previews, by field name, oldest first. A field that is left out gets its default or is made from its source. */
  seed: Record<string, unknown>[];
}

export interface AppModel {
  slug: string;
  name: string;
  /** One sentence under the heading of the first list; may be empty. */
  description: string;
  /** 0 to 359; `hueFor(slug)` chooses one. */
  hue: number;
  entities: EntityModel[];
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
const UNCOUNTED: ReadonlySet<FieldType> = new Set(["boolean", "choice", "longtext"]);
const TEXT_TYPES: ReadonlySet<FieldType> = new Set(["text", "longtext", "email", "url", "choice", "slug"]);

/** True for types that are stored as text. */
export function isTextual(type: FieldType): boolean {
  return TEXT_TYPES.has(type);
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
  filledFrom: camelName.optional(),
  since: z.string().optional(),
});

const entitySchema = z
  .strictObject({
    name: camelName,
    plural: camelName.refine((name) => !RESERVED_PLURALS.has(name), "an API cannot have a router of that name"),
    label,
    labelPlural: label,
    table: sqlName.refine((name) => !name.startsWith("pg_"), "PostgreSQL keeps names that start with pg_ for itself"),
    titleField: camelName,
    fields: z.array(fieldSchema).min(1).max(40),
    seed: z.array(z.record(z.string(), z.unknown())).max(50),
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
    entity.fields.forEach((field, index) => {
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
  })
  .superRefine((app, context) => {
    for (const key of ["name", "plural", "table"] as const) {
      const twice = duplicate(app.entities.map((entity) => entity[key].toLowerCase()));
      if (twice !== undefined) context.addIssue({ code: "custom", path: ["entities"], message: `two entities have the ${key} "${twice}"` });
    }
  });

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
