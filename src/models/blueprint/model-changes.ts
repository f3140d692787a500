/** Changes of an app that is there: the model after them, the migration that takes its rows along, and what to say of the data. */
import { AdorableError } from "../../core/errors.ts";
import { checkAppModel, isTextual, type AppModel, type EntityModel, type FieldModel } from "./entity-model.ts";
import { FEATURE_NAMES, renameEntityInFeature, renameInFeature, usesEntity, usesField, withoutSupplier } from "./feature-names.ts";
import { addField, addFieldsName, createTables, migrationPath, type Migration } from "./render/migrations.ts";
import { changeColumn } from "./render/column-changes.ts";
import { fillReference } from "./render/extract.ts";
import { dropColumn, dropTable, renameColumn, renameTable } from "./render/renames.ts";

/** Entities and fields are meant by their `name`. */
export type ModelChange =
  /** Fields as `addedFields` makes them; a reference among them is a new relation. */
  | { kind: "add-fields"; entity: string; fields: FieldModel[] }
  | { kind: "rename-field"; entity: string; field: string; names: Pick<FieldModel, "name" | "column" | "label"> }
  /** Fields that were filled from it keep their values. Another field stands for the row where it was the title. */
  | { kind: "remove-field"; entity: string; field: string }
  /** The same field with another type, rules or options; its names stay. */
  | { kind: "change-field"; entity: string; field: string; to: Omit<FieldModel, "name" | "column" | "label" | "since"> }
  /** The values of a text become the rows of `to`, which has one required field; `reference` takes the text's place. */
  | { kind: "extract-field"; entity: string; field: string; to: EntityModel; reference: FieldModel }
  | { kind: "add-entity"; entity: EntityModel }
  | { kind: "rename-entity"; entity: string; names: Pick<EntityModel, "name" | "plural" | "label" | "labelPlural" | "table"> }
  /** With the fields of others that refer to it. */
  | { kind: "remove-entity"; entity: string }
  | { kind: "rename-app"; name: string }
  | { kind: "describe-app"; description: string };

export interface ChangedModel {
  /** Checked. */
  model: AppModel;
  /** Absent where the tables stay as they are. Destructive steps are in it as plain statements; the release counts and reports them. */
  migration?: Migration;
  /** What happens to rows that exist, one sentence each, for the plan's summary; empty where they all stay as they are. */
  notes: string[];
}

/** One change carried out: `model` is not checked yet. */
interface Step {
  model: AppModel;
  sql: string[];
  notes: string[];
  /** The migration's name, after its id. */
  name: string;
}

/**
 * Carries out `changes` in their order; `id` is that of the migration, `YYYYMMDDHHMMSS`. Deterministic.
 * Throws `cannot-change-app`, `field-needs-a-value` and `cannot-fill-field` (author) with the reason where a change makes no sense or rows that
 * exist would have no valid value, and `invalid-app-model` (bug).
 */
export function changeModel(model: AppModel, changes: readonly ModelChange[], id: string): ChangedModel {
  let step: Step = { model, sql: [], notes: [], name: "" };
  for (const change of changes) {
    const next = carryOut(step.model, change, id);
    step = { model: next.model, sql: [...step.sql, ...next.sql], notes: [...step.notes, ...next.notes], name: step.name || next.name };
  }
  const checked = checkAppModel(step.model);
  if (step.sql.length === 0) return { model: checked, notes: step.notes };
  const name = changes.length === 1 ? step.name : `${step.name}_and_more`;
  return {
    model: checked,
    migration: { path: migrationPath(id, name.slice(0, 80)), sql: `${step.sql.join("\n\n")}\n` },
    notes: step.notes,
  };
}

function carryOut(model: AppModel, change: ModelChange, id: string): Step {
  switch (change.kind) {
    case "add-fields":
      return addFields(model, findEntity(model, change.entity), change.fields, id);
    case "rename-field":
      return renameField(model, findEntity(model, change.entity), change.field, change.names);
    case "remove-field":
      return removeField(model, findEntity(model, change.entity), change.field);
    case "change-field":
      return changeField(model, findEntity(model, change.entity), change.field, change.to);
    case "extract-field":
      return extractField(model, findEntity(model, change.entity), change, id);
    case "add-entity":
      return addEntity(model, change.entity, id);
    case "rename-entity":
      return renameEntity(model, findEntity(model, change.entity), change.names);
    case "remove-entity":
      return removeEntity(model, findEntity(model, change.entity));
    case "rename-app":
      return { model: { ...model, name: change.name }, sql: [], notes: [], name: "" };
    case "describe-app":
      return { model: { ...model, description: change.description }, sql: [], notes: [], name: "" };
  }
}

function addFields(model: AppModel, entity: EntityModel, fields: readonly FieldModel[], id: string): Step {
  const added = fields.map((field) => ({ ...field, since: id }));
  const changed = { ...entity, fields: [...entity.fields, ...added] };
  const after = withEntity(model, entity, changed);
  const sql = added.flatMap((field) => addField(after, changed, field));
  return { model: after, sql, notes: [], name: addFieldsName(entity, added) };
}

