/** What the templates of an entity are given: names, and lines that depend on its fields. */
import { isTextual, type EntityModel, type FieldModel } from "../entity-model.ts";
import { uniqueConstraint } from "./constraints.ts";
import { factOf, formatterOf, metaOf, titleOf } from "./display.ts";
import { checkOf, columnTypeOf, controlOf, defaultOf, isNullable, kindOf } from "./field-kinds.ts";
import { filledValue, isFilled, sourceOf } from "./fill.ts";
import { sampleHelpers, sampleOf, searchableSample } from "./samples.ts";
import { capitalized, kebabCase, literal, pascalCase } from "./text.ts";

const LEAD_NAME = /summary|subtitle|excerpt|teaser|tagline|abstract|intro|description/i;
const META_MAX = 3;
const BADGES_MAX = 3;

export type EntityView = ReturnType<typeof entityView>;

export function entityView(entity: EntityModel, app: { name: string; description: string }, index: number) {
  const title = must(entity, entity.titleField);
  const others = entity.fields.filter((field) => field !== title);
  return {
    name: entity.name,
    plural: entity.plural,
    type: pascalCase(entity.name),
    types: pascalCase(entity.plural),
    path: kebabCase(entity.plural),
    table: entity.table,
    label: entity.label,
    labelPlural: entity.labelPlural,
    heading: capitalized(entity.labelPlural),
    ...wording(entity, app.name),
    // The app's own sentence stands above its first list.
    description: index === 0 ? app.description : "",
    hasLongText: entity.fields.some((field) => field.type === "longtext"),
    titleExpression: titleOf(title),
    ...schemaView(entity),
    ...serverView(entity),
    ...formView(entity),
    list: listView(title, others),
    detail: detailView(title, others),
    ...testView(entity),
  };
}

function wording(entity: EntityModel, app: string) {
  const { label, labelPlural } = entity;
  const heading = capitalized(labelPlural);
  return {
    article: /^[aeiou]/i.test(label) ? "an" : "a",
    newLabel: `New ${label}`,
    editTitle: `Edit ${label}`,
    createAction: `Create ${label}`,
    deleteAction: `Delete ${label}`,
    deleteTitle: `Delete this ${label}?`,
    createdToast: `${capitalized(label)} created`,
    deletedToast: `${capitalized(label)} deleted`,
    backLabel: `All ${labelPlural}`,
    backToOneLabel: `Back to the ${label}`,
    notFoundTitle: `There is no such ${label}`,
    emptyTitle: `No ${labelPlural} yet`,
    emptyText: `${heading} appear here, newest first. Begin by adding one.`,
    searchLabel: `Search ${labelPlural}`,
    pagesHeading: `Pages of ${labelPlural}`,
    titles: { list: `${heading} · ${app}`, new: `New ${label} · ${app}`, edit: `Edit ${label} · ${app}` },
  };
}

function schemaView(entity: EntityModel) {
  const { flag, choice } = filterFields(entity);
  const nullable = entity.fields.some((field) => isOptionalInput(entity, field));
  const builders = new Set([...entity.fields.map((field) => kindOf(field).builder), ...(nullable ? ["optional"] : [])]);
  return {
    fieldImports: [...builders, "listInput", "rowId"].sort(),
    checks: entity.fields.map((field) => {
      const check = isOptionalInput(entity, field) ? `optional(${checkOf(field)})` : checkOf(field);
      return `${field.name}: ${check},`;
    }),
    createDefaults: entity.fields.flatMap((field) => {
      const fallback = isFilled(entity, field) ? undefined : defaultOf(field);
      if (fallback !== undefined) return [`${field.name}: fields.${field.name}.default(${literal(fallback)}),`];
      return isOptionalInput(entity, field) ? [`${field.name}: fields.${field.name}.default(null),`] : [];
    }),
    flag: flag && {
      name: flag.name,
      column: flag.column,
      label: flag.label,
      offLabel: `Not ${flag.label.charAt(0).toLowerCase()}${flag.label.slice(1)}`,
    },
    choice: choice && {
      name: choice.name,
      column: choice.column,
      label: choice.label,
      check: checkOf(choice),
      choices: choice.choices ?? [],
    },
    filters: [flag, choice].flatMap((field) => field?.name ?? []),
    choiceAll: choice && `${choice.label}: all`,
    columns: entity.fields.map((field) => ({
      column: field.column,
      type: defaultOf(field) === undefined || field.type === "datetime" ? columnTypeOf(field) : `Generated<${columnTypeOf(field)}>`,
    })),
  };
}

function serverView(entity: EntityModel) {
  const uniques = entity.fields.filter((field) => field.unique === true);
  const filled = entity.fields.filter((field) => isFilled(entity, field));
  const freeSlugs = filled.filter((field) => field.type === "slug" && field.unique === true);
  const textual = entity.fields.filter((field) => isTextual(field.type));
  const searched = textual.length > 0 ? textual : [must(entity, entity.titleField)];
  return {
    selections: [
      "id",
      ...entity.fields.map((field) => (field.column === field.name ? field.column : `${field.column} as ${field.name}`)),
      "created_at as createdAt",
      "updated_at as updatedAt",
    ],
    searched: searched.map((field) =>
      isTextual(field.type) && field.type !== "choice" ? literal(field.column) : `row.cast<string>(${literal(field.column)}, "text")`,
    ),
    searchPlaceholder: `Search ${listed(
      searched
        .toSorted((a, b) => searchRank(a) - searchRank(b))
        .slice(0, 3)
        .map((field) => field.label.toLowerCase()),
    )}`,
    created: entity.fields.map((field) => ({
      column: field.column,
      value: isFilled(entity, field) ? `input.${field.name} ?? ${filledValue(entity, field)}` : `input.${field.name}`,
    })),
    updated: entity.fields.map((field) => ({
      column: field.column,
      // Without a new value a filled field keeps the one it has: addresses that people share stay good.
      value: isFilled(entity, field) && !isNullable(field) ? `input.${field.name} ?? undefined` : `input.${field.name}`,
    })),
    uniques: uniques.map((field) => ({
      constraint: uniqueConstraint(entity, field),
      field: field.name,
      message: `Another ${entity.label} has this ${field.label.toLowerCase()}.`,
    })),
    retried: freeSlugs.map((field) => uniqueConstraint(entity, field)),
    freeSlugs: freeSlugs.length > 0,
    usesSlugify: filled.some((field) => field.type === "slug"),
    freeSlugColumns: freeSlugs.map((field) => literal(field.column)).join(" | "),
  };
}

