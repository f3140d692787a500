/** Changes of random app models, from a seed: each makes sense for the model that it is given. */
import { isNumeric, type AppModel, type EntityModel, type FieldModel, type FieldType } from "../../src/models/blueprint/entity-model.ts";
import type { ModelChange } from "../../src/models/blueprint/model-changes.ts";
import { generator } from "./random-app-model.ts";

const TEXTS: readonly FieldType[] = ["text", "longtext", "email", "url", "phone"];
/** What values of a type can become without anything being said of those that do not fit. */
const LOSSLESS: Partial<Record<FieldType, readonly FieldType[]>> = {
  text: ["longtext", "boolean"],
  longtext: ["text"],
  email: ["text", "longtext"],
  url: ["text"],
  phone: ["text"],
  choice: ["text"],
  boolean: ["text", "integer"],
  date: ["datetime", "text"],
  datetime: ["date", "time", "text"],
  time: ["text"],
  integer: ["decimal", "money", "text", "boolean"],
  decimal: ["money", "text"],
  money: ["decimal", "text"],
  rating: ["integer", "text"],
};
const LOSSY: readonly FieldType[] = ["integer", "decimal", "money", "rating", "date", "datetime", "time", "choice"];

export function randomChange(model: AppModel, seed: number): ModelChange {
  const random = generator(seed);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const entity = pick(model.entities);
  const plain = entity.fields.filter((field) => field.type !== "reference" && field.type !== "slug" && !isSource(entity, field));
  const kinds = [
    "rename-field",
    "remove-field",
    "retype",
    "require",
    "loosen",
    "limit",
    "rename-entity",
    "remove-entity",
    "add-relation",
    "add-entity",
  ];
  switch (pick(kinds)) {
    case "remove-field": {
      const removable = entity.fields.filter((field) => field.name !== entity.titleField);
      if (removable.length > 0) return { kind: "remove-field", entity: entity.name, field: pick(removable).name };
      break;
    }
    case "retype": {
      const field = pick(plain);
      const isLossy = TEXTS.includes(field.type) && random() < 0.5 && field.name !== entity.titleField && field.filledFrom === undefined;
      const type = isLossy ? pick(LOSSY) : pick(LOSSLESS[field.type] ?? (["text"] as const));
      return { kind: "change-field", entity: entity.name, field: field.name, to: retyped(field, type, isLossy) };
    }
    case "require":
      return changed(entity, pick(plain), (field) => ({ ...field, required: true, default: field.default ?? valueOf(field) }));
    case "loosen":
      return changed(entity, pick(plain), (field) => ({ ...field, required: field.type === "boolean", unique: undefined }));
    case "limit": {
      const numbers = plain.filter((field) => isNumeric(field.type) && field.unique !== true);
      if (numbers.length > 0)
        return changed(entity, pick(numbers), (field) => ({ ...field, min: 0, max: 10, required: false, default: undefined }));
      break;
    }
    case "rename-entity":
      return { kind: "rename-entity", entity: entity.name, names: entityNames("renamed") };
    case "remove-entity":
      if (model.entities.length > 1) return { kind: "remove-entity", entity: entity.name };
      break;
    case "add-relation": {
      const names = { name: "addedLinkId", column: "added_link_id", label: "Added link" };
      const target = pick(model.entities).name;
      return {
        kind: "add-fields",
        entity: entity.name,
        fields: [{ ...names, type: "reference", required: false, target, onDelete: "clear" }],
      };
    }
    case "add-entity": {
      const fields: FieldModel[] = [
        { name: "title", column: "title", label: "Title", type: "text", required: true },
        {
          name: "ownerId",
          column: "owner_id",
          label: "Owner",
          type: "reference",
          required: true,
          target: entity.name,
          onDelete: "cascade",
        },
      ];
      const seed = [{ title: "An added one", ownerId: 0 }];
      return { kind: "add-entity", entity: { ...entityNames("added"), titleField: "title", fields, seed } };
    }
  }
  const field = pick(entity.fields);
  const ending = field.type === "reference" ? ["Id", "_id"] : ["", ""];
  return {
    kind: "rename-field",
    entity: entity.name,
    field: field.name,
    names: { name: `renamedOne${ending[0]}`, column: `renamed_one${ending[1]}`, label: "Renamed one" },
  };
}

function changed(entity: EntityModel, field: FieldModel, change: (field: FieldModel) => FieldModel): ModelChange {
  const { name, column: _, label: __, since: ___, ...to } = change(field);
  return { kind: "change-field", entity: entity.name, field: name, to };
}

function retyped(field: FieldModel, type: FieldType, isLossy: boolean) {
  return {
    type,
    // What does not fit has to be able to be empty.
    required: type === "boolean" || (field.required && !isLossy),
    ...(type === "choice" && { choices: ["It's", "other"] }),
    ...(type === "boolean" && { default: true }),
  };
}

function valueOf(field: FieldModel): unknown {
  const values: Partial<Record<FieldType, unknown>> = {
    boolean: true,
    date: "2026-02-03",
    datetime: "2026-02-03T04:05:00.000Z",
    time: "07:45",
    integer: 3,
    decimal: 2.5,
    money: 19.99,
    rating: 4,
    email: "a.b@example.com",
    url: "https://example.com/",
    phone: "+1 555 0100",
    choice: field.choices?.[0],
  };
  return values[field.type] ?? "a text";
}

/** Others are made from it, and would have to follow. */
function isSource(entity: EntityModel, field: FieldModel): boolean {
  return field.filledFrom !== undefined || entity.fields.some((other) => other.filledFrom === field.name);
}

function entityNames(word: string) {
  return { name: `${word}Thing`, plural: `${word}Things`, label: `${word} thing`, labelPlural: `${word} things`, table: `${word}_things` };
}
