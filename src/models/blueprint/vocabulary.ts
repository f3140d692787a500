/** What the words of a request mean in the apps that are there: records, fields, apps. */
import { appModelSchema, type AppModel, type EntityModel, type FieldModel } from "./entity-model.ts";
import { pluralize, singularize } from "./language/inflect.ts";
import { wordsOf } from "./language/naming.ts";
import { wellKnown } from "./language/well-known.ts";

/** What the platform says of an app. */
export interface AppFacts {
  slug: string;
  name: string;
  files: { path: string }[];
  /** Names of migration files, oldest first. */
  migrations: string[];
  blueprint: unknown;
}

export interface KnownApp {
  facts: AppFacts;
  model: AppModel;
}

export interface Place {
  app: KnownApp;
  entity: EntityModel;
}

export interface FieldPlace extends Place {
  field: FieldModel;
}

/** The apps whose model is there to be changed. */
export function knownApps(apps: readonly AppFacts[]): KnownApp[] {
  return apps.flatMap((facts) => {
    const parsed = appModelSchema.safeParse(facts.blueprint);
    return parsed.success ? [{ facts, model: parsed.data as AppModel }] : [];
  });
}

export function isApp(app: AppFacts, words: readonly string[]): boolean {
  const spoken = singularize(words.filter((word) => word !== "app" && word !== "the").join(" "));
  return spoken !== "" && [app.name, app.slug].some((name) => singularize(wordsOf(name).join(" ")) === spoken);
}

/** Records that `phrase` names: "posts", "the post", "blog posts", "all tasks in todo"; the app itself where it has one kind of record. */
export function findRecords(apps: readonly KnownApp[], phrase: string): Place[] {
  const words = wordsOf(phrase).filter((word, index) => index > 0 || !/^(?:the|a|an|all|each|every|my|our|existing|any)$/.test(word));
  if (words.length === 0) return [];
  const places = apps.flatMap((app) => app.model.entities.map((entity) => ({ app, entity })));
  const exact = places.filter(({ entity }) => isCalled(entity, words));
  if (exact.length > 0) return exact;
  const owned = places.filter(({ app, entity }) =>
    names(entity).some((name) => {
      const spoken = singularize(words.join(" "));
      return spoken.endsWith(` ${name}`) && isApp(app.facts, spoken.slice(0, -name.length - 1).split(" "));
    }),
  );
  if (owned.length > 0) return owned;
  // "games" for "board games".
  const shorter =
    words.length === 1
      ? places.filter(({ entity }) => names(entity).some((name) => name.endsWith(` ${singularize(words.join(" "))}`)))
      : [];
  if (shorter.length > 0) return shorter;
  const named = places.filter(({ app }) => isApp(app.facts, words));
  const [only] = named;
  if (only !== undefined && only.app.model.entities.length === 1) return named;
  // "todos" are the tasks of the app "Todo".
  const meant = wellKnown(singularize(words.join(" ")).split(" ")).entity.join(" ");
  return named.filter(({ entity }) => isCalled(entity, wordsOf(meant)));
}

/** Fields that `phrase` names, in `places`. "book title" is the title of books. */
export function findFields(places: readonly Place[], phrase: string): FieldPlace[] {
  const words = wordsOf(phrase);
  const found = places.flatMap((place) =>
    place.entity.fields.filter((field) => isNamed(field, words)).map((field): FieldPlace => ({ ...place, field })),
  );
  if (found.length > 0) return found;
  return places.flatMap((place) => {
    const rest = names(place.entity).flatMap((name) => {
      const prefix = name.split(" ");
      return singularize(words.slice(0, prefix.length).join(" ")) === name && words.length > prefix.length
        ? [words.slice(prefix.length)]
        : [];
    });
    return place.entity.fields.filter((field) => rest.some((one) => isNamed(field, one))).map((field) => ({ ...place, field }));
  });
}

/** Fields whose name is a slip of the pen away: to be asked about, not to be taken. */
export function nearFields(places: readonly Place[], phrase: string): FieldPlace[] {
  const said = wordsOf(phrase).join(" ");
  return places.flatMap((place) =>
    place.entity.fields
      .filter((field) => {
        const label = wordsOf(field.label).join(" ");
        return isNear(said, label) || (said.length > 2 && (label.endsWith(` ${said}`) || label.startsWith(`${said} `)));
      })
      .map((field) => ({ ...place, field })),
  );
}

/** One letter off, in longer words two. */
function isNear(said: string, label: string): boolean {
  const allowed = label.length >= 6 ? 2 : label.length >= 4 ? 1 : 0;
  if (Math.abs(said.length - label.length) > allowed) return false;
  let row = Array.from({ length: label.length + 1 }, (_, index) => index);
  for (const [index, letter] of [...said].entries()) {
    const next = [index + 1];
    for (const [at, other] of [...label].entries())
      next.push(Math.min((next[at] ?? 0) + 1, (row[at + 1] ?? 0) + 1, (row[at] ?? 0) + (letter === other ? 0 : 1)));
    row = next;
  }
  return (row.at(-1) ?? allowed + 1) <= allowed;
}

export function isCalled(entity: EntityModel, words: readonly string[]): boolean {
  return names(entity).includes(singularize(words.join(" ")));
}

export function isNamed(field: FieldModel, words: readonly string[]): boolean {
  const said = words.join(" ");
  const own =
    field.type === "reference" ? [wordsOf(field.label).join(" ")] : [wordsOf(field.label).join(" "), wordsOf(field.name).join(" ")];
  return own.some(
    (name) => name === said || singularize(name) === singularize(said) || name.replaceAll(" ", "") === said.replaceAll(" ", ""),
  );
}

function names(entity: EntityModel): string[] {
  return [
    ...new Set([entity.label, entity.labelPlural, wordsOf(entity.name).join(" ")].map((name) => singularize(wordsOf(name).join(" ")))),
  ];
}

/** True where the words are the plural and not the singular. */
export function isPluralOf(entity: EntityModel, phrase: string): boolean {
  const said = wordsOf(phrase).join(" ");
  return said === pluralize(entity.label) && said !== entity.label;
}