function renameField(model: AppModel, entity: EntityModel, name: string, names: Pick<FieldModel, "name" | "column" | "label">): Step {
  const field = findField(entity, name);
  const clash = entity.fields.find(
    (other) => other !== field && (other.name === names.name || other.column === names.column || sameText(other.label, names.label)),
  );
  if (clash !== undefined) throw refuse(`${entity.labelPlural} have a field "${clash.label}" already`);
  const renamed = { ...field, ...names };
  const fields = entity.fields.map((other) =>
    other === field ? renamed : other.filledFrom === name ? { ...other, filledFrom: names.name } : other,
  );
  const changed: EntityModel = {
    ...entity,
    fields,
    titleField: entity.titleField === name ? names.name : entity.titleField,
    seed: entity.seed.map((row) => renameKey(row, name, names.name)),
  };
  const features = model.features?.map((feature) => renameInFeature(feature, entity.name, name, names.name));
  return {
    model: { ...withEntity(model, entity, changed), ...(features && { features }) },
    sql: field.column === names.column ? [] : renameColumn(entity, field, renamed),
    notes: [],
    name: `rename_${field.column}_of_${entity.table}_to_${names.column}`,
  };
}

function removeField(model: AppModel, entity: EntityModel, name: string): Step {
  const field = findField(entity, name);
  const features = model.features?.map((one) => withoutSupplier(one, entity.name, name));
  const feature = features?.find((one) => usesField(one, entity.name, name));
  if (feature !== undefined) throw refuse(`the ${FEATURE_NAMES[feature.kind]} of this app are computed from "${field.label}"`);
  const fields = entity.fields
    .filter((other) => other !== field)
    .map((other) => {
      if (other.filledFrom !== name) return other;
      const { filledFrom: _, ...own } = other;
      return own;
    });
  const title = entity.titleField === name ? nextTitle(fields) : entity.titleField;
  if (title === undefined) throw refuse(`"${field.label}" is what stands for ${articled(entity.label)}, and nothing else could`);
  const changed: EntityModel = { ...entity, fields, titleField: title, seed: entity.seed.map((row) => withoutKey(row, name)) };
  return {
    model: { ...withEntity(model, entity, changed), ...(features && { features }) },
    sql: dropColumn(entity, field),
    notes: [`The values of "${field.label}" in ${entity.labelPlural} that exist are deleted.`],
    name: `remove_${field.column}_from_${entity.table}`,
  };
}

function changeField(model: AppModel, entity: EntityModel, name: string, to: Extract<ModelChange, { kind: "change-field" }>["to"]): Step {
  const field = findField(entity, name);
  const since = field.since === undefined ? {} : { since: field.since };
  const changed: FieldModel = { ...to, name, column: field.column, label: field.label, ...since };
  if (changed.type !== field.type && model.features?.some((one) => usesField(one, entity.name, name)))
    throw refuse(`"${field.label}" is what this app computes with: it has to stay as it is`);
  const { sql, notes } = changeColumn(model, entity, field, changed);
  const keepsSeed = changed.type === field.type || isTextual(changed.type);
  const changedEntity: EntityModel = {
    ...entity,
    fields: entity.fields.map((other) => (other === field ? changed : other)),
    seed: keepsSeed ? entity.seed.map((row) => fittingSeed(row, changed)) : entity.seed.map((row) => withoutKey(row, name)),
  };
  return { model: withEntity(model, entity, changedEntity), sql, notes, name: `change_${field.column}_of_${entity.table}` };
}

function extractField(model: AppModel, entity: EntityModel, change: Extract<ModelChange, { kind: "extract-field" }>, id: string): Step {
  const field = findField(entity, change.field);
  const title = findField(change.to, change.to.titleField);
  if (field.type !== "text" && field.type !== "choice")
    throw refuse(`"${field.label}" is no line of text, so its values cannot become records`);
  if (entity.titleField === field.name) throw refuse(`"${field.label}" is what stands for ${articled(entity.label)}`);
  if (entity.fields.some(({ filledFrom }) => filledFrom === field.name)) throw refuse(`another field is filled from "${field.label}"`);
  const values = [...new Set(entity.seed.flatMap((row) => (typeof row[field.name] === "string" ? [String(row[field.name])] : [])))];
  const made = addEntity(model, { ...change.to, seed: values.map((value) => ({ [title.name]: value })) }, id);
  const added = addFields(made.model, entity, [change.reference], id);
  const removed = removeField(added.model, findEntity(added.model, entity.name), field.name);
  const place = entity.fields.indexOf(field);
  const after = findEntity(removed.model, entity.name);
  const reference = after.fields.at(-1) ?? change.reference;
  const rest = after.fields.slice(0, -1);
  const seed = after.seed.map((row, index) => {
    const value = values.indexOf(String(entity.seed[index]?.[field.name]));
    return value < 0 ? row : { ...row, [reference.name]: value };
  });
  const settled = withEntity(removed.model, after, { ...after, seed, fields: [...rest.slice(0, place), reference, ...rest.slice(place)] });
  return {
    model: settled,
    sql: [...made.sql, ...added.sql, ...fillReference(entity, field, { entity: change.to, title, reference }), ...removed.sql],
    notes: [
      `Each different "${field.label}" becomes one of the ${change.to.labelPlural}, and ${entity.labelPlural} that exist refer to it.`,
    ],
    name: `move_${field.column}_of_${entity.table}_to_${change.to.table}`,
  };
}

