/** The corpus's short way of writing what an app has: to make apps that changes start from, and to compare what came out. */
import {
  checkAppModel,
  isFilter,
  isSummed,
  type AppModel,
  type EntityModel,
  type FieldModel,
  type FieldType,
} from "../../src/models/blueprint/entity-model.ts";

import { makeReference } from "../../src/models/blueprint/field-models.ts";
import { wordsOf } from "../../src/models/blueprint/language/naming.ts";
import { appNames, entityNames, fieldNames } from "../../src/models/blueprint/names.ts";
import { seedRows } from "../../src/models/blueprint/seeds.ts";

export interface AppNotation {
  name?: string;
  entities: Record<string, Record<string, string>>;
  filters?: string[];
  counts?: string[];
  sums?: string[];
}

/** The words of a label, for comparison. */
export function plain(text: string): string {
  return wordsOf(text).join(" ");
}

/** Undefined when the model is as it is written; else the first difference. */
export function differenceOf(model: AppModel, wanted: AppNotation): string | undefined {
  if (wanted.name !== undefined && model.name !== wanted.name) return `the app is called "${model.name}"`;
  const left = new Set(model.entities);
  const open = "*" in wanted.entities && Object.keys(wanted.entities).length > 1;
  for (const [key, fields] of Object.entries(wanted.entities)) {
    if (key === "*" && open) continue;
    const entity = key === "*" ? model.entities[0] : model.entities.find((one) => key.split("|").includes(plain(one.label)));
    if (entity === undefined) return `no entity "${key}" among ${quoted(model.entities)}`;
    left.delete(entity);
    const difference = fieldsDifference(model, entity, fields);
    if (difference !== undefined) return `${entity.label}: ${difference}`;
  }
  // Where more fields are welcome, what they link to comes along.
  for (const [key, fields] of Object.entries(wanted.entities)) {
    if (!("*" in fields)) continue;
    const entity = model.entities.find((one) => key.split("|").includes(plain(one.label)));
    for (const other of left) if (entity?.fields.some(({ target }) => target === other.name) === true) left.delete(other);
  }
  const [extra] = left;
  if (extra !== undefined && !open) return `an entity "${extra.label}" that nobody asked for`;
  return viewDifference(model, wanted);
}

function fieldsDifference(model: AppModel, entity: EntityModel, wanted: Record<string, string>): string | undefined {
  const left = new Set(entity.fields);
  for (const [key, text] of Object.entries(wanted)) {
    if (key === "*") continue;
    const field = entity.fields.find((one) => key.split("|").some((name) => plain(name) === plain(one.label)));
    if (field === undefined) return `no field "${key}" among ${quoted(entity.fields)}`;
    left.delete(field);
    const difference = fieldDifference(model, entity, field, text);
    if (difference !== undefined) return difference;
  }
  const [extra] = left;
  return extra === undefined || "*" in wanted ? undefined : `a field "${extra.label}" that nobody asked for`;
}

/** Undefined when the field is what `text` says of it. */
export function fieldDifference(model: AppModel, entity: EntityModel, field: FieldModel, text: string): string | undefined {
  const { types, rules } = split(text);
  if (!types.some((type) => isType(model, field, type))) return `"${field.label}" is ${shownType(model, field)}, not ${types.join("/")}`;
  for (const rule of rules) {
    const value = rule.slice(1);
    const holds =
      rule === "!"
        ? field.required
        : rule === "?"
          ? !field.required || field.default !== undefined
          : rule === "unique"
            ? field.unique === true
            : rule.startsWith("=")
              ? String(field.default).toLowerCase() === value.toLowerCase()
              : rule.startsWith("<") && plain(labelOf(entity, field.filledFrom)) === value;
    if (!holds) return `"${field.label}" is not ${rule}`;
  }
  return undefined;
}

function viewDifference(model: AppModel, wanted: AppNotation): string | undefined {
  for (const line of wanted.filters ?? []) if (!hasFilter(model, line)) return `no filter ${line}`;
  for (const line of wanted.counts ?? []) if (!hasCount(model, line)) return `no count of ${line}`;
  for (const line of wanted.sums ?? []) if (!hasSum(model, line)) return `no sum of ${line}`;
  return undefined;
}

/** `task.status` */
export function hasFilter(model: AppModel, line: string): boolean {
  const [entity, field] = fieldAt(model, line);
  return entity !== undefined && field !== undefined && isFilter(field);
}