function formView(entity: EntityModel) {
  const fields = entity.fields;
  const halves = pairs(fields);
  const controls = new Set(
    fields
      .map((field) =>
        field.type === "choice" ? "" : field.type === "longtext" ? "Textarea" : field.type === "boolean" ? "Checkbox" : "Input",
      )
      .filter((name) => name !== ""),
  );
  return {
    inputImports: [...controls].sort(),
    hasSelect: fields.some((field) => field.type === "choice"),
    hasMoment: fields.some((field) => field.type === "datetime"),
    formFields: fields.map((field) => {
      const source = isFilled(entity, field) ? sourceOf(entity, field) : undefined;
      return {
        name: field.name,
        label: field.label,
        hint: source && `Made from ${source.label.toLowerCase()} when left empty.`,
        optional: field.type !== "boolean" && isOptionalInput(entity, field),
        half: halves.has(field),
        inline: field.type === "boolean",
        control: controlOf(field),
      };
    }),
  };
}

function listView(title: FieldModel, others: FieldModel[]) {
  const badges = others.filter((field) => field.type === "boolean" || field.type === "choice").slice(0, BADGES_MAX);
  const summary = leadOf(others);
  const long = others.find((field) => field.type === "longtext");
  const lead = summary ?? long ?? others.find((field) => field.type === "text");
  const spare = others.filter((field) => field !== lead && !badges.includes(field) && field.type !== "longtext" && field.type !== "slug");
  const meta = spare.slice(0, META_MAX);
  const hasDay = meta.some((field) => field.type === "date" || field.type === "datetime");
  return {
    badges: badges.map((field) =>
      field.type === "boolean"
        ? { when: `row.${field.name}`, tint: true, content: literal(field.label) }
        : { when: isNullable(field) ? `row.${field.name} !== null` : "", tint: false, content: `row.${field.name}` },
    ),
    text: lead && `row.${lead.name}${lead === summary && long && isNullable(lead) ? ` ?? row.${long.name}` : ""}`,
    meta: [...meta.map(metaOf), ...(hasDay ? [] : ["{formatDayOf(row.createdAt)}"])],
    formatters: formatters([title, ...meta], hasDay ? ["formatCount"] : ["formatCount", "formatDayOf"]),
  };
}

function detailView(title: FieldModel, others: FieldModel[]) {
  const lead = leadOf(others);
  const proses = others.filter((field) => field.type === "longtext");
  const facts = others.filter((field) => field !== lead && field.type !== "longtext");
  return {
    lead: lead?.name,
    facts: facts.map((field) => ({ label: field.label, content: factOf(field) })),
    proses: proses.map((field) => ({
      name: field.name,
      ...(isNullable(field) ? { before: `{row.${field.name} && `, after: "}" } : { before: "", after: "" }),
      label: proses.length > 1 ? field.label : undefined,
    })),
    formatters: formatters([title, ...facts], ["formatDayOf"]),
    imports: [
      ...(facts.length > 0 ? ["Fact", "Facts"] : []),
      ...(proses.length > 0 ? ["Prose"] : []),
      ...(facts.some((field) => field.type === "url" || field.type === "email") ? ["TextLink"] : []),
    ],
  };
}

function testView(entity: EntityModel) {
  const title = must(entity, entity.titleField);
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

/** The input may be left out or blank: it is empty then, or made from another field. */
function isOptionalInput(entity: EntityModel, field: FieldModel): boolean {
  return isNullable(field) || isFilled(entity, field);
}

function filterFields(entity: EntityModel): { flag: FieldModel | undefined; choice: FieldModel | undefined } {
  return { flag: entity.fields.find((field) => field.type === "boolean"), choice: entity.fields.find((field) => field.type === "choice") };
}

/** What people would think of searching in comes first. */
function searchRank(field: FieldModel): number {
  return field.type === "text" || field.type === "longtext" ? 0 : 1;
}

function leadOf(fields: FieldModel[]): FieldModel | undefined {
  return fields.find((field) => field.type === "text" && LEAD_NAME.test(field.name));
}

/** Narrow fields that stand next to another one; a single one would leave a hole. */
function pairs(fields: FieldModel[]): Set<FieldModel> {
  const paired = new Set<FieldModel>();
  for (let index = 0; index + 1 < fields.length; index += 1) {
    const [left, right] = [fields[index], fields[index + 1]];
    if (left === undefined || right === undefined || !kindOf(left).half || !kindOf(right).half) continue;
    paired.add(left).add(right);
    index += 1;
  }
  return paired;
}

function formatters(fields: FieldModel[], always: string[]): string[] {
  const names = fields.flatMap((field) => formatterOf(field) ?? []);
  return [...new Set([...names, ...always])].sort();
}

function must(entity: EntityModel, name: string): FieldModel {
  const field = entity.fields.find((other) => other.name === name);
  if (field === undefined) throw new Error(`The entity "${entity.name}" has no field "${name}".`);
  return field;
}

function listed(words: string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1) ?? ""}`;
}
