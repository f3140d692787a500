/** Finds what the statements of a request mean in the app that they are about, and makes them changes of its model. What is in doubt is asked back. */
import type { EntityModel, FieldModel } from "./entity-model.ts";
import { isFilter, isNumeric, isSummed } from "./entity-model.ts";
import { addedFields, makeReference, newFields } from "./field-models.ts";
import { parseItems, type Said } from "./language/clauses.ts";
import { type SpokenChange } from "./language/changes.ts";
import { findBeyond } from "./language/beyond.ts";
import type { SpokenField } from "./language/fields.ts";
import { wordsOf } from "./language/naming.ts";
import { isClassifier, isGroup, isPart, oneOf } from "./language/nouns.ts";
import type { View } from "./language/views.ts";
import { defaultFields } from "./create-plan.ts";
import { changeModel, type ModelChange } from "./model-changes.ts";
import { entityNames, fieldNames } from "./names.ts";
import { seedRows } from "./seeds.ts";
import { listed, type Step } from "./steps.ts";
import {
  findFields,
  findRecords,
  isCalled,
  isNamed,
  isPluralOf,
  nearFields,
  type FieldPlace,
  type KnownApp,
  type Place,
} from "./vocabulary.ts";

/** Why a statement cannot be done, in words for its author; a question where something was unclear. */
export class Doubt extends Error {
  readonly choices: readonly string[] | undefined;
  readonly hint: string | undefined;

  constructor(reason: string, options: { choices?: readonly string[]; hint?: string } = {}) {
    super(reason);
    this.choices = options.choices;
    this.hint = options.hint;
  }
}

export class Resolver {
  /** The apps that can be meant; one as soon as a statement meant it. */
  apps: KnownApp[];
  readonly changes: ModelChange[] = [];
  readonly steps: Step[] = [];
  /** What was asked for and is so already. */
  readonly already: string[] = [];
  /** The `name` of the records that the last statement was about. */
  focus: string | undefined;
  readonly definitions = new Map<string, Said>();
  readonly used = new Set<string>();
  readonly since: string;
  readonly startedAt: Date;

  constructor(apps: readonly KnownApp[], since: string, startedAt: Date) {
    this.apps = [...apps];
    this.since = since;
    this.startedAt = startedAt;
  }

  /** Takes all statements, in order. Throws `Doubt`. */
  resolve(spoken: readonly SpokenChange[]): void {
    for (const change of spoken) if (change.kind === "said") this.define(change.said);
    for (const change of spoken) this.take(change);
    const unused = [...this.definitions.keys()].find((name) => !this.used.has(name));
    if (unused !== undefined) throw new Doubt(`it does not say what "${unused}" belongs to`);
  }

  private define(said: Said): void {
    if (said.of === undefined || findRecords(this.apps, said.of.join(" ")).length > 0) return;
    const name = oneOf(said.of.join(" ")).join(" ");
    const known = this.definitions.get(name);
    this.definitions.set(
      name,
      known === undefined
        ? said
        : { ...known, fields: [...known.fields, ...said.fields], relations: [...known.relations, ...said.relations] },
    );
  }

  private take(change: SpokenChange): void {
    switch (change.kind) {
      case "add":
        return this.takeAdd(change);
      case "said":
        return this.takeSaid(change.said);
      case "remove":
        return this.takeRemove(change);
      case "rename":
        return this.takeRename(change);
      case "retype":
        return this.takeRetype(change);
      case "flag":
        return this.takeFlag(change);
      case "default":
        return this.setDefault(this.field(change.what, change.of, "change"), change.value);
      case "extract":
        throw new Doubt("I cannot move values into a list of their own yet", {
          hint: `Add a new kind of record instead, and remove "${change.what}" when it is filled.`,
        });
      case "views":
        for (const view of change.views) this.takeView(view);
        return;
      case "rows":
        throw new Doubt("I change what an app is made of and never delete its records", { hint: "Delete them in the app itself." });
      case "unclear": {
        const beyond = findBeyond(change.text, []);
        throw new Doubt(
          beyond === undefined
            ? `I did not understand "${change.text.slice(0, 200)}"`
            : `"${beyond}" is more than records and their fields`,
        );
      }
    }
  }

  // What is meant

