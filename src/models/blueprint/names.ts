/** Names that an app, its records and their fields get: safe wherever they stand, and close to what was said. */
import type { EntityModel, FieldModel } from "./entity-model.ts";
import { pluralize } from "./language/inflect.ts";
import { camelCase, isTaken, sentenceCase, slugOf, snakeCase, titleCase, wordsOf } from "./language/naming.ts";

/** Indexes and constraints add to a column's name, and PostgreSQL cuts at 63 bytes. */
const MAX_NAME_CHARACTERS = 40;
/** Slugs whose schema, role or host would mean something else. */
const RESERVED_SLUGS: ReadonlySet<string> = new Set([
  "public",
  "information-schema",
  "adorable",
  "postgres",
  "template",
  "www",
  "api",
  "admin",
  "app",
  "node-modules",
]);
/** Every row has these by itself. */
const AUTOMATIC: ReadonlySet<string> = new Set(["id", "created_at", "updated_at", "created_date", "updated_date"]);
/** Columns and inputs that mean something else already: `EntityModel` refuses them. */
const SPOKEN_FOR: ReadonlySet<string> = new Set([
  "constructor",
  "prototype",
  "ctid",
  "xmin",
  "xmax",
  "cmin",
  "cmax",
  "tableoid",
  "search",
  "cursor",
  "limit",
]);

/** The slug and the display name of an app: from its given name, else from its records. */
export function appNames(given: string | undefined, entity: readonly string[]): { slug: string; name: string } {
  const words = given === undefined ? pluralize(entity.join(" ")).split(" ") : wordsOf(given);
  const slug = slugOf(words.length === 0 ? ["app"] : words);
  const reserved = RESERVED_SLUGS.has(slug) || slug.startsWith("pg-");
  return {
    slug: reserved ? slugOf([...words, "app"]) : slug,
    name: (given?.replaceAll(/\s+/g, " ").trim() ?? titleCase(words)).slice(0, 80),
  };
}

/** All names of an entity, from the words for one record. */
export function entityNames(singular: readonly string[]): Pick<EntityModel, "name" | "plural" | "label" | "labelPlural" | "table"> {
  const label = singular.join(" ");
  const labelPlural = pluralize(label);
  const plural = labelPlural.split(" ");
  // A noun without a plural would give the list and the record one name, and a reserved word none.
  const one = isTaken(camelCase(singular)) ? [...singular, "entry"] : [...singular];
  const many =
    labelPlural === label || isTaken(camelCase(plural)) || ["then", "call", "apply"].includes(camelCase(plural))
      ? [...singular, "entries"]
      : plural;
  const table = snakeCase(many).slice(0, MAX_NAME_CHARACTERS);
  return {
    name: cutCamel(one),
    plural: cutCamel(many),
    label: label.slice(0, 60),
    labelPlural: labelPlural.slice(0, 60),
    table: table.startsWith("pg_") ? `the_${table}` : table,
  };
}

/** All names of a field, or undefined for what every row has by itself. Names that are taken get a number. */
export function fieldNames(
  words: readonly string[],
  entity: readonly string[],
  others: readonly FieldModel[],
): Pick<FieldModel, "name" | "column" | "label"> | undefined {
  const plain = snakeCase(words);
  if (AUTOMATIC.has(plain)) return undefined;
  const safe = SPOKEN_FOR.has(plain) || !/^[a-z]/.test(plain) ? [...entity, ...words] : [...words];
  for (let number = 1; ; number++) {
    const numbered = number === 1 ? safe : [...safe, String(number)];
    const column = snakeCase(numbered)
      .slice(-MAX_NAME_CHARACTERS)
      .replace(/^[^a-z]+/, "");
    const names = {
      name: camelCase(column.split("_")),
      column,
      label: number === 1 ? sentenceCase(words).slice(0, 60) : `${sentenceCase(words).slice(0, 56)} ${number}`,
    };
    if (
      !others.some(
        (other) => other.column === names.column || other.name === names.name || other.label.toLowerCase() === names.label.toLowerCase(),
      )
    )
      return names;
  }
}

function cutCamel(words: readonly string[]): string {
  return camelCase(snakeCase(words).slice(0, MAX_NAME_CHARACTERS).split("_").filter(Boolean));
}
