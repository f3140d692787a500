/** From a request and the apps that there are to one exact change: the model before and after, its files, its migration, its contract. Or an answer in words. */
import { AdorableError } from "../../core/errors.ts";
import type { Contract } from "../../core/spec.ts";
import { alreadyAnswer, beyondAnswer, whichAnswer } from "./answers.ts";
import { makeNewApp } from "./create-plan.ts";
import { appModelSchema, checkAppModel, type AppModel } from "./entity-model.ts";
import { withoutNeighbours } from "./language/beside.ts";
import { parseChanges, type SpokenChange } from "./language/changes.ts";
import { parseCreation } from "./language/creation.ts";
import { wantsNewApp } from "./language/new-app.ts";
import { wordsOf } from "./language/naming.ts";
import { correct, tidy } from "./language/text.ts";
import { changeModel } from "./model-changes.ts";
import { describeApp, describeChange } from "./plan-words.ts";
import { renderCreateMigration } from "./render/migrations.ts";
import { contractOf, hueFor, renderApp } from "./render/render-app.ts";
import { resolve } from "./resolver.ts";
import { extendSeed } from "./seeds.ts";
import { Doubt, Session } from "./session.ts";
import type { Step } from "./steps.ts";
import { findFields, findRecords, isApp, knownApps, type AppFacts, type KnownApp } from "./vocabulary.ts";

export type { AppFacts } from "./vocabulary.ts";

export interface RequestFacts {
  text: string;
}

export interface Change {
  kind: "create" | "change";
  slug: string;
  appName: string;
  title: string;
  summary: string;
  acceptance: string[];
  contract: Contract;
  /** What it does to an app that is there; empty for a new one. */
  steps: readonly Step[];
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
    return decide(withoutNeighbours(request.text), apps, startedAt, options.building);
  } catch (error) {
    if (!AdorableError.isInstance(error) || error.remedy !== "author") throw error;
    return answer(beyondAnswer({ reason: error.message.replace(/\.$/, ""), understood: "", hint: error.hint }));
  }
}

function decide(text: string, apps: readonly AppFacts[], startedAt: Date, building: string | undefined): Planned {
  const known = knownApps(apps);
  const isNew = building !== undefined && apps.every((app) => app.slug !== building || app.blueprint === null);
  if (isNew || (building === undefined && wantsNewApp(text, (phrase) => findRecords(known, phrase).length > 0)))
    return planCreation(text, apps, startedAt, building);
  const changed = planChanges(text, apps, known, startedAt);
  if (changed.kind === "change") return { kind: "change", change: changed.change };
  if (building !== undefined) return answer(changed.text);
  // What is no change of an app that is there may still be a new one.
  const created = changed.sure || /\b(?:also|too|as well)\b/i.test(text) ? undefined : planCreation(text, apps, startedAt, building);
  return created !== undefined && (created.kind === "change" || known.length === 0) ? created : answer(changed.text);
}

function planCreation(text: string, apps: readonly AppFacts[], startedAt: Date, building: string | undefined): Planned {
  const spoken = parseCreation(text);
  if (spoken.kind === "beyond") return answer(beyondAnswer(spoken));
  const made = makeNewApp(spoken.app, startedAt);
  if (!made.ok) return answer(beyondAnswer({ reason: made.reason, understood: "a new app" }));
  const { model: wanted, leftOut } = made.value;
  const target = apps.find((app) => app.slug === (building ?? wanted.slug));
  const [first] = wanted.entities;
  if (target !== undefined && (building === undefined || target.blueprint !== null)) {
    return answer(
      `There is an app "${target.name}" (\`${target.slug}\`) already. To change it, say what to add, as in \`add a notes field to ${first?.labelPlural ?? "its records"}\`. For another app beside it, give it a name, as in \`… called "${wanted.name} Two"\`.`,
    );
  }
  const slug = target?.slug ?? wanted.slug;
  const model = checkAppModel({ ...wanted, slug, name: target?.name ?? wanted.name, hue: hueFor(slug) } satisfies AppModel);
  const migration = renderCreateMigration(model, migrationId(startedAt, target?.migrations ?? []));
  return {
    kind: "change",
    change: {
      kind: "create",
      slug,
      appName: model.name,
      ...describeApp(model, leftOut),
      contract: contractOf(model),
      steps: [],
      before: new Map(),
      after: new Map([...renderApp(model), [migration.path, migration.sql]]),
      migrates: true,
    },
  };
}

