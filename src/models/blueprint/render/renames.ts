/** SQL that gives tables and columns other names, with all that is named after them, and that takes them away. */
import type { EntityModel, FieldModel } from "../entity-model.ts";
import { checkConstraint, referenceConstraint, referenceIndex, uniqueConstraint } from "./constraints.ts";
import { checkExpression } from "./field-kinds.ts";
import { sqlName } from "./text.ts";

export function renameColumn(entity: EntityModel, from: FieldModel, to: FieldModel): string[] {
  return [
    `alter table ${sqlName(entity.table)} rename column ${sqlName(from.column)} to ${sqlName(to.column)};`,
    ...renameBelongings(entity, from, entity, to),
  ];
}

/** References of other tables follow by themselves. */
export function renameTable(from: EntityModel, to: EntityModel): string[] {
  return [
    `alter table ${sqlName(from.table)} rename to ${sqlName(to.table)};`,
    ...from.fields.flatMap((field) => renameBelongings(from, field, to, field)),
  ];
}

/** What the server knows by its name, and what later migrations change. */
function renameBelongings(fromEntity: EntityModel, from: FieldModel, toEntity: EntityModel, to: FieldModel): string[] {
  const constraint = (nameOf: typeof uniqueConstraint) =>
    `alter table ${sqlName(toEntity.table)} rename constraint ${sqlName(nameOf(fromEntity, from))} to ${sqlName(nameOf(toEntity, to))};`;
  return [
    ...(from.unique === true ? [constraint(uniqueConstraint)] : []),
    ...(checkExpression(from) === undefined ? [] : [constraint(checkConstraint)]),
    ...(from.type === "reference"
      ? [
          constraint(referenceConstraint),
          `alter index ${sqlName(referenceIndex(fromEntity, from))} rename to ${sqlName(referenceIndex(toEntity, to))};`,
        ]
      : []),
  ];
}

/** With its constraints and indexes. */
export function dropColumn(entity: EntityModel, field: FieldModel): string[] {
  return [`alter table ${sqlName(entity.table)} drop column ${sqlName(field.column)};`];
}

/** Nothing may refer to it any more. */
export function dropTable(entity: EntityModel): string[] {
  return [`drop table ${sqlName(entity.table)};`];
}
