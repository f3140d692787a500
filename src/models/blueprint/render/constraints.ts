/** Names of constraints: said in migrations, understood by the server when a row breaks one. */
import { createHash } from "node:crypto";
import type { EntityModel, FieldModel } from "../entity-model.ts";

/** PostgreSQL cuts longer names off, without a word. */
const NAME_LENGTH_MAX = 63;

export function uniqueConstraint(entity: EntityModel, field: FieldModel): string {
  const name = `${entity.table}_${field.column}_key`;
  if (name.length <= NAME_LENGTH_MAX) return name;
  return `${name.slice(0, NAME_LENGTH_MAX - 13)}_${createHash("sha256").update(name).digest("hex").slice(0, 8)}_key`;
}