type PlannedChange = Planned & { sure: boolean };

function planChanges(text: string, apps: readonly AppFacts[], all: readonly KnownApp[], startedAt: Date): PlannedChange {
  const request = correct(tidy(text));
  const scoped = takeApp(request, apps);
  const foreign = apps.find((app) => isForeign(app) && (app === scoped.app || (scoped.app === undefined && namesApp(scoped.rest, app))));
  if (foreign !== undefined)
    return sure(
      beyondAnswer({
        reason: `the app "${foreign.name}" is not one that I can change: it has no blueprint.json that describes it`,
        understood: "a change to it",
      }),
    );
  const known = scoped.app === undefined ? all : all.filter(({ facts }) => facts === scoped.app);
  const places = known.flatMap((app) => app.model.entities.map((entity) => ({ app, entity })));
  const spoken = parseChanges(scoped.rest, {
    isRecord: (phrase) => findRecords(known, phrase).length > 0,
    isField: (phrase) => findFields(places, phrase).length > 0,
  });
  const mentions = (phrase: string): boolean =>
    phrase.split(/\W+/).some((word) => word.length > 2 && (findFields(places, word).length > 0 || findRecords(known, word).length > 0));
  const { wanted, leftOut } = withoutTalk(spoken, mentions);
  if (wanted.length === 0) return unsure(beyondAnswer({ reason: notUnderstood(leftOut), understood: "" }));
  if (known.length === 0)
    return unsure(
      whichAnswer(
        "There is no app that this could be a change of. I changed nothing.",
        [],
        "add an app to track plants with name and species",
      ),
    );
  const copies = known.map((app) => ({ facts: app.facts, model: app.model }));
  const probe = new Session(copies, migrationId(startedAt, []), startedAt);
  try {
    resolve(probe, wanted);
  } catch (error) {
    return doubted(error, wanted, probe);
  }
  const [app] = probe.apps;
  if (probe.changes.length === 0) return sure(alreadyAnswer(probe.already));
  if (app === undefined || probe.apps.length > 1)
    return unsure(
      whichAnswer(
        "Which app do you mean? I changed nothing.",
        known.map(({ facts }) => `"${facts.name}"`),
        text,
      ),
    );
  const { facts } = app;
  const before = all.find((one) => one.facts === facts)?.model ?? app.model;
  const id = migrationId(startedAt, facts.migrations);
  const changed = changeModel(before, probe.changes, id);
  const after = checkAppModel(seeded(before, changed.model, startedAt));
  return {
    kind: "change",
    sure: true,
    change: {
      kind: "change",
      slug: facts.slug,
      appName: facts.name,
      ...describeChange({
        before,
        after,
        steps: probe.steps,
        changes: probe.changes,
        notes: changed.notes,
        migration: changed.migration?.path,
        already: probe.already,
        leftOut,
      }),
      contract: contractOf(after),
      steps: probe.steps,
      before: renderApp(before),
      after: new Map([
        ...renderApp(after),
        ...(changed.migration === undefined ? [] : [[changed.migration.path, changed.migration.sql] as const]),
      ]),
      migrates: changed.migration !== undefined,
    },
  };
}

