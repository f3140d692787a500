import { loadModule, parseSync as parseSql } from "libpg-query";
import { parseSync } from "oxc-parser";
import { beforeAll, describe, expect, test } from "vitest";
import { randomAppModel } from "../../../../test/support/random-app-model.ts";
import { contractSchema } from "../../../core/spec.ts";
import { POST } from "../blog.ts";
import { checkAppModel, type AppModel } from "../entity-model.ts";
import { renderCreateMigration } from "./migrations.ts";
import { contractOf, hueFor, MODEL_PATH, renderApp } from "./render-app.ts";

const SEEDS = Array.from({ length: 20 }, (_, index) => index + 1);
const LINES_MAX = 200;

const blog: AppModel = { slug: "blog", name: "Blog", description: "Notes.", hue: hueFor("blog"), entities: [POST] };

beforeAll(() => loadModule());

describe("a rendered app", () => {
  test.each(SEEDS)("is TypeScript that parses, whatever the names are (seed %i)", (seed) => {
    const files = renderApp(randomAppModel(seed));
    for (const [path, text] of files) {
      if (!/\.tsx?$/.test(path)) continue;
      expect(parseSync(path, text).errors.map((error) => `${path}: ${error.message}`)).toEqual([]);
    }
  });

  test.each(SEEDS)("has a schema and sample rows that PostgreSQL parses (seed %i)", (seed) => {
    const model = randomAppModel(seed);
    const { sql } = renderCreateMigration(model, "20261121093000");
    const statements = parseSql(sql).stmts ?? [];
    const kinds: (string | undefined)[] = statements.map(({ stmt }: { stmt?: object }) => Object.keys(stmt ?? {})[0]);
    expect(kinds.filter((kind) => kind === "CreateStmt")).toHaveLength(model.entities.length);
    for (const kind of kinds) expect(["CreateStmt", "IndexStmt", "AlterTableStmt"]).toContain(kind);
    const seeds = parseSql(renderApp(model).get("db/seed.sql") ?? "").stmts ?? [];
    expect(seeds.every(({ stmt }: { stmt?: object }) => stmt !== undefined && "InsertStmt" in stmt)).toBe(true);
  });

  test.each(SEEDS)("imports only files that it has (seed %i)", (seed) => {
    const files = renderApp(randomAppModel(seed));
    for (const [path, text] of files) {
      if (!/\.tsx?$/.test(path)) continue;
      for (const [, target = ""] of text.matchAll(/from "(\.[^"]+)"|import\("(\.[^"]+)"\)/g)) {
        if (target !== "") expect(files.has(resolve(path, target)), `${path} imports ${target}`).toBe(true);
      }
    }
  });

  test("is the same, byte for byte, for the same model", () => {
    expect([...renderApp(blog)]).toEqual([...renderApp(structuredClone(blog))]);
  });

  test("carries the model that it was made from", () => {
    expect(checkAppModel(JSON.parse(renderApp(blog).get(MODEL_PATH) ?? ""))).toEqual(blog);
  });

  test("takes its name and nothing else into its package.json", () => {
    const renamed = renderApp({ ...blog, slug: "journal" });
    const [one, other] = [renderApp(blog), renamed].map(
      (files) => JSON.parse(files.get("package.json") ?? "{}") as { name: string; dependencies: object },
    );
    expect(one).toMatchObject({ name: "blog", dependencies: { react: expect.any(String) } });
    expect({ ...other, name: "blog" }).toEqual(one);
  });

  test("has no file that is too long to read, and none of the platform's", () => {
    for (const [path, text] of renderApp(blog)) {
      expect(text.split("\n").length, path).toBeLessThanOrEqual(path === MODEL_PATH ? 1000 : LINES_MAX);
      expect(path).not.toMatch(/node_modules|dist\/|\.hbs$/);
      expect(text.endsWith("\n"), path).toBe(true);
    }
  });

  test("leaves files that a new field does not concern as they are", () => {
    const published = {
      name: "published",
      column: "published",
      label: "Published",
      type: "boolean",
      required: true,
      default: false,
      since: "20261121100000",
    } as const;
    const before = renderApp(blog);
    const after = renderApp({ ...blog, entities: [{ ...POST, fields: [...POST.fields, published] }] });
    const changed = [...after].filter(([path, text]) => before.get(path) !== text).map(([path]) => path);
    expect(changed).not.toEqual([]);
    for (const path of changed) expect(path).toMatch(/posts|blueprint\.json|db\/schema\.ts|db\/seed\.sql|README/);
  });

  test("refuses a model whose names clash", () => {
    expect(() => renderApp({ ...blog, entities: [POST, POST] })).toThrow(expect.objectContaining({ code: "invalid-app-model" }));
  });

  test("promises what its router has", () => {
    const contract = contractSchema.parse(contractOf(blog));
    expect(contract.tables).toEqual(["posts"]);
    expect(contract.procedures.map(({ name }) => name)).toEqual([
      "posts.list",
      "posts.get",
      "posts.create",
      "posts.update",
      "posts.remove",
    ]);
    const router = renderApp(blog).get("src/server/routers/posts.ts") ?? "";
    for (const { name, type } of contract.procedures)
      expect(router).toMatch(new RegExp(`^  ${name.split(".")[1] ?? ""}: procedure[^]*?\\.${type}\\(`, "m"));
  });
});

test("an app's hue depends on its slug alone", () => {
  expect(hueFor("blog")).toBe(hueFor("blog"));
  expect(new Set(["blog", "plants", "expenses", "orders", "journal"].map(hueFor)).size).toBeGreaterThan(1);
});

function resolve(from: string, target: string): string {
  return new URL(target, `file:///${from}`).pathname.slice(1);
}
