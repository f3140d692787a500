/** From a request for a new app to its model. */
import { blueprintOf } from "./catalog.ts";
import { connect } from "./connect.ts";
import { checkAppModel, isFilter, isSummed, type AppModel, type EntityModel } from "./entity-model.ts";
import { makeReference, newFields, type Made } from "./field-models.ts";
import { parseFields, type SpokenField } from "./language/fields.ts";
import { type SpokenApp, type SpokenEntity } from "./language/creation.ts";
import { pluralize, singularize } from "./language/inflect.ts";
import { isPart } from "./language/nouns.ts";
import { wordsOf } from "./language/naming.ts";
import { wellKnown } from "./language/well-known.ts";
import { appNames, entityNames } from "./names.ts";
import { hueFor } from "./render/render-app.ts";
import { extendSeed, seedRows } from "./seeds.ts";

const MAX_ENTITIES = 12;

export interface NewApp {
  /** Its slug and name are a proposal. */
  model: AppModel;
  /** What was asked for and is not in it, in words. */
  leftOut: string[];
}

export function makeNewApp(spoken: SpokenApp, startedAt: Date): Made<NewApp> {
  const missing = connect(spoken);
  const base = spoken.base === undefined ? undefined : blueprintOf(spoken.base, startedAt);
  const entities: EntityModel[] = structuredClone(base?.entities ?? []);
  // Targets first: a reference needs the names of what it leads to.
  const wanted = spoken.entities.map((one) => ({ spoken: one, model: entities.find((entity) => means(entity, one.words)) }));
  for (const one of wanted) {
    if (one.model !== undefined) continue;
    const made = makeEntity(one.spoken, spoken.entities);
    if (!made.ok) return made;
    one.model = made.value;
    entities.push(made.value);
  }
  if (entities.length > MAX_ENTITIES)
    return { ok: false, reason: `an app can have ${MAX_ENTITIES} kinds of records, and this one would have ${entities.length}` };
  for (const { spoken: one, model } of wanted) {
    for (const relation of one.relations) {
      const target = entities.find((entity) => means(entity, relation.target));
      if (model === undefined || target === undefined) continue;
      if (model.fields.some((field) => field.type === "reference" && field.target === target.name && relation.words === undefined))
        continue;
      const place = model.fields.findIndex((field) => field.name === model.titleField) + 1;
      model.fields.splice(
        place,
        0,
        makeReference(model, target, {
          ...(relation.words && { words: relation.words }),
          required: relation.required ?? isNeeded(model, target),
        }),
      );
    }
  }
  const vetted = new Map(base?.entities.map((entity) => [entity.name, entity.fields.length]));
  for (const { model } of wanted) {
    if (model === undefined) continue;
    const count = vetted.get(model.name);
    model.seed = count === undefined ? seedRows(model, startedAt) : extendSeed(model, model.fields.slice(count), startedAt);
  }
  const [first] = entities;
  if (first === undefined) return { ok: false, reason: "it does not say which records the app is about" };
  const names = appNames(spoken.name ?? base?.name, wordsOf(first.label));
  const model: AppModel = {
    ...names,
    description: base?.description ?? `All ${listedPlurals(entities)} in one place.`.slice(0, 300),
    hue: hueFor(names.slug),
    entities,
    ...(base?.features === undefined ? {} : { features: base.features }),
  };
  return { ok: true, value: { model: checkAppModel(model), leftOut: [...missing, ...spoken.leftOut] } };
}

/** An ingredient without a recipe means nothing; a book may be without a shelf. Never in a circle. */
function isNeeded(entity: EntityModel, target: EntityModel): boolean {
  return entity !== target && isPart(wordsOf(entity.label)) && !target.fields.some((field) => field.target === entity.name);
}

function makeEntity(spoken: SpokenEntity, all: readonly SpokenEntity[]): Made<EntityModel> {
  // What everybody expects of a recipe, but for the ingredients that have records of their own.
  const names = (field: SpokenField): boolean =>
    all.some((other) => other !== spoken && other.words.join(" ") === singularize(field.words.join(" ")));
  const own = spoken.fields.length > 0 ? spoken.fields : defaultFields(spoken).filter((field) => !names(field));
  const made = newFields(own, spoken.words);
  if (!made.ok) return made;
  return { ok: true, value: { ...entityNames(spoken.words), ...made.value, seed: [] } };
}

/** What everybody expects of records of that name. */
export function defaultFields(spoken: Pick<SpokenEntity, "words" | "relations">): SpokenField[] {
  const related = new Set(spoken.relations.map(({ target, words }) => (words ?? target).join(" ")));
  const known = wellKnown(spoken.words).fields;
  const fields = known === undefined ? [] : parseFields(known).fields;
  const left = fields.filter(({ words }) => !related.has(words.join(" ")));
  return left;
}

export function means(entity: EntityModel, words: readonly string[]): boolean {
  const said = pluralize(words.join(" "));
  return [entity.label, entity.labelPlural, wordsOf(entity.name).join(" ")].some((label) => pluralize(label) === said);
}

function listedPlurals(entities: readonly EntityModel[]): string {
  const plurals = entities.map(({ labelPlural }) => labelPlural);
  return plurals.length < 2 ? plurals.join("") : `${plurals.slice(0, -1).join(", ")} and ${plurals.at(-1) ?? ""}`;
}

/** What can be filtered by and summed up, for the plan. */
export function viewsOf(model: AppModel): string[] {
  return model.entities.flatMap((entity) => {
    const filters = entity.fields.filter(isFilter).map(({ label }) => label.toLowerCase());
    const sums = entity.fields.filter(isSummed).map(({ label }) => label.toLowerCase());
    return [
      ...(filters.length === 0 ? [] : [`${entity.labelPlural} can be filtered by ${filters.join(", ")}`]),
      ...(sums.length === 0 ? [] : [`the sum of ${sums.join(", ")} of ${entity.labelPlural} is shown`]),
    ];
  });
}
