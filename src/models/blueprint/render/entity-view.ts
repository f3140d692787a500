/** What the templates of an entity are given: names, and lines that depend on its fields. */
import { isFilter, isSummed, isTextual, type AppModel, type EntityModel, type FieldModel } from "../entity-model.ts";
import { referenceConstraint, uniqueConstraint } from "./constraints.ts";
import { formattersOf, titleOf } from "./display.ts";
import { checkOf, columnTypeOf, defaultOf, isNullable, kindOf } from "./field-kinds.ts";
import { fieldOf, filledValue, isFilled, isOptionalInput } from "./fill.ts";
import { formView } from "./form-view.ts";
import { detailView, listView } from "./page-view.ts";
import { relationView, shownFieldsOf } from "./relation-view.ts";
import { entityOf, propertiesOf, relationsTo } from "./relations.ts";
import { testView } from "./test-view.ts";
import { capitalized, kebabCase, listed, literal, pascalCase } from "./text.ts";
import { wording } from "./wording.ts";

export function entityView(model: AppModel, entity: EntityModel) {
  const title = fieldOf(entity, entity.titleField);
  const shownFields = shownFieldsOf(model, entity);
  const others = shownFields.filter(({ field }) => field !== title);
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
    ...wording(entity, model.name),
    // The app's own sentence stands above its first list.
    description: entity === model.entities[0] ? model.description : "",
    hasLongText: entity.fields.some((field) => field.type === "longtext"),
    titleExpression: titleOf(title),
    titleFormatters: formattersOf([{ field: title }]),
    // A change here shows on the pages of what it is related to.
    related: model.entities.some((other) => other.fields.some((field) => field.type === "reference")) || model.features !== undefined,
    ...schemaView(entity),
    ...serverView(model, entity),
    ...formView(model, entity),
    ...relationView(model, entity, filterFields(entity)),
    list: listView(entity, title, others, propertiesOf(model, entity)),
    detail: detailView(title, others),
    ...testView(model, entity),
  };
}

function schemaView(entity: EntityModel) {
  const nullable = entity.fields.some((field) => isOptionalInput(entity, field));
  const builders = new Set([...entity.fields.map((field) => kindOf(field).builder), ...(nullable ? ["optional"] : [])]);
  const filters = filterFields(entity);
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
    filters: filters.map((field, index) => ({
      name: field.name,
      column: field.column,
      label: field.label,
      check: field.type === "boolean" ? `fields.${field.name}` : field.type === "reference" ? "rowId" : checkOf(field),
      isSegmented: field.type === "boolean" && index === filters.findIndex((other) => other.type === "boolean"),
      isFlag: field.type === "boolean",
      isChoice: field.type === "choice",
      isReference: field.type === "reference",
      offLabel: `Not ${field.label.charAt(0).toLowerCase()}${field.label.slice(1)}`,
      allLabel: `${field.label}: all`,
      constant: `${field.name}Choices`,
      choices: field.choices ?? [],
      target: field.target === undefined ? "" : `${field.target}Options`,
    })),
    hasManyFilters: filters.length > 2,
    hasSegmented: filters.some((field) => field.type === "boolean"),
    hasFlag: filters.some((field) => field.type === "boolean"),
    hasBareSelect: filters.some((field) => field.type === "choice") || filters.filter((field) => field.type === "boolean").length > 1,
    filterNames: filters.map((field) => field.name),
    // Pages of what a row refers to list it, whether people filter by that or not.
    listInputs: entity.fields
      .filter((field) => filters.includes(field) || field.type === "reference")
      .map((field) => ({
        name: field.name,
        column: field.column,
        check: field.type === "reference" ? "rowId" : field.type === "boolean" ? `fields.${field.name}` : checkOf(field),
        isNullable: isNullable(field),
      })),
    columns: entity.fields.map((field) => ({
      column: field.column,
      type: defaultOf(field) === undefined || field.type === "datetime" ? columnTypeOf(field) : `Generated<${columnTypeOf(field)}>`,
    })),
  };
}

function serverView(model: AppModel, entity: EntityModel) {
  const filled = entity.fields.filter((field) => isFilled(entity, field));
  const freeSlugs = filled.filter((field) => field.type === "slug" && field.unique === true);
  const textual = entity.fields.filter((field) => isTextual(field.type));
  const searched = textual.length > 0 ? textual : [fieldOf(entity, entity.titleField)];
  const refusals = refusalsOf(model, entity);
  const held = relationsTo(model, entity).some(({ field }) => field.onDelete === "restrict");
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
    sums: entity.fields.filter(isSummed).map((field) => ({ name: field.name, column: field.column, label: field.label })),
    refusals,
    writeImports: [
      ...(held ? ["deleteRow"] : []),
      ...(freeSlugs.length > 0 ? ["firstFree"] : []),
      ...(refusals.length > 0 ? ["writeRow"] : []),
    ],
    retried: freeSlugs.map((field) => uniqueConstraint(entity, field)),
    freeSlugs: freeSlugs.length > 0,
    usesSlugify: filled.some((field) => field.type === "slug"),
    freeSlugColumns: freeSlugs.map((field) => literal(field.column)).join(" | "),
  };
}

/** What to say, and where, when a row breaks a constraint. */
function refusalsOf(model: AppModel, entity: EntityModel) {
  return entity.fields.flatMap((field) => {
    if (field.unique === true)
      return [
        {
          constraint: uniqueConstraint(entity, field),
          field: field.name,
          message: `Another ${entity.label} has this ${field.label.toLowerCase()}.`,
        },
      ];
    if (field.type !== "reference") return [];
    const { label } = entityOf(model, field.target ?? "");
    return [{ constraint: referenceConstraint(entity, field), field: field.name, message: `This ${label} is gone. Choose another one.` }];
  });
}

const FILTERS_MAX = 4;

function filterFields(entity: EntityModel): FieldModel[] {
  return entity.fields.filter(isFilter).slice(0, FILTERS_MAX);
}

/** What people would think of searching in comes first. */
function searchRank(field: FieldModel): number {
  return field.type === "text" || field.type === "longtext" ? 0 : 1;
}
