/** Takes away or renames what a request names: fields, kinds of records, the app. */
import type { SpokenChange } from "./language/changes.ts";
import { wordsOf } from "./language/naming.ts";
import { oneOf } from "./language/nouns.ts";
import { makeReference } from "./field-models.ts";
import { entityNames, fieldNames } from "./names.ts";
import { Doubt, shownPlace, type Session } from "./session.ts";
import type { Step } from "./steps.ts";
import { findFields, findRecords, isCalled, isNamed, isPluralOf, type FieldPlace, type Place } from "./vocabulary.ts";

export function takeRemove(session: Session, change: Extract<SpokenChange, { kind: "remove" }>): void {
  const vague = change.what.find((what) =>
    /^(?:everything|all|it|them|that|this|those|something|stuff|things?|data|all data|the app|app|application|project)$/i.test(what),
  );
  if (vague !== undefined || change.what.length === 0)
    throw new Doubt(`it does not say what to remove: "${vague ?? ""}" could be anything`);
  for (const what of change.what) {
    const records = change.from === undefined ? findRecords(session.apps, what) : [];
    const places = change.from === undefined ? session.places() : [session.record(change.from, `to remove "${what}" from`)];
    const fields = findFields(places, what);
    const [record] = records;
    const named = record !== undefined && isCalled(record.entity, wordsOf(what));
    if (record !== undefined && (fields.length === 0 || (named && isPluralOf(record.entity, what)))) {
      removeRecords(session, records, what, change.table);
      continue;
    }
    removeField(session, session.field(what, change.from, "remove"));
  }
}

function removeRecords(session: Session, records: readonly Place[], what: string, table: boolean): void {
  const [place] = records;
  if (place === undefined || records.length > 1) throw new Doubt(`Which "${what}" do you mean?`, { choices: records.map(shownPlace) });
  const { entity, app } = place;
  if (!isCalled(entity, wordsOf(what)))
    throw new Doubt(`I do not remove a whole app`, { hint: `Roll back to before it was added, or remove its folder by hand.` });
  if (!table)
    throw new Doubt(`removing ${entity.labelPlural} as a whole deletes all of them with their pages and their data`, {
      hint: `If you mean that, say \`remove the table ${entity.labelPlural}\`. To remove a field, name it.`,
    });
  if (app.model.entities.length === 1) throw new Doubt(`${entity.labelPlural} are all that the app "${app.model.name}" has`);
  const holding = app.model.entities.flatMap((other) =>
    other.fields.filter(({ target }) => target === entity.name && other !== entity).map((field) => ({ other, field })),
  );
  const lone = holding.find(({ other, field }) => other.fields.every((one) => one === field || one.type === "reference"));
  if (lone !== undefined) throw new Doubt(`${lone.other.labelPlural} would have no field left`);
  session.choose(place);
  session.change(
    place,
    { kind: "remove-entity", entity: entity.name },
    { op: "remove", entity: entity.label },
    ...holding.map(({ other, field }): Step => ({ op: "remove", entity: other.label, field: field.label })),
  );
}

function removeField(session: Session, { app, entity, field }: FieldPlace): void {
  if (entity.fields.filter((other) => other.type !== "reference").length === 1 && field.type !== "reference")
    throw new Doubt(`"${field.label}" is the only field of ${entity.labelPlural}`);
  session.change(
    { app, entity },
    { kind: "remove-field", entity: entity.name, field: field.name },
    { op: "remove", entity: entity.label, field: field.label },
  );
}

export function takeRename(session: Session, change: Extract<SpokenChange, { kind: "rename" }>): void {
  const words = wordsOf(change.to);
  if (words.length === 0 || words.length > 5) throw new Doubt(`"${change.to}" is not a name that I can give`);
  if (change.app || (change.of === undefined && isWholeApp(session, change.from))) return renameApp(session, change);
  const records =
    change.of === undefined ? findRecords(session.apps, change.from).filter(({ entity }) => isCalled(entity, wordsOf(change.from))) : [];
  const places = change.of === undefined ? session.places() : [session.record(change.of, `to rename "${change.from}" of`)];
  const fields = findFields(places, change.from);
  const [record] = records;
  if (record !== undefined && (fields.length === 0 || isPluralOf(record.entity, change.from))) {
    if (records.length > 1) throw new Doubt(`Which "${change.from}" do you mean?`, { choices: records.map(shownPlace) });
    return renameRecords(session, record, change.to);
  }
  const place = session.field(change.from, change.of, "rename");
  const { app, entity, field } = place;
  const taken = entity.fields.find((other) => other.name !== field.name && isNamed(other, words));
  if (taken !== undefined) throw new Doubt(`${entity.labelPlural} have a field "${taken.label}" already`);
  const others = entity.fields.filter((other) => other.name !== field.name);
  const target = app.model.entities.find(({ name }) => name === field.target);
  const reference = target === undefined ? undefined : makeReference({ label: entity.label, fields: others }, target, { words });
  const made = reference ?? fieldNames(words, wordsOf(entity.label), others);
  if (made === undefined) throw new Doubt(`every ${entity.label} has "${change.to}" by itself`);
  const { name, column, label } = made;
  if (name === field.name && label === field.label) throw new Doubt(`"${field.label}" is called so already`);
  session.change(
    place,
    { kind: "rename-field", entity: entity.name, field: field.name, names: { name, column, label } },
    { op: "rename", entity: entity.label, field: field.label, to: change.to },
  );
}

function renameRecords(session: Session, place: Place, to: string): void {
  const names = entityNames(oneOf(to));
  const { entity, app } = place;
  const taken = app.model.entities.find(
    (other) => other !== entity && (other.name === names.name || other.table === names.table || other.plural === names.plural),
  );
  if (taken !== undefined) throw new Doubt(`there are ${taken.labelPlural} already`);
  if (names.table === entity.table) throw new Doubt(`${entity.labelPlural} are called so already`);
  session.choose(place);
  session.change(place, { kind: "rename-entity", entity: entity.name, names }, { op: "rename", entity: entity.label, to: names.label });
  session.focus = names.name;
}

function isWholeApp(session: Session, said: string): boolean {
  const words = wordsOf(said);
  return words.at(-1) === "app" && session.apps.some((app) => wordsOf(app.model.name).join(" ") === words.slice(0, -1).join(" "));
}

function renameApp(session: Session, change: Extract<SpokenChange, { kind: "rename" }>): void {
  const words = wordsOf(change.from);
  const named = session.apps.filter((app) => wordsOf(app.model.name).join(" ") === words.slice(0, -1).join(" "));
  const [app] = named.length === 1 ? named : session.apps;
  const entity = app?.model.entities[0];
  if (app === undefined || entity === undefined || (named.length !== 1 && session.apps.length > 1))
    throw new Doubt("Which app do you mean?", { choices: session.apps.map((one) => `"${one.model.name}"`) });
  session.apps = [app];
  const name = change.to.slice(0, 80);
  session.change({ app, entity }, { kind: "rename-app", name }, { op: "rename", entity: "", to: name });
}
