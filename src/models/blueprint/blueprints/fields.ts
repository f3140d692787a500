/** Short ways to write the fields and entities of vetted apps. */
import type { EntityModel, FieldModel, FieldType, OnDelete } from "../entity-model.ts";
import { camelCase, snakeCase, wordsOf } from "../language/naming.ts";
import { entityNames } from "../names.ts";

type Rules = Partial<Omit<FieldModel, "name" | "column" | "label" | "type" | "target" | "onDelete">>;

/** A field that is named after its label. */
export function field(label: string, type: FieldType, rules: Rules = {}): FieldModel {
  const words = wordsOf(label);
  const fallback = type === "boolean" ? { default: false } : {};
  return { name: camelCase(words), column: snakeCase(words), label, type, required: type === "boolean", ...fallback, ...rules };
}

export function reference(label: string, target: string, onDelete: OnDelete, rules: Rules = {}): FieldModel {
  const words = [...wordsOf(label), "id"];
  return {
    name: camelCase(words),
    column: snakeCase(words),
    label,
    type: "reference",
    required: onDelete !== "clear",
    target,
    onDelete,
    ...rules,
  };
}

/** An entity that is named after one of its records: "blog post". */
export function entity(one: string, titleField: string, fields: FieldModel[], seed: Record<string, unknown>[]): EntityModel {
  return { ...entityNames(wordsOf(one)), titleField, fields, seed };
}

/** Days relative to the start of the run, as dates and moments. */
export function calendar(now: Date) {
  const at = (days: number) => new Date(now.getTime() + days * 86_400_000).toISOString().slice(0, 10);
  return { day: at, moment: (days: number, time: string) => `${at(days)}T${time}:00.000Z` };
}
