/** What each type of field is in SQL, in TypeScript, in the API, in a form and on a page. */
import { RATING_MAX, type EntityModel, type FieldModel, type FieldType } from "../entity-model.ts";
import { checkConstraint } from "./constraints.ts";
import { literal, sqlName, sqlString } from "./text.ts";

interface FieldKind {
  sqlType: string;
  /** The column's type in `db/schema.ts`, without null. */
  columnType: string;
  /** The function of `src/shared/fields.ts` that checks it. */
  builder: string;
  /** Shares a row of the form with another such field. */
  half: boolean;
}

const KINDS: Record<FieldType, FieldKind> = {
  text: { sqlType: "text", columnType: "string", builder: "text", half: false },
  longtext: { sqlType: "text", columnType: "string", builder: "longText", half: false },
  boolean: { sqlType: "boolean", columnType: "boolean", builder: "boolean", half: false },
  date: { sqlType: "date", columnType: "string", builder: "date", half: true },
  datetime: { sqlType: "timestamptz", columnType: "Moment", builder: "dateTime", half: true },
  time: { sqlType: "time(0)", columnType: "string", builder: "time", half: true },
  integer: { sqlType: "integer", columnType: "number", builder: "integer", half: true },
  decimal: { sqlType: "numeric(12, 2)", columnType: "number", builder: "decimal", half: true },
  money: { sqlType: "numeric(12, 2)", columnType: "number", builder: "money", half: true },
  rating: { sqlType: "integer", columnType: "number", builder: "rating", half: true },
  email: { sqlType: "text", columnType: "string", builder: "email", half: false },
  url: { sqlType: "text", columnType: "string", builder: "url", half: false },
  phone: { sqlType: "text", columnType: "string", builder: "phone", half: false },
  choice: { sqlType: "text", columnType: "string", builder: "choice", half: true },
  slug: { sqlType: "text", columnType: "string", builder: "slug", half: false },
  reference: { sqlType: "bigint", columnType: "number", builder: "reference", half: true },
};

export function kindOf(field: FieldModel): FieldKind {
  return KINDS[field.type];
}

/** The column's type in TypeScript, with null where the column has it. */
export function columnTypeOf(field: FieldModel): string {
  const type = field.type === "choice" ? (field.choices ?? []).map((choice) => literal(choice)).join(" | ") : kindOf(field).columnType;
  const nullable = isNullable(field);
  if (type === "Moment") return nullable ? "Moment | null" : "Moment";
  return nullable ? `${type} | null` : type;
}

/** A boolean is true or false, whatever was said. */
export function isNullable(field: FieldModel): boolean {
  return !field.required && field.type !== "boolean";
}

/** What a new row gets when the field is left out: the stated default, and `false` for a boolean. */
export function defaultOf(field: FieldModel): unknown {
  if (field.default !== undefined && field.default !== null) return field.default;
  return field.type === "boolean" ? false : undefined;
}

/** `text("Title")`, `integer("Pages", { min: 1 })`. */
export function checkOf(field: FieldModel): string {
  return `${kindOf(field).builder}(${[literal(field.label), ...limitsOf(field)].join(", ")})`;
}

function limitsOf(field: FieldModel): string[] {
  if (field.type === "choice") return [literal(field.choices).replaceAll('","', '", "')];
  if (field.type === "rating") return [String(ratingMax(field))];
  if (field.min === undefined && field.max === undefined) return [];
  const bounds = [...(field.min === undefined ? [] : [`min: ${field.min}`]), ...(field.max === undefined ? [] : [`max: ${field.max}`])];
  return [`{ ${bounds.join(", ")} }`];
}

export function ratingMax(field: FieldModel): number {
  return field.max ?? RATING_MAX;
}

/** A value of the field as a literal of its column. */
export function sqlValue(field: FieldModel, value: unknown): string {
  if (value === null || value === undefined) return "null";
  switch (field.type) {
    case "boolean":
      return value === true ? "true" : "false";
    case "integer":
    case "decimal":
    case "money":
    case "rating":
    case "reference":
      return Number.isFinite(value) ? String(value) : sqlString(String(value));
    default:
      return sqlString(String(value));
  }
}

/** `"status" text not null default 'draft' constraint … check (…)`, without uniqueness and references. */
export function columnDefinition(entity: EntityModel, field: FieldModel): string {
  const fallback = defaultOf(field);
  return `${columnType(field)}${isNullable(field) ? "" : " not null"}${fallback === undefined ? "" : ` default ${sqlValue(field, fallback)}`}${columnCheck(entity, field)}`;
}

/** The same, while the column may still be empty. */
export function emptyColumnDefinition(entity: EntityModel, field: FieldModel): string {
  return columnType(field) + columnCheck(entity, field);
}

/** What the column's check says, if there is one. */
export function checkExpression(field: FieldModel): string | undefined {
  const column = sqlName(field.column);
  if (field.choices) return `${column} in (${field.choices.map(sqlString).join(", ")})`;
  if (field.type === "rating") return `${column} between 1 and ${ratingMax(field)}`;
  const { min, max } = field;
  if (min !== undefined && max !== undefined) return `${column} between ${min} and ${max}`;
  if (min !== undefined) return `${column} >= ${min}`;
  return max === undefined ? undefined : `${column} <= ${max}`;
}

function columnType(field: FieldModel): string {
  return `${sqlName(field.column)} ${kindOf(field).sqlType}`;
}

function columnCheck(entity: EntityModel, field: FieldModel): string {
  const expression = checkExpression(field);
  return expression === undefined ? "" : ` constraint ${sqlName(checkConstraint(entity, field))} check (${expression})`;
}
