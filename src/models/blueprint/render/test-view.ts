/** What the tests of a generated app, and the example in its README, say of an entity. */
import { isFilter, isSummed, isTextual, type AppModel, type EntityModel, type FieldModel } from "../entity-model.ts";
import { isAboutToday } from "./controls.ts";
import { defaultOf } from "./field-kinds.ts";
import { fieldOf, isFilled, isOptionalInput, sourceOf } from "./fill.ts";
import { propertiesOf, relationsFrom, relationsTo, type Relation } from "./relations.ts";
import { sampleHelpers, sampleOf, searchableSample, within } from "./samples.ts";
import { kebabCase, literal, pascalCase } from "./text.ts";

export function testView(model: AppModel, entity: EntityModel) {
  const parents = relationsFrom(model, entity).filter(({ field }) => field.required);
  const title = fieldOf(entity, entity.titleField);
  const searchable = searchableSample(entity);
  const needed = entity.fields.filter(
    (field) => field.type !== "reference" && !isOptionalInput(entity, field) && defaultOf(field) === undefined,
  );
  const required = needed[0];
  const unfilled = needed.find((field) => !isAboutToday(field));
  const blank = entity.fields.find(
    (field) => isOptionalInput(entity, field) && !isFilled(entity, field) && isTextual(field.type) && field.type !== "choice",
  );
  const filledSlug = entity.fields.find((field) => field.type === "slug" && isFilled(entity, field) && field.unique === true);
  const slugSource = filledSlug && sourceOf(entity, filledSlug);
  const changed = isFilled(entity, title) ? undefined : changedTitle(title);
  return {
    samples: entity.fields.flatMap((field) => {
      const parent = parents.find((relation) => relation.field === field)?.parent;
      const sample = parent === undefined ? sampleOf(entity, field) : `(await create${pascalCase(parent.name)}(server)).id`;
      return sample === undefined ? [] : [{ name: field.name, sample }];
    }),
    ...sampleView(model, entity, parents),
    testsSums: searchable !== undefined && entity.fields.some(isSummed),
    testReferences: referenceTests(model, entity),
    flag: flagOf(entity),
    usesWord: entity.fields.some((field) => /\bword\b/.test(sampleOf(entity, field) ?? "")),
    curlExample: curlExample(entity),
    searchable: searchable !== undefined,
    titleShowsWord: searchable === title && title.type !== "choice",
    required: required && { name: required.name, label: required.label },
    unfilled: unfilled && { name: unfilled.name, label: unfilled.label },
    blank: blank && { name: blank.name },
    filled:
      filledSlug && slugSource && slugSource.type === "text" && slugSource.unique !== true
        ? { name: filledSlug.name, source: slugSource.name }
        : undefined,
    changed: changed && { name: title.name, value: changed, isText: title.type === "text" },
  };
}

/** How tests get a sample, and what the module of samples needs of others. */
function sampleView(model: AppModel, entity: EntityModel, parents: Relation[]) {
  const type = pascalCase(entity.name);
  const needsServer = parents.length > 0;
  const call = (word: string) => (needsServer ? `await ${entity.name}Sample(server, ${word})` : `${entity.name}Sample(${word})`);
  const spread = (word: string) => (needsServer ? `(${call(word)})` : call(word));
  const others = [...new Set(relationsFrom(model, entity).map(({ parent }) => parent))];
  const imported = (entities: EntityModel[]) =>
    entities.filter((other) => other !== entity).map((other) => ({ type: pascalCase(other.name), path: kebabCase(other.plural) }));
  const createsSample = relationsTo(model, entity).length > 0;
  return {
    sampleOfWord: call("word"),
    sampleOfUnique: call("uniqueWord()"),
    sampleOfUniqueIn: spread("uniqueWord()"),
    sampleHelpers: [
      ...sampleHelpers(entity),
      ...(createsSample ? ["uniqueWord"] : []),
      ...(createsSample || needsServer ? ["type TestServer"] : []),
    ],
    sampleParents: imported([...new Set(parents.map(({ parent }) => parent))]),
    needsServer,
    createsSample,
    createsOwn: others.includes(entity),
    testParents: imported(others),
    createType: type,
  };
}

/** What the tests say of each reference. */
function referenceTests(model: AppModel, entity: EntityModel) {
  const { titles } = propertiesOf(model, entity);
  return relationsFrom(model, entity).map((relation) => {
    const { field, parent } = relation;
    const related = propertiesOf(model, parent).related.find((other) => other.relation.child === entity && other.relation.field === field);
    return {
      title: `belong to ${parent.labelPlural} by ${field.label.toLowerCase()}`,
      type: pascalCase(parent.name),
      plural: parent.plural,
      field: field.name,
      property: titles.get(field.name) ?? "",
      parentTitle: parent.titleField,
      count: related?.count ?? "",
      sums: (related?.sums ?? []).map((sum) => ({ name: sum.name, field: sum.field.name })),
      restricts: field.onDelete === "restrict",
      cascades: field.onDelete === "cascade",
      clears: field.onDelete === "clear",
    };
  });
}

function flagOf(entity: EntityModel) {
  const flag = entity.fields.find((field) => field.type === "boolean" && isFilter(field));
  return flag && { name: flag.name };
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
    time: "09:30",
    integer: Number(within(field, 7)),
    decimal: Number(within(field, 12.5)),
    money: Number(within(field, 12.5)),
    rating: 2,
    reference: 1,
    phone: "+44 20 7946 0100",
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
    case "money":
      return title.unique ? undefined : within(title, 8);
    case "phone":
      return title.unique ? undefined : literal("+1 555 0100");
    case "date":
      return title.unique ? undefined : literal("2026-03-15");
    default:
      return undefined;
  }
}