/** A reason in words, and whether a change was meant at all. */
function doubted(error: unknown, wanted: readonly SpokenChange[], probe: Session): PlannedChange {
  if (AdorableError.isInstance(error) && error.remedy === "author")
    return sure(
      beyondAnswer({
        reason: error.message.replace(/^The app cannot be changed so: /, "").replace(/\.$/, ""),
        understood: "",
        hint: error.hint,
      }),
    );
  if (!(error instanceof Doubt)) throw error;
  const meant = wanted.some(({ kind }) => kind !== "unclear" && kind !== "said" && kind !== "views") || probe.steps.length > 0;
  const text =
    error.choices === undefined
      ? beyondAnswer({ reason: error.message.replace(/\.$/, ""), understood: "", hint: error.hint })
      : whichAnswer(
          `${error.message} I changed nothing.${error.choices.length === 0 || error.message.endsWith("?") ? "" : " These are there:"}`,
          error.choices,
          `rename the title of ${probe.apps[0]?.model.entities[0]?.labelPlural ?? "posts"} to headline`,
        );
  return { kind: "answer", text, sure: meant };
}

/** Sentences that are no statement and name nothing that could change are talk; beside statements they are left out. */
function withoutTalk(spoken: readonly SpokenChange[], mentions: (text: string) => boolean): { wanted: SpokenChange[]; leftOut: string[] } {
  const isTalk = (change: SpokenChange): boolean => change.kind === "unclear";
  const talk = spoken.flatMap((change) => (change.kind === "unclear" ? [change.text] : []));
  const certain = spoken.filter((change) => !isTalk(change));
  // One sentence that was not understood among others may be the one that matters.
  const risky = talk.some(
    (text) =>
      /\b(?:add|remove|delete|drop|rename|change|make|set|must|should|need|want|except|unless|only|not|don't|never)\b/i.test(text) ||
      mentions(text),
  );
  return risky ? { wanted: [...spoken], leftOut: [] } : { wanted: certain, leftOut: talk };
}

function notUnderstood(texts: readonly string[]): string {
  const [first] = texts;
  return first === undefined ? "it is neither a new app nor a change of one" : `I did not understand "${first.slice(0, 200)}"`;
}

/** Takes "in the shop app" out of a request. */
function takeApp(text: string, apps: readonly AppFacts[]): { rest: string; app?: AppFacts } {
  const forms = [
    /,?\s*\b(?:in|inside|within|on|of|for)\s+(?:the\s+|my\s+|our\s+)?"?([\w' -]+?)"?\s+app(?:lication)?\b,?\s*/gi,
    /\b(?:the\s+)?([\w-]+(?: [\w-]+)?)\s+app(?:lication)?(?:'s|:)\s+/gi,
  ];
  for (const form of forms) {
    for (const match of text.matchAll(form)) {
      const app = apps.find((one) => isApp(one, wordsOf(match[1] ?? "")));
      if (app !== undefined) return { rest: `${text.slice(0, match.index)} ${text.slice(match.index + match[0].length)}`.trim(), app };
    }
  }
  return { rest: text };
}

function isForeign(app: AppFacts): boolean {
  return !appModelSchema.safeParse(app.blueprint).success;
}

function namesApp(text: string, app: AppFacts): boolean {
  return new RegExp(`\\b(?:to|of|in|from|on)\\s+(?:the\\s+|my\\s+|our\\s+)?${wordsOf(app.name).join("\\W+")}\\b`, "i").test(text);
}

/** Sample rows with values for what is new. */
function seeded(before: AppModel, after: AppModel, now: Date): AppModel {
  const old = new Map(before.entities.map((entity) => [entity.table, entity]));
  return {
    ...after,
    entities: after.entities.map((entity) => {
      const added = entity.fields.filter(
        (field) => field.since !== undefined && old.get(entity.table)?.fields.every(({ column }) => column !== field.column) === true,
      );
      return added.length === 0 ? entity : { ...entity, seed: extendSeed(entity, added, now) };
    }),
  };
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

function sure(text: string): PlannedChange {
  return { kind: "answer", text, sure: true };
}

function unsure(text: string): PlannedChange {
  return { kind: "answer", text, sure: false };
}

function answer(text: string): Planned {
  return { kind: "answer", text };
}
