/** Spoken fields become fields of the model: types, defaults that fit them, and what a field is filled from. */
import { isNumeric, RATING_MAX, type EntityModel, type FieldModel, type FieldType, type OnDelete } from "./entity-model.ts";
import type { ValueKind } from "./language/field-types.ts";
import type { SpokenField } from "./language/fields.ts";
import { camelCase, sentenceCase, snakeCase, wordsOf } from "./language/naming.ts";
import { fieldNames } from "./names.ts";

const TYPES: Readonly<Record<ValueKind, FieldType>> = {
  text: "text",
  longText: "longtext",
  integer: "integer",
  decimal: "decimal",
  boolean: "boolean",
  date: "date",
  dateTime: "datetime",
  email: "email",
  url: "url",
  choice: "choice",
  slug: "slug",
  time: "time",
  money: "money",
  rating: "rating",
  phone: "phone",
};
const TITLE_WORDS = ["title", "name", "subject", "headline", "label", "full name", "caption"];
export const MAX_FIELDS = 40;
const MAX_CHOICES = 30;

/** Why a field cannot be made, in words for its author; or the field. */
export type Made<T> = { ok: true; value: T } | { ok: false; reason: string };

/** The fields of a new entity, with the one that stands for a row. */
export function newFields(spoken: readonly SpokenField[], entity: readonly string[]): Made<{ fields: FieldModel[]; titleField: string }> {
  const fields: FieldModel[] = [];
  for (const field of spoken.length === 0 ? DEFAULT_FIELDS : spoken) {
    const names = fieldNames(field.words, entity, fields);
    if (names === undefined) continue;
    const made = makeField(field, names);
    if (!made.ok) return made;
    fields.push(made.value);
  }
  if (fields.length === 0) return newFields([], entity);
  if (fields.length > MAX_FIELDS)
    return { ok: false, reason: `an app can have ${MAX_FIELDS} fields, and this one would have ${fields.length}` };
  const title = chooseTitle(fields);
  const stated = spoken.find((field) => fieldNames(field.words, entity, [])?.name === title.name)?.required;
  title.required = stated ?? true;
  for (const field of fields) if (field.type === "slug" && field.filledFrom === undefined) fillSlug(field, title);
  return { ok: true, value: { fields, titleField: title.name } };
}

/** The model of fields that are added to an entity with rows in it: each must have a value for them. `since` is the migration's id. */
export function addedFields(
  spoken: readonly SpokenField[],
  entity: EntityModel,
  options: { source?: readonly string[]; since: string },
): Made<FieldModel[]> {
  const added: FieldModel[] = [];
  const words = wordsOf(entity.label);
  for (const field of spoken) {
    const wanted = fieldNames(field.words, words, []);
    if (wanted === undefined) return { ok: false, reason: `every ${entity.label} has "${field.label}" by itself` };
    const same = [...entity.fields, ...added].find(
      (other) => other.name === wanted.name || other.label.toLowerCase() === wanted.label.toLowerCase(),
    );
    if (same !== undefined) return { ok: false, reason: `${entity.labelPlural} have a field "${same.label}" already` };
    const made = makeField(field, fieldNames(field.words, words, [...entity.fields, ...added]) ?? wanted);
    if (!made.ok) return made;
    const filled = fill(made.value, entity, field, options.source);
    if (!filled.ok) return filled;
    added.push({ ...filled.value, since: options.since });
  }
  if (entity.fields.length + added.length > MAX_FIELDS) return { ok: false, reason: `${entity.labelPlural} can have ${MAX_FIELDS} fields` };
  return { ok: true, value: added };
}

/** What existing rows get in the new field. */
function fill(field: FieldModel, entity: EntityModel, spoken: SpokenField, source: readonly string[] | undefined): Made<FieldModel> {
  const title = entity.fields.find((other) => other.name === entity.titleField);
  const from = source === undefined ? (field.type === "slug" ? title : undefined) : entity.fields.find((other) => same(other, source));
  if (source !== undefined && from === undefined)
    return { ok: false, reason: `${entity.labelPlural} have no field "${source.join(" ")}" to fill "${field.label}" from` };
  // Which types can be made from which is the renderer's to say.
  if (from !== undefined) {
    if (field.type === "slug") fillSlug(field, from);
    else Object.assign(field, { filledFrom: from.name, required: spoken.required ?? from.required });
    return { ok: true, value: field };
  }
  if (field.type === "slug")
    return { ok: false, reason: `a slug is made from another field, and ${entity.labelPlural} have none that it could be made from` };
  if (field.unique === true && field.default !== undefined)
    return {
      ok: false,
      reason: `"${field.label}" cannot be unique and have a default: all ${entity.labelPlural} that exist would get the same value`,
    };
  if (field.required && field.default === undefined)
    return {
      ok: false,
      reason: `"${field.label}" is required, so the ${entity.labelPlural} that exist need a value for it: say which, as in "default …"`,
    };
  return { ok: true, value: field };
}

