/** Turns an app's model into its files. The same model gives the same files, byte for byte. */
import type { Contract } from "../../../core/spec.ts";
import { checkAppModel, type AppModel, type FieldModel } from "../entity-model.ts";
import { entityView } from "./entity-view.ts";
import { defaultOf } from "./field-kinds.ts";
import { renderFeatures, type RenderedFeature } from "./features.ts";
import { renderSeed } from "./seed.ts";
import { renderTemplate, scaffoldFiles } from "./templates.ts";

/** Where an app keeps the model that it was rendered from. */
export const MODEL_PATH = "blueprint.json";

/**
 * Every file of the app but its migrations: path relative to `apps/<slug>/` → content.
 * Throws `invalid-app-model` (bug) and `cannot-fill-field` (author).
 */
export function renderApp(unchecked: AppModel): Map<string, string> {
  const model = checkAppModel(unchecked);
  const features = renderFeatures(model);
  const entities = model.entities.map((entity) => entityView(model, entity));
  const app = {
    slug: model.slug,
    name: model.name,
    description: model.description,
    hue: model.hue,
    letter: Array.from(model.name)[0]?.toUpperCase() ?? "A",
    entities,
    first: entities[0],
    features,
    pages: features.flatMap(({ section }) => section ?? []),
    sections: sectionsOf(entities, features),
    usesMoment: anyField(model, (field) => field.type === "datetime"),
    usesDefaults: anyField(model, (field) => defaultOf(field) !== undefined && field.type !== "datetime"),
  };
  const files = new Map(scaffoldFiles());

  for (const path of [
    "README.md",
    "index.html",
    "public/favicon.svg",
    "db/schema.ts",
    "src/server/router.ts",
    "src/client/app.tsx",
    "src/client/hue.css",
  ]) {
    files.set(path, renderTemplate(path, app));
  }
  for (const entity of entities) {
    const view = { ...entity, app, ...featureView(entity.name, features) };
    files.set(`src/shared/entities/${entity.path}.ts`, renderTemplate("entity/schema.ts", view));
    files.set(`src/server/routers/${entity.path}.ts`, renderTemplate("entity/router.ts", view));
    for (const page of ["list-page", "row", "detail-page", "new-page", "edit-page", "form-fields"]) {
      files.set(`src/client/pages/${entity.path}/${page}.tsx`, renderTemplate(`entity/${page}.tsx`, view));
    }
    if (entity.isTarget) files.set(`src/client/pages/${entity.path}/options.ts`, renderTemplate("entity/options.ts", view));
    if (entity.isListedElsewhere)
      files.set(`src/client/pages/${entity.path}/related-list.tsx`, renderTemplate("entity/related-list.tsx", view));
    files.set(`test/support/${entity.path}-sample.ts`, renderTemplate("entity/sample.ts", view));
    files.set(`test/${entity.path}.api.test.ts`, renderTemplate("entity/api.test.ts", view));
    files.set(`test/${entity.path}.pages.test.tsx`, renderTemplate("entity/pages.test.tsx", view));
  }
  for (const feature of features) for (const [path, text] of feature.files) files.set(path, text);
  files.set("package.json", packageJson(files.get("package.json") ?? "{}", model.slug));
  files.set("db/seed.sql", renderSeed(model));
  files.set(MODEL_PATH, `${JSON.stringify(model, null, 2)}\n`);
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A computation comes after what the app is mainly about. */
function sectionsOf(entities: { path: string; heading: string }[], features: RenderedFeature[]) {
  const [first, ...rest] = entities.map(({ path, heading }) => ({ path, label: heading }));
  return [...(first ? [first] : []), ...features.flatMap(({ section }) => section ?? []), ...rest];
}

/** What features add to the files of an entity. */
function featureView(entity: string, features: RenderedFeature[]) {
  const panels = features.flatMap(({ panel }) => (panel?.entity === entity ? [panel] : []));
  return {
    panels: panels.map(({ element }) => element),
    panelImports: panels.flatMap(({ imports }) => imports),
    guarded: features.some(({ guarded }) => guarded === entity),
  };
}

/** What the app promises: five procedures per entity, and its tables. */
export function contractOf(model: AppModel): Contract {
  const procedure = (name: string, type: "query" | "mutation") => ({ name, type });
  return {
    procedures: [
      ...model.entities.flatMap(({ name, plural }) => [
        procedure(`${plural}.list`, "query"),
        procedure(`${plural}.get`, "query"),
        ...(model.entities.some((other) => other.fields.some(({ target }) => target === name))
          ? [procedure(`${plural}.options`, "query")]
          : []),
        procedure(`${plural}.create`, "mutation"),
        procedure(`${plural}.update`, "mutation"),
        procedure(`${plural}.remove`, "mutation"),
      ]),
      ...renderFeatures(model).flatMap(({ procedures }) => procedures),
    ],
    tables: model.entities.map((entity) => entity.table),
  };
}

/** One of 24 hues, the same for a slug for ever. */
export function hueFor(slug: string): number {
  let hash = 0x811c9dc5;
  for (const character of slug) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return (hash % 24) * 15;
}

function anyField(model: AppModel, holds: (field: FieldModel) => boolean): boolean {
  return model.entities.some((entity) => entity.fields.some(holds));
}

function packageJson(scaffold: string, slug: string): string {
  return `${JSON.stringify({ ...(JSON.parse(scaffold) as object), name: slug }, null, 2)}\n`;
}
