/** The vetted apps, by what people call them. */
import { BLOG_DESCRIPTION, POST } from "./blog.ts";
import { expenses } from "./blueprints/expenses.ts";
import { guestbook } from "./blueprints/guestbook.ts";
import { inventory } from "./blueprints/inventory.ts";
import { rsvp } from "./blueprints/rsvp.ts";
import { todo } from "./blueprints/todo.ts";
import type { AppModel } from "./entity-model.ts";

export const BLUEPRINTS = ["blog", "todo", "guestbook", "expenses", "rsvp", "inventory"] as const;
export type BlueprintName = (typeof BLUEPRINTS)[number];

/** An app without its place: slug and hue are decided where it is made. */
export type Blueprint = Pick<AppModel, "name" | "description" | "entities" | "features">;

const MAKERS: Record<BlueprintName, (now: Date) => Blueprint> = {
  blog: () => ({ name: "Blog", description: BLOG_DESCRIPTION, entities: [POST] }),
  todo,
  guestbook,
  expenses,
  rsvp,
  inventory,
};

/** `now`, the start of the run, is what dates of sample rows lie around. Deterministic. */
export function blueprintOf(name: BlueprintName, now: Date): Blueprint {
  return MAKERS[name](now);
}
