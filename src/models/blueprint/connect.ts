/** Finds what connects the records of a new app: fields that name other records, and what filters, counts and sums need. */
import type { SpokenApp, SpokenEntity } from "./language/creation.ts";
import type { SpokenField } from "./language/fields.ts";
import { singularize } from "./language/inflect.ts";
import type { View } from "./language/views.ts";

/** Returns what of the views cannot be had, in words. Changes `app`. */
export function connect(app: SpokenApp): string[] {
  for (const entity of [...app.entities]) {
    for (const field of [...entity.fields]) {
      const target = app.entities.find((other) => other !== entity && names(field, other));
      if (target !== undefined) replace(entity, field, target.words);
    }
    for (const { target } of entity.relations) ensure(app, target);
  }
  return app.views.flatMap((view) => (view.kind === "search" ? [] : connectView(app, view)));
}

function connectView(app: SpokenApp, view: Exclude<View, { kind: "search" }>): string[] {
  switch (view.kind) {
    case "filter": {
      const found = locate(app, view.field, view.of);
      if (found === undefined) return relationOf(app, view.field) ? [] : [`a filter by ${view.field.join(" ")}`];
      if (found.field.kind === "boolean" || found.field.kind === "choice") return [];
      if (found.field.kind !== "text") return [`a filter by ${view.field.join(" ")}, which is no choice, checkbox or link`];
      promote(app, found.entity, found.field);
      return [];
    }
    case "count": {
      const of =
        app.entities.find(({ words }) => words.join(" ") === view.of.join(" ")) ?? app.entities.find((one) => canGroup(app, one, view.per));
      return of !== undefined && groupBy(app, of, view.per) ? [] : [`the number of ${view.of.join(" ")} per ${view.per.join(" ")}`];
    }
    case "sum": {
      const numbers = app.entities.flatMap((entity) => entity.fields.filter(isNumber).map((field) => ({ entity, field })));
      const found =
        view.field === undefined
          ? numbers.filter(({ field }) => field.kind === "money")
          : numbers.filter(({ field }) => saysField(field, view.field ?? []));
      if (found.length === 0 && app.base === undefined) return [`the sum of ${(view.field ?? ["amounts"]).join(" ")}`];
      for (const { entity, field } of found) {
        field.sum = true;
        if (view.per !== undefined && !groupBy(app, entity, view.per)) return [`the sum per ${view.per.join(" ")}`];
      }
      return [];
    }
  }
}

/** Makes the rows of `entity` refer to the records that they are counted by. */
function groupBy(app: SpokenApp, entity: SpokenEntity, per: readonly string[]): boolean {
  if (entity.relations.some(({ target, words }) => target.join(" ") === per.join(" ") || words?.join(" ") === per.join(" "))) return true;
  const field = entity.fields.find((one) => one.words.join(" ") === per.join(" "));
  if (field?.kind === "text") {
    promote(app, entity, field);
    return true;
  }
  const target = app.entities.find(({ words }) => words.join(" ") === per.join(" "));
  if (target === undefined || target === entity) return false;
  entity.relations.push({ target: target.words });
  return true;
}

function canGroup(app: SpokenApp, entity: SpokenEntity, per: readonly string[]): boolean {
  return (
    entity.relations.some(({ target }) => target.join(" ") === per.join(" ")) ||
    entity.fields.some(({ words }) => words.join(" ") === per.join(" "))
  );
}

/** A line of text becomes a list to choose from. */
function promote(app: SpokenApp, entity: SpokenEntity, field: SpokenField): void {
  replace(entity, field, field.words);
  ensure(app, field.words);
}

function replace(entity: SpokenEntity, field: SpokenField, target: readonly string[]): void {
  entity.fields = entity.fields.filter((other) => other !== field);
  const same = field.words.join(" ") === target.join(" ") || singularize(field.words.join(" ")) === target.join(" ");
  if (entity.relations.some((one) => one.target.join(" ") === target.join(" ") && same)) return;
  entity.relations.push({
    target: [...target],
    ...(same ? {} : { words: field.words }),
    ...(field.required === undefined ? {} : { required: field.required }),
  });
}

function ensure(app: SpokenApp, words: readonly string[]): void {
  if (app.entities.some((entity) => entity.words.join(" ") === words.join(" "))) return;
  app.entities.push({ words: [...words], fields: [{ words: ["name"], label: "Name", kind: "text", required: true }], relations: [] });
}

/** "room" and "booked room" name rooms; "room number" does not. */
function names(field: SpokenField, entity: SpokenEntity): boolean {
  if (field.kind !== "text" || field.stated === true || field.unique === true) return false;
  const said = singularize(field.words.join(" "));
  const label = entity.words.join(" ");
  // "bike" among rental bikes.
  if (field.words.length === 1 && said.length > 3 && label.endsWith(` ${said}`)) return true;
  return said === label || (field.words.length <= 3 && said.endsWith(` ${label}`));
}

function locate(
  app: SpokenApp,
  words: readonly string[],
  of: readonly string[] | undefined,
): { entity: SpokenEntity; field: SpokenField } | undefined {
  for (const entity of app.entities) {
    if (of !== undefined && entity.words.join(" ") !== of.join(" ")) continue;
    const field = entity.fields.find((one) => saysField(one, words));
    if (field !== undefined) return { entity, field };
  }
  return undefined;
}

function relationOf(app: SpokenApp, words: readonly string[]): boolean {
  return app.entities.some(({ relations }) =>
    relations.some(({ target, words: role }) => [target.join(" "), role?.join(" ")].includes(singularize(words.join(" ")))),
  );
}

function saysField(field: SpokenField, words: readonly string[]): boolean {
  const said = words.join(" ");
  const name = field.words.join(" ");
  return name === said || singularize(said) === singularize(name);
}

function isNumber(field: SpokenField): boolean {
  return field.kind === "money" || field.kind === "integer" || field.kind === "decimal";
}
