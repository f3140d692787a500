/** Scores the blueprint model's language with a corpus: what comes out of a phrasing is compared with what its author would expect. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { planChange, type AppFacts, type Planned } from "../../src/models/blueprint/change.ts";
import { appModelSchema, type AppModel } from "../../src/models/blueprint/entity-model.ts";
import { MODEL_PATH } from "../../src/models/blueprint/render/render-app.ts";
import { differenceOf, fieldAt, fieldDifference, hasCount, hasFilter, hasSum, makeApp, plain, type AppNotation } from "./notation.ts";

interface Outcome {
  app?: AppNotation;
  change?: string[];
  refuse?: true | string;
}

export interface Entry extends Outcome {
  say: string;
  given?: string | string[];
  any?: Outcome[];
}

export interface Miss {
  say: string;
  given: string[];
  why: string;
}

const STARTED_AT = new Date("2026-11-21T08:00:00Z");

export function readCorpus(half: "development" | "development-2" | "held-out"): Entry[] {
  return read(`${half}.json`) as Entry[];
}

export function scoreCorpus(entries: readonly Entry[]): { passed: number; total: number; misses: Miss[] } {
  const given = read("given.json") as Record<string, AppNotation>;
  const misses = entries.flatMap((entry): Miss[] => {
    const names = [entry.given ?? []].flat();
    const models = names.map((name) => {
      const notation = given[name];
      if (notation === undefined) throw new Error(`There is no app "${name}" in given.json.`);
      return makeApp(notation, STARTED_AT);
    });
    const why = missOf(entry, models);
    return why === undefined ? [] : [{ say: entry.say, given: names, why }];
  });
  return { passed: entries.length - misses.length, total: entries.length, misses };
}

function missOf(entry: Entry, models: readonly AppModel[]): string | undefined {
  const apps: AppFacts[] = models.map((model) => ({ slug: model.slug, name: model.name, files: [], migrations: [], blueprint: model }));
  let planned: Planned;
  try {
    planned = planChange({ text: entry.say }, apps, STARTED_AT);
  } catch (error) {
    return `it throws ${error instanceof Error ? error.message : String(error)}`;
  }
  const reasons = (entry.any ?? [entry]).map((outcome) => missOfOutcome(outcome, planned, models));
  return reasons.includes(undefined) ? undefined : reasons.join(" | ");
}

function missOfOutcome(wanted: Outcome, planned: Planned, models: readonly AppModel[]): string | undefined {
  if (planned.kind === "answer") {
    const said = planned.text.replaceAll(/\s+/g, " ").slice(0, 160);
    if (wanted.refuse === true || (typeof wanted.refuse === "string" && new RegExp(wanted.refuse, "i").test(planned.text)))
      return undefined;
    const held = wanted.change?.every((line) => models.some((model) => holdsAlready(model, line)));
    return held === true && /already/i.test(planned.text) ? undefined : `it answers "${said}…"`;
  }
  const { change } = planned;
  const after = appModelSchema.parse(JSON.parse(change.after.get(MODEL_PATH) ?? "null"));
  const created = change.kind === "create";
  if (wanted.app !== undefined) return created ? differenceOf(after, wanted.app) : `it changes an app: ${change.title}`;
  if (wanted.change !== undefined)
    return created ? `it makes an app: ${change.title}` : changeDifference(after, change.steps, wanted.change);
  return `it does not refuse: ${change.title} (${change.steps.map((step) => stepText(step)).join("; ")})`;
}

/** What is on the pages by itself may be answered so. */
function holdsAlready(model: AppModel, line: string): boolean {
  const [verb, rest] = cut(line);
  return (
    (verb === "filter" && hasFilter(model, rest)) || (verb === "count" && hasCount(model, rest)) || (verb === "sum" && hasSum(model, rest))
  );
}

type Step = Extract<Planned, { kind: "change" }>["change"]["steps"][number];

function changeDifference(after: AppModel, steps: readonly Step[], wanted: readonly string[]): string | undefined {
  const left = steps.filter((step) => step.implied !== true);
  const made = new Set(left.flatMap((step) => (step.op === "new" ? [plain(step.entity)] : [])));
  for (const line of wanted) {
    const [verb, rest] = cut(line);
    const [target = "", text = ""] = rest.includes(": ") ? [rest.slice(0, rest.indexOf(": ")), rest.slice(rest.indexOf(": ") + 2)] : [rest];
    const [entity, field] = fieldAt(after, target);
    if (verb === "has" || verb === "add" || (verb === "change" && target.includes("."))) {
      if (entity === undefined || field === undefined) return `no ${target} afterwards`;
      const difference = fieldDifference(after, entity, field, text);
      if (difference !== undefined) return difference;
    }
    if (verb === "has") continue;
    const index = left.findIndex((step) => isStep(step, verb, target, text));
    if (index < 0) return `it does not "${line}" but ${left.map((step) => `"${stepText(step)}"`).join(", ") || "nothing"}`;
    left.splice(index, 1);
  }
  const extra = left.find((step) => !(step.op === "add" && made.has(plain(step.entity))));
  return extra === undefined ? undefined : `nobody asked to "${stepText(extra)}"`;
}

function isStep(step: Step, verb: string, target: string, text: string): boolean {
  if (step.op !== verb) return false;
  if (verb === "count" || verb === "sum") return stepText(step) === `${verb} ${target}`;
  const [labels = "", fields] = target.split(".");
  const fits = (names: string, label: string) => names.split("|").some((name) => plain(name) === plain(label));
  if (verb === "rename" && labels === "app") return step.entity === "" && step.to === text;
  if (!fits(labels, step.entity) || (fields === undefined) !== (step.field === undefined)) return false;
  if (fields !== undefined && !fits(fields, step.field ?? "")) return false;
  if (verb === "rename") return fits(text, step.to ?? "");
  return verb !== "default" || (step.to ?? "").toLowerCase() === text.toLowerCase();
}

function stepText(step: Step): string {
  const target = [step.entity, ...(step.field === undefined ? [] : [step.field])].map(plain).join(".");
  return `${step.op} ${target}${step.per === undefined ? "" : ` per ${plain(step.per)}`}${step.to === undefined ? "" : `: ${step.to}`}`;
}

function cut(line: string): [string, string] {
  const space = line.indexOf(" ");
  return [line.slice(0, space), line.slice(space + 1)];
}

function read(name: string): unknown {
  return JSON.parse(readFileSync(join(import.meta.dirname, name), "utf8")) as unknown;
}