function makeField(spoken: SpokenField, names: Pick<FieldModel, "name" | "column" | "label">): Made<FieldModel> {
  const type = TYPES[spoken.kind];
  const field: FieldModel = { ...names, type, required: type === "boolean" || (spoken.required ?? false) };
  if (spoken.unique === true) field.unique = true;
  if (spoken.choices !== undefined) {
    if (spoken.choices.length > MAX_CHOICES) return { ok: false, reason: `"${field.label}" can have ${MAX_CHOICES} choices` };
    field.choices = spoken.choices.map((choice) => choice.slice(0, 60));
  }
  if (spoken.unit !== undefined && (type === "integer" || type === "decimal")) field.unit = spoken.unit;
  if (spoken.currency !== undefined && type === "money") field.currency = spoken.currency;
  if (spoken.max !== undefined && (type === "rating" || isNumeric(type))) field.max = spoken.max;
  if (spoken.min !== undefined && isNumeric(type)) field.min = spoken.min;
  if (spoken.sum === true && isNumeric(type)) field.sum = true;
  // Prices of single things add up to nothing.
  else if (type === "money" && /\b(?:price|rate)$|\bper\b/.test(spoken.words.join(" "))) field.sum = false;
  if (type === "boolean") field.default = false;
  if (spoken.default === undefined) return { ok: true, value: field };
  const value = readDefault(spoken.default, field);
  if (value === undefined) return { ok: false, reason: `"${spoken.default}" is not a value that "${field.label}" can have` };
  field.default = value;
  field.required = spoken.required ?? true;
  return { ok: true, value: field };
}

function readDefault(text: string, field: FieldModel): unknown {
  const value = text.trim();
  switch (field.type) {
    case "boolean":
      return /^(?:true|yes|on|checked|1)$/i.test(value) ? true : /^(?:false|no|off|unchecked|0)$/i.test(value) ? false : undefined;
    case "integer":
      return /^-?\d{1,9}$/.test(value) ? Number(value) : undefined;
    case "rating":
      return /^\d{1,2}$/.test(value) && Number(value) >= 1 && Number(value) <= (field.max ?? RATING_MAX) ? Number(value) : undefined;
    case "money":
      return /^-?\d{1,9}(?:\.\d{1,2})?$/.test(value) ? Number(value) : undefined;
    case "time":
      return /^(?:[01]\d|2[0-3]):[0-5]\d$/.test(value) ? value : undefined;
    case "decimal":
      return /^-?\d{1,9}(?:\.\d{1,4})?$/.test(value) ? Number(value) : undefined;
    case "date":
      return /^\d{4}-\d{2}-\d{2}$/.test(value) && !Number.isNaN(Date.parse(value)) ? value : undefined;
    case "choice":
      return field.choices?.find((choice) => choice.toLowerCase() === value.toLowerCase());
    case "text":
    case "longtext":
      return value;
    case "datetime":
    case "email":
    case "url":
    case "phone":
    case "slug":
    case "reference":
      return undefined;
  }
}

function chooseTitle(fields: FieldModel[]): FieldModel {
  const named = TITLE_WORDS.map((words) => fields.find((field) => field.label.toLowerCase() === words && field.type === "text")).find(
    (field) => field !== undefined,
  );
  const chosen =
    named ??
    fields.find((field) => field.type === "text") ??
    fields.find((field) => field.type === "email" || field.type === "url") ??
    fields.find((field) => field.type !== "boolean" && field.type !== "slug") ??
    fields[0];
  if (chosen === undefined) throw new Error("an entity without fields has no title");
  return chosen;
}

function fillSlug(field: FieldModel, from: FieldModel): void {
  Object.assign(field, { filledFrom: from.name, required: true, unique: true });
}

function same(field: FieldModel, words: readonly string[]): boolean {
  const wanted = words.join(" ");
  return wordsOf(field.label).join(" ") === wanted || wordsOf(field.name).join(" ") === wanted;
}

const DEFAULT_FIELDS: readonly SpokenField[] = [
  { words: ["name"], label: "Name", kind: "text", required: true },
  { words: ["notes"], label: "Notes", kind: "longText" },
];

/** Records that mean nothing without the one that they belong to. */
const PARTS =
  /\b(?:comment|reply|answer|guest|attendee|rsvp|registration|line|step|ingredient|attachment|subtask|payment|photo|picture|log entry|reading|measurement|checkin|vote)s?$/;

/** What a deletion of the row that `label` refers to does: a part goes with its whole, an optional reference is cleared, and other deletions are refused. */
export function chooseOnDelete(label: string, required: boolean): OnDelete {
  if (!required) return "clear";
  return PARTS.test(label) ? "cascade" : "restrict";
}

/**
 * The field of `entity` by which its rows belong to one of `target`. `words` is what the relation is called, such as "paid by"; by default the
 * target's own label. Names that are taken get a number.
 */
export function makeReference(
  entity: Pick<EntityModel, "label" | "fields">,
  target: Pick<EntityModel, "name" | "label">,
  options: { words?: readonly string[]; required?: boolean } = {},
): FieldModel {
  const words = options.words === undefined || options.words.length === 0 ? wordsOf(target.label) : options.words;
  const required = options.required ?? false;
  for (let number = 1; ; number++) {
    const numbered = number === 1 ? [...words] : [...words, String(number)];
    const column = `${
      snakeCase(numbered)
        .slice(0, 36)
        .replace(/^[^a-z]+/, "")
        .replace(/_+$/, "") || "related"
    }_id`;
    const names = { name: camelCase(column.split("_")), column, label: sentenceCase(numbered).slice(0, 60) };
    const taken = entity.fields.some(
      (other) => other.column === names.column || other.name === names.name || other.label.toLowerCase() === names.label.toLowerCase(),
    );
    if (!taken) return { ...names, type: "reference", required, target: target.name, onDelete: chooseOnDelete(entity.label, required) };
  }
}
