/** Gives fields other types and rules. */
import type { EntityModel, FieldModel } from "./entity-model.ts";
import { makeReference, newFields } from "./field-models.ts";
import type { SpokenChange } from "./language/changes.ts";
import type { SpokenField } from "./language/fields.ts";
import { wordsOf } from "./language/naming.ts";
import { oneOf } from "./language/nouns.ts";
import type { ModelChange } from "./model-changes.ts";
import { entityNames } from "./names.ts";
import { Doubt, type Session } from "./session.ts";
import type { FieldPlace } from "./vocabulary.ts";

export function takeRetype(session: Session, change: Extract<SpokenChange, { kind: "retype" }>): void {
  const place = session.field(change.what, change.of, "change");
  const { entity, field } = place;
  const { details } = change;
  const kind = details.choices === undefined ? details.kind : "choice";
  if (kind === undefined)
    throw new Doubt(`"${change.said}" is no type that I know`, {
      hint: `If "${field.label}" shall have another name, say \`rename ${field.label.toLowerCase()} to ${change.said}\`.`,
    });
  if (kind === "choice" && details.choices === undefined)
    throw new Doubt(`it does not say which choices "${field.label}" shall have`, {
      hint: `For example: \`change ${field.label.toLowerCase()} to a choice of open, closed\`.`,
    });
  if (field.type === "reference") throw new Doubt(`"${field.label}" is a link to other records, and its type cannot be changed`);
  const spoken: SpokenField = { words: wordsOf(field.label), label: field.label, ...details, kind };
  const made = newFields([spoken], wordsOf(entity.label));
  if (!made.ok) throw new Doubt(made.reason);
  const [typed] = made.value.fields;
  if (typed === undefined) throw new Doubt(`"${field.label}" cannot be changed`);
  const same =
    typed.type === field.type && (typed.choices ?? []).join("\n") === (field.choices ?? []).join("\n") && typed.max === field.max;
  if (same) {
    session.already.push(`"${field.label}" of ${entity.labelPlural} is that already`);
    return;
  }
  const kept = typed.default ?? keptDefault(field, typed);
  const to: Extract<ModelChange, { kind: "change-field" }>["to"] = {
    type: typed.type,
    required: typed.type === "boolean" || field.required || details.default !== undefined,
    ...(field.unique === true && !["boolean", "choice", "longtext", "rating"].includes(typed.type) ? { unique: true } : {}),
    ...(kept === undefined ? {} : { default: kept }),
    ...pick(typed, ["choices", "unit", "currency", "min", "max"]),
    ...(typed.type === "text" && field.filledFrom !== undefined ? { filledFrom: field.filledFrom } : {}),
  };
  session.change(
    place,
    { kind: "change-field", entity: entity.name, field: field.name, to },
    { op: "change", entity: entity.label, field: field.label, to: typed.type },
  );
  if (details.default !== undefined)
    session.steps.push({ op: "default", entity: entity.label, field: field.label, to: String(kept), implied: true });
}

export function takeFlag(session: Session, change: Extract<SpokenChange, { kind: "flag" }>): void {
  for (const what of change.what) {
    const place = session.field(what, change.of, "change");
    const { entity, field } = place;
    const wanted =
      change.flag === "unique" || change.flag === "not unique"
        ? { unique: change.flag === "unique" }
        : { required: change.flag === "required" };
    if ("unique" in wanted ? (field.unique === true) === wanted.unique : field.required === wanted.required) {
      session.already.push(`"${field.label}" of ${entity.labelPlural} is ${change.flag} already`);
      continue;
    }
    if (change.flag === "unique" && ["boolean", "choice", "longtext", "rating", "reference"].includes(field.type))
      throw new Doubt(`"${field.label}" has too few or too long values for each of the ${entity.labelPlural} to have its own`);
    if (change.flag === "unique" && field.default !== undefined)
      throw new Doubt(`"${field.label}" cannot be unique: it has a default, which would be the same for all ${entity.labelPlural}`);
    if (change.flag === "optional" && field.type === "boolean")
      throw new Doubt(`"${field.label}" is a checkbox, which is always on or off`);
    if (
      change.flag === "optional" &&
      entity.titleField === field.name &&
      entity.fields.filter((other) => other.type !== "reference").length === 1
    )
      throw new Doubt(`"${field.label}" stands for a ${entity.label} in lists, which would have no name without it`);
    const fallback = change.default === undefined ? undefined : defaultValue(session, place, change.default);
    const base = rest(field);
    const to = {
      ...base,
      ...("unique" in wanted ? (wanted.unique ? { unique: true } : { unique: undefined }) : { required: wanted.required }),
      ...(fallback === undefined ? {} : { default: fallback }),
    };
    if (field.type === "reference" && to.onDelete !== undefined) to.onDelete = to.required ? "restrict" : "clear";
    const op = change.flag === "required" ? "require" : change.flag;
    session.change(
      place,
      { kind: "change-field", entity: entity.name, field: field.name, to: defined(to) },
      { op, entity: entity.label, field: field.label },
    );
    if (fallback !== undefined)
      session.steps.push({ op: "default", entity: entity.label, field: field.label, to: String(fallback), implied: true });
  }
}

