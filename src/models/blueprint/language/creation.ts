/** Reads a request for a new app: its kinds of records, their fields, what belongs to what, and what shall be seen of them. */
import type { BlueprintName } from "../catalog.ts";
import { findBeyond } from "./beyond.ts";
import { ACTS, BASE_RECORDS, blueprintCalled, isCovered } from "./blueprints.ts";
import { clausesOf, empty, parseItems, readClause, type Said, type SpokenRelation } from "./clauses.ts";
import { FLAGS } from "./field-details.ts";
import { parseFields, splitList, type SpokenField } from "./fields.ts";
import { headOf, type Head } from "./head.ts";
import { bracketed, FIELD_LIST, FLAGGED, FLAG_LIST, NAMED_RECORDS, WANTED_LIST, withList } from "./lists.ts";
import { singularize } from "./inflect.ts";
import { titleCase, wordsOf } from "./naming.ts";
import { CHOICE_NAMES, isGroup, isManyRecords, isPlural, oneOf } from "./nouns.ts";
import { sentencesOf } from "./sentences.ts";
import { correct, stripCourtesy, takeName, tidy } from "./text.ts";
import { parseViews, type View } from "./views.ts";
import { wellKnown } from "./well-known.ts";

export interface SpokenEntity {
  /** For one record. */
  words: string[];
  fields: SpokenField[];
  relations: SpokenRelation[];
}

export interface SpokenApp {
  name?: string;
  /** The vetted app that it begins with; `entities` are in addition to its own, or add to them. */
  base?: BlueprintName;
  entities: SpokenEntity[];
  views: View[];
  /** What the main records of the vetted app are called instead. */
  leading?: string[];
  /** Sentences that were not understood, as they were written. */
  leftOut: string[];
}

export type Creation = { kind: "create"; app: SpokenApp } | { kind: "beyond"; understood: string; reason: string };

const NO_CREATION =
  /^(?:rename|remove|delete|drop|change|replace|move|fix|repair|update|upgrade|hide|sort|reorder|undo|revert|roll back|rollback|style|restyle|redesign|translate|deploy|release|explain|tell|why|what|how|when|who|where|which|is|are|does|do|did|has|merge|close|open|test|improve|make (?:it|this|that|them|everything)|write me|sing|thanks)\b(?! owes)/i;

/** Reads the request. Never guesses: what is not understood is left out and named, and what is more than records is refused. */
export function parseCreation(request: string): Creation {
  const named = takeName(correct(tidy(request)));
  if (NO_CREATION.test(stripCourtesy(named.rest)))
    return { kind: "beyond", understood: "", reason: "it is neither a new app nor a change of one" };
  const reader = new Reader(named.name);
  const sentences = sentencesOf(named.rest).map(stripCourtesy).filter(Boolean);
  for (const sentence of sentences) reader.read(sentence);
  return reader.finish(named.rest);
}

class Reader {
  readonly entities: SpokenEntity[] = [];
  readonly views: View[] = [];
  readonly leftOut: string[] = [];
  rejected: string | undefined;
  name: string | undefined;
  /** What the app is called by its own words: a guestbook is about entries, and is still called a guestbook. */
  spoken: string[] | undefined;
  base: BlueprintName | undefined;
  current: SpokenEntity | undefined;
  wanted = false;
  unclear: string | undefined;
  listed = false;

  constructor(name: string | undefined) {
    this.name = name;
  }

  readonly isKnown = (words: readonly string[]): boolean => this.find(words) !== undefined;

  read(sentence: string): void {
    const flagged = this.readFlags(sentence) || this.readViews(sentence);
    if (flagged) return;
    const clauses = clausesOf(sentence, (words) => this.isKnown(words) || this.entities.length === 0);
    for (const clause of clauses) if (!this.readOne(clause)) this.leftOut.push(clause);
  }