  private places(): Place[] {
    return this.apps.flatMap((app) => app.model.entities.map((entity) => ({ app, entity })));
  }

  private choose(place: Place): Place {
    if (this.apps.length > 1) this.apps = [place.app];
    this.focus = place.entity.name;
    return place;
  }

  private record(said: string | undefined, doing: string): Place {
    if (said === undefined) {
      const all = this.places();
      const focused = all.find(({ entity }) => entity.name === this.focus);
      const [only] = all;
      if (focused !== undefined) return this.choose(focused);
      if (only !== undefined && all.length === 1) return this.choose(only);
      throw new Doubt(`Which records do you mean ${doing}?`, { choices: all.map(shownPlace) });
    }
    const found = findRecords(this.apps, said);
    const [first] = found;
    if (first === undefined) throw new Doubt(`I found no "${said}" ${doing}.`, { choices: this.places().map(shownPlace) });
    if (found.length > 1) throw new Doubt(`Which "${said}" do you mean?`, { choices: found.map(shownPlace) });
    return this.choose(first);
  }

  private field(said: string, of: string | undefined, act: "change" | "remove" | "rename"): FieldPlace {
    const places = of === undefined ? this.places() : [this.record(of, `to ${act} "${said}" of`)];
    const found = findFields(places, said);
    const focused = act === "remove" ? [] : found.filter(({ entity }) => entity.name === this.focus);
    const [first] = focused.length === 1 ? focused : found;
    if (first !== undefined && (found.length === 1 || focused.length === 1)) {
      this.choose(first);
      return first;
    }
    if (found.length > 1) throw new Doubt(`Which "${said}" do you mean?`, { choices: found.map(shownField) });
    const near = nearFields(places, said);
    const [close] = near;
    if (close !== undefined && near.length === 1)
      throw new Doubt(`I found no field "${said}". Did you mean "${close.field.label.toLowerCase()}" of ${close.entity.labelPlural}?`, {
        choices: [shownField(close)],
      });
    throw new Doubt(`I found no field "${said}"${of === undefined ? "" : ` of ${places[0]?.entity.labelPlural ?? of}`}.`, {
      choices:
        near.length > 0
          ? near.map(shownField)
          : places.map(
              ({ app, entity }) => `${shownPlace({ app, entity })}: ${listed(entity.fields.map(({ label }) => label.toLowerCase()))}`,
            ),
    });
  }

  private change(place: Place, change: ModelChange, ...steps: Step[]): void {
    place.app.model = changeModel(place.app.model, [change], this.since).model;
    const last = this.changes.at(-1);
    if (last?.kind === "add-fields" && change.kind === "add-fields" && last.entity === change.entity) last.fields.push(...change.fields);
    else this.changes.push(structuredClone(change));
    this.steps.push(...steps);
  }

  private entityNow(place: Place): EntityModel {
    return place.app.model.entities.find(({ name }) => name === place.entity.name) ?? place.entity;
  }

  // Additions

