/** How a field's value is shown: an expression of TypeScript, and what it needs from `src/client/format.ts`. */
import type { FieldModel } from "../entity-model.ts";
import { isNullable } from "./field-kinds.ts";
import { literal } from "./text.ts";

const FORMATTERS = {
  date: "formatDay",
  datetime: "formatMoment",
  integer: "formatNumber",
  decimal: "formatNumber",
  url: "formatUrl",
} as const;

const MONEY_NAME = /price|amount|cost|total|fee|fare|salary|wage|budget|balance|payment/i;

/** The function that writes the field's value for people, if it takes one. */
export function formatterOf(field: FieldModel): string | undefined {
  if (field.type === "decimal" && MONEY_NAME.test(field.name)) return "formatAmount";
  return field.type in FORMATTERS ? FORMATTERS[field.type as keyof typeof FORMATTERS] : undefined;
}

/** An expression of type string, or string and null where the field may be empty. */
export function shown(field: FieldModel): string {
  const value = `row.${field.name}`;
  if (field.type === "boolean") return `${value} ? "Yes" : "No"`;
  const formatter = formatterOf(field);
  if (formatter === undefined) return value;
  return isNullable(field) ? `${value} === null ? null : ${formatter}(${value})` : `${formatter}(${value})`;
}

/** The heading of a row: always a string. */
export function titleOf(field: FieldModel): string {
  if (field.type === "boolean") return `row.${field.name} ? ${literal(field.label)} : ${literal(`Not ${field.label.toLowerCase()}`)}`;
  const expression = shown(field);
  if (!isNullable(field)) return expression;
  return formatterOf(field) === undefined
    ? `${expression} ?? "Untitled"`
    : `row.${field.name} === null ? "Untitled" : ${formatterOf(field)}(row.${field.name})`;
}

/** An element or expression for the detail page. */
export function factOf(field: FieldModel): string {
  const value = `row.${field.name}`;
  const link = (href: string, text: string) => {
    const element = `<TextLink href={${href}}>{${text}}</TextLink>`;
    return isNullable(field) ? `{${value} !== null && ${element}}` : element;
  };
  if (field.type === "url") return link(value, `formatUrl(${value})`);
  if (field.type === "email") return link(`\`mailto:\${${value}}\``, value);
  return `{${shown(field)}}`;
}

/** One fact in the line below a row of a list. */
export function metaOf(field: FieldModel): string {
  const value = `row.${field.name}`;
  const spoken = field.type === "date" || field.type === "datetime" || field.type === "integer" || field.type === "decimal";
  const formatter = formatterOf(field);
  const text = formatter === undefined ? value : `${formatter}(${value})`;
  const content = spoken ? `\`\${${literal(field.label)}} \${${text}}\`` : text;
  const plain = spoken && /^[^`\\$]+$/.test(field.label) ? `\`${field.label} \${${text}}\`` : content;
  return isNullable(field) ? `{${value} !== null && ${plain}}` : `{${plain}}`;
}
