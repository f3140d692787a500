/** Sample rows for previews: the same for the same model and day, and plausible enough to judge a page by. */
import { RATING_MAX, type EntityModel, type FieldModel } from "./entity-model.ts";

const ROWS = 4;
const DAY_MS = 86_400_000;
const ORDINALS = ["First", "Second", "Third", "Fourth"];
const PEOPLE = ["Ada Moreau", "Jonas Weber", "Mira Okafor", "Lena Castillo"];
const PLACES = ["Lisbon", "Oslo", "Nairobi", "Kyoto"];
const SENTENCES = [
  "Written down so that nobody has to remember it.",
  "Looked at twice, and nothing was missing.",
  "There is more to say about this one.\n\nIt can wait until next week.",
  "Short and to the point.",
];
const PERSON_WORDS =
  /\b(?:author|owner|person|contact|assignee|doctor|teacher|walker|artist|creator|customer|student|member|player|guest|employee|host|speaker|reviewer|by|who)\b/;
const PLACE_WORDS = /\b(?:location|place|city|town|address|venue|region|country|area|site|where|room|shelf)\b/;

/** `now` is the start of the run: dates in the rows lie around it. */
export function seedRows(entity: Pick<EntityModel, "label" | "titleField" | "fields">, now: Date): Record<string, unknown>[] {
  return Array.from({ length: ROWS }, (_, index) =>
    Object.fromEntries(
      entity.fields.flatMap((field): [string, unknown][] => {
        if (field.filledFrom !== undefined) return [];
        // An empty value here and there shows how a page looks with one.
        if (!field.required && index === ROWS - 1 && field.type !== "boolean") return [];
        return [[field.name, sample(field, entity, index, now)]];
      }),
    ),
  );
}

/** The entity's rows with a value for each added field, as far as the field is not made from another or has a default. */
export function extendSeed(entity: EntityModel, added: readonly FieldModel[], now: Date): Record<string, unknown>[] {
  return entity.seed.map((row, index) => {
    const values = added.filter((field) => field.filledFrom === undefined && field.default === undefined && index < ROWS - 1);
    return { ...row, ...Object.fromEntries(values.map((field) => [field.name, sample(field, entity, index, now)])) };
  });
}

function sample(field: FieldModel, entity: Pick<EntityModel, "label" | "titleField">, index: number, now: Date): unknown {
  const day = new Date(now.getTime() - (index * 9 + 2) * DAY_MS);
  switch (field.type) {
    case "text":
      return sampleText(field, entity, index);
    case "longtext":
      return SENTENCES[index];
    case "boolean":
      return index % 2 === 0;
    case "date":
      return day.toISOString().slice(0, 10);
    case "datetime":
      return `${day.toISOString().slice(0, 10)}T${String(9 + index).padStart(2, "0")}:30:00.000Z`;
    case "integer":
      return [3, 12, 1, 28][index];
    case "decimal":
    case "money":
      return [12.5, 49, 7.25, 130][index];
    case "rating":
      return Math.max(1, (field.max ?? RATING_MAX) - ([0, 1, 0, 2][index] ?? 0));
    case "time":
      return ["09:00", "13:30", "18:15", "20:00"][index];
    case "phone":
      return `+44 20 7946 0${100 + index * 111}`;
    case "reference":
      // The seed of its target has as many rows.
      return index;
    case "email":
      return `${(PEOPLE[index] ?? "").toLowerCase().replaceAll(" ", ".")}@example.org`;
    case "url":
      return `https://example.org/${field.column.replaceAll("_", "-")}/${index + 1}`;
    case "choice":
      return field.choices?.[index % field.choices.length];
    case "slug":
      return `sample-${index + 1}`;
  }
}

function sampleText(field: FieldModel, entity: Pick<EntityModel, "label" | "titleField">, index: number): string {
  const label = field.label.toLowerCase();
  if (
    PERSON_WORDS.test(label) ||
    (/\bname$/.test(label) &&
      /\b(?:person|people|customer|member|student|contact|employee|player|guest|friend|patient|client|child)\b/.test(entity.label))
  )
    return PEOPLE[index] ?? "";
  if (PLACE_WORDS.test(label)) return PLACES[index] ?? "";
  if (field.name === entity.titleField) return `${ORDINALS[index] ?? ""} ${entity.label}`;
  return `${field.label} ${"ABCD"[index] ?? ""}`;
}
