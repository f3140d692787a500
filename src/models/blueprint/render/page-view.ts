/** Which fields the list and the detail page show, and how. */
import type { FieldModel } from "../entity-model.ts";
import { factOf, formatterOf, metaOf } from "./display.ts";
import { isNullable } from "./field-kinds.ts";
import { jsxText } from "./text.ts";

const LEAD_NAME = /summary|subtitle|excerpt|teaser|tagline|abstract|intro|description/i;
const META_MAX = 3;
const BADGES_MAX = 3;

export function listView(title: FieldModel, others: FieldModel[]) {
  const badges = others.filter((field) => field.type === "boolean" || field.type === "choice").slice(0, BADGES_MAX);
  const summary = leadOf(others);
  const long = others.find((field) => field.type === "longtext");
  const lead = summary ?? long ?? others.find((field) => field.type === "text");
  const spare = others.filter((field) => field !== lead && !badges.includes(field) && field.type !== "longtext" && field.type !== "slug");
  const meta = spare.slice(0, META_MAX);
  const hasDay = meta.some((field) => field.type === "date" || field.type === "datetime");
  return {
    badges: badges.map(badgeOf),
    oneBadge: badges.length === 1 ? oneBadge(badges) : "",
    text: lead && `row.${lead.name}${lead === summary && long && isNullable(lead) ? ` ?? row.${long.name}` : ""}`,
    meta: [...meta.map(metaOf), ...(hasDay ? [] : ["{formatDayOf(row.createdAt)}"])],
    formatters: formatters([title, ...meta], hasDay ? ["formatCount"] : ["formatCount", "formatDayOf"]),
  };
}

function badgeOf(field: FieldModel): string {
  if (field.type === "boolean") return `{row.${field.name} && <Badge tint>${jsxText(field.label)}</Badge>}`;
  const badge = `<Badge>{row.${field.name}}</Badge>`;
  return isNullable(field) ? `{row.${field.name} !== null && ${badge}}` : badge;
}

/** As the value of an attribute, inside its braces. */
function oneBadge([field]: FieldModel[]): string {
  return field === undefined ? "" : badgeOf(field).replace(/^\{(.*)\}$/, "$1");
}

export function detailView(title: FieldModel, others: FieldModel[]) {
  const lead = leadOf(others);
  const proses = others.filter((field) => field.type === "longtext");
  const facts = others.filter((field) => field !== lead && field.type !== "longtext");
  return {
    lead: lead?.name,
    facts: facts.map((field) => ({ label: field.label, content: factOf(field) })),
    proses: proses.map((field) => ({
      name: field.name,
      ...(isNullable(field) ? { before: `{row.${field.name} && `, after: "}" } : { before: "", after: "" }),
      label: proses.length > 1 ? field.label : undefined,
    })),
    formatters: formatters([title, ...facts], ["formatDayOf"]),
    imports: [
      ...(facts.length > 0 ? ["Fact", "Facts"] : []),
      ...(proses.length > 0 ? ["Prose"] : []),
      ...(facts.some((field) => field.type === "url" || field.type === "email") ? ["TextLink"] : []),
    ],
  };
}

function leadOf(fields: FieldModel[]): FieldModel | undefined {
  return fields.find((field) => field.type === "text" && LEAD_NAME.test(field.name));
}

function formatters(fields: FieldModel[], always: string[]): string[] {
  const names = fields.flatMap((field) => formatterOf(field) ?? []);
  return [...new Set([...names, ...always])].sort();
}
