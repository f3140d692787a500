/** What the templates of an entity are given: names, and lines that depend on its fields. */
import { isFilter, isSummed, isTextual, type AppModel, type EntityModel, type FieldModel } from "../entity-model.ts";
import { referenceConstraint, uniqueConstraint } from "./constraints.ts";
import { controlOf } from "./controls.ts";
import { formattersOf, shown, titleOf, type ShownField } from "./display.ts";
import { checkOf, columnTypeOf, defaultOf, isNullable, kindOf } from "./field-kinds.ts";
import { fieldOf, filledValue, isFilled, isOptionalInput, sourceOf } from "./fill.ts";
import { detailView, listView } from "./page-view.ts";
import { entityOf, propertiesOf, relationsFrom, relationsTo } from "./relations.ts";
import { testView } from "./test-view.ts";
import { capitalized, kebabCase, literal, pascalCase } from "./text.ts";
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
    ...relationView(model, entity),
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

function formView(model: AppModel, entity: EntityModel) {
  const { fields } = entity;
  const halves = pairs(fields);
  const { titles } = propertiesOf(model, entity);
  const references = relationsFrom(model, entity);
  const formFields = fields.map((field) => {
    const source = isFilled(entity, field) ? sourceOf(entity, field) : undefined;
    const parent = references.find((relation) => relation.field === field)?.parent;
    const choices = parent && {
      options: `${parent.name}Options`,
      path: kebabCase(parent.plural),
      label: parent.label,
      labelPlural: parent.labelPlural,
      current: shown({ field, referred: { property: titles.get(field.name) ?? "", title: fieldOf(parent, parent.titleField) } }),
    };
    return {
      name: field.name,
      label: field.label,
      hint: source && `Made from ${source.label.toLowerCase()} when left empty.`,
      editHint: isNullable(field) ? "" : "Stays as it is when left empty.",
      optional: field.type !== "boolean" && isOptionalInput(entity, field),
      half: halves.has(field),
      inline: field.type === "boolean",
      control: controlOf(field, choices),
    };
  });
  const controls = formFields.map(({ control }) => control).join("\n");
  const uses = (names: string[]) => names.filter((name) => controls.includes(`<${name} `));
  return {
    formFields,
    inputImports: uses(["Checkbox", "Input", "Suffixed", "Textarea"]),
    usesReferenceSelect: references.length > 0,
    selectImports: uses(["RatingSelect", "Select"]),
    formFormatters: [
      ...(fields.some((field) => field.type === "datetime") ? ["toLocalInput"] : []),
      ...formattersOf(references.map(({ parent }) => ({ field: fieldOf(parent, parent.titleField) }))),
    ].filter((name, index, all) => controls.includes(`${name}(`) && all.indexOf(name) === index),
    optionHooks: targetsOf(references.map(({ parent }) => parent)),
  };
}

/** The hooks that give the options of these entities, each once. */
function targetsOf(parents: EntityModel[]) {
  return [...new Set(parents)].map((parent) => ({
    variable: `${parent.name}Options`,
    hook: `use${pascalCase(parent.name)}Options`,
    path: kebabCase(parent.plural),
  }));
}

/** What the entity gets from those that it refers to, and what those that refer to it get. */
function relationView(model: AppModel, entity: EntityModel) {
  const { titles, related } = propertiesOf(model, entity);
  const references = relationsFrom(model, entity);
  const incoming = relationsTo(model, entity);
  const title = fieldOf(entity, entity.titleField);
  const restricting = related.filter(({ relation }) => relation.field.onDelete === "restrict");
  return {
    referenceColumns: references.map(({ field, parent }) => {
      const parentTitle = fieldOf(parent, parent.titleField);
      return {
        table: parent.table,
        column: field.column,
        title: parentTitle.column,
        property: titles.get(field.name) ?? "",
        notNull: field.required && !isNullable(parentTitle),
      };
    }),
    relatedColumns: related.map(({ relation, count, sums }) => ({
      table: relation.child.table,
      column: relation.field.column,
      count,
      sums: sums.map((sum) => ({ column: sum.field.column, name: sum.name })),
    })),
    hasRelations: references.length + incoming.length > 0,
    isTarget: incoming.length > 0,
    titleColumn: title.column,
    titleRenamed: title.column !== title.name,
    titleSelection: `${title.column} as ${title.name}`,
    referenceNames: references.map(({ field }) => field.name),
    filterHooks: targetsOf(
      filterFields(entity).flatMap((field) => references.filter((relation) => relation.field === field).map(({ parent }) => parent)),
    ),
    isListedElsewhere: references.length > 0,
    relatedLists: related.map(({ relation: { child, field }, count }) => ({
      component: `Related${pascalCase(child.plural)}`,
      path: kebabCase(child.plural),
      heading:
        incoming.filter((other) => other.child === child).length === 1
          ? capitalized(child.labelPlural)
          : `${capitalized(child.labelPlural)} · ${field.label}`,
      field: field.name,
      count,
    })),
    relatedImports: [...new Set(incoming.map(({ child }) => child))].map((child) => ({
      component: `Related${pascalCase(child.plural)}`,
      path: kebabCase(child.plural),
    })),
    heldBy:
      restricting.length === 0
        ? ""
        : `This ${entity.label} still has ${listed([...new Set(restricting.map(({ relation }) => relation.child.labelPlural))])}. Delete them first, or change what they belong to.`,
    takesAlong: [
      ...new Set(related.filter(({ relation }) => relation.field.onDelete === "cascade").map(({ relation }) => relation.child.labelPlural)),
    ].join(" and "),
  };
}

/** The fields with what their display needs of other entities. */
export function shownFieldsOf(model: AppModel, entity: EntityModel): ShownField[] {
  const { titles } = propertiesOf(model, entity);
  return entity.fields.map((field) => {
    if (field.type !== "reference") return { field };
    const parent = entityOf(model, field.target ?? "");
    return {
      field,
      referred: { property: titles.get(field.name) ?? "", title: fieldOf(parent, parent.titleField) },
      path: kebabCase(parent.plural),
    };
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