  /** "books (title, isbn) and loans (book, due on)": kinds of records in one sentence, wherever they stand in it. */
  readGroups(clause: string): boolean {
    const groups = [
      ...clause.matchAll(
        /(?:^|[,:;]|\b(?:and|manage|track|of|for|with|store|record|keep))\s*((?:[a-z][\w'-]* )?[a-z][\w'-]*)\s*\(([^()]*(?:\([^()]*\)[^()]*)*)\)/gi,
      ),
    ].filter((match) => isPlural(match[1] ?? "") && (match[2] ?? "").split(",").length >= 2);
    if (groups.length < 2) return false;
    this.wanted = true;
    for (const match of groups) this.apply({ ...empty(), of: oneOf(match[1] ?? ""), ...parseItems(match[2] ?? "") });
    return true;
  }

  /** "simple invoicing: customers, invoices and line items": what the app is called, and its kinds of records. */
  readTitledRecords(clause: string): boolean {
    const match = /^([\w' -]{3,40}?)\s*(?::|\s[-–—]\s)\s*(.+)$/s.exec(clause);
    const items = splitList(match?.[2] ?? "");
    if (this.wanted || match === null || isPlural(match[1] ?? "") || items.length < 2 || !items.every((item) => isManyRecords(item)))
      return false;
    this.spoken ??= wordsOf(match[1] ?? "").filter((word) => !/^(?:a|an|the|my|our|simple|small|app)$/.test(word));
    for (const item of items) this.current = this.ensure(wellKnown(oneOf(item)).entity);
    this.wanted = true;
    return true;
  }

  readOne(clause: string): boolean {
    if (this.readGroups(clause)) return true;
    const asked = this.wanted ? undefined : this.headWith(clause);
    if (asked?.certain === true) return this.readHead(asked, clause);
    if (this.readViews(clause) || this.readTitledRecords(clause)) return true;
    const records = NAMED_RECORDS.exec(clause);
    if (records !== null) {
      for (const phrase of splitList(records[1] ?? "")) this.current = this.ensure(oneOf(phrase));
      return true;
    }
    const said = readClause(clause, (words) => this.isKnown(words) || this.mayBegin(words, clause));
    if (said !== undefined) return this.apply(said);
    const list = FIELD_LIST.exec(clause) ?? WANTED_LIST.exec(clause);
    if (list !== null && this.current !== undefined) return this.apply({ ...empty(), ...parseItems(list[1] ?? "") });
    const head = asked ?? this.headWith(clause);
    if (head !== undefined) return this.readHead(head, clause);
    return this.readBareList(clause) || this.readTitle(clause);
  }

  /** "Name, kind of animal, last seen on": a sentence that only lists, where fields are still to come. */
  readBareList(clause: string): boolean {
    const entity = this.current;
    if (entity === undefined || entity.fields.length > 0 || splitList(clause).length < 3) return false;
    const { fields, rejected } = parseFields(clause);
    if (rejected.length > 0 || fields.length < 3) return false;
    this.addFields(entity, fields);
    return true;
  }

  /** "Equipment loans" above the rest: what the app is called. */
  readTitle(clause: string): boolean {
    if (this.wanted || this.spoken !== undefined || this.entities.length > 0 || clause.split(/\s+/).length > 4 || !isPlural(clause))
      return false;
    this.spoken = wordsOf(clause);
    return true;
  }

  /** "loan: equipment, borrower" in a row of such lines: a kind of record, though only one of it is named. */
  mayBegin(words: readonly string[], clause: string): boolean {
    const rest = clause.slice(clause.search(/[:–—-]/) + 1);
    const lined = this.current === undefined || this.current.fields.length === 0 || this.lined;
    if (!lined || /\bor\b/i.test(rest) || splitList(rest).length < 2 || CHOICE_NAMES.test(words.at(-1) ?? "")) return false;
    this.lined = true;
    return true;
  }
  lined = false;
  /** The head names one thing: "our choir". */
  title = false;

  /** The head, unless there is one already: then only what names records that were spoken of adds to it. */
  headWith(clause: string): Head | undefined {
    const head = headOf(clause);
    if (!this.wanted && this.entities.length === 0 && blueprintCalled(clause) !== undefined)
      return { records: [], theirs: false, singular: false, listed: false, ...(head ?? withList(clause)), certain: true };
    if (head === undefined || !this.wanted) return head;
    return head.list !== undefined && head.records.length === 1 && this.isKnown(head.records[0] ?? []) ? head : undefined;
  }

  readHead(head: Head, clause: string): boolean {
    const called = blueprintCalled(clause);
    this.wanted ||= head.certain;
    const items = head.list === undefined ? [] : bracketed(head.list);
    if (called !== undefined && items.length === 0 && this.base === undefined && this.entities.length === 0) {
      const rest =
        head.list === undefined ? [] : splitList(head.list).map((item) => item.trim().replace(/^(?:and|some|their|its)\s+/i, ""));
      const more = rest.filter((item) => !isCovered(called, item));
      if (more.every((item) => isManyRecords(item) || /^(?:people|guests?)\b/i.test(item) || ACTS.test(item))) {
        this.base = called;
        if (called === "inventory" || called === "blog") this.rename(called, rest);
        for (const item of more) if (!ACTS.test(item)) this.addPart(undefined, oneOf(item), []);
        this.wanted = true;
        return true;
      }
    }
    const sentence =
      head.list === undefined || !/^(?:(?:an?|each|every|one)\s+)?\w+(?: \w+)?\s+(?:has|have)\s/i.test(head.list)
        ? undefined
        : readClause(head.list, this.isKnown);
    if (sentence?.of !== undefined) {
      this.spoken ??= wordsOf(clause.slice(0, clause.length - (head.list ?? "").length));
      return this.apply(sentence);
    }
    const only = /^(?:an?|the|one)\s+(?:list|table|overview|collection|catalogu?e|log)\s+of\s+([\w' -]+)$/i.exec(head.list ?? "")?.[1];
    if (head.records.length === 0 && only !== undefined) {
      this.current = this.ensure(wellKnown(oneOf(only)).entity);
      return true;
    }
    if (items.length > 0) {
      for (const { words, list } of items) this.apply({ ...empty(), of: words, ...parseItems(list) });
      this.spoken ??= head.records[0];
      return true;
    }
    this.title = head.singular;
    // "a library: books with title and year": the library is what the app is called.
    const nested = head.listed && head.singular ? parseItems(head.list ?? "") : undefined;
    if (nested !== undefined && nested.fields.length === 0 && nested.parts.some(({ fields }) => fields.length > 0)) {
      this.title = false;
      this.wanted = true;
      this.rejected ??= nested.rejected[0];
      this.spoken ??= head.records[0];
      for (const part of nested.parts) this.current = this.addFields(this.ensure(wellKnown(part.words).entity), part.fields);
      return true;
    }
    const plurals = head.list === undefined || !head.listed || !head.singular ? [] : splitList(head.list);
    if (plurals.length > 0 && plurals.every((item) => isManyRecords(item))) {
      this.spoken ??= head.records[0];
      this.title = false;
      for (const item of plurals) this.current = this.ensure(wellKnown(oneOf(item)).entity);
      return true;
    }
    const knowns = head.records.map((words) => wellKnown(words));
    this.spoken ??= head.records.length === 1 && head.records[0]?.join(" ") !== knowns[0]?.entity.join(" ") ? head.records[0] : undefined;
    const made = knowns.map(({ entity }) => this.ensure(entity));
    this.wanted ||= made.length > 0;
    const [first] = made;
    if (head.theirs && first !== undefined) for (const other of made.slice(1)) relate(other, { target: first.words });
    this.current = made.at(-1) ?? this.current;
    if (head.list === undefined) return made.length > 0 || head.certain;
    const said = parseItems(head.list);
    if (made.length === 0) {
      if (said.parts.length === 0 && this.name !== undefined) return this.apply({ ...empty(), of: oneOf(this.name), ...said });
      if (said.parts.length === 0) {
        this.unclear = "it does not say which records the app is about";
        return true;
      }
      for (const part of said.parts) this.current = this.addFields(this.ensure(part.words), part.fields);
      return true;
    }
    if (made.length > 1 && said.fields.length > 0) {
      this.unclear = `it does not say whether ${said.fields.map(({ words }) => `"${words.join(" ")}"`).join(", ")} belong to each ${made.map(({ words }) => words.join(" ")).join(" or each ")}`;
      return true;
    }
    const single = said.fields.length === 1 && said.parts.length === 0 && /\b(?:each|every)\b/i.test(clause);
    return this.apply({ ...empty(), of: first?.words, ...said, ...(single ? { single } : {}) });
  }

  /** "products" in place of the items of a vetted app. */
  rename(base: BlueprintName, said: readonly string[]): void {
    const own = base === "blog" ? /^(?:articles|blog posts)$/i : /^(?:products|articles|parts|goods|materials)$/i;
    const word = said.find((item) => own.test(item));
    if (word !== undefined) this.leading = oneOf(word);
  }
  leading: string[] | undefined;

  apply(said: Said): boolean {
    // Fields that are said of the records of a vetted app are in place of its own.
    if (this.base !== undefined && said.of !== undefined && said.fields.length >= 2 && isCovered(this.base, said.of.join(" "))) {
      this.spoken ??= [this.base];
      this.base = undefined;
    }
    const entity = said.of === undefined ? this.current : this.ensureMeant(said.of);
    if (entity === undefined) return false;
    this.current = entity;
    this.rejected ??= said.rejected[0];
    const [only] = said.fields;
    if (
      said.single === true &&
      only !== undefined &&
      only.kind === "text" &&
      only.stated !== true &&
      (isGroup(only.words) || this.isKnown(only.words))
    ) {
      relate(entity, { target: only.words, ...(only.required === undefined ? {} : { required: only.required }) });
      this.ensure(only.words);
    } else this.addFields(entity, said.fields);
    for (const relation of said.relations) {
      relate(entity, relation);
      this.ensure(relation.target);
    }
    for (const one of said.described ?? []) this.addFields(this.ensure(one.words), one.fields);
    for (const part of said.parts) this.addPart(entity, part.words, part.fields);
    return true;
  }

  /** "game" after "board games" means the same. */
  ensureMeant(words: readonly string[]): SpokenEntity {
    const exact = this.find(words);
    if (exact !== undefined) return exact;
    const longer = this.entities.find(
      (one) => one.words.length > words.length && one.words.slice(-words.length).join(" ") === words.join(" "),
    );
    // Who says "board games" first and then what a "game" has, calls it a game.
    if (longer !== undefined && longer.fields.length === 0 && longer.relations.length === 0) {
      this.spoken ??= longer.words;
      longer.words = singularize(words.join(" ")).split(" ");
    }
    return longer ?? this.ensure(words);
  }

  addPart(owner: SpokenEntity | undefined, words: string[], fields: readonly SpokenField[]): void {
    const isNew = this.find(words) === undefined;
    const part = this.ensure(words);
    this.addFields(part, fields);
    const whole = owner?.words ?? (this.base === undefined ? undefined : BASE_RECORDS[this.base]);
    if (whole === undefined) return;
    if (isGroup(words)) relate(owner ?? this.ensure(whole), { target: words });
    else if (isNew || part.relations.length === 0) relate(part, { target: [...whole] });
  }

  addFields(entity: SpokenEntity, fields: readonly SpokenField[]): SpokenEntity {
    if (fields.length > 0) this.listed = true;
    for (const field of fields) {
      const same = entity.fields.find((other) => other.words.join(" ") === field.words.join(" "));
      if (same === undefined) entity.fields.push(field);
      else Object.assign(same, field.stated === true ? field : { required: field.required ?? same.required });
    }
    return entity;
  }

  find(words: readonly string[]): SpokenEntity | undefined {
    const name = singularize(words.join(" "));
    return this.entities.find((entity) => entity.words.join(" ") === name);
  }

  ensure(words: readonly string[]): SpokenEntity {
    const found = this.find(words);
    if (found !== undefined) return found;
    const entity: SpokenEntity = { words: singularize(words.join(" ")).split(" "), fields: [], relations: [] };
    this.entities.push(entity);
    return entity;
  }

  readViews(sentence: string): boolean {
    const views = parseViews(sentence);
    if (views === undefined) return false;
    this.views.push(...views);
    return true;
  }

  readFlags(sentence: string): boolean {
    const match = FLAG_LIST.exec(sentence);
    const flagged = match === null ? FLAGGED.exec(sentence) : null;
    const flag = FLAGS.get((match?.[1] ?? flagged?.[2] ?? "").toLowerCase());
    const entity = this.current;
    if (flag === undefined || entity === undefined || (flagged !== null && (flagged[1] ?? "").split(" ").length > 8)) return false;
    const { fields, rejected } = parseFields(match?.[2] ?? flagged?.[1] ?? "");
    this.rejected ??= rejected[0];
    for (const field of fields) {
      const same = entity.fields.find((other) => other.words.join(" ") === field.words.join(" "));
      if (same === undefined) entity.fields.push({ ...field, ...flag });
      else Object.assign(same, flag);
    }
    return true;
  }

  /** "an app for our bike workshop", and then bikes and repairs: the workshop is what the app is called. */
  dropTitle(): void {
    const [first, ...others] = this.entities;
    if (first === undefined || this.base !== undefined || first.fields.length > 0 || first.relations.length > 0) return;
    const used = others.some(
      ({ relations, fields }) =>
        relations.some(({ target }) => target.join(" ") === first.words.join(" ")) ||
        fields.some(({ words }) => words.join(" ") === first.words.join(" ")),
    );
    if (used || !others.some(({ fields }) => fields.length > 0) || !(this.lined || this.title)) return;
    this.spoken ??= first.words;
    this.entities.shift();
  }

  finish(text: string): Creation {
    this.dropTitle();
    const names = [
      ...this.entities.map(({ words }) => words),
      ...this.entities.flatMap(({ fields }) => fields.map(({ words }) => words)),
      ...(this.spoken === undefined ? [] : [this.spoken]),
    ];
    const [first] = this.entities;
    const understood =
      first !== undefined ? `an app for "${first.words.join(" ")}"` : this.base === undefined ? "" : `the ${this.base} app`;
    const beyond = findBeyond(text, names);
    if (beyond !== undefined) return { kind: "beyond", understood, reason: `"${beyond}" is more than lists of records` };
    if (this.rejected !== undefined) return { kind: "beyond", understood, reason: `"${this.rejected}" is not a field that I can make` };
    if (this.unclear !== undefined) return { kind: "beyond", understood, reason: this.unclear };
    if (this.base === undefined && (first === undefined || !(this.wanted || this.listed || this.entities.length > 1)))
      return { kind: "beyond", understood: "", reason: "it does not say which records the app is about" };
    const title = this.name ?? (this.spoken === undefined ? undefined : titleCase(this.spoken));
    return {
      kind: "create",
      app: {
        ...(title === undefined ? {} : { name: title }),
        ...(this.base === undefined ? {} : { base: this.base }),
        entities: this.entities,
        views: this.views,
        leftOut: this.leftOut,
        ...(this.leading === undefined ? {} : { leading: this.leading }),
      },
    };
  }
}

function relate(entity: SpokenEntity, relation: SpokenRelation): void {
  const name = (one: SpokenRelation): string => (one.words ?? one.target).join(" ");
  if (!entity.relations.some((other) => name(other) === name(relation))) entity.relations.push(relation);
}
