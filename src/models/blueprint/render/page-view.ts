/** Which fields the list and the detail page show, and how. */
import { isSummed, type EntityModel, type FieldModel } from "../entity-model.ts";
import { factOf, formatted, formattersOf, metaOf, type ShownField } from "./display.ts";
import { isNullable } from "./field-kinds.ts";
import type { Properties } from "./relations.ts";
import { jsxText, literal } from "./text.ts";

const LEAD_NAME = /summary|subtitle|excerpt|teaser|tagline|abstract|intro|description/i;
/** A checkbox of this name is what a row waits for: it can be set in the list. */
const DONE_NAME = /^(?:is)?(?:done|completed?|finished|bought|packed|resolved)$/i;
const META_MAX = 4;
const BADGES_MAX = 3;

export function listView(entity: EntityModel, title: FieldModel, others: ShownField[], properties: Properties) {
  const check = others.find(({ field }) => field.type === "boolean" && DONE_NAME.test(field.name))?.field;
  const free = others.filter(({ field }) => field !== check);
  const badges = free.filter(({ field }) => field.type === "boolean" || field.type === "choice").slice(0, BADGES_MAX);
  const figure =
    free.find(({ field }) => isSummed(field)) ?? free.find(({ field }) => field.type === "integer" && field.unit !== undefined);
  const summary = leadOf(free);
  const long = free.find(({ field }) => field.type === "longtext")?.field;
  const lead = summary ?? long ?? free.find(({ field }) => field.type === "text")?.field;
  const spare = free.filter(
    (one) => one.field !== lead && one !== figure && !badges.includes(one) && one.field.type !== "longtext" && one.field.type !== "slug",
  );
  // What a row belongs to comes first.
  const meta = [...spare.filter(({ referred }) => referred !== undefined), ...spare.filter(({ referred }) => referred === undefined)].slice(
    0,
    META_MAX,
  );
  const hasDay = meta.some(({ field }) => field.type === "date" || field.type === "datetime");
  const counts = properties.related.flatMap(({ relation: { child }, count, sums }) => [
    `{formatCount(row.${count}, ${literal(child.label)}, ${literal(child.labelPlural)})}`,
    ...sums.map(({ field, name }) => `{row.${name} !== 0 && ${formatted(field, `row.${name}`)}}`),
  ]);
  const summed = entity.fields.filter(isSummed);
  return {
    check: check?.name,
    checkLabel: check?.label,
    badges: badges.map(({ field }) => badgeOf(field)),
    oneBadge: badges.length === 1 ? badges.map(({ field }) => badgeOf(field).replace(/^\{(.*)\}$/, "$1")).join("") : "",
    figure: figure && figureOf(figure.field),
    text: lead && `row.${lead.name}${lead === summary && long && isNullable(lead) ? ` ?? row.${long.name}` : ""}`,
    meta: [...meta.map(metaOf), ...counts, ...(hasDay ? [] : ["{formatDayOf(row.createdAt)}"])],
    namesParent: meta.some(({ referred }) => referred !== undefined),
    hasStars: meta.some(({ field }) => field.type === "rating"),
    rowFormatters: sorted([
      ...formattersOf([{ field: title }, ...meta.filter(({ field }) => field.type !== "rating"), ...(figure ? [figure] : [])]),
      ...(counts.length > 0 ? ["formatCount"] : []),
      ...properties.related.flatMap(({ sums }) => formattersOf(sums)),
      ...(hasDay ? [] : ["formatDayOf"]),
    ]),
    totals: summed.map((field) => ({
      field: field.name,
      label: field.label,
      value: formatted(field, `sums.${field.name}`),
      relatedValue: formatted(field, `list.data.sums.${field.name}`),
    })),
    relatedFormatters: sorted(formattersOf(summed.map((field) => ({ field })))),
    formatters: sorted(["formatCount", ...formattersOf(summed.map((field) => ({ field })))]),
  };
}

function figureOf(field: FieldModel): string {
  const value = `row.${field.name}`;
  return isNullable(field) ? `${value} === null ? undefined : ${formatted(field, value)}` : formatted(field, value);
}

function badgeOf(field: FieldModel): string {
  if (field.type === "boolean") return `{row.${field.name} && <Badge tint>${jsxText(field.label)}</Badge>}`;
  const badge = `<Badge>{row.${field.name}}</Badge>`;
  return isNullable(field) ? `{row.${field.name} !== null && ${badge}}` : badge;
}

export function detailView(title: FieldModel, others: ShownField[]) {
  const lead = leadOf(others);
  const proses = others.flatMap(({ field }) => (field.type === "longtext" ? [field] : []));
  const facts = others.filter(({ field }) => field !== lead && field.type !== "longtext");
  const links = facts.some(({ field }) => field.type === "url" || field.type === "email" || field.type === "phone");
  return {
    lead: lead?.name,
    facts: facts.map((fact) => ({ label: fact.field.label, content: factOf(fact) })),
    proses: proses.map((field) => ({
      name: field.name,
      ...(isNullable(field) ? { before: `{row.${field.name} && `, after: "}" } : { before: "", after: "" }),
      label: proses.length > 1 ? field.label : undefined,
    })),
    formatters: sorted([...formattersOf([{ field: title }, ...facts.filter(({ field }) => field.type !== "rating")]), "formatDayOf"]),
    imports: [
      ...(facts.length > 0 ? ["Fact", "Facts"] : []),
      ...(proses.length > 0 ? ["Prose"] : []),
      ...(facts.some(({ referred }) => referred !== undefined) ? ["RowLink"] : []),
      ...(facts.some(({ field }) => field.type === "rating") ? ["Stars"] : []),
      ...(links ? ["TextLink"] : []),
    ],
  };
}

function leadOf(fields: ShownField[]): FieldModel | undefined {
  return fields.find(({ field }) => field.type === "text" && LEAD_NAME.test(field.name))?.field;
}

function sorted(names: string[]): string[] {
  return [...new Set(names)].sort();
}
