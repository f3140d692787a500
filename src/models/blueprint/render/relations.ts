/** Which entities refer to which, and what the rows of a generated app call what they get from each other. */
import { isSummed, type AppModel, type EntityModel, type FieldModel } from "../entity-model.ts";
import { pascalCase } from "./text.ts";

/** `child` refers to `parent` by `field`. */
export interface Relation {
  child: EntityModel;
  field: FieldModel;
  parent: EntityModel;
}

/** The references of `entity`, in the order of its fields. */
export function relationsFrom(model: AppModel, entity: EntityModel): Relation[] {
  return entity.fields.flatMap((field) =>
    field.type === "reference" ? [{ child: entity, field, parent: entityOf(model, field.target ?? "") }] : [],
  );
}

/** What refers to `entity`. */
export function relationsTo(model: AppModel, entity: EntityModel): Relation[] {
  return model.entities.flatMap((child) => relationsFrom(model, child)).filter(({ parent }) => parent === entity);
}

/** The entity of that name; the model is checked, so it is there. */
export function entityOf(model: AppModel, name: string): EntityModel {
  const entity = model.entities.find((other) => other.name === name);
  if (entity === undefined) throw new Error(`The app "${model.slug}" has no entity "${name}".`);
  return entity;
}

export interface Properties {
  /** By the name of a reference: where a row has the title of what it refers to. */
  titles: ReadonlyMap<string, string>;
  /** For everything that refers to the entity: where a row has the number of such rows, and their sums. */
  related: { relation: Relation; count: string; sums: { field: FieldModel; name: string }[] }[];
}

/** Names of properties that come from other tables; none is that of a field. */
export function propertiesOf(model: AppModel, entity: EntityModel): Properties {
  const taken = new Set(["id", "createdAt", "updatedAt", ...entity.fields.map((field) => field.name)]);
  const free = (wanted: string): string => {
    let name = wanted;
    for (let number = 2; taken.has(name); number += 1) name = `${wanted}${number}`;
    taken.add(name);
    return name;
  };
  const titles = new Map(relationsFrom(model, entity).map(({ field }) => [field.name, free(field.name.replace(/Id$/, ""))]));
  const incoming = relationsTo(model, entity);
  const related = incoming.map((relation) => {
    const { child, field } = relation;
    // Two ways from one entity to the other need two names.
    const only = incoming.filter((other) => other.child === child).length === 1;
    const base = only ? child.plural : `${child.plural}${pascalCase(field.name.replace(/Id$/, ""))}`;
    return {
      relation,
      count: free(`${base}Count`),
      sums: child.fields.filter(isSummed).map((summed) => ({ field: summed, name: free(`${base}${pascalCase(summed.name)}`) })),
    };
  });
  return { titles, related };
}

/** Entities in an order in which each comes after those that it refers to, as far as there is one: required references always come first. */
export function inOrderOfNeed(model: AppModel): EntityModel[] {
  const ordered: EntityModel[] = [];
  const visiting = new Set<EntityModel>();
  const visit = (entity: EntityModel, requiredOnly: boolean): void => {
    if (ordered.includes(entity) || visiting.has(entity)) return;
    visiting.add(entity);
    for (const { field, parent } of relationsFrom(model, entity)) if (field.required) visit(parent, requiredOnly);
    for (const { field, parent } of relationsFrom(model, entity)) if (!field.required && !requiredOnly) visit(parent, true);
    visiting.delete(entity);
    if (!ordered.includes(entity)) ordered.push(entity);
  };
  for (const entity of model.entities) visit(entity, false);
  return ordered;
}