export function setDefault(session: Session, place: FieldPlace, value: string): void {
  const { entity, field } = place;
  const fallback = defaultValue(session, place, value);
  if (fallback === field.default) {
    session.already.push(`the default of "${field.label}" is that already`);
    return;
  }
  if (field.unique === true) throw new Doubt(`"${field.label}" is unique and can have no default`);
  session.change(
    place,
    { kind: "change-field", entity: entity.name, field: field.name, to: { ...rest(field), default: fallback } },
    { op: "default", entity: entity.label, field: field.label, to: String(fallback) },
  );
}

function defaultValue(session: Session, { entity, field }: FieldPlace, value: string): unknown {
  const kinds = { longtext: "longText", datetime: "dateTime", reference: "text" } as const;
  const kind = field.type in kinds ? kinds[field.type as keyof typeof kinds] : (field.type as SpokenField["kind"]);
  const spoken: SpokenField = {
    words: wordsOf(field.label),
    label: field.label,
    kind,
    default: value,
    ...(field.choices && { choices: field.choices }),
    ...(field.max !== undefined && { max: field.max }),
  };
  const made =
    field.type === "reference"
      ? { ok: false as const, reason: `"${field.label}" is a link to other records and can have no default` }
      : newFields([spoken], wordsOf(entity.label));
  if (!made.ok) throw new Doubt(made.reason);
  return made.value.fields[0]?.default;
}

/** The default goes along where the new type can have it. */
function keptDefault(field: FieldModel, typed: FieldModel): unknown {
  if (field.default === undefined) return undefined;
  if (typed.type === "choice") return typed.choices?.includes(String(field.default)) === true ? field.default : undefined;
  if (typed.type === "text" || typed.type === "longtext") return String(field.default);
  return typeof field.default === "number" && (typed.type === "decimal" || typed.type === "money") ? field.default : undefined;
}

export function rest({
  name: _name,
  column: _column,
  label: _label,
  since: _since,
  ...others
}: FieldModel): Omit<FieldModel, "name" | "column" | "label" | "since"> {
  return others;
}

function defined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as T;
}

function pick<T extends object, K extends keyof T>(value: T, keys: readonly K[]): Partial<Pick<T, K>> {
  return Object.fromEntries(keys.filter((key) => value[key] !== undefined).map((key) => [key, value[key]])) as Partial<Pick<T, K>>;
}

/** Makes of a line of text a list of its own to choose from: the values that there are become its records. */
export function extract(session: Session, place: FieldPlace, options: { implied: boolean }): void {
  const { app, entity, field } = place;
  const words = oneOf(field.label);
  const names = entityNames(words);
  if (field.type === "reference") {
    session.already.push(`"${field.label}" of ${entity.labelPlural} is a list of its own already`);
    return;
  }
  if (field.type !== "text" && field.type !== "choice")
    throw new Doubt(`"${field.label}" is no line of text, so its values cannot become a list of their own`);
  if (entity.titleField === field.name) throw new Doubt(`"${field.label}" stands for a ${entity.label} in lists and cannot become a link`);
  if (app.model.entities.some((other) => other.table === names.table || other.name === names.name))
    throw new Doubt(`there are ${names.labelPlural} already`);
  const made = newFields([{ words: ["name"], label: "Name", kind: "text", required: true, unique: true }], words);
  if (!made.ok) throw new Doubt(made.reason);
  const to: EntityModel = { ...names, ...made.value, seed: [] };
  const others = entity.fields.filter((other) => other !== field);
  const reference = makeReference({ label: entity.label, fields: others }, to, { words: wordsOf(field.label) });
  const implied = options.implied ? { implied: true as const } : {};
  session.change(
    place,
    { kind: "extract-field", entity: entity.name, field: field.name, to, reference },
    { op: "new", entity: to.label, ...implied },
    { op: "change", entity: entity.label, field: field.label, to: "link", ...implied },
  );
}