function addEntity(model: AppModel, entity: EntityModel, id: string): Step {
  if (model.entities.some((other) => other.name === entity.name || other.table === entity.table || other.plural === entity.plural))
    throw refuse(`the app has ${entity.labelPlural} already`);
  const added = { ...entity, since: id };
  const after = { ...model, entities: [...model.entities, added] };
  return { model: after, sql: createTables(after, [added], () => true), notes: [], name: `create_${entity.table}` };
}

function renameEntity(model: AppModel, entity: EntityModel, names: Extract<ModelChange, { kind: "rename-entity" }>["names"]): Step {
  const clash = model.entities.find(
    (other) => other !== entity && (other.name === names.name || other.table === names.table || other.plural === names.plural),
  );
  if (clash !== undefined) throw refuse(`the app has ${clash.labelPlural} already`);
  const renamed = { ...entity, ...names };
  const entities = model.entities.map((other) => {
    const own = other === entity ? renamed : other;
    return { ...own, fields: own.fields.map((field) => (field.target === entity.name ? { ...field, target: names.name } : field)) };
  });
  const features = model.features?.map((feature) => renameEntityInFeature(feature, entity.name, names.name));
  return {
    model: { ...model, entities, ...(features && { features }) },
    sql: entity.table === names.table ? [] : renameTable(entity, renamed),
    notes: [],
    name: `rename_${entity.table}_to_${names.table}`,
  };
}

function removeEntity(model: AppModel, entity: EntityModel): Step {
  if (model.entities.length === 1) throw refuse(`${entity.labelPlural} are all that the app "${model.name}" has`);
  let rest = model;
  const sql: string[] = [];
  const notes: string[] = [];
  const features = model.features?.filter((feature) => !usesEntity(feature, entity.name));
  const { features: _, ...bare } = model;
  rest = features?.length ? { ...bare, features } : bare;
  for (const other of model.entities) {
    if (other === entity) continue;
    for (const field of other.fields.filter(({ target }) => target === entity.name)) {
      const step = removeField(rest, findEntity(rest, other.name), field.name);
      rest = step.model;
      sql.push(...step.sql);
      notes.push(...step.notes);
    }
  }
  return {
    model: { ...rest, entities: rest.entities.filter((other) => other.name !== entity.name) },
    sql: [...sql, ...dropTable(entity)],
    notes: [...notes, `All ${entity.labelPlural} that exist are deleted.`],
    name: `remove_${entity.table}`,
  };
}

function findEntity(model: AppModel, name: string): EntityModel {
  const entity = model.entities.find((other) => other.name === name);
  if (entity === undefined) throw refuse(`the app "${model.name}" has no "${name}"`);
  return entity;
}

function findField(entity: EntityModel, name: string): FieldModel {
  const field = entity.fields.find((other) => other.name === name);
  if (field === undefined) throw refuse(`${entity.labelPlural} have no field "${name}"`);
  return field;
}

function withEntity(model: AppModel, before: EntityModel, after: EntityModel): AppModel {
  return { ...model, entities: model.entities.map((entity) => (entity === before ? after : entity)) };
}

/** What stands for a row when its title is gone. */
function nextTitle(fields: readonly FieldModel[]): string | undefined {
  const able = fields.filter((field) => field.type !== "reference");
  return (able.find((field) => field.type === "text" && field.required) ?? able.find((field) => isTextual(field.type)) ?? able[0])?.name;
}

/** A sample row without what the changed field cannot hold. */
function fittingSeed(row: Record<string, unknown>, field: FieldModel): Record<string, unknown> {
  const value = row[field.name];
  if (field.type === "choice" && value !== undefined && !field.choices?.includes(String(value))) {
    const known = field.choices?.find((choice) => sameText(choice, String(value)));
    return known === undefined ? withoutKey(row, field.name) : { ...row, [field.name]: known };
  }
  return typeof value === "string" || value === undefined || value === null || !isTextual(field.type)
    ? row
    : { ...row, [field.name]: String(value) };
}

function renameKey(row: Record<string, unknown>, from: string, to: string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).map(([key, value]) => [key === from ? to : key, value]));
}

function withoutKey(row: Record<string, unknown>, name: string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).filter(([key]) => key !== name));
}

function sameText(one: string, other: string): boolean {
  return one.trim().toLowerCase() === other.trim().toLowerCase();
}

function articled(label: string): string {
  return `${/^[aeiou]/i.test(label) ? "an" : "a"} ${label}`;
}

function refuse(reason: string): AdorableError {
  return new AdorableError({
    code: "cannot-change-app",
    remedy: "author",
    message: `The app cannot be changed so: ${reason}.`,
    hint: "Say the change in another way.",
  });
}
