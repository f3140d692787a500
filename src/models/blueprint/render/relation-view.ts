/** What the templates of an entity are given of those that it refers to, and of those that refer to it. */
import type { AppModel, EntityModel, FieldModel } from "../entity-model.ts";
import type { ShownField } from "./display.ts";
import { isNullable } from "./field-kinds.ts";
import { fieldOf } from "./fill.ts";
import { targetsOf } from "./form-view.ts";
import { entityOf, propertiesOf, relationsFrom, relationsTo } from "./relations.ts";
import { capitalized, kebabCase, listed, pascalCase } from "./text.ts";

/** What the entity gets from those that it refers to, and what those that refer to it get. */
export function relationView(model: AppModel, entity: EntityModel, filters: readonly FieldModel[]) {
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
      filters.flatMap((field) => references.filter((relation) => relation.field === field).map(({ parent }) => parent)),
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
