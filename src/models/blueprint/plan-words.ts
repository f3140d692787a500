/** A change in words: its title, what people will get, what happens to their data, and what can be checked. */
import { viewsOf } from "./create-plan.ts";
import type { AppModel, EntityModel, FieldModel } from "./entity-model.ts";
import { pluralize } from "./language/inflect.ts";
import { titleCase } from "./language/naming.ts";
import type { ModelChange } from "./model-changes.ts";
import { listed, type Step } from "./steps.ts";

interface Words {
  title: string;
  summary: string;
  acceptance: string[];
}

export function describeApp(model: AppModel, leftOut: readonly string[]): Words {
  const records = model.entities.map((entity) => `- **${titleCase(entity.labelPlural.split(" "))}** with ${fieldsOf(model, entity)}.`);
  const views = viewsOf(model).map((view) => `- ${capitalized(view)}.`);
  return {
    title: `Add the app ${model.name}`,
    summary: [
      `A new app, **${model.name}**, for ${listed(model.entities.map(({ labelPlural }) => labelPlural))}.`,
      "",
      ...records,
      ...views,
      `- Lists with search, a page for each record, and forms to add, edit and delete with validation.`,
      `- ${model.entities.length === 1 ? "The table" : "The tables"} ${listed(model.entities.map(({ table }) => `\`${table}\``))} with a migration, sample rows for previews, and tests.`,
      ...leftOutLines(leftOut),
    ].join("\n"),
    acceptance: [
      ...model.entities.map((entity) => `${titleCase([entity.labelPlural])} can be listed, searched, shown, added, edited and deleted.`),
      ...model.entities.map(
        (entity) => `The table "${entity.table}" has the fields ${listed(entity.fields.map(({ label }) => label.toLowerCase()))}.`,
      ),
      "Its tests pass.",
    ].slice(0, 20),
  };
}

export interface Described {
  before: AppModel;
  after: AppModel;
  steps: readonly Step[];
  changes: readonly ModelChange[];
  /** What happens to rows. */
  notes: readonly string[];
  migration: string | undefined;
  already: readonly string[];
  leftOut: readonly string[];
}

export function describeChange(options: Described): Words {
  const { before, after, steps } = options;
  const deletes = steps.some(({ op }) => op === "remove") || options.notes.some((note) => /\b(?:are deleted|become )/.test(note));
  const lines = options.changes.flatMap((change) => linesOf(change, after)).map((line) => `- ${line}`);
  const phrases = steps.filter(({ implied }) => implied !== true).map(shortOf);
  return {
    title: titleOf(steps, phrases),
    summary: [
      `In the app **${before.name}**:`,
      "",
      ...lines,
      ...(deletes ? ["", "**This deletes data.** A rollback to the release before brings it back."] : []),
      ...(options.notes.length === 0 ? [] : ["", ...options.notes.map((note) => `- ${note}`)]),
      ...(options.migration === undefined ? [] : ["", `The migration \`${options.migration}\` takes care of the rows that exist.`]),
      ...(options.already.length === 0 ? [] : ["", ...options.already.map((fact) => `- Nothing to do: ${fact}.`)]),
      ...leftOutLines(options.leftOut),
    ].join("\n"),
    acceptance: [
      ...phrases.map((phrase) => `${capitalized(phrase)}: done in lists, forms, the API and the tests.`),
      ...(deletes ? [] : ["Rows that exist keep their data."]),
      "Its tests pass.",
    ].slice(0, 20),
  };
}

/** "Add rating and pages to books"; several of a kind are told together. */
function titleOf(steps: readonly Step[], phrases: readonly string[]): string {
  const [first] = steps;
  const added = steps.filter((step) => step.op === "add" && step.entity === first?.entity);
  if (first !== undefined && added.length === steps.length)
    return `Add ${listed(added.map(({ field }) => (field ?? "").toLowerCase()))} to ${pluralize(first.entity)}`;
  const news = steps.filter(({ op }) => op === "new");
  if (news.length > 0 && steps.every(({ op }) => op === "new" || op === "add"))
    return `Add ${listed(news.map(({ entity }) => pluralize(entity)))}`;
  return capitalized(phrases.join(", ")).slice(0, 120);
}

