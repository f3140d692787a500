/** SQL that gives the values of a column rows of their own, which the old rows then refer to. */
import type { EntityModel, FieldModel } from "../entity-model.ts";
import { accept, ONE_PASS } from "./migrations.ts";
import { sqlName } from "./text.ts";

/** Between the new table with its reference, and the end of the old column: no value is lost. Blank ones refer to nothing. */
export function fillReference(
  entity: EntityModel,
  from: FieldModel,
  to: { entity: EntityModel; title: FieldModel; reference: FieldModel },
): string[] {
  const [table, column] = [sqlName(entity.table), sqlName(from.column)];
  const [target, title] = [sqlName(to.entity.table), sqlName(to.title.column)];
  return [
    `insert into ${target} (${title})\nselect distinct btrim(${column}) from ${table} where btrim(${column}) <> '' order by 1;`,
    accept(
      "backfill-in-one-statement",
      ONE_PASS,
      `update ${table} set ${sqlName(to.reference.column)} = ${target}."id" from ${target} where ${target}.${title} = btrim(${table}.${column});`,
    ),
  ];
}
