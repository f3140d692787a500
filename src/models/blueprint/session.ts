/** What a request means in the apps that are there, while its statements are taken one after the other. What is in doubt is asked back. */
import type { EntityModel } from "./entity-model.ts";
import type { Said } from "./language/clauses.ts";
import { changeModel, type ModelChange } from "./model-changes.ts";
import { listed, type Step } from "./steps.ts";
import { findFields, findRecords, nearFields, type FieldPlace, type KnownApp, type Place } from "./vocabulary.ts";

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

export class Session {
  /** The apps that can be meant; one as soon as a statement meant it. */
  apps: KnownApp[];
  /** All apps of the request, whichever was meant so far. */
  private readonly all: readonly KnownApp[];
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
    this.all = [...apps];
    this.since = since;
    this.startedAt = startedAt;
  }

  places(): Place[] {
    return this.apps.flatMap((app) => app.model.entities.map((entity) => ({ app, entity })));
  }

  choose(place: Place): Place {
    if (this.apps.length > 1) this.apps = [place.app];
    this.focus = place.entity.name;
    return place;
  }

  record(said: string | undefined, doing: string): Place {
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
    if (first === undefined) this.refuseSecondApp(findRecords(this.all, said));
    if (first === undefined) throw new Doubt(`I found no "${said}" ${doing}.`, { choices: this.places().map(shownPlace) });
    if (found.length > 1) throw new Doubt(`Which "${said}" do you mean?`, { choices: found.map(shownPlace) });
    return this.choose(first);
  }

  field(said: string, of: string | undefined, act: "change" | "remove" | "rename"): FieldPlace {
    const places = of === undefined ? this.places() : [this.record(of, `to ${act} "${said}" of`)];
    const found = findFields(places, said);
    const focused = act === "remove" ? [] : found.filter(({ entity }) => entity.name === this.focus);
    const [first] = focused.length === 1 ? focused : found;
    if (first !== undefined && (found.length === 1 || focused.length === 1)) {
      this.choose(first);
      return first;
    }
    if (found.length > 1) throw new Doubt(`Which "${said}" do you mean?`, { choices: found.map(shownField) });
    this.refuseSecondApp(
      findFields(of === undefined ? this.all.flatMap((app) => app.model.entities.map((entity) => ({ app, entity }))) : [], said),
    );
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

  /** One request changes one app: its release and its rollback are one. */
  private refuseSecondApp(elsewhere: readonly Place[]): void {
    const [own] = this.apps;
    const other = elsewhere.find(({ app }) => app !== own);
    if (other !== undefined && own !== undefined && this.apps.length < this.all.length)
      throw new Doubt(`it is about two apps, "${own.model.name}" and "${other.app.model.name}", and one request changes one app`, {
        hint: "Ask for each of them by itself.",
      });
  }

  change(place: Place, change: ModelChange, ...steps: Step[]): void {
    place.app.model = changeModel(place.app.model, [change], this.since).model;
    const last = this.changes.at(-1);
    if (last?.kind === "add-fields" && change.kind === "add-fields" && last.entity === change.entity) last.fields.push(...change.fields);
    else this.changes.push(structuredClone(change));
    this.steps.push(...steps);
  }

  entityNow(place: Place): EntityModel {
    return place.app.model.entities.find(({ name }) => name === place.entity.name) ?? place.entity;
  }
}

export function shownPlace({ app, entity }: Place): string {
  return `${entity.labelPlural} in the app "${app.model.name}"`;
}

export function shownField({ app, entity, field }: FieldPlace): string {
  return `"${field.label.toLowerCase()}" of ${entity.labelPlural} in the app "${app.model.name}"`;
}
