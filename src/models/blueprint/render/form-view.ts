/** What the templates of an entity's form are given. */
import type { AppModel, EntityModel, FieldModel } from "../entity-model.ts";
import { controlOf, isAboutToday } from "./controls.ts";
import { formattersOf, shown } from "./display.ts";
import { isNullable, kindOf } from "./field-kinds.ts";
import { fieldOf, isFilled, isOptionalInput, sourceOf } from "./fill.ts";
import { propertiesOf, relationsFrom } from "./relations.ts";
import { kebabCase, pascalCase } from "./text.ts";

export function formView(model: AppModel, entity: EntityModel) {
  const { fields } = entity;
  const halves = pairs(fields);
  const { titles } = propertiesOf(model, entity);
  const references = relationsFrom(model, entity);
  const formFields = fields.map((field) => {
    const source = isFilled(entity, field) ? sourceOf(entity, field) : undefined;
    const parent = references.find((relation) => relation.field === field)?.parent;
    const choices = parent && {
      options: `${parent.name}Options`,
      path: kebabCase(parent.plural),
      label: parent.label,
      labelPlural: parent.labelPlural,
      current: shown({ field, referred: { property: titles.get(field.name) ?? "", title: fieldOf(parent, parent.titleField) } }),
    };
    return {
      name: field.name,
      label: field.label,
      hint: source && `Made from ${source.label.toLowerCase()} when left empty.`,
      editHint: isNullable(field) ? "" : "Stays as it is when left empty.",
      optional: field.type !== "boolean" && isOptionalInput(entity, field),
      half: halves.has(field),
      inline: field.type === "boolean",
      control: controlOf(field, choices),
    };
  });
  const controls = formFields.map(({ control }) => control).join("\n");
  const uses = (names: string[]) => names.filter((name) => controls.includes(`<${name} `));
  return {
    formFields,
    inputImports: uses(["Checkbox", "Input", "Suffixed", "Textarea"]),
    usesReferenceSelect: references.length > 0,
    selectImports: uses(["RatingSelect", "Select"]),
    formFormatters: [
      ...(fields.some((field) => field.type === "datetime") ? ["toLocalInput"] : []),
      ...(fields.some(isAboutToday) ? ["today"] : []),
      ...formattersOf(references.map(({ parent }) => ({ field: fieldOf(parent, parent.titleField) }))),
    ].filter((name, index, all) => controls.includes(`${name}(`) && all.indexOf(name) === index),
    optionHooks: targetsOf(references.map(({ parent }) => parent)),
  };
}

/** The hooks that give the options of these entities, each once. */
export function targetsOf(parents: EntityModel[]) {
  return [...new Set(parents)].map((parent) => ({
    variable: `${parent.name}Options`,
    hook: `use${pascalCase(parent.name)}Options`,
    path: kebabCase(parent.plural),
  }));
}

/** Narrow fields that stand next to another one; a single one would leave a hole. */
function pairs(fields: FieldModel[]): Set<FieldModel> {
  const paired = new Set<FieldModel>();
  for (let index = 0; index + 1 < fields.length; index += 1) {
    const [left, right] = [fields[index], fields[index + 1]];
    if (left === undefined || right === undefined || !kindOf(left).half || !kindOf(right).half) continue;
    paired.add(left).add(right);
    index += 1;
  }
  return paired;
}
