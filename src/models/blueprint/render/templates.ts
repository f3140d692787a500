/** Handlebars, strict: a template that names what its view lacks fails instead of leaving a hole. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import Handlebars from "handlebars";
import { commentText, htmlText, jsxAttribute, jsxText, literal, markdownText, sqlName } from "./text.ts";

const TEMPLATES = join(import.meta.dirname, "../../../../templates");
const engine = Handlebars.create();
engine.registerHelper({
  attribute: jsxAttribute,
  comment: commentText,
  concat: (...parts: unknown[]) => parts.slice(0, -1).join(""),
  html: htmlText,
  json: literal,
  markdown: markdownText,
  sql: sqlName,
  text: jsxText,
});

const compiled = new Map<string, Handlebars.TemplateDelegate>();

/** The text of `templates/blueprint/<name>.hbs` for `view`. Helpers escape; nothing is escaped by itself. */
export function renderTemplate(name: string, view: object): string {
  let template = compiled.get(name);
  if (template === undefined) {
    const source = readFileSync(join(TEMPLATES, "blueprint", `${name}.hbs`), "utf8");
    template = engine.compile(source, { strict: true, noEscape: true, preventIndent: true });
    compiled.set(name, template);
  }
  return template(view);
}

let scaffold: ReadonlyMap<string, string> | undefined;

/** The files that every app has alike, by path: all of `templates/app` but what is installed or built there. */
export function scaffoldFiles(): ReadonlyMap<string, string> {
  scaffold ??= readTree(join(TEMPLATES, "app"));
  return scaffold;
}

function readTree(root: string): ReadonlyMap<string, string> {
  const skipped = new Set(["node_modules", "dist", ".cache"]);
  const files = new Map<string, string>();
  const visit = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        if (!skipped.has(entry.name)) visit(path);
      } else if (entry.isFile()) files.set(relative(root, path), readFileSync(path, "utf8"));
    }
  };
  visit(root);
  return files;
}