/** `book per author`: rows that refer to the same one are counted with it. */
export function hasCount(model: AppModel, line: string): boolean {
  const [what = "", per = ""] = line.split(" per ");
  const entity = model.entities.find(({ label }) => plain(label) === what);
  return entity?.fields.some((field) => field.type === "reference" && isCalled(model, field, per)) === true;
}

/** `expense.amount per category`, or without `per`. */
export function hasSum(model: AppModel, line: string): boolean {
  const [what = "", per] = line.split(" per ");
  const [entity, field] = fieldAt(model, what);
  if (entity === undefined || field === undefined || !isSummed(field)) return false;
  return per === undefined || entity.fields.some((other) => other.type === "reference" && isCalled(model, other, per));
}

function isCalled(model: AppModel, field: FieldModel, words: string): boolean {
  return plain(field.label) === words || plain(targetOf(model, field)?.label ?? "") === words;
}

export function fieldAt(model: AppModel, line: string): [EntityModel | undefined, FieldModel | undefined] {
  const [label = "", name = ""] = line.split(".");
  const entity = model.entities.find((one) => label.split("|").includes(plain(one.label)));
  return [entity, entity?.fields.find((field) => name.split("|").some((other) => plain(other) === plain(field.label)))];
}

function split(text: string): { types: string[]; rules: string[] } {
  const type = (/^(?:[^!?=<(]|\([^)]*\))+/.exec(text)?.[0] ?? "any").trim().replace(/\s+unique$/, "");
  const types = type.includes("(") ? [type] : type.split("/");
  return {
    types,
    rules:
      text
        .slice(type.length)
        .match(/!|\?|unique|=.+$|<.+$/g)
        ?.map((rule) => rule.trim()) ?? [],
  };
}

function isType(model: AppModel, field: FieldModel, type: string): boolean {
  if (type === "any") return true;
  if (type.startsWith("->")) return field.type === "reference" && plain(targetOf(model, field)?.label ?? "") === plain(type.slice(2));
  const choices = /^choice\((.*)\)$/.exec(type)?.[1];
  if (choices === undefined) return field.type === type;
  return field.type === "choice" && (field.choices ?? []).map((choice) => choice.toLowerCase()).join("|") === choices.toLowerCase();
}

export function shownType(model: AppModel, field: FieldModel): string {
  if (field.type === "reference") return `->${targetOf(model, field)?.label ?? "?"}`;
  return field.type === "choice" ? `choice(${(field.choices ?? []).join("|")})` : field.type;
}

function targetOf(model: AppModel, field: FieldModel): EntityModel | undefined {
  return model.entities.find(({ name }) => name === field.target);
}

function labelOf(entity: EntityModel, name: string | undefined): string {
  return entity.fields.find((field) => field.name === name)?.label ?? "";
}

function quoted(items: readonly { label: string }[]): string {
  return items.map(({ label }) => `"${label}"`).join(", ");
}

/** The app that the notation describes. Targets of references stand before what refers to them. */
export function makeApp(notation: AppNotation, startedAt: Date): AppModel {
  const entities: EntityModel[] = [];
  for (const [label, fields] of Object.entries(notation.entities)) {
    const entity: EntityModel = { ...entityNames(wordsOf(label)), titleField: "", fields: [], seed: [] };
    for (const [name, text] of Object.entries(fields)) entity.fields.push(makeField(entity, entities, name, text));
    entity.titleField = entity.fields.find(({ type }) => type === "text")?.name ?? "";
    entities.push({ ...entity, seed: seedRows(entity, startedAt) });
  }
  return checkAppModel({ ...appNames(notation.name, ["app"]), description: "", hue: 0, entities });
}

function makeField(entity: EntityModel, entities: readonly EntityModel[], name: string, text: string): FieldModel {
  const { types, rules } = split(text);
  const [type = "text"] = types;
  const required = rules.includes("!") || type === "boolean";
  const target = entities.find(({ label }) => label === type.slice(2));
  if (type.startsWith("->") && target !== undefined) return makeReference(entity, target, { words: wordsOf(name), required });
  const names = fieldNames(wordsOf(name), wordsOf(entity.label), entity.fields);
  if (names === undefined) throw new Error(`"${name}" is on every row`);
  const choices = /^choice\((.*)\)$/.exec(type)?.[1]?.split("|");
  const value = rules.find((rule) => rule.startsWith("="))?.slice(1);
  const fallback = type === "integer" ? Number(value) : type === "boolean" ? value === "true" : value;
  return {
    ...names,
    type: (choices === undefined ? type : "choice") as FieldType,
    required,
    ...(choices && { choices }),
    ...(rules.includes("unique") && { unique: true }),
    ...(value !== undefined && { default: fallback }),
  };
}
