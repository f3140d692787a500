/** The control of each type of field in a form, as JSX. */
import type { FieldModel } from "../entity-model.ts";
import { defaultOf, isNullable, ratingMax } from "./field-kinds.ts";
import { jsxAttribute, literal } from "./text.ts";

/** What has to be dated and just happened: the form of a new row begins with this day. */
export function isAboutToday(field: FieldModel): boolean {
  return field.type === "date" && field.required && field.default === undefined && field.unique !== true && JUST_HAPPENED.test(field.name);
}

const JUST_HAPPENED = /^(?:date|day)$|(?:paid|spent|sent|bought|sold|received|done|made|visited|measured|recorded)(?:On)?$/i;

/** The control of the form; `row` is the row that is edited, if there is one. */
export function controlOf(field: FieldModel, choices: ReferenceChoices | undefined): string {
  const value = `row?.${field.name}`;
  if (choices !== undefined) return referenceControl(field, choices);
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
  const number = (step: string, keys: string) => {
    const bounds = [
      ...(field.min === undefined ? [] : [` min={${field.min}}`]),
      ...(field.max === undefined ? [] : [` max={${field.max}}`]),
    ];
    const behind = field.unit ?? field.currency;
    const kind = `type="number" step="${step}" inputMode="${keys}"${bounds.join("")}`;
    return behind === undefined ? input(kind) : `<Suffixed text=${jsxAttribute(behind)}>\n          ${input(kind)}\n        </Suffixed>`;
  };
  switch (field.type) {
    case "longtext":
      return `<Textarea${field.required ? " rows={9}" : ""} defaultValue={${initial}}${required} />`;
    case "boolean":
      return `<Checkbox defaultChecked={${value} ?? ${start}} />`;
    case "choice":
      return choiceControl(field, fallback, initial, required);
    case "date":
      return isAboutToday(field) ? `<Input type="date" defaultValue={row ? row.${field.name} : today()} required />` : input('type="date"');
    case "time":
      return input('type="time"');
    case "phone":
      return input('type="tel" autoComplete="off"');
    case "rating":
      return `<RatingSelect max={${ratingMax(field)}} defaultValue={${initial}}${required} />`;
    case "datetime": {
      const moment = `${value} ? toLocalInput(${value}) : ""`;
      const text = fallback === undefined ? moment : `row ? (${moment}) : toLocalInput(${start})`;
      return `<Input type="datetime-local" defaultValue={${text}}${required} />`;
    }
    case "integer":
      return number("1", "numeric");
    case "decimal":
    case "money":
      return number("0.01", "decimal");
    case "email":
      return input('type="email" autoComplete="off"');
    case "url":
      return input('type="url" placeholder="https://"');
    case "slug":
      return input('autoCapitalize="none" spellCheck={false}');
    case "text":
    case "reference":
      return input("");
  }
}

/** Where the form gets what a reference can lead to. */
export interface ReferenceChoices {
  /** The variable with what the hook of the target's options returns. */
  options: string;
  /** The target's path. */
  path: string;
  /** "author" and "authors". */
  label: string;
  labelPlural: string;
  /** The title of what the row refers to now, as an expression. */
  current: string;
}

function referenceControl(field: FieldModel, { options, path, label, labelPlural, current }: ReferenceChoices): string {
  const attributes = [
    `{...${options}}`,
    `one=${jsxAttribute(label)}`,
    `many=${jsxAttribute(labelPlural)}`,
    `newPath="/${path}/new"`,
    `current={row && { id: row.${field.name}, text: ${current} }}`,
    ...(field.required ? ["required"] : []),
  ];
  return `<ReferenceSelect ${attributes.join(" ")} />`;
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
