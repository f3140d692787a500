/** How a field's value is shown: an expression of TypeScript, and what it needs from `src/client/format.ts`. */
import type { FieldModel } from "../entity-model.ts";
import { isNullable, ratingMax } from "./field-kinds.ts";
import { literal } from "./text.ts";

const FORMATTERS = {
  date: "formatDay",
  datetime: "formatMoment",
  time: "formatTime",
  integer: "formatNumber",
  decimal: "formatNumber",
  money: "formatAmount",
  rating: "formatRating",
  url: "formatUrl",
} as const;

const MONEY_NAME = /price|amount|cost|total|fee|fare|salary|wage|budget|balance|payment/i;

/** Where the title of the row is that a reference leads to, and the field that it comes from. */
export interface Referred {
  property: string;
  title: FieldModel;
}

/** A field with what its display needs to know. */
export interface ShownField {
  field: FieldModel;
  /** Of a reference. */
  referred?: Referred | undefined;
  /** Of a reference: the path of the pages of what it leads to. */
  path?: string | undefined;
}

/** The function that writes the field's value for people, if it takes one. */
export function formatterOf(field: FieldModel): string | undefined {
  if (field.type === "decimal" && field.unit === undefined && MONEY_NAME.test(field.name)) return "formatAmount";
  return field.type in FORMATTERS ? FORMATTERS[field.type as keyof typeof FORMATTERS] : undefined;
}

/** The functions that the display of these fields calls. */
export function formattersOf(fields: readonly ShownField[]): string[] {
  return fields.flatMap(({ field, referred }) => formatterOf(referred?.title ?? field) ?? []);
}

/** `value` as people read it, where it is not null. */
export function formatted(field: FieldModel, value: string): string {
  const formatter = formatterOf(field);
  if (formatter === undefined) return value;
  const more = field.type === "rating" ? [String(ratingMax(field))] : field.currency === undefined ? [] : [literal(field.currency)];
  const call = `${formatter}(${[value, ...more].join(", ")})`;
  return field.unit === undefined ? call : `\`\${${call}} ${templateText(field.unit)}\``;
}

/** An expression of type string, or string and null where the field may be empty. */
export function shown({ field, referred }: ShownField): string {
  const value = `row.${field.name}`;
  if (referred !== undefined) {
    const property = `row.${referred.property}`;
    const title = titleFrom(referred.title, property);
    return isNullable(field) && title !== property ? `${isNullable(referred.title) ? value : property} === null ? null : ${title}` : title;
  }
  if (field.type === "boolean") return `${value} ? "Yes" : "No"`;
  if (formatterOf(field) === undefined) return value;
  return isNullable(field) ? `${value} === null ? null : ${formatted(field, value)}` : formatted(field, value);
}

/** The heading of a row: always a string. */
export function titleOf(field: FieldModel): string {
  return titleFrom(field, `row.${field.name}`);
}

/** The title of a row whose title stands in `value`. */
export function titleFrom(field: FieldModel, value: string): string {
  if (field.type === "boolean") return `${value} ? ${literal(field.label)} : ${literal(`Not ${field.label.toLowerCase()}`)}`;
  if (!isNullable(field)) return formatted(field, value);
  return formatterOf(field) === undefined ? `${value} ?? "Untitled"` : `${value} === null ? "Untitled" : ${formatted(field, value)}`;
}

/** An element or expression for the detail page. */
export function factOf(shownField: ShownField): string {
  const { field, referred, path } = shownField;
  const value = `row.${field.name}`;
  const link = (element: string, guard = value) => (isNullable(field) ? `{${guard} !== null && ${element}}` : element);
  if (referred !== undefined) {
    const property = `row.${referred.property}`;
    const element = `<RowLink to={\`/${path ?? ""}/\${${value}}\`}>{${titleFrom(referred.title, property)}}</RowLink>`;
    return link(element, isNullable(referred.title) ? value : property);
  }
  if (field.type === "url") return link(`<TextLink href={${value}}>{formatUrl(${value})}</TextLink>`);
  if (field.type === "email") return link(`<TextLink href={\`mailto:\${${value}}\`}>{${value}}</TextLink>`);
  if (field.type === "phone") return link(`<TextLink href={\`tel:\${${value}.replaceAll(" ", "")}\`}>{${value}}</TextLink>`);
  if (field.type === "rating") return link(`<Stars value={${value}} max={${ratingMax(field)}} />`);
  return `{${shown(shownField)}}`;
}

const SPOKEN = new Set(["date", "datetime", "time", "integer", "decimal", "money"]);

/** One fact in the line below a row of a list. */
export function metaOf(shownField: ShownField): string {
  const { field, referred } = shownField;
  const value = `row.${field.name}`;
  // On the page of what the row belongs to, that need not be said.
  if (referred !== undefined) {
    const text = shown(shownField);
    return `{without !== ${literal(field.name)} && ${text.includes(" ? ") || text.includes(" ?? ") ? `(${text})` : text}}`;
  }
  if (field.type === "rating") {
    const stars = `<Stars value={${value}} max={${ratingMax(field)}} />`;
    return isNullable(field) ? `{${value} !== null && ${stars}}` : stars;
  }
  const text = formatted(field, value);
  const content = SPOKEN.has(field.type) && field.unit === undefined ? withLabel(field, text) : text;
  return isNullable(field) ? `{${value} !== null && ${content}}` : `{${content}}`;
}

function withLabel(field: FieldModel, text: string): string {
  return /^[^`\\$]+$/.test(field.label) ? `\`${field.label} \${${text}}\`` : `\`\${${literal(field.label)}} \${${text}}\``;
}

/** Text inside a template literal. */
function templateText(text: string): string {
  return text.replace(/[`\\$]/g, "\\$&");
}
