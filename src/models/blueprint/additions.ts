/** Adds to an app what a request says of it: fields, links between records, and new kinds of records. */
import { defaultFields } from "./create-plan.ts";
import type { EntityModel, FieldModel } from "./entity-model.ts";
import { addedFields, makeReference, newFields } from "./field-models.ts";
import { findBeyond } from "./language/beyond.ts";
import type { SpokenChange } from "./language/changes.ts";
import { parseItems, type Said } from "./language/clauses.ts";
import type { SpokenField } from "./language/fields.ts";
import { wordsOf } from "./language/naming.ts";
import { isClassifier, isGroup, isPart, oneOf } from "./language/nouns.ts";
import { entityNames } from "./names.ts";
import { seedRows } from "./seeds.ts";
import { Doubt, type Session } from "./session.ts";
import type { Step } from "./steps.ts";
import { isCalled, isNamed, type Place } from "./vocabulary.ts";

export function takeAdd(session: Session, change: Extract<SpokenChange, { kind: "add" }>): void {
  const beyond =
    /\b(?:images?|photos?|pictures?|files?|documents?|attachments?|videos?|uploads?)\b(?!\s+(?:url|link|name|count|number|title))/i.exec(
      change.list,
    )?.[0] ?? findBeyond(`${change.list} ${change.rest ?? ""}`, []);
  if (beyond !== undefined) throw new Doubt(`"${beyond}" is more than records and their fields`);
  const place = session.record(change.to, `to add ${change.list} to`);
  const rest = change.rest ?? "";
  const source = sourceOf(rest);
  const described = /^(?:an?|the)\s+([\w-]+(?: [\w-]+)?)\s*\(((?:name|title|first name)\b[^()]*)\)$/i.exec(change.list.trim());
  if (described !== null && rest === "") {
    const words = oneOf(described[1] ?? "");
    const { fields, rejected } = parseItems(described[2] ?? "");
    return takeSaid(session, {
      of: wordsOf(place.entity.label),
      fields: [],
      relations: [{ target: words }],
      parts: [],
      rejected,
      described: [{ words, fields }],
    });
  }
  const plain = parseItems(change.list);
  const [part] = plain.parts;
  const detail = rest.replace(/^(?::|,?\s*(?:with|having|each with|that have|which have))\s*/i, "").replace(/^\(([^()]*)\)$/, "$1");
  if (plain.parts.length === 1 && part !== undefined && rest !== "" && source === undefined && !/^,?\s*and\b/.test(rest)) {
    const inner = parseItems(detail);
    return takeSaid(session, {
      of: wordsOf(place.entity.label),
      fields: [],
      relations: [],
      parts: [{ words: part.words, fields: [...part.fields, ...inner.fields] }],
      rejected: inner.rejected,
    });
  }
  const joined =
    rest === "" || source !== undefined
      ? change.list
      : /^(?:,|and\b|\()/i.test(rest) ||
          /^(?:with (?:a |the )?|by )?default|^(?:which|that)\b|^with (?:the )?(?:options|choices|values)/i.test(rest)
        ? `${change.list} ${rest.replace(/^(?:which|that) (?=default)/i, "").replace(/^and field\s+/i, "and ")}`
        : `${change.list}${rest.startsWith(":") ? rest : ` (${detail})`}`;
  const said = parseItems(joined);
  if (said.fields.length === 0 && said.parts.length === 0 && said.rejected.length === 0)
    throw new Doubt(`"${joined}" is not a field that I can add`);
  takeSaid(session, { of: wordsOf(place.entity.label), relations: [], ...said }, source);
}

/** What is said of records that are there; new kinds of records were taken note of before. */
export function takeSaid(session: Session, said: Said, source?: string[]): void {
  const name = said.of === undefined ? undefined : said.of.join(" ");
  if (name !== undefined && session.definitions.has(oneOf(name).join(" "))) return;
  const place = session.record(name, "to change");
  if (said.rejected[0] !== undefined) throw new Doubt(`"${said.rejected[0]}" is not a field that I can add`);
  for (const one of said.described ?? []) {
    if (session.definitions.has(one.words.join(" ")) || place.app.model.entities.some((entity) => isCalled(entity, one.words))) continue;
    session.definitions.set(one.words.join(" "), { of: one.words, fields: one.fields, relations: [], parts: [], rejected: [] });
  }
  const plain: SpokenField[] = [];
  for (const field of said.fields) {
    const target = targetOf(session, place, field, said.single === true);
    if (target === undefined) plain.push(field);
    else relate(session, place, { target, words: field.words, ...(field.required === undefined ? {} : { required: field.required }) });
  }
  if (plain.length > 0) {
    const entity = session.entityNow(place);
    const made = addedFields(plain, entity, { since: session.since, ...(source === undefined ? {} : { source }) });
    if (!made.ok) throw new Doubt(made.reason);
    session.change(
      place,
      { kind: "add-fields", entity: entity.name, fields: made.value },
      ...made.value.map((field): Step => ({ op: "add", entity: entity.label, field: field.label })),
    );
  }
  for (const relation of said.relations) relate(session, place, relation);
  for (const part of said.parts) addPart(session, place, part.words, part.fields);
}

/** The records that a new field names, if it names some. */
function targetOf(session: Session, place: Place, field: SpokenField, single: boolean): string[] | undefined {
  if (field.kind !== "text" || field.stated === true || field.default !== undefined) return undefined;
  const words = oneOf(field.words.join(" "));
  if (session.definitions.has(words.join(" "))) return words;
  const there = place.app.model.entities.find((entity) => entity.name !== place.entity.name && isCalled(entity, words));
  if (there !== undefined || isClassifier(words) || (single && isGroup(words))) return words;
  return undefined;
}

function relate(session: Session, place: Place, relation: { target: string[]; words?: string[]; required?: boolean }): void {
  const entity = session.entityNow(place);
  const words = relation.words ?? relation.target;
  const taken = entity.fields.find((field) => isNamed(field, words));
  if (taken !== undefined)
    throw new Doubt(`${entity.labelPlural} have a field "${taken.label}" already`, {
      hint:
        taken.type === "reference"
          ? ""
          : `It is ${taken.type} and holds no link. Rename or remove it first, or give the link another name.`,
    });
  if (relation.required === true)
    throw new Doubt(`"${words.join(" ")}" cannot be required: the ${entity.labelPlural} that exist have none`);
  const to = targetRecords(session, place, relation.target);
  const field: FieldModel = { ...makeReference(session.entityNow(place), to, { words, required: false }), since: session.since };
  session.change(
    place,
    { kind: "add-fields", entity: entity.name, fields: [field] },
    { op: "add", entity: entity.label, field: field.label },
  );
}

/** The records that are there, or new ones as they were described. */
function targetRecords(session: Session, place: Place, words: readonly string[]): EntityModel {
  const there = place.app.model.entities.find((entity) => isCalled(entity, words));
  if (there !== undefined) return there;
  const name = oneOf(words.join(" ")).join(" ");
  const said = session.definitions.get(name);
  session.used.add(name);
  const made = makeEntity(
    session,
    place,
    name.split(" "),
    said?.fields ?? [{ words: ["name"], label: "Name", kind: "text", required: true }],
    [],
  );
  session.change(place, { kind: "add-entity", entity: made }, { op: "new", entity: made.label });
  for (const relation of said?.relations ?? []) relateNew(session, place, made, relation.target);
  return made;
}

function relateNew(session: Session, place: Place, made: EntityModel, target: readonly string[]): void {
  const to = place.app.model.entities.find((entity) => isCalled(entity, target));
  if (to === undefined) throw new Doubt(`I found no "${target.join(" ")}" that ${made.labelPlural} could belong to`);
  const field = { ...makeReference(made, to, {}), since: session.since };
  session.change(place, { kind: "add-fields", entity: made.name, fields: [field] }, { op: "add", entity: made.label, field: field.label });
}

function addPart(session: Session, place: Place, words: readonly string[], fields: readonly SpokenField[]): void {
  const there = place.app.model.entities.find((entity) => isCalled(entity, words));
  if (there !== undefined) {
    if (there.fields.some(({ target }) => target === place.entity.name))
      throw new Doubt(`${there.labelPlural} belong to ${place.entity.labelPlural} already`);
    return relate(session, { app: place.app, entity: there }, { target: wordsOf(place.entity.label) });
  }
  const name = oneOf(words.join(" ")).join(" ");
  const said = session.definitions.get(name);
  session.used.add(name);
  const own = [...fields, ...(said?.fields ?? [])];
  const made = makeEntity(
    session,
    place,
    name.split(" "),
    own.length > 0 ? own : defaultFields({ words: name.split(" "), relations: [] }),
    [place.entity],
  );
  session.change(place, { kind: "add-entity", entity: made }, { op: "new", entity: made.label });
}

function makeEntity(
  session: Session,
  place: Place,
  words: readonly string[],
  fields: readonly SpokenField[],
  owners: readonly EntityModel[],
): EntityModel {
  const made = newFields(fields, words);
  if (!made.ok) throw new Doubt(made.reason);
  const names = entityNames(words);
  if (place.app.model.entities.some((other) => other.table === names.table || other.name === names.name))
    throw new Doubt(`there are ${names.labelPlural} already`);
  const entity: EntityModel = { ...names, ...made.value, seed: [], since: session.since };
  for (const owner of owners) {
    const at = entity.fields.findIndex(({ name }) => name === entity.titleField) + 1;
    entity.fields.splice(at, 0, makeReference(entity, owner, { required: isPart(words) || owners.length === 1 }));
  }
  return { ...entity, seed: seedRows(entity, session.startedAt) };
}

/** "filled from the title", "based on its name". */
function sourceOf(rest: string): string[] | undefined {
  const match =
    /\b(?:filled|generated|derived|based|made|taken|computed|copied|built|populated|created|set|from)\b[\w ]*?\b(?:from|on|out of|of|with|by|using)\s+(?:the\s+|its\s+|their\s+|each\s+)?([\w -]+?)(?:\s+(?:field|column))?(?=$|[,.;)])/i.exec(
      rest,
    ) ?? /^\s*[,;(]?\s*from\s+(?:the\s+|its\s+|their\s+)?([\w -]+?)(?:\s+(?:field|column))?(?=$|[,.;)])/i.exec(rest);
  return match?.[1] === undefined ? undefined : wordsOf(match[1]);
}
