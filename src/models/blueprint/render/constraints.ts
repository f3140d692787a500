/** Names of constraints and indexes: said in migrations, understood by the server when a row breaks one. */
import { createHash } from "node:crypto";
import type { EntityModel, FieldModel } from "../entity-model.ts";

/** PostgreSQL cuts longer names off, without a word. */
const NAME_LENGTH_MAX = 63;

type Named = Pick<EntityModel, "table">;
type Column = Pick<FieldModel, "column">;

export function uniqueConstraint(entity: Named, field: Column): string {
  return constraintName(entity, field, "key");
}

/** That the row exists which a reference leads to. */
export function referenceConstraint(entity: Named, field: Column): string {
  return constraintName(entity, field, "fkey");
}

/** That a value is one of the choices, or within its limits. */
export function checkConstraint(entity: Named, field: Column): string {
  return constraintName(entity, field, "check");
}

/** Finds the rows that refer to one. */
export function referenceIndex(entity: Named, field: Column): string {
  return constraintName(entity, field, "idx");
}

function constraintName(entity: Named, field: Column, kind: "key" | "fkey" | "check" | "idx"): string {
  const name = `${entity.table}_${field.column}_${kind}`;
  if (name.length <= NAME_LENGTH_MAX) return name;
  return `${name.slice(0, NAME_LENGTH_MAX - 10 - kind.length)}_${createHash("sha256").update(name).digest("hex").slice(0, 8)}_${kind}`;
}
