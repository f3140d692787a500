/** From a request and the apps that there are to one exact change: the model before and after, its files, its migration, its contract. Or an answer in words. */
import { AdorableError } from "../../core/errors.ts";
import type { Contract } from "../../core/spec.ts";
import { beyondAnswer, whichAnswer } from "./answers.ts";
import { BLOG_DESCRIPTION, POST } from "./blog.ts";
import { appModelSchema, checkAppModel, type AppModel, type EntityModel, type FieldModel } from "./entity-model.ts";
import { addedFields, newFields } from "./field-models.ts";
import { singularize } from "./language/inflect.ts";
import { titleCase, wordsOf } from "./language/naming.ts";
import { parseRequest, type Spoken } from "./language/requests.ts";
import { appNames, entityNames } from "./names.ts";
import { renderAddFieldsMigration, renderCreateMigration } from "./render/migrations.ts";
import { contractOf, hueFor, renderApp } from "./render/render-app.ts";
import { extendSeed, seedRows } from "./seeds.ts";

export interface RequestFacts {
  text: string;
}

/** What the platform says of an app. */
export interface AppFacts {
  slug: string;
  name: string;
  files: { path: string }[];
  /** Names of migration files, oldest first. */
  migrations: string[];
  blueprint: unknown;
}

export interface Change {
  kind: "create" | "add-fields";
  slug: string;
  appName: string;
  title: string;
  summary: string;
  acceptance: string[];
  contract: Contract;
  /** Path → content as the old model generates it; empty for a new app. */
  before: ReadonlyMap<string, string>;
  /** Path → content as it shall be; applied migrations are not in it. */
  after: ReadonlyMap<string, string>;
  migrates: boolean;
}

export type Planned = { kind: "change"; change: Change } | { kind: "answer"; text: string };

/**
 * `building`: the slug of the app whose folder is to be built, for a producer; it decides which app a request for a new one means.
 * Deterministic in its arguments.
 */
export function planChange(
  request: RequestFacts,
  apps: readonly AppFacts[],
  startedAt: Date,
  options: { building?: string } = {},
): Planned {
  try {
    return decide(parseRequest(request.text), apps, startedAt, options.building);
  } catch (error) {
    if (!AdorableError.isInstance(error) || error.remedy !== "author") throw error;
    return answer(beyondAnswer({ reason: error.message.replace(/\.$/, ""), understood: "", hint: error.hint }));
  }
}

function decide(spoken: Spoken, apps: readonly AppFacts[], startedAt: Date, building: string | undefined): Planned {
  switch (spoken.kind) {
    case "beyond":
      return answer(beyondAnswer(spoken));
    case "add-fields":
      return planAddition(spoken, apps, startedAt);
    case "create-blog":
      return planCreation(
        { ...appNames(spoken.name ?? "Blog", ["blog"]), description: BLOG_DESCRIPTION, entity: POST },
        apps,
        startedAt,
        building,
      );
    case "create": {
      const made = newFields(spoken.fields, spoken.entity);
      if (!made.ok) return answer(beyondAnswer({ reason: made.reason, understood: `an app for ${spoken.entity.join(" ")}` }));
      const base = { ...entityNames(spoken.entity), ...made.value };
      const entity: EntityModel = { ...base, seed: seedRows(base, startedAt) };
      return planCreation(
        { ...appNames(spoken.name, spoken.entity), description: `All ${entity.labelPlural} in one place.`, entity },
        apps,
        startedAt,
        building,
      );
    }
  }
}

interface NewApp {
  slug: string;
  name: string;
  description: string;
  entity: EntityModel;
}

