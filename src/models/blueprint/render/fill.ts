/** Fields that are made from another field: which pairs work, and the expression in the server. */
import { AdorableError } from "../../../core/errors.ts";
import { isTextual, type EntityModel, type FieldModel } from "../entity-model.ts";
import { isNullable } from "./field-kinds.ts";
import { literal } from "./text.ts";

/** The field that `field` is filled from. Throws `cannot-fill-field` (author) when its values cannot become those of `field`. */
export function sourceOf(entity: EntityModel, field: FieldModel): FieldModel | undefined {
  if (field.filledFrom === undefined) return undefined;
  const source = entity.fields.find((other) => other.name === field.filledFrom);
  if (source === undefined || !fits(source, field)) {
    throw new AdorableError({
      code: "cannot-fill-field",
      remedy: "author",
      message: `"${field.label}" cannot be filled from "${source?.label ?? field.filledFrom}".`,
      hint: "Fill a text from a text, a slug from any field, and other fields from one of the same type.",
    });
  }
  return source;
}

function fits(source: FieldModel, field: FieldModel): boolean {
  if (field.type === "slug") return true;
  if (field.type === "choice") return source.type === "choice" && (source.choices ?? []).every((choice) => field.choices?.includes(choice));
  return isTextual(field.type) ? isTextual(source.type) : source.type === field.type;
}

/** True when the API may leave the field out because its source always has a value. */
export function isFilled(entity: EntityModel, field: FieldModel): boolean {
  const source = sourceOf(entity, field);
  if (source === undefined || field.type === "boolean") return false;
  if (field.type === "slug" || isNullable(field)) return true;
  return !isNullable(source) && !isFilled(entity, source);
}

/** What a new row gets when the input leaves the field out. */
export function filledValue(entity: EntityModel, field: FieldModel): string {
  const source = sourceOf(entity, field);
  if (source === undefined) return "null";
  const value = `input.${source.name}`;
  const text = isTextual(source.type) ? value : `String(${value})`;
  const mayBeNull = isNullable(source) || isFilled(entity, source);
  if (field.type !== "slug") {
    if (field.type !== "text" || source.type !== "longtext") return value;
    return mayBeNull ? `(${value}?.slice(0, 200) ?? null)` : `${value}.slice(0, 200)`;
  }
  const base = `slugify(${mayBeNull ? (isTextual(source.type) ? `${value} ?? ""` : `String(${value} ?? "")`) : text}, ${literal(slugFallback(entity))})`;
  return field.unique === true ? `(await freeSlug(ctx.db, ${literal(field.column)}, ${base}))` : base;
}

/** The slug of a row whose source has no letter or digit. */
export function slugFallback(entity: EntityModel): string {
  return entity.name.toLowerCase();
}

/** The input may be left out or blank: it is empty then, or made from another field. */
export function isOptionalInput(entity: EntityModel, field: FieldModel): boolean {
  return isNullable(field) || isFilled(entity, field);
}

/** The field of that name; the model is checked, so it is there. */
export function fieldOf(entity: EntityModel, name: string): FieldModel {
  const field = entity.fields.find((other) => other.name === name);
  if (field === undefined) throw new Error(`The entity "${entity.name}" has no field "${name}".`);
  return field;
}
