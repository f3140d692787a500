/** What a request does to an app, step by step: for the plan's words and for whoever compares it with what was asked. */
export interface Step {
  op:
    | "new"
    | "add"
    | "remove"
    | "rename"
    | "change"
    | "require"
    | "optional"
    | "unique"
    | "not unique"
    | "default"
    | "filter"
    | "count"
    | "sum";
  /** Labels, as before the step; the entity is empty for the app itself. */
  entity: string;
  field?: string;
  /** The new name, type or default. */
  to?: string;
  per?: string;
  /** It follows from another step. */
  implied?: true;
}

export function listed(items: readonly string[]): string {
  return items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} and ${items.at(-1) ?? ""}`;
}
