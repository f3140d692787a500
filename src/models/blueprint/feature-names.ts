/** The entities and fields that a computation works on: which they are, and what becomes of it when they change. */
import type { Feature } from "./entity-model.ts";

/** What people call them. */
export const FEATURE_NAMES = { balances: "balances", attendance: "head counts", stock: "stock figures" } as const;
/** Which keys of a feature name entities, and which name fields of those entities. */
const FEATURE_ENTITIES: Record<Feature["kind"], Record<string, string[]>> = {
  balances: { person: [], expense: ["amount", "paidBy"], payment: ["sent", "from", "to"] },
  attendance: { event: ["capacity"], guest: ["host", "answer", "plusOnes"] },
  stock: { item: ["quantity", "reorderAt", "unitCost", "supplier"] },
};

/** Stock can be counted without knowing where it comes from. */
export function withoutSupplier(feature: Feature, entity: string, field: string): Feature {
  if (feature.kind !== "stock" || feature.item !== entity || feature.supplier !== field) return feature;
  const { supplier: _, ...own } = feature;
  return own;
}

function entriesOf(feature: Feature): { entityKey: string; entity: string; fieldKeys: string[] }[] {
  const values = feature as unknown as Record<string, string>;
  return Object.entries(FEATURE_ENTITIES[feature.kind]).map(([entityKey, fieldKeys]) => ({
    entityKey,
    entity: values[entityKey] ?? "",
    fieldKeys,
  }));
}

/** The entities that it works on, each with the fields of it. */
export function namesIn(feature: Feature): { entity: string; fields: string[] }[] {
  const values = feature as unknown as Record<string, string | undefined>;
  return entriesOf(feature).map(({ entity, fieldKeys }) => ({ entity, fields: fieldKeys.flatMap((key) => values[key] ?? []) }));
}

export function usesEntity(feature: Feature, entity: string): boolean {
  return entriesOf(feature).some((entry) => entry.entity === entity);
}

export function usesField(feature: Feature, entity: string, field: string): boolean {
  const values = feature as unknown as Record<string, string>;
  return entriesOf(feature).some((entry) => entry.entity === entity && entry.fieldKeys.some((key) => values[key] === field));
}

export function renameInFeature(feature: Feature, entity: string, field: string, to: string): Feature {
  const values = feature as unknown as Record<string, string>;
  const keys = entriesOf(feature)
    .filter((entry) => entry.entity === entity)
    .flatMap((entry) => entry.fieldKeys.filter((key) => values[key] === field));
  return { ...feature, ...Object.fromEntries(keys.map((key) => [key, to])) };
}

export function renameEntityInFeature(feature: Feature, entity: string, to: string): Feature {
  const keys = entriesOf(feature).filter((entry) => entry.entity === entity);
  return { ...feature, ...Object.fromEntries(keys.map(({ entityKey }) => [entityKey, to])) };
}
