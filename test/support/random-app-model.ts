/** App models with names that nobody chose: from a seed, so that a failure can be had again. */
import { FIELD_TYPES, type AppModel, type EntityModel, type FieldModel, type FieldType } from "../../src/models/blueprint/entity-model.ts";

/** Words that mean something to SQL, TypeScript, HTML or the libraries of a generated app, and words that mean nothing to anyone. */
const WORDS = [
  "order",
  "select",
  "class",
  "new",
  "default",
  "function",
  "delete",
  "user",
  "table",
  "error",
  "link",
  "form",
  "database",
  "map",
  "string",
  "input",
  "row",
  "page",
  "value",
  "type",
  "group",
  "check",
  "return",
  "await",
  "import",
  "key",
  "ref",
  "name",
  "label",
  "action",
  "elements",
  "length",
  "status",
  "time",
  "interval",
  "quux",
  "zyx",
  "brontle",
  "fimp",
  "ark",
  "plomb",
];
const AWKWARD = [
  "It's",
  'a "quoted" one',
  "{curly}",
  "<b>bold</b>",
  "50% & more",
  "back\\slash",
  "`tick` ${x}",
  "*/ end",
  "-- dashes",
  "naïve ünïcode",
  "{{mustache}}",
  "$1 $&",
];

export function randomAppModel(seed: number): AppModel {
  const random = generator(seed);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const chance = (share: number): boolean => random() < share;
  let serial = 0;
  const unusedName = () => {
    serial += 1;
    const words = [pick(WORDS), ...(chance(0.5) ? [pick(WORDS)] : [])];
    // The first of a kind may be exactly a reserved word.
    return chance(0.5) ? [...words, `n${serial}`] : [`${words[0]}${serial}`, ...words.slice(1)];
  };
  const label = (words: string[]) => (chance(0.4) ? `${words.join(" ")} ${pick(AWKWARD)} ${serial}` : `${words.join(" ")} ${serial}`);

  const field = (type: FieldType, earlier: FieldModel[]): FieldModel => {
    const words = unusedName();
    const source = earlier.find((other) => other.type === "text" && other.required);
    const choices = type === "choice" ? [pick(WORDS), pick(AWKWARD)] : undefined;
    const filled = type === "slug" && source !== undefined && chance(0.7);
    return {
      name: camel(words),
      column: words.join("_"),
      label: label(words),
      type,
      required: type === "boolean" || chance(0.5),
      ...(choices && { choices }),
      ...(filled && { filledFrom: source.name }),
      ...(chance(0.3) && { default: defaultFor(type, choices, pick(AWKWARD)) }),
      ...(["integer", "decimal"].includes(type) && chance(0.4) && { unit: pick([...WORDS, ...AWKWARD]).slice(0, 20), sum: true }),
      ...(type === "money" && chance(0.5) && { currency: "EUR", min: 0 }),
      ...(["text", "slug", "email", "integer"].includes(type) && chance(0.3) && { unique: true, default: undefined }),
    };
  };
  const reference = (parent: EntityModel, required: boolean): FieldModel => {
    const words = [...unusedName(), "id"];
    return {
      name: camel(words),
      column: words.join("_"),
      label: label(words),
      type: "reference",
      required,
      target: parent.name,
      onDelete: required ? pick(["restrict", "cascade"] as const) : pick(["restrict", "cascade", "clear"] as const),
      ...(chance(0.3) && { filter: false }),
    };
  };
  const entity = (): EntityModel => {
    const words = chance(0.3) ? [pick(WORDS)] : unusedName();
    const title: FieldModel = { ...field("text", []), required: true, default: undefined };
    const fields = [title];
    for (const type of FIELD_TYPES) if (type !== "reference" && chance(0.7)) fields.push(field(type, fields));
    const suffix = String((serial += 1));
    return {
      name: camel(words),
      plural: `${camel(words)}${suffix}`,
      label: label(words),
      labelPlural: label([...words, "all"]),
      table: chance(0.5) ? `${words.join("_")}_${suffix}` : pick(WORDS) + suffix,
      titleField: chance(0.8) ? title.name : pick(fields).name,
      fields,
      seed: AWKWARD.slice(0, 3).map((text) => ({ [title.name]: text })),
    };
  };
  const entities = Array.from({ length: 1 + Math.floor(random() * 3) }, (_, index) => {
    const one = entity();
    return index === 0 ? one : { ...one, name: `${one.name}Other${index}` };
  });
  entities.forEach((child, index) => {
    entities.forEach((parent, place) => {
      if (!chance(0.4)) return;
      // A circle is allowed where it can be left open.
      const required = place < index && chance(0.5);
      child.fields.push(reference(parent, required));
      for (const [row, values] of child.seed.entries())
        values[child.fields.at(-1)?.name ?? ""] = chance(0.8) || required ? row % parent.seed.length : null;
    });
  });
  return {
    slug: `app-${seed}`,
    name: `App ${pick(AWKWARD)}`,
    description: chance(0.5) ? pick(AWKWARD) : "",
    hue: Math.floor(random() * 360),
    entities,
  };
}

function defaultFor(type: FieldType, choices: string[] | undefined, text: string): unknown {
  const values: Record<FieldType, unknown> = {
    text,
    longtext: `${text}\n${text}`,
    boolean: true,
    date: "2026-02-03",
    datetime: "2026-02-03T04:05:00.000Z",
    integer: -3,
    decimal: 2.5,
    email: "a.b@example.com",
    url: "https://example.com/?a=1&b='",
    choice: choices?.[1],
    slug: "a-slug",
    time: "07:45",
    money: 19.99,
    rating: 4,
    phone: "+1 555 0100",
    reference: undefined,
  };
  return values[type];
}

function camel(words: string[]): string {
  return words.map((word, index) => (index === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1))).join("");
}

/** Mulberry32: numbers from 0 to 1 that a seed decides. */
export function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
