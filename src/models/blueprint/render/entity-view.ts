/** What the templates of an entity are given: names, and lines that depend on its fields. */
import { isTextual, type EntityModel, type FieldModel } from "../entity-model.ts";
import { uniqueConstraint } from "./constraints.ts";
import { titleOf } from "./display.ts";
import { checkOf, columnTypeOf, controlOf, defaultOf, isNullable, kindOf } from "./field-kinds.ts";
import { fieldOf, filledValue, isFilled, isOptionalInput, sourceOf } from "./fill.ts";
import { detailView, listView } from "./page-view.ts";
import { testView } from "./test-view.ts";
import { capitalized, kebabCase, literal, pascalCase } from "./text.ts";
import { wording } from "./wording.ts";

export function entityView(entity: EntityModel, app: { name: string; description: string }, index: number) {
  const title = fieldOf(entity, entity.titleField);
  const others = entity.fields.filter((field) => field !== title);
  return {
    name: entity.name,
    plural: entity.plural,
    type: pascalCase(entity.name),
    types: pascalCase(entity.plural),
    path: kebabCase(entity.plural),
    table: entity.table,
    label: entity.label,
    labelPlural: entity.labelPlural,
    heading: capitalized(entity.labelPlural),
    ...wording(entity, app.name),
    // The app's own sentence stands above its first list.
    description: index === 0 ? app.description : "",
    hasLongText: entity.fields.some((field) => field.type === "longtext"),
    titleExpression: titleOf(title),
    ...schemaView(entity),
    ...serverView(entity),
    ...formView(entity),
    list: listView(title, others),
    detail: detailView(title, others),
    ...testView(entity),
  };
}

function schemaView(entity: EntityModel) {
  const { flag, choice } = filterFields(entity);
  const nullable = entity.fields.some((field) => isOptionalInput(entity, field));
  const builders = new Set([...entity.fields.map((field) => kindOf(field).builder), ...(nullable ? ["optional"] : [])]);
  return {
    fieldImports: [...builders, "listInput", "rowId"].sort(),
    checks: entity.fields.map((field) => {
      const check = isOptionalInput(entity, field) ? `optional(${checkOf(field)})` : checkOf(field);
      return `${field.name}: ${check},`;
    }),
    createDefaults: entity.fields.flatMap((field) => {
      const fallback = isFilled(entity, field) ? undefined : defaultOf(field);
      if (fallback !== undefined) return [`${field.name}: fields.${field.name}.default(${literal(fallback)}),`];
      return isOptionalInput(entity, field) ? [`${field.name}: fields.${field.name}.default(null),`] : [];
    }),
    flag: flag && {
      name: flag.name,
      column: flag.column,
      label: flag.label,
      offLabel: `Not ${flag.label.charAt(0).toLowerCase()}${flag.label.slice(1)}`,
    },
    choice: choice && {
      name: choice.name,
      column: choice.column,
      label: choice.label,
      check: checkOf(choice),
      choices: choice.choices ?? [],
    },
    filters: [flag, choice].flatMap((field) => field?.name ?? []),
    choiceAll: choice && `${choice.label}: all`,
    columns: entity.fields.map((field) => ({
      column: field.column,
      type: defaultOf(field) === undefined || field.type === "datetime" ? columnTypeOf(field) : `Generated<${columnTypeOf(field)}>`,
    })),
  };
}

function serverView(entity: EntityModel) {
  const uniques = entity.fields.filter((field) => field.unique === true);
  const filled = entity.fields.filter((field) => isFilled(entity, field));
  const freeSlugs = filled.filter((field) => field.type === "slug" && field.unique === true);
  const textual = entity.fields.filter((field) => isTextual(field.type));
  const searched = textual.length > 0 ? textual : [fieldOf(entity, entity.titleField)];
  return {
    selections: [
      "id",
      ...entity.fields.map((field) => (field.column === field.name ? field.column : `${field.column} as ${field.name}`)),
      "created_at as createdAt",
      "updated_at as updatedAt",
    ],
    searched: searched.map((field) =>
      isTextual(field.type) && field.type !== "choice" ? literal(field.column) : `row.cast<string>(${literal(field.column)}, "text")`,
    ),
    searchPlaceholder: `Search ${listed(
      searched
        .toSorted((a, b) => searchRank(a) - searchRank(b))
        .slice(0, 3)
        .map((field) => field.label.toLowerCase()),
    )}`,
    created: entity.fields.map((field) => ({
      column: field.column,
      value: isFilled(entity, field) ? `input.${field.name} ?? ${filledValue(entity, field)}` : `input.${field.name}`,
    })),
    updated: entity.fields.map((field) => ({
      column: field.column,
      // Without a new value a filled field keeps the one it has: addresses that people share stay good.
      value: isFilled(entity, field) && !isNullable(field) ? `input.${field.name} ?? undefined` : `input.${field.name}`,
    })),
    uniques: uniques.map((field) => ({
      constraint: uniqueConstraint(entity, field),
      field: field.name,
      message: `Another ${entity.label} has this ${field.label.toLowerCase()}.`,
    })),
    retried: freeSlugs.map((field) => uniqueConstraint(entity, field)),
    freeSlugs: freeSlugs.length > 0,
    usesSlugify: filled.some((field) => field.type === "slug"),
    freeSlugColumns: freeSlugs.map((field) => literal(field.column)).join(" | "),
  };
}

function formView(entity: EntityModel) {
  const fields = entity.fields;
  const halves = pairs(fields);
  const controls = new Set(
    fields
      .map((field) =>
        field.type === "choice" ? "" : field.type === "longtext" ? "Textarea" : field.type === "boolean" ? "Checkbox" : "Input",
      )
      .filter((name) => name !== ""),
  );
  return {
    inputImports: [...controls].sort(),
    hasSelect: fields.some((field) => field.type === "choice"),
    hasMoment: fields.some((field) => field.type === "datetime"),
    formFields: fields.map((field) => {
      const source = isFilled(entity, field) ? sourceOf(entity, field) : undefined;
      return {
        name: field.name,
        label: field.label,
        hint: source && `Made from ${source.label.toLowerCase()} when left empty.`,
        editHint: isNullable(field) ? "" : "Stays as it is when left empty.",
        optional: field.type !== "boolean" && isOptionalInput(entity, field),
        half: halves.has(field),
        inline: field.type === "boolean",
        control: controlOf(field),
      };
    }),
  };
}

function filterFields(entity: EntityModel): { flag: FieldModel | undefined; choice: FieldModel | undefined } {
  return { flag: entity.fields.find((field) => field.type === "boolean"), choice: entity.fields.find((field) => field.type === "choice") };
}

/** What people would think of searching in comes first. */
function searchRank(field: FieldModel): number {
  return field.type === "text" || field.type === "longtext" ? 0 : 1;
}

/** Narrow fields that stand next to another one; a single one would leave a hole. */
function pairs(fields: FieldModel[]): Set<FieldModel> {
  const paired = new Set<FieldModel>();
  for (let index = 0; index + 1 < fields.length; index += 1) {
    const [left, right] = [fields[index], fields[index + 1]];
    if (left === undefined || right === undefined || !kindOf(left).half || !kindOf(right).half) continue;
    paired.add(left).add(right);
    index += 1;
  }
  return paired;
}

function listed(words: string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1) ?? ""}`;
}
