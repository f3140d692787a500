/** SQL that gives a column another type or other rules, with the values that it holds, and words for what happens to them. */
import { AdorableError } from "../../../core/errors.ts";
import { isTextual, type AppModel, type EntityModel, type FieldModel, type FieldType } from "../entity-model.ts";
import { checkConstraint, referenceConstraint, uniqueConstraint } from "./constraints.ts";
import { checkExpression, defaultOf, isNullable, kindOf, ratingMax, sqlValue } from "./field-kinds.ts";
import { sourceOf } from "./fill.ts";
import { accept, foreignKey, needsValue, ONE_PASS, unique } from "./migrations.ts";
import { sqlName, sqlString } from "./text.ts";

/**
 * From `from` to `to`, which has the same column. What the new type or rules cannot hold becomes the default, or empty.
 * Throws `cannot-change-field` (author) where no value could be kept, and `field-needs-a-value` (author) where a value may be needed that there is not.
 */
export function changeColumn(
  model: Pick<AppModel, "entities">,
  entity: EntityModel,
  from: FieldModel,
  to: FieldModel,
): { sql: string[]; notes: string[] } {
  const table = sqlName(entity.table);
  const column = sqlName(from.column);
  const alter = (what: string) => `alter table ${table} ${what};`;
  const alterColumn = (what: string) => alter(`alter column ${column} ${what}`);
  const conversion = conversionOf(from, to);
  const [oldCheck, newCheck] = [checkExpression(from), checkExpression(to)];
  const [oldDefault, newDefault] = [defaultOf(from), defaultOf(to)];
  const retyped = kindOf(from).sqlType !== kindOf(to).sqlType;
  const narrowed = newCheck !== undefined && newCheck !== oldCheck && !isWider(from, to);
  const loses = conversion.loses || narrowed;
  const wasNullable = isNullable(from);
  const needsFilling = !isNullable(to) && to.type !== "boolean" && (wasNullable || loses);
  if (needsFilling && newDefault === undefined) throw needsValue(entity, to, "say a default for rows without a value");
  // A filled field must be able to get its value where it is left out.
  sourceOf({ ...entity, fields: entity.fields.map((other) => (other === from ? to : other)) }, to);
  const loosened = !wasNullable && (isNullable(to) || loses || retyped);
  const defaultChanges = retyped || !same(oldDefault, newDefault);

  const sql = [
    ...(oldCheck !== undefined && oldCheck !== newCheck ? [alter(`drop constraint ${sqlName(checkConstraint(entity, from))}`)] : []),
    ...(from.unique === true && to.unique !== true ? [alter(`drop constraint ${sqlName(uniqueConstraint(entity, from))}`)] : []),
    ...(from.type === "reference" && from.onDelete !== to.onDelete
      ? [
          alter(`drop constraint ${sqlName(referenceConstraint(entity, from))}`),
          accept("adding-foreign-key-constraint", ONE_PASS, alter(`add ${foreignKey(model, entity, to)}`)),
        ]
      : []),
    ...(oldDefault !== undefined && defaultChanges ? [alterColumn("drop default")] : []),
    ...(loosened ? [alterColumn("drop not null")] : []),
    ...(retyped
      ? [alterColumn(`type ${kindOf(to).sqlType} using (${conversion.value})`)]
      : conversion.value === column
        ? []
        : [`update ${table} set ${column} = ${conversion.value} where ${column} is not null;`]),
    ...(narrowed ? [`update ${table} set ${column} = null where not (${newCheck});`] : []),
    ...(needsFilling ? [`update ${table} set ${column} = ${sqlValue(to, newDefault)} where ${column} is null;`] : []),
    ...(newDefault !== undefined && defaultChanges ? [alterColumn(`set default ${sqlValue(to, newDefault)}`)] : []),
    ...(!isNullable(to) && (wasNullable || loosened) ? [accept("adding-not-nullable-field", ONE_PASS, alterColumn("set not null"))] : []),
    ...(newCheck !== undefined && oldCheck !== newCheck
      ? [
          accept(
            "constraint-missing-not-valid",
            ONE_PASS,
            alter(`add constraint ${sqlName(checkConstraint(entity, to))} check (${newCheck})`),
          ),
        ]
      : []),
    ...(to.unique === true && from.unique !== true
      ? [accept("disallowed-unique-constraint", ONE_PASS, alter(`add ${unique(entity, to)}`))]
      : []),
  ];
  const otherwise = newDefault === undefined ? "become empty" : `become ${JSON.stringify(newDefault)}`;
  const notes = [
    ...(conversion.note === undefined ? [] : [conversion.note]),
    ...(loses ? [`Values of "${from.label}" that are not ${nounOf(to)} ${otherwise}.`] : []),
    ...(wasNullable && needsFilling ? [`Where "${from.label}" is empty, it becomes ${JSON.stringify(newDefault)}.`] : []),
    ...(to.unique === true && from.unique !== true
      ? [`No two ${entity.labelPlural} may have the same "${from.label}" by then, or the change is refused.`]
      : []),
  ];
  return { sql, notes };
}

/** Everything that the old rules allowed, the new ones allow. */
function isWider(from: FieldModel, to: FieldModel): boolean {
  if (from.choices !== undefined && to.choices !== undefined) return from.choices.every((choice) => to.choices?.includes(choice));
  if (from.type !== to.type) return false;
  if (to.type === "rating") return ratingMax(from) <= ratingMax(to);
  const low = to.min === undefined || (from.min !== undefined && from.min >= to.min);
  const high = to.max === undefined || (from.max !== undefined && from.max <= to.max);
  return low && high;
}

