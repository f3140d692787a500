/** What each type of field is in SQL, in TypeScript, in the API, in a form and on a page. */
import { RATING_MAX, type FieldModel, type FieldType } from "../entity-model.ts";
import { jsxAttribute, literal, sqlName, sqlString } from "./text.ts";

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

/** `"status" text not null default 'draft' check (…)`, without uniqueness. */
export function columnDefinition(field: FieldModel): string {
  const fallback = defaultOf(field);
  return `${columnType(field)}${isNullable(field) ? "" : " not null"}${fallback === undefined ? "" : ` default ${sqlValue(field, fallback)}`}${columnCheck(field)}`;
}

/** The same, while the column may still be empty. */
export function emptyColumnDefinition(field: FieldModel): string {
  return columnType(field) + columnCheck(field);
}

function columnType(field: FieldModel): string {
  return `${sqlName(field.column)} ${kindOf(field).sqlType}`;
}

function columnCheck(field: FieldModel): string {
  return field.choices ? ` check (${sqlName(field.column)} in (${field.choices.map(sqlString).join(", ")}))` : "";
}

/** The control of the form; `row` is the row that is edited, if there is one. */
export function controlOf(field: FieldModel): string {
  const value = `row?.${field.name}`;
  const fallback = defaultOf(field);
  // On a new row the default stands in the form; on one that is edited, an empty value stays empty.
  const start = fallback === undefined ? "" : literal(fallback);
  const initial =
    fallback === undefined
      ? isNullable(field)
        ? `${value} ?? ""`
        : value
      : isNullable(field)
        ? `row ? (${value} ?? "") : ${start}`
        : `${value} ?? ${start}`;
  const required = field.required && field.filledFrom === undefined ? " required" : "";
  const input = (attributes: string) => `<Input${attributes === "" ? "" : ` ${attributes}`} defaultValue={${initial}}${required} />`;
  switch (field.type) {
    case "longtext":
      return `<Textarea defaultValue={${initial}}${required} />`;
    case "boolean":
      return `<Checkbox defaultChecked={${value} ?? ${start}} />`;
    case "choice":
      return choiceControl(field, fallback, initial, required);
    case "date":
      return input('type="date"');
    case "time":
      return input('type="time"');
    case "phone":
      return input('type="tel" autoComplete="off"');
    case "money":
      return input('type="number" step="0.01" inputMode="decimal"');
    case "rating":
    case "reference":
      return input("");
    case "datetime": {
      const moment = `${value} ? toLocalInput(${value}) : ""`;
      const text = fallback === undefined ? moment : `row ? (${moment}) : toLocalInput(${start})`;
      return `<Input type="datetime-local" defaultValue={${text}}${required} />`;
    }
    case "integer":
      return input('type="number" step="1" inputMode="numeric"');
    case "decimal":
      return input('type="number" step="0.01" inputMode="decimal"');
    case "email":
      return input('type="email" autoComplete="off"');
    case "url":
      return input('type="url" placeholder="https://"');
    case "slug":
      return input('autoCapitalize="none" spellCheck={false}');
    case "text":
      return input("");
  }
}

function choiceControl(field: FieldModel, fallback: unknown, initial: string, required: string): string {
  const empty = field.required && fallback !== undefined ? [] : [`<option value="">${field.required ? "Choose…" : "None"}</option>`];
  const options = (field.choices ?? []).map((choice) => `<option value=${jsxAttribute(choice)}>${optionText(choice)}</option>`);
  const lines = [...empty, ...options].map((line) => `          ${line}`).join("\n");
  return `<Select defaultValue={${initial}}${required}>\n${lines}\n        </Select>`;
}

function optionText(choice: string): string {
  return /^[\p{L}\p{N}][\p{L}\p{N} .,'()-]*$/u.test(choice) && choice.trim() === choice ? choice : `{${literal(choice)}}`;
}
