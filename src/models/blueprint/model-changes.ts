/** Changes of an app that is there: the model after them, the migration that takes its rows along, and what to say of the data. */
import type { AppModel, EntityModel, FieldModel } from "./entity-model.ts";
import type { Migration } from "./render/migrations.ts";

/** Entities and fields are meant by their `name`. */
export type ModelChange =
  /** Fields as `addedFields` makes them; a reference among them is a new relation. */
  | { kind: "add-fields"; entity: string; fields: FieldModel[] }
  | { kind: "rename-field"; entity: string; field: string; names: Pick<FieldModel, "name" | "column" | "label"> }
  /** Fields that were filled from it keep their values. Another field stands for the row where it was the title. */
  | { kind: "remove-field"; entity: string; field: string }
  /** The same field with another type, rules or options; its names stay. */
  | { kind: "change-field"; entity: string; field: string; to: Omit<FieldModel, "name" | "column" | "label" | "since"> }
  | { kind: "add-entity"; entity: EntityModel }
  | { kind: "rename-entity"; entity: string; names: Pick<EntityModel, "name" | "plural" | "label" | "labelPlural" | "table"> }
  /** With the fields of others that refer to it. */
  | { kind: "remove-entity"; entity: string }
  | { kind: "rename-app"; name: string }
  | { kind: "describe-app"; description: string };

export interface ChangedModel {
  /** Checked. */
  model: AppModel;
  /** Absent where the tables stay as they are. Destructive steps are in it as plain statements; the release counts and reports them. */
  migration?: Migration;
  /** What happens to rows that exist, one sentence each, for the plan's summary; empty where they all stay as they are. */
  notes: string[];
}