interface Conversion {
  /** The new value as an expression of the old one. */
  value: string;
  /** Some old values have no new one. */
  loses: boolean;
  note?: string;
}

const NUMBERS: ReadonlySet<FieldType> = new Set(["integer", "decimal", "money", "rating"]);

function conversionOf(from: FieldModel, to: FieldModel): Conversion {
  const value = sqlName(from.column);
  if (from.type === to.type && from.type !== "choice") return { value, loses: false };
  if (from.type === "reference" || to.type === "reference" || to.type === "slug") throw impossible(from, to);
  if (to.type === "choice") return { value: toChoice(from, to), loses: false };
  if (isTextual(to.type)) return { value: textOf(from), loses: false };
  const plain = isTextual(from.type) ? fromText(from, to) : between(from, to);
  if (plain === undefined) throw impossible(from, to);
  return plain;
}

/** As people would read it. */
function textOf(from: FieldModel): string {
  const value = sqlName(from.column);
  if (isTextual(from.type)) return value;
  if (from.type === "boolean") return `case when ${value} then 'Yes' else 'No' end`;
  if (from.type === "datetime") return `to_char(${value} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`;
  if (from.type === "time") return `to_char(${value}, 'HH24:MI')`;
  return `${value}::text`;
}

/** The option that is written alike, whatever its case; what is no option is left for the check to sort out. */
function toChoice(from: FieldModel, to: FieldModel): string {
  const value = textOf(from);
  const options = to.choices ?? [];
  if (from.type === "choice" && (from.choices ?? []).every((choice) => options.includes(choice))) return value;
  const cases = options.map((option) => `when ${sqlString(option.trim().toLowerCase())} then ${sqlString(option)}`);
  return `case lower(btrim(${value})) ${cases.join(" ")} else ${value} end`;
}

function fromText(from: FieldModel, to: FieldModel): Conversion | undefined {
  const text = `btrim(${sqlName(from.column)})`;
  const valid = (pattern: string, type: string, cast = `${text}::${type}`) =>
    `case when ${text} ~ ${sqlString(pattern)} and pg_input_is_valid(${text}, ${sqlString(type)}) then ${cast} end`;
  switch (to.type) {
    case "boolean":
      return {
        value: `coalesce(lower(${text}) in ('yes', 'y', 'true', 'on', 'x', '1'), false)`,
        loses: false,
        note: `"${to.label}" is checked where it says yes, true, on, x or 1, and not checked elsewhere.`,
      };
    case "integer":
    case "rating":
      return { value: valid("^[+-]?[0-9]+$", "integer"), loses: true };
    case "decimal":
    case "money": {
      const number = `round(replace(${text}, ',', '.')::numeric, 2)`;
      return { value: `case when ${text} ~ '^[+-]?[0-9]{1,10}([.,][0-9]+)?$' then ${number} end`, loses: true };
    }
    case "date":
      return { value: valid("^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "date"), loses: true };
    case "datetime":
      return { value: valid("^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}.*)?$", "timestamptz"), loses: true };
    case "time":
      return { value: valid("^[0-9]{1,2}:[0-9]{2}$", "time"), loses: true };
    default:
      return undefined;
  }
}

function between(from: FieldModel, to: FieldModel): Conversion | undefined {
  const value = sqlName(from.column);
  if (NUMBERS.has(from.type)) {
    if (to.type === "decimal" || to.type === "money")
      return { value: kindOf(from).sqlType === kindOf(to).sqlType ? value : `${value}::numeric(12, 2)`, loses: false };
    if (to.type === "boolean")
      return { value: `coalesce(${value} <> 0, false)`, loses: false, note: `"${to.label}" is checked where it is not 0.` };
    if (to.type !== "integer" && to.type !== "rating") return undefined;
    if (from.type === "integer" || from.type === "rating") return { value, loses: false };
    return {
      value: `case when ${value} between -2147483648 and 2147483647 then round(${value})::integer end`,
      loses: true,
      note: `Fractions of "${from.label}" are rounded.`,
    };
  }
  const utc = `(${value} at time zone 'UTC')`;
  const pairs: Record<string, Conversion> = {
    "boolean integer": { value: `${value}::integer`, loses: false },
    "date datetime": { value: `${value}::timestamp at time zone 'UTC'`, loses: false },
    "datetime date": { value: `${utc}::date`, loses: false, note: `The time of day of "${from.label}" is deleted.` },
    "datetime time": { value: `${utc}::time(0)`, loses: false, note: `The day of "${from.label}" is deleted.` },
  };
  return pairs[`${from.type} ${to.type}`];
}

function nounOf(field: FieldModel): string {
  const nouns: Partial<Record<FieldType, string>> = {
    integer: "whole numbers",
    decimal: "numbers",
    money: "amounts",
    rating: "ratings",
    date: "dates",
    datetime: "dates and times",
    time: "times of day",
    choice: "among the choices",
  };
  const noun = nouns[field.type] ?? "valid";
  return field.min === undefined && field.max === undefined ? noun : `${noun} within the limits`;
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function impossible(from: FieldModel, to: FieldModel): AdorableError {
  return new AdorableError({
    code: "cannot-change-field",
    remedy: "author",
    message: `"${from.label}" (${from.type}) cannot be turned into a ${to.type}: none of its values would fit.`,
    hint: "Add a field of the other type, and remove this one when it is no longer needed.",
  });
}
