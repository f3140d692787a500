/** Values for the tests of a generated app: expressions that differ from row to row where they must. */
import { isTextual, type EntityModel, type FieldModel } from "../entity-model.ts";
import { isFilled } from "./fill.ts";
import { literal } from "./text.ts";

/** An expression in which `word` is a unique word, or undefined when the field is left to be filled. */
export function sampleOf(entity: EntityModel, field: FieldModel): string | undefined {
  if (isFilled(entity, field)) return undefined;
  switch (field.type) {
    case "text":
      return field.name === entity.titleField
        ? `\`Sample \${word}\``
        : literal(`Sample ${field.label.toLowerCase()}`).replace(/"$/, field.unique ? ` " + word` : '"');
    case "longtext":
      return literal("First paragraph.\n\nSecond paragraph.");
    case "boolean":
      return "true";
    case "date":
      return field.unique ? "uniqueMoment().toISOString().slice(0, 10)" : literal("2026-03-14");
    case "datetime":
      return field.unique ? "uniqueMoment().toISOString()" : literal("2026-03-14T09:30:00.000Z");
    case "time":
      return literal("09:30");
    case "phone":
      return "`+44 20 ${uniqueNumber()}`";
    case "rating":
      return "2";
    case "reference":
      return undefined;
    case "money":
      return field.unique ? "uniqueNumber()" : within(field, 12.5);
    case "integer":
      return field.unique ? "uniqueNumber()" : within(field, typeof field.default === "number" ? field.default + 1 : 7);
    case "decimal":
      return field.unique ? "uniqueNumber()" : within(field, 12.5);
    case "email":
      return "`${word}@example.com`";
    case "url":
      return "`https://example.com/${word}`";
    case "choice":
      return literal(field.choices?.[0] ?? "");
    case "slug":
      return "`sample-${word}`";
  }
}

/** `wanted`, or what is nearest to it within the field's limits. */
export function within(field: FieldModel, wanted: number): string {
  return String(Math.min(Math.max(wanted, field.min ?? wanted), field.max ?? wanted));
}

/** Helpers of `test/support/server.ts` that the samples of these fields call. */
export function sampleHelpers(entity: EntityModel): string[] {
  const text = entity.fields.map((field) => sampleOf(entity, field) ?? "").join(" ");
  return ["uniqueMoment", "uniqueNumber"].filter((helper) => text.includes(`${helper}(`));
}

/** The field in whose sample the unique word can be searched for. */
export function searchableSample(entity: EntityModel): FieldModel | undefined {
  const hasWord = (field: FieldModel) => isTextual(field.type) && (sampleOf(entity, field) ?? "").includes("word");
  return entity.fields.find((field) => field.name === entity.titleField && hasWord(field)) ?? entity.fields.find(hasWord);
}