function shortOf(step: Step): string {
  const field = (step.field ?? "").toLowerCase();
  const of = ` of ${pluralize(step.entity)}`;
  switch (step.op) {
    case "new":
      return `add ${pluralize(step.entity)}`;
    case "add":
      return `add ${field} to ${pluralize(step.entity)}`;
    case "remove":
      return step.field === undefined ? `remove ${pluralize(step.entity)}` : `remove ${field} from ${pluralize(step.entity)}`;
    case "rename":
      if (step.entity === "") return `rename the app to ${step.to ?? ""}`;
      return step.field === undefined
        ? `rename ${pluralize(step.entity)} to ${pluralize(step.to ?? "")}`
        : `rename ${field}${of} to ${step.to ?? ""}`;
    case "change":
      return `change ${field}${of} to ${step.to ?? "another type"}`;
    case "require":
      return `make ${field}${of} required`;
    case "optional":
    case "unique":
    case "not unique":
      return `make ${field}${of} ${step.op}`;
    case "default":
      return `set the default of ${field}${of} to ${step.to ?? ""}`;
    case "filter":
      return `filter ${pluralize(step.entity)} by ${field}`;
    case "count":
      return `count ${pluralize(step.entity)}${step.per === undefined ? "" : ` per ${step.per}`}`;
    case "sum":
      return `show the sum of ${field}${of}${step.per === undefined ? "" : ` per ${step.per}`}`;
  }
}

function linesOf(change: ModelChange, after: AppModel): string[] {
  const plural =
    "entity" in change && typeof change.entity === "string"
      ? (after.entities.find(({ name }) => name === change.entity)?.labelPlural ?? change.entity)
      : "";
  switch (change.kind) {
    case "add-fields":
      return change.fields.map(
        (field) =>
          `${capitalized(plural)} get **${field.label}**: ${describeField(
            field,
            after.entities.find(({ name }) => name === change.entity),
            after,
          )}.`,
      );
    case "rename-field":
      return [`**${capitalized(change.field)}** of ${plural} is called **${change.names.label}**; its values stay.`];
    case "remove-field":
      return [`**${capitalized(change.field)}** of ${plural} is removed, with its values.`];
    case "change-field":
      return [
        `**${capitalized(change.field)}** of ${plural} is now ${describeField(
          { ...change.to, name: change.field, column: "", label: "" },
          after.entities.find(({ name }) => name === change.entity),
          after,
        )}.`,
      ];
    case "extract-field":
      return [
        `**${capitalized(change.field)}** of ${plural} becomes a link to **${change.to.labelPlural}**, a list of its own with the values that there are.`,
      ];
    case "add-entity":
      return [`New: **${change.entity.labelPlural}** with ${fieldsOf(after, change.entity)}.`];
    case "rename-entity":
      return [
        `**${capitalized(change.entity)}** is called **${change.names.label}** everywhere, and several of them **${change.names.labelPlural}**; no row changes.`,
      ];
    case "remove-entity":
      return [`**${capitalized(change.entity)}** is removed as a whole, with its pages and all of its rows.`];
    case "rename-app":
      return [`It is called **${change.name}**. Its address stays.`];
    case "describe-app":
      return [`Its description: ${change.description}`];
  }
}

function fieldsOf(model: AppModel, entity: EntityModel): string {
  return listed(
    entity.fields.map((field) => {
      const target = model.entities.find(({ name }) => name === field.target);
      const kind =
        target === undefined ? PLAIN[field.type] : target.label === field.label.toLowerCase() ? "a link" : `a link to a ${target.label}`;
      return `${field.label.toLowerCase()}${kind === undefined ? "" : ` (${field.choices === undefined ? kind : field.choices.join(", ")})`}`;
    }),
  );
}

const PLAIN: Partial<Record<FieldModel["type"], string>> = {
  boolean: "yes or no",
  money: "money",
  choice: "choice",
  rating: "stars",
  integer: "whole number",
  decimal: "number",
};

function describeField(field: FieldModel, entity: EntityModel | undefined, model: AppModel): string {
  const target = model.entities.find(({ name }) => name === field.target);
  const kind = {
    text: "a line of text",
    longtext: "a text of any length",
    boolean: "a checkbox",
    date: "a date",
    datetime: "a date and time",
    time: "a time of day",
    integer: "a whole number",
    decimal: "a number",
    money: "an amount of money",
    rating: "a rating",
    email: "an email address",
    url: "a link",
    phone: "a phone number",
    choice: `one of ${listed(field.choices ?? [])}`,
    slug: "a slug",
    reference: `one of the ${target?.labelPlural ?? "records"}`,
  }[field.type];
  const source = entity?.fields.find((other) => other.name === field.filledFrom);
  return [
    kind,
    ...(field.unique === true ? ["unique"] : []),
    ...(source === undefined
      ? []
      : [`filled from ${source.label.toLowerCase()} where it is left out, and for the ${entity?.labelPlural ?? "rows"} that exist`]),
    ...(field.default === undefined ? [] : [`${JSON.stringify(field.default)} unless something else is said`]),
    ...(field.required ? (field.type === "boolean" ? [] : ["required"]) : field.default === undefined ? ["may be left empty"] : []),
  ].join(", ");
}

function leftOutLines(leftOut: readonly string[]): string[] {
  return leftOut.length === 0
    ? []
    : ["", "I did not understand this and left it out:", "", ...leftOut.slice(0, 5).map((text) => `- ${text.slice(0, 200)}`)];
}

function capitalized(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