function planCreation(wanted: NewApp, apps: readonly AppFacts[], startedAt: Date, building: string | undefined): Planned {
  const target = apps.find((app) => app.slug === (building ?? wanted.slug));
  if (target !== undefined && (building === undefined || target.blueprint !== null)) {
    return answer(
      `There is an app "${target.name}" (\`${target.slug}\`) already. To change it, say what to add, as in \`add a notes field to ${wanted.entity.labelPlural}\`. For another app beside it, give it a name, as in \`… called "${wanted.name} Two"\`.`,
    );
  }
  const slug = target?.slug ?? wanted.slug;
  const name = target?.name ?? wanted.name;
  const model = checkAppModel({
    slug,
    name,
    description: wanted.description,
    hue: hueFor(slug),
    entities: [wanted.entity],
  } satisfies AppModel);
  const migration = renderCreateMigration(model, migrationId(startedAt, target?.migrations ?? []));
  const { entity } = wanted;
  const fields = listed(entity.fields.map((field) => field.label.toLowerCase()));
  return {
    kind: "change",
    change: {
      kind: "create",
      slug,
      appName: name,
      title: `Add the app ${name}`,
      summary: `A new app, **${name}**, for ${entity.labelPlural} with ${fields}.\n\n- A list with search, a page for each ${entity.label}, and forms to add, edit and delete with validation.\n- The table \`${entity.table}\` with its migration, and sample rows for previews.\n- Tests of the API and of the pages.`,
      acceptance: [
        `${titleCase([entity.labelPlural])} can be listed, searched, shown, added, edited and deleted.`,
        `The table "${entity.table}" has the fields ${fields}.`,
        "Its tests pass.",
      ],
      contract: contractOf(model),
      before: new Map(),
      after: new Map([...renderApp(model), [migration.path, migration.sql]]),
      migrates: true,
    },
  };
}

function planAddition(spoken: Extract<Spoken, { kind: "add-fields" }>, apps: readonly AppFacts[], startedAt: Date): Planned {
  const found = findTarget(spoken, apps);
  if ("text" in found) return answer(found.text);
  const { app, model, entity } = found;
  const id = migrationId(startedAt, app.migrations);
  const made = addedFields(spoken.fields, entity, { since: id, ...(spoken.source === undefined ? {} : { source: spoken.source }) });
  if (!made.ok)
    return answer(
      beyondAnswer({
        reason: made.reason,
        understood: `to add ${listed(spoken.fields.map((field) => `"${field.label}"`))} to ${entity.labelPlural} in the app "${app.name}"`,
      }),
    );
  const added = made.value;
  const after = checkAppModel({
    ...model,
    entities: model.entities.map((other) =>
      other === entity ? { ...other, fields: [...other.fields, ...added], seed: extendSeed(other, added, startedAt) } : other,
    ),
  } satisfies AppModel);
  const changed = after.entities.find((other) => other.name === entity.name) ?? entity;
  const migration = renderAddFieldsMigration(after, changed, added, id);
  const names = listed(added.map((field) => field.label.toLowerCase()));
  return {
    kind: "change",
    change: {
      kind: "add-fields",
      slug: app.slug,
      appName: app.name,
      title: `Add ${names} to ${entity.labelPlural}`,
      summary: additionSummary(app.name, entity, added, migration.path),
      acceptance: [`${titleCase([entity.labelPlural])} have ${names}.`, "Rows that exist keep their data.", "Its tests pass."],
      contract: contractOf(after),
      before: renderApp(model),
      after: new Map([...renderApp(after), [migration.path, migration.sql]]),
      migrates: true,
    },
  };
}

function additionSummary(app: string, entity: EntityModel, added: readonly FieldModel[], migration: string): string {
  const one = added.length === 1;
  const lines = added.map((field) => `- **${field.label}**: ${describe(field, entity)}`);
  return `In the app **${app}**, ${entity.labelPlural} get ${one ? "a new field" : "new fields"}:\n\n${lines.join("\n")}\n\n${one ? "It is" : "They are"} in the list, the forms, the API and the tests. The migration \`${migration}\` takes care of the ${entity.labelPlural} that exist.`;
}

function describe(field: FieldModel, entity: EntityModel): string {
  const kind = {
    text: "a line of text",
    longtext: "a text",
    boolean: "a checkbox",
    date: "a date",
    datetime: "a date and time",
    time: "a time of day",
    integer: "a whole number",
    decimal: "a number",
    money: "an amount of money",
    rating: "a rating",
    email: "an email address",
    url: "a link",
    phone: "a phone number",
    choice: `one of ${listed(field.choices ?? [])}`,
    slug: "a slug",
    reference: "a link to a record",
  }[field.type];
  const source = entity.fields.find((other) => other.name === field.filledFrom);
  const rules = [
    ...(field.unique === true ? ["unique"] : []),
    ...(source === undefined
      ? []
      : [`filled from ${source.label.toLowerCase()} where it is left out, and for the ${entity.labelPlural} that exist`]),
    ...(field.default === undefined ? [] : [`${JSON.stringify(field.default)} unless something else is said`]),
    ...(field.required || field.default !== undefined ? [] : ["may be left empty"]),
  ];
  return [kind, ...rules].join(", ");
}

