/** What a generated app calls things, made from an entity's labels. */
import type { EntityModel } from "../entity-model.ts";
import { capitalized } from "./text.ts";

export function wording(entity: EntityModel, app: string) {
  const { label, labelPlural } = entity;
  const heading = capitalized(labelPlural);
  return {
    article: /^[aeiou]/i.test(label) ? "an" : "a",
    newLabel: `New ${label}`,
    editTitle: `Edit ${label}`,
    createAction: `Create ${label}`,
    deleteAction: `Delete ${label}`,
    deleteTitle: `Delete this ${label}?`,
    createdToast: `${capitalized(label)} created`,
    deletedToast: `${capitalized(label)} deleted`,
    addLabel: `Add ${/^[aeiou]/i.test(label) ? "an" : "a"} ${label}`,
    showAllLabel: `Show all ${labelPlural}`,
    backLabel: `All ${labelPlural}`,
    backToOneLabel: `Back to the ${label}`,
    notFoundTitle: `There is no such ${label}`,
    emptyTitle: `No ${labelPlural} yet`,
    emptyText: `${heading} appear here, newest first. Begin by adding one.`,
    searchLabel: `Search ${labelPlural}`,
    pagesHeading: `Pages of ${labelPlural}`,
    titles: { list: `${heading} · ${app}`, new: `New ${label} · ${app}`, edit: `Edit ${label} · ${app}` },
  };
}