  private takeAdd(change: Extract<SpokenChange, { kind: "add" }>): void {
    const beyond =
      /\b(?:images?|photos?|pictures?|files?|documents?|attachments?|videos?|uploads?)\b(?!\s+(?:url|link|name|count|number|title))/i.exec(
        change.list,
      )?.[0] ?? findBeyond(`${change.list} ${change.rest ?? ""}`, []);
    if (beyond !== undefined) throw new Doubt(`"${beyond}" is more than records and their fields`);
    const place = this.record(change.to, `to add ${change.list} to`);
    const rest = change.rest ?? "";
    const source = sourceOf(rest);
    const plain = parseItems(change.list);
    const [part] = plain.parts;
    const detail = rest.replace(/^(?::|,?\s*(?:with|having|each with|that have|which have))\s*/i, "");
    if (plain.parts.length === 1 && part !== undefined && rest !== "" && source === undefined && !/^,?\s*and\b/.test(rest)) {
      const inner = parseItems(detail);
      return this.takeSaid({
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
    this.takeSaid({ of: wordsOf(place.entity.label), relations: [], ...said }, source);
  }

  /** What is said of records that are there; new kinds of records were taken note of before. */
  private takeSaid(said: Said, source?: string[]): void {
    const name = said.of === undefined ? undefined : said.of.join(" ");
    if (name !== undefined && this.definitions.has(oneOf(name).join(" "))) return;
    const place = this.record(name, "to change");
    if (said.rejected[0] !== undefined) throw new Doubt(`"${said.rejected[0]}" is not a field that I can add`);
    const plain: SpokenField[] = [];
    for (const field of said.fields) {
      const target = this.targetOf(place, field, said.single === true);
      if (target === undefined) plain.push(field);
      else this.relate(place, { target, words: field.words, ...(field.required === undefined ? {} : { required: field.required }) });
    }
    if (plain.length > 0) {
      const entity = this.entityNow(place);
      const made = addedFields(plain, entity, { since: this.since, ...(source === undefined ? {} : { source }) });
      if (!made.ok) throw new Doubt(made.reason);
      this.change(
        place,
        { kind: "add-fields", entity: entity.name, fields: made.value },
        ...made.value.map((field): Step => ({ op: "add", entity: entity.label, field: field.label })),
      );
    }
    for (const relation of said.relations) this.relate(place, relation);
    for (const part of said.parts) this.addPart(place, part.words, part.fields);
  }

  /** The records that a new field names, if it names some. */
  private targetOf(place: Place, field: SpokenField, single: boolean): string[] | undefined {
    if (field.kind !== "text" || field.stated === true || field.default !== undefined) return undefined;
    const words = oneOf(field.words.join(" "));
    if (this.definitions.has(words.join(" "))) return words;
    const there = place.app.model.entities.find((entity) => entity.name !== place.entity.name && isCalled(entity, words));
    if (there !== undefined || isClassifier(words) || (single && isGroup(words))) return words;
    return undefined;
  }

  private relate(place: Place, relation: { target: string[]; words?: string[]; required?: boolean }): void {
    const entity = this.entityNow(place);
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
    const target = this.target(place, relation.target);
    const field: FieldModel = { ...makeReference(this.entityNow(place), target, { words, required: false }), since: this.since };
    this.change(
      place,
      { kind: "add-fields", entity: entity.name, fields: [field] },
      { op: "add", entity: entity.label, field: field.label },
    );
  }

  /** The records that are there, or new ones as they were described. */
  private target(place: Place, words: readonly string[]): EntityModel {
    const there = place.app.model.entities.find((entity) => isCalled(entity, words));
    if (there !== undefined) return there;
    const name = oneOf(words.join(" ")).join(" ");
    const said = this.definitions.get(name);
    this.used.add(name);
    const made = this.makeEntity(
      place,
      name.split(" "),
      said?.fields ?? [{ words: ["name"], label: "Name", kind: "text", required: true }],
      [],
    );
    this.change(place, { kind: "add-entity", entity: made }, { op: "new", entity: made.label });
    for (const relation of said?.relations ?? []) this.relateNew(place, made, relation.target);
    return made;
  }

  private relateNew(place: Place, made: EntityModel, target: readonly string[]): void {
    const to = place.app.model.entities.find((entity) => isCalled(entity, target));
    if (to === undefined) throw new Doubt(`I found no "${target.join(" ")}" that ${made.labelPlural} could belong to`);
    const field = { ...makeReference(made, to, {}), since: this.since };
    this.change(place, { kind: "add-fields", entity: made.name, fields: [field] }, { op: "add", entity: made.label, field: field.label });
  }

  private addPart(place: Place, words: readonly string[], fields: readonly SpokenField[]): void {
    const there = place.app.model.entities.find((entity) => isCalled(entity, words));
    if (there !== undefined) {
      if (there.fields.some(({ target }) => target === place.entity.name))
        throw new Doubt(`${there.labelPlural} belong to ${place.entity.labelPlural} already`);
      return this.relate({ app: place.app, entity: there }, { target: wordsOf(place.entity.label) });
    }
    const name = oneOf(words.join(" ")).join(" ");
    const said = this.definitions.get(name);
    this.used.add(name);
    const own = [...fields, ...(said?.fields ?? [])];
    const made = this.makeEntity(place, name.split(" "), own.length > 0 ? own : defaultFields({ words: name.split(" "), relations: [] }), [
      place.entity,
    ]);
    this.change(place, { kind: "add-entity", entity: made }, { op: "new", entity: made.label });
  }

  private makeEntity(place: Place, words: readonly string[], fields: readonly SpokenField[], owners: readonly EntityModel[]): EntityModel {
    const made = newFields(fields, words);
    if (!made.ok) throw new Doubt(made.reason);
    const names = entityNames(words);
    if (place.app.model.entities.some((other) => other.table === names.table || other.name === names.name))
      throw new Doubt(`there are ${names.labelPlural} already`);
    const entity: EntityModel = { ...names, ...made.value, seed: [], since: this.since };
    for (const owner of owners) {
      const at = entity.fields.findIndex(({ name }) => name === entity.titleField) + 1;
      entity.fields.splice(at, 0, makeReference(entity, owner, { required: isPart(words) || owners.length === 1 }));
    }
    return { ...entity, seed: seedRows(entity, this.startedAt) };
  }

  // Removals and renames

  private takeRemove(change: Extract<SpokenChange, { kind: "remove" }>): void {
    const vague = change.what.find((what) =>
      /^(?:everything|all|it|them|that|this|those|something|stuff|things?|data|all data|the app|app|application|project)$/i.test(what),
    );
    if (vague !== undefined || change.what.length === 0)
      throw new Doubt(`it does not say what to remove: "${vague ?? ""}" could be anything`);
    for (const what of change.what) {
      const records = change.from === undefined ? findRecords(this.apps, what) : [];
      const places = change.from === undefined ? this.places() : [this.record(change.from, `to remove "${what}" from`)];
      const fields = findFields(places, what);
      const [record] = records;
      const named = record !== undefined && isCalled(record.entity, wordsOf(what));
      if (record !== undefined && (fields.length === 0 || (named && isPluralOf(record.entity, what)))) {
        this.removeRecords(records, what, change.table);
        continue;
      }
      this.removeField(this.field(what, change.from, "remove"));
    }
  }

  private removeRecords(records: readonly Place[], what: string, table: boolean): void {
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
    this.choose(place);
    this.change(
      place,
      { kind: "remove-entity", entity: entity.name },
      { op: "remove", entity: entity.label },
      ...holding.map(({ other, field }): Step => ({ op: "remove", entity: other.label, field: field.label })),
    );
  }

  private removeField({ app, entity, field }: FieldPlace): void {
    if (entity.fields.filter((other) => other.type !== "reference").length === 1 && field.type !== "reference")
      throw new Doubt(`"${field.label}" is the only field of ${entity.labelPlural}`);
    this.change(
      { app, entity },
      { kind: "remove-field", entity: entity.name, field: field.name },
      { op: "remove", entity: entity.label, field: field.label },
    );
  }

  private takeRename(change: Extract<SpokenChange, { kind: "rename" }>): void {
    const words = wordsOf(change.to);
    if (words.length === 0 || words.length > 5) throw new Doubt(`"${change.to}" is not a name that I can give`);
    if (change.app || (change.of === undefined && this.isWholeApp(change.from))) return this.renameApp(change);
    const records =
      change.of === undefined ? findRecords(this.apps, change.from).filter(({ entity }) => isCalled(entity, wordsOf(change.from))) : [];
    const places = change.of === undefined ? this.places() : [this.record(change.of, `to rename "${change.from}" of`)];
    const fields = findFields(places, change.from);
    const [record] = records;
    if (record !== undefined && (fields.length === 0 || isPluralOf(record.entity, change.from))) {
      if (records.length > 1) throw new Doubt(`Which "${change.from}" do you mean?`, { choices: records.map(shownPlace) });
      return this.renameRecords(record, change.to);
    }
    const place = this.field(change.from, change.of, "rename");
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
    this.change(
      place,
      { kind: "rename-field", entity: entity.name, field: field.name, names: { name, column, label } },
      { op: "rename", entity: entity.label, field: field.label, to: change.to },
    );
  }

  private renameRecords(place: Place, to: string): void {
    const names = entityNames(oneOf(to));
    const { entity, app } = place;
    const taken = app.model.entities.find(
      (other) => other !== entity && (other.name === names.name || other.table === names.table || other.plural === names.plural),
    );
    if (taken !== undefined) throw new Doubt(`there are ${taken.labelPlural} already`);
    if (names.table === entity.table) throw new Doubt(`${entity.labelPlural} are called so already`);
    this.choose(place);
    this.change(place, { kind: "rename-entity", entity: entity.name, names }, { op: "rename", entity: entity.label, to: names.label });
    this.focus = names.name;
  }

  private isWholeApp(said: string): boolean {
    const words = wordsOf(said);
    return words.at(-1) === "app" && this.apps.some((app) => wordsOf(app.model.name).join(" ") === words.slice(0, -1).join(" "));
  }

  private renameApp(change: Extract<SpokenChange, { kind: "rename" }>): void {
    const words = wordsOf(change.from);
    const named = this.apps.filter((app) => wordsOf(app.model.name).join(" ") === words.slice(0, -1).join(" "));
    const [app] = named.length === 1 ? named : this.apps;
    const entity = app?.model.entities[0];
    if (app === undefined || entity === undefined || (named.length !== 1 && this.apps.length > 1))
      throw new Doubt("Which app do you mean?", { choices: this.apps.map((one) => `"${one.model.name}"`) });
    this.apps = [app];
    const name = change.to.slice(0, 80);
    this.change({ app, entity }, { kind: "rename-app", name }, { op: "rename", entity: "", to: name });
  }

  // Types and rules

  private takeRetype(change: Extract<SpokenChange, { kind: "retype" }>): void {
    const place = this.field(change.what, change.of, "change");
    const { entity, field } = place;
    const { details } = change;
    const kind = details.choices === undefined ? details.kind : "choice";
    if (kind === undefined)
      throw new Doubt(`"${change.said}" is no type that I know`, {
        hint: `If "${field.label}" shall have another name, say \`rename ${field.label.toLowerCase()} to ${change.said}\`.`,
      });
    if (kind === "choice" && details.choices === undefined)
      throw new Doubt(`it does not say which choices "${field.label}" shall have`, {
        hint: `For example: \`change ${field.label.toLowerCase()} to a choice of open, closed\`.`,
      });
    if (field.type === "reference") throw new Doubt(`"${field.label}" is a link to other records, and its type cannot be changed`);
    const spoken: SpokenField = { words: wordsOf(field.label), label: field.label, ...details, kind };
    const made = newFields([spoken], wordsOf(entity.label));
    if (!made.ok) throw new Doubt(made.reason);
    const [typed] = made.value.fields;
    if (typed === undefined) throw new Doubt(`"${field.label}" cannot be changed`);
    const same =
      typed.type === field.type && (typed.choices ?? []).join("\n") === (field.choices ?? []).join("\n") && typed.max === field.max;
    if (same) {
      this.already.push(`"${field.label}" of ${entity.labelPlural} is that already`);
      return;
    }
    const kept = typed.default ?? keptDefault(field, typed);
    const to: Extract<ModelChange, { kind: "change-field" }>["to"] = {
      type: typed.type,
      required: typed.type === "boolean" || field.required || details.default !== undefined,
      ...(field.unique === true && !["boolean", "choice", "longtext", "rating"].includes(typed.type) ? { unique: true } : {}),
      ...(kept === undefined ? {} : { default: kept }),
      ...pick(typed, ["choices", "unit", "currency", "min", "max"]),
      ...(typed.type === "text" && field.filledFrom !== undefined ? { filledFrom: field.filledFrom } : {}),
    };
    this.change(
      place,
      { kind: "change-field", entity: entity.name, field: field.name, to },
      { op: "change", entity: entity.label, field: field.label, to: typed.type },
    );
    if (details.default !== undefined)
      this.steps.push({ op: "default", entity: entity.label, field: field.label, to: String(kept), implied: true });
  }

  private takeFlag(change: Extract<SpokenChange, { kind: "flag" }>): void {
    for (const what of change.what) {
      const place = this.field(what, change.of, "change");
      const { entity, field } = place;
      const wanted =
        change.flag === "unique" || change.flag === "not unique"
          ? { unique: change.flag === "unique" }
          : { required: change.flag === "required" };
      if ("unique" in wanted ? (field.unique === true) === wanted.unique : field.required === wanted.required) {
        this.already.push(`"${field.label}" of ${entity.labelPlural} is ${change.flag} already`);
        continue;
      }
      if (change.flag === "unique" && ["boolean", "choice", "longtext", "rating", "reference"].includes(field.type))
        throw new Doubt(`"${field.label}" has too few or too long values for each of the ${entity.labelPlural} to have its own`);
      if (change.flag === "unique" && field.default !== undefined)
        throw new Doubt(`"${field.label}" cannot be unique: it has a default, which would be the same for all ${entity.labelPlural}`);
      if (change.flag === "optional" && field.type === "boolean")
        throw new Doubt(`"${field.label}" is a checkbox, which is always on or off`);
      if (
        change.flag === "optional" &&
        entity.titleField === field.name &&
        entity.fields.filter((other) => other.type !== "reference").length === 1
      )
        throw new Doubt(`"${field.label}" stands for a ${entity.label} in lists, which would have no name without it`);
      const fallback = change.default === undefined ? undefined : this.defaultValue(place, change.default);
      const base = rest(field);
      const to = {
        ...base,
        ...("unique" in wanted ? (wanted.unique ? { unique: true } : { unique: undefined }) : { required: wanted.required }),
        ...(fallback === undefined ? {} : { default: fallback }),
      };
      if (field.type === "reference" && to.onDelete !== undefined) to.onDelete = to.required ? "restrict" : "clear";
      const op = change.flag === "required" ? "require" : change.flag;
      this.change(
        place,
        { kind: "change-field", entity: entity.name, field: field.name, to: defined(to) },
        { op, entity: entity.label, field: field.label },
      );
      if (fallback !== undefined)
        this.steps.push({ op: "default", entity: entity.label, field: field.label, to: String(fallback), implied: true });
    }
  }

  private setDefault(place: FieldPlace, value: string): void {
    const { entity, field } = place;
    const fallback = this.defaultValue(place, value);
    if (fallback === field.default) {
      this.already.push(`the default of "${field.label}" is that already`);
      return;
    }
    if (field.unique === true) throw new Doubt(`"${field.label}" is unique and can have no default`);
    this.change(
      place,
      { kind: "change-field", entity: entity.name, field: field.name, to: { ...rest(field), default: fallback } },
      { op: "default", entity: entity.label, field: field.label, to: String(fallback) },
    );
  }

  private defaultValue({ entity, field }: FieldPlace, value: string): unknown {
    const kinds = { longtext: "longText", datetime: "dateTime", reference: "text" } as const;
    const kind = field.type in kinds ? kinds[field.type as keyof typeof kinds] : (field.type as SpokenField["kind"]);
    const spoken: SpokenField = {
      words: wordsOf(field.label),
      label: field.label,
      kind,
      default: value,
      ...(field.choices && { choices: field.choices }),
      ...(field.max !== undefined && { max: field.max }),
    };
    const made =
      field.type === "reference"
        ? { ok: false as const, reason: `"${field.label}" is a link to other records and can have no default` }
        : newFields([spoken], wordsOf(entity.label));
    if (!made.ok) throw new Doubt(made.reason);
    return made.value.fields[0]?.default;
  }

  // Filters, counts and sums

  private takeView(view: View): void {
    switch (view.kind) {
      case "search":
        this.already.push("lists can be searched already, in all their texts");
        return;
      case "filter": {
        const place = this.field(view.field.join(" "), view.of?.join(" "), "change");
        const { entity, field } = place;
        if (isFilter(field)) this.already.push(`${entity.labelPlural} can be filtered by "${field.label}" already`);
        else if (field.filter === false)
          this.change(
            place,
            { kind: "change-field", entity: entity.name, field: field.name, to: { ...rest(field), filter: true } },
            { op: "filter", entity: entity.label, field: field.label },
          );
        else
          throw new Doubt(`lists can be filtered by choices, checkboxes and links, and "${field.label}" is none of them`, {
            hint: `Its text can be searched for already. Say \`change ${field.label.toLowerCase()} to a choice of …\` to filter by it.`,
          });
        return;
      }
      case "count": {
        const of = this.record(view.of.join(" "), "to count");
        const link = linkTo(of, view.per);
        if (link === undefined)
          throw new Doubt(`${of.entity.labelPlural} have no link to "${view.per.join(" ")}" by which they could be counted`, {
            hint: `Say \`each ${of.entity.label} belongs to a ${view.per.join(" ")}\` to add one.`,
          });
        this.already.push(`each ${targetLabel(of, link)} shows the number of its ${of.entity.labelPlural} already`);
        return;
      }
      case "sum":
        return this.takeSum(view);
    }
  }

  private takeSum(view: Extract<View, { kind: "sum" }>): void {
    const places = this.places();
    const said = view.field?.join(" ");
    const found =
      said === undefined
        ? places.flatMap((place) => place.entity.fields.filter(({ type }) => type === "money").map((field) => ({ ...place, field })))
        : findFields(places, said).filter(({ field }) => isNumeric(field.type));
    const [place] = found;
    if (place === undefined)
      throw new Doubt(said === undefined ? "there is no amount of money to add up" : `I found no number "${said}" to add up`);
    if (found.length > 1) throw new Doubt("Which sum do you mean?", { choices: found.map(shownField) });
    this.choose(place);
    const { entity, field } = place;
    if (view.per !== undefined && linkTo(place, view.per) === undefined)
      throw new Doubt(`${entity.labelPlural} have no link to "${view.per.join(" ")}" by which they could be added up`, {
        hint: `Say \`each ${entity.label} belongs to a ${view.per.join(" ")}\` to add one.`,
      });
    if (isSummed(field)) {
      this.already.push(`the sum of "${field.label}" is shown already`);
      return;
    }
    this.change(
      place,
      { kind: "change-field", entity: entity.name, field: field.name, to: { ...rest(field), sum: true } },
      { op: "sum", entity: entity.label, field: field.label, ...(view.per === undefined ? {} : { per: view.per.join(" ") }) },
    );
  }
}

function linkTo({ app, entity }: Place, per: readonly string[]): FieldModel | undefined {
  return entity.fields.find((field) => {
    const target = app.model.entities.find(({ name }) => name === field.target);
    return target !== undefined && (isCalled(target, per) || isNamed(field, per));
  });
}

function targetLabel({ app }: Place, link: FieldModel): string {
  return app.model.entities.find(({ name }) => name === link.target)?.label ?? "";
}

/** "filled from the title", "based on its name". */
function sourceOf(rest: string): string[] | undefined {
  const match =
    /\b(?:filled|generated|derived|based|made|taken|computed|copied|built|populated|created|set|from)\b[\w ]*?\b(?:from|on|out of|of|with|by|using)\s+(?:the\s+|its\s+|their\s+|each\s+)?([\w -]+?)(?:\s+(?:field|column))?(?=$|[,.;)])/i.exec(
      rest,
    ) ?? /^\s*[,;(]?\s*from\s+(?:the\s+|its\s+|their\s+)?([\w -]+?)(?:\s+(?:field|column))?(?=$|[,.;)])/i.exec(rest);
  return match?.[1] === undefined ? undefined : wordsOf(match[1]);
}

/** The default goes along where the new type can have it. */
function keptDefault(field: FieldModel, typed: FieldModel): unknown {
  if (field.default === undefined) return undefined;
  if (typed.type === "choice") return typed.choices?.includes(String(field.default)) === true ? field.default : undefined;
  if (typed.type === "text" || typed.type === "longtext") return String(field.default);
  return typeof field.default === "number" && (typed.type === "decimal" || typed.type === "money") ? field.default : undefined;
}

function rest({
  name: _name,
  column: _column,
  label: _label,
  since: _since,
  ...others
}: FieldModel): Omit<FieldModel, "name" | "column" | "label" | "since"> {
  return others;
}

function defined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as T;
}

function pick<T extends object, K extends keyof T>(value: T, keys: readonly K[]): Partial<Pick<T, K>> {
  return Object.fromEntries(keys.filter((key) => value[key] !== undefined).map((key) => [key, value[key]])) as Partial<Pick<T, K>>;
}

function shownPlace({ app, entity }: Place): string {
  return `${entity.labelPlural} in the app "${app.model.name}"`;
}

function shownField({ app, entity, field }: FieldPlace): string {
  return `"${field.label.toLowerCase()}" of ${entity.labelPlural} in the app "${app.model.name}"`;
}