interface Target {
  app: AppFacts;
  model: AppModel;
  entity: EntityModel;
}

/** The one entity that the words mean. No match and several matches are questions back: nothing is ever chosen for the author. */
function findTarget(spoken: Extract<Spoken, { kind: "add-fields" }>, apps: readonly AppFacts[]): Target | { text: string } {
  const all: Target[] = apps.flatMap((app) => {
    const parsed = appModelSchema.safeParse(app.blueprint);
    if (!parsed.success) return [];
    return parsed.data.entities.map((entity) => ({ app, model: parsed.data, entity }));
  });
  const inApp = spoken.app === undefined ? all : all.filter(({ app }) => isApp(app, spoken.app ?? []));
  const matches = inApp.filter((target) => means(target, spoken.target));
  const [match] = matches;
  if (match !== undefined && matches.length === 1) return match;
  const words = spoken.target.join(" ");
  const fields = listed(spoken.fields.map((field) => field.label.toLowerCase()));
  const choices = (matches.length > 1 ? matches : all).map(({ app, entity }) => `${entity.labelPlural} in the app "${app.name}"`);
  const example = matches[1] ?? all[0];
  const sample =
    example === undefined
      ? "add an app to track plants with name and species"
      : `add ${fields} to ${example.entity.labelPlural} in the ${example.app.name} app`;
  const foreign = apps.find((app) => isApp(app, spoken.app ?? spoken.target) && !appModelSchema.safeParse(app.blueprint).success);
  if (foreign !== undefined) {
    return {
      text: beyondAnswer({
        reason: `the app "${foreign.name}" is not one that I can change: it has no blueprint.json that describes it`,
        understood: `to add ${fields} to it`,
      }),
    };
  }
  const question =
    matches.length > 1
      ? `Which "${words}" do you mean? I changed nothing.`
      : `I found no "${words}"${spoken.app === undefined ? "" : ` in an app called "${spoken.app.join(" ")}"`} to add ${fields} to. I changed nothing.${choices.length === 0 ? "" : " These are there:"}`;
  return { text: whichAnswer(question, choices, sample) };
}

/** "posts", "the post", "blog posts"; and the app itself where it has one kind of record. */
function means({ app, model, entity }: Target, words: readonly string[]): boolean {
  const spoken = singularize(words.join(" "));
  const names = [entity.label, entity.labelPlural, wordsOf(entity.name).join(" ")].map((name) => singularize(name));
  if (names.includes(spoken)) return true;
  if (names.some((name) => spoken.endsWith(` ${name}`) && isApp(app, spoken.slice(0, -name.length - 1).split(" ")))) return true;
  return model.entities.length === 1 && isApp(app, words);
}

function isApp(app: AppFacts, words: readonly string[]): boolean {
  const spoken = singularize(words.filter((word) => word !== "app").join(" "));
  return spoken !== "" && [app.name, app.slug].some((name) => singularize(wordsOf(name).join(" ")) === spoken);
}

/** `YYYYMMDDHHMMSS` of the run's start, or one second after the newest migration when that is not later. */
export function migrationId(startedAt: Date, existing: readonly string[]): string {
  const id = (date: Date): string => date.toISOString().replaceAll(/\D/g, "").slice(0, 14);
  const newest = existing
    .map((name) => name.slice(0, 14))
    .filter((name) => /^\d{14}$/.test(name))
    .sort()
    .at(-1);
  const started = id(startedAt);
  if (newest === undefined || started > newest) return started;
  const [year, month, day, hour, minute, second] = [
    newest.slice(0, 4),
    newest.slice(4, 6),
    newest.slice(6, 8),
    newest.slice(8, 10),
    newest.slice(10, 12),
    newest.slice(12, 14),
  ].map(Number);
  return id(new Date(Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, (second ?? 0) + 1)));
}

function listed(items: readonly string[]): string {
  return items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} and ${items.at(-1) ?? ""}`;
}

function answer(text: string): Planned {
  return { kind: "answer", text };
}
