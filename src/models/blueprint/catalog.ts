/** The vetted apps, by what people call them. */
import type { AppModel } from "./entity-model.ts";

export const BLUEPRINTS = ["blog", "todo", "guestbook", "expenses", "rsvp", "inventory"] as const;
export type BlueprintName = (typeof BLUEPRINTS)[number];

/** An app without its place: the rest of `AppModel` is decided where it is made. `now`, the start of the run, is what dates of sample rows lie around. */
export function blueprintOf(name: BlueprintName, now: Date): Pick<AppModel, "name" | "description" | "entities" | "features">;
export function blueprintOf(name: BlueprintName): never {
  throw new Error(name);
}
