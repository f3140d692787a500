/** Shows what a request wants to see: filters, counts and sums. */
import { isFilter, isNumeric, isSummed, type FieldModel } from "./entity-model.ts";
import type { View } from "./language/views.ts";
import { extract, rest } from "./rules.ts";
import { Doubt, shownField, type Session } from "./session.ts";
import { findFields, isCalled, isNamed, type Place } from "./vocabulary.ts";

export function takeView(session: Session, view: View): void {
  switch (view.kind) {
    case "search":
      session.already.push("lists can be searched already, in all their texts");
      return;
    case "filter": {
      const place = session.field(view.field.join(" "), view.of?.join(" "), "change");
      const { entity, field } = place;
      if (isFilter(field)) session.already.push(`${entity.labelPlural} can be filtered by "${field.label}" already`);
      else if (field.filter === false)
        session.change(
          place,
          { kind: "change-field", entity: entity.name, field: field.name, to: { ...rest(field), filter: true } },
          { op: "filter", entity: entity.label, field: field.label },
        );
      else if (field.type === "text" && entity.titleField !== field.name) {
        extract(session, place, { implied: true });
        session.steps.push({ op: "filter", entity: entity.label, field: field.label });
      } else
        throw new Doubt(`lists can be filtered by choices, checkboxes and links, and "${field.label}" is none of them`, {
          hint: `Its text can be searched for already. Say \`change ${field.label.toLowerCase()} to a choice of …\` to filter by it.`,
        });
      return;
    }
    case "count": {
      const of = session.record(view.of.join(" "), "to count");
      const link = linkTo(of, view.per);
      const text = link === undefined ? textOf(of, view.per) : undefined;
      if (text !== undefined) {
        extract(session, { ...of, field: text }, { implied: true });
        session.steps.push({ op: "count", entity: of.entity.label, per: view.per.join(" ") });
        return;
      }
      if (link === undefined)
        throw new Doubt(`${of.entity.labelPlural} have no link to "${view.per.join(" ")}" by which they could be counted`, {
          hint: `Say \`each ${of.entity.label} belongs to a ${view.per.join(" ")}\` to add one.`,
        });
      session.already.push(`each ${targetLabel(of, link)} shows the number of its ${of.entity.labelPlural} already`);
      return;
    }
    case "sum":
      return takeSum(session, view);
  }
}

function takeSum(session: Session, view: Extract<View, { kind: "sum" }>): void {
  const places = session.places();
  const said = view.field?.join(" ");
  const found =
    said === undefined
      ? places.flatMap((place) => place.entity.fields.filter(({ type }) => type === "money").map((field) => ({ ...place, field })))
      : findFields(places, said).filter(({ field }) => isNumeric(field.type));
  const [place] = found;
  if (place === undefined)
    throw new Doubt(said === undefined ? "there is no amount of money to add up" : `I found no number "${said}" to add up`);
  if (found.length > 1) throw new Doubt("Which sum do you mean?", { choices: found.map(shownField) });
  session.choose(place);
  const { entity, field } = place;
  const per = view.per === undefined ? {} : { per: view.per.join(" ") };
  const text = view.per === undefined || linkTo(place, view.per) !== undefined ? undefined : textOf(place, view.per);
  if (text !== undefined) {
    extract(session, { ...place, field: text }, { implied: true });
    session.steps.push({ op: "sum", entity: entity.label, field: field.label, ...per });
    if (isSummed(field)) return;
  } else if (view.per !== undefined && linkTo(place, view.per) === undefined)
    throw new Doubt(`${entity.labelPlural} have no link to "${view.per.join(" ")}" by which they could be added up`, {
      hint: `Say \`each ${entity.label} belongs to a ${view.per.join(" ")}\` to add one.`,
    });
  if (isSummed(field)) {
    session.already.push(`the sum of "${field.label}" is shown already`);
    return;
  }
  session.change(
    place,
    { kind: "change-field", entity: entity.name, field: field.name, to: { ...rest(field), sum: true } },
    ...(text === undefined ? [{ op: "sum" as const, entity: entity.label, field: field.label, ...per }] : []),
  );
}

/** The line of text by which records could be grouped. */
function textOf({ entity }: Place, per: readonly string[]): FieldModel | undefined {
  return entity.fields.find((field) => field.type === "text" && field.name !== entity.titleField && isNamed(field, per));
}

function linkTo({ app, entity }: Place, per: readonly string[]): FieldModel | undefined {
  return entity.fields.find((field) => {
    const target = app.model.entities.find(({ name }) => name === field.target);
    return target !== undefined && (isCalled(target, per) || isNamed(field, per));
  });
}

function targetLabel({ app }: Place, link: FieldModel): string {
  return app.model.entities.find(({ name }) => name === link.target)?.label ?? "";
}
