/** What the tests of a generated app, and the example in its README, say of an entity. */
import { isTextual, type EntityModel, type FieldModel } from "../entity-model.ts";
import { defaultOf } from "./field-kinds.ts";
import { fieldOf, isFilled, isOptionalInput, sourceOf } from "./fill.ts";
import { sampleHelpers, sampleOf, searchableSample } from "./samples.ts";
import { literal } from "./text.ts";

export function testView(entity: EntityModel) {
  const title = fieldOf(entity, entity.titleField);
  const searchable = searchableSample(entity);
  const required = entity.fields.find((field) => !isOptionalInput(entity, field) && defaultOf(field) === undefined);
  const blank = entity.fields.find(
    (field) => isOptionalInput(entity, field) && !isFilled(entity, field) && isTextual(field.type) && field.type !== "choice",
  );
  const filledSlug = entity.fields.find((field) => field.type === "slug" && isFilled(entity, field) && field.unique === true);
  const slugSource = filledSlug && sourceOf(entity, filledSlug);
  const changed = isFilled(entity, title) ? undefined : changedTitle(title);
  return {
    samples: entity.fields.flatMap((field) => {
      const sample = sampleOf(entity, field);
      return sample === undefined ? [] : [{ name: field.name, sample }];
    }),
    sampleHelpers: sampleHelpers(entity),
    usesWord: entity.fields.some((field) => /\bword\b/.test(sampleOf(entity, field) ?? "")),
    curlExample: curlExample(entity),
    searchable: searchable !== undefined,
    titleShowsWord: searchable === title && title.type !== "choice",
    required: required && { name: required.name, label: required.label },
    blank: blank && { name: blank.name },
    filled:
      filledSlug && slugSource && slugSource.type === "text" && slugSource.unique !== true
        ? { name: filledSlug.name, source: slugSource.name }
        : undefined,
    changed: changed && { name: title.name, value: changed, isText: title.type === "text" },
  };
}

/** The body of a create for a shell: what must be said and no more. */
function curlExample(entity: EntityModel): string {
  const body = Object.fromEntries(
    entity.fields.flatMap((field) => {
      if (isOptionalInput(entity, field) || defaultOf(field) !== undefined) return [];
      return [[field.name, exampleOf(field)]];
    }),
  );
  return `'${JSON.stringify(body).replaceAll("'", "'\\''")}'`;
}

function exampleOf(field: FieldModel): unknown {
  const examples: Record<string, unknown> = {
    boolean: true,
    date: "2026-03-14",
    datetime: "2026-03-14T09:30:00Z",
    integer: 7,
    decimal: 12.5,
    email: "name@example.com",
    url: "https://example.com",
    slug: "an-example",
    choice: field.choices?.[0],
  };
  return examples[field.type] ?? "An example";
}

/** A second value for the title, other than its sample. */
function changedTitle(title: FieldModel): string | undefined {
  switch (title.type) {
    case "text":
      return "`Changed ${word}`";
    case "longtext":
      return literal("Changed.");
    case "email":
      return "`changed-${word}@example.com`";
    case "url":
      return "`https://example.com/changed/${word}`";
    case "integer":
    case "decimal":
      return title.unique ? undefined : "8";
    case "date":
      return title.unique ? undefined : literal("2026-03-15");
    default:
      return undefined;
  }
}
