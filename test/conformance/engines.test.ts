/** No engine without its conformance: whatever in the source implements the database port, or its engines' part, is run through the suite by its name. */
import { readdir, readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { parseSync } from "oxc-parser";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");
const port = join(root, "src/database");
/** What the whole port, an engine's part of it, and the proxy's part are called. */
const IMPLEMENTED = new Set(["Database", "Engine", "Timelines"]);
/** The port's own composition of an engine and the proxy: it is under test with every engine. */
const COMPOSITION = "compose.ts";

type Node = { type: string } & Record<string, unknown>;

/** Every node below `value`. */
function* nodes(value: unknown): Generator<Node> {
  if (typeof value !== "object" || value === null) return;
  if (typeof (value as Node).type === "string") yield value as Node;
  for (const inner of Object.values(value)) yield* nodes(inner);
}

/** The name in `Name`, `Promise<Name>`; undefined for any other type. */
function nameOf(type: unknown): string | undefined {
  const node = type as { type?: string; typeName?: { name?: string }; typeArguments?: { params?: unknown[] } } | undefined;
  if (node?.type !== "TSTypeReference") return undefined;
  return node.typeName?.name === "Promise" ? nameOf(node.typeArguments?.params?.[0]) : node.typeName?.name;
}

/** Exported functions that give an implementation, and exported classes that are one. */
function implementationsIn(file: string, text: string): string[] {
  const found: string[] = [];
  for (const node of nodes(parseSync(file, text).program)) {
    if (node.type !== "ExportNamedDeclaration") continue;
    const declaration = node["declaration"] as (Node & { id?: { name: string } }) | null;
    if (declaration?.type === "FunctionDeclaration") {
      const result = nameOf((declaration["returnType"] as { typeAnnotation?: unknown } | undefined)?.typeAnnotation);
      if (result !== undefined && IMPLEMENTED.has(result)) found.push(declaration.id?.name ?? "");
    }
    if (declaration?.type === "ClassDeclaration") {
      const parts = (declaration["implements"] ?? []) as { expression?: { name?: string } }[];
      if (parts.some((part) => IMPLEMENTED.has(part.expression?.name ?? ""))) found.push(declaration.id?.name ?? "");
    }
  }
  return found;
}

/** The folders of `src/database` that make an engine, with what they export of it. */
async function engines(): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  for (const name of (await readdir(port, { recursive: true })).filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts"))) {
    const made = implementationsIn(name, await readFile(join(port, name), "utf8"));
    if (made.length > 0 && name !== COMPOSITION) found.set(dirname(name), [...(found.get(dirname(name)) ?? []), ...made]);
  }
  return found;
}

/** The names under which test files run the suite, with their text and that of the programs that they start. */
async function runs(): Promise<{ name: string; text: string }[]> {
  const found: { name: string; text: string }[] = [];
  for (const file of (await readdir(import.meta.dirname)).filter((path) => path.endsWith(".test.ts"))) {
    const text = await readFile(join(import.meta.dirname, file), "utf8");
    for (const [, name] of text.matchAll(/^describeDatabase\("([^"]+)"/gm)) {
      const started = [...text.matchAll(/"(?:\.\/)?([a-z-]+\.ts)"/g)].map(([, path]) => path as string);
      const texts = await Promise.all(started.map((path) => readFile(join(import.meta.dirname, path), "utf8").catch(() => "")));
      found.push({ name: name ?? "", text: [text, ...texts].join("\n") });
    }
  }
  return found;
}

test("every engine in the source is run through the suite, by the name of its folder and from its folder", async () => {
  const [made, run] = [await engines(), await runs()];
  expect([...made.keys()]).toContain("embedded");
  for (const [folder, names] of made) {
    const own = run.filter(({ name }) => name === folder);
    expect({ engine: folder, runs: own.length }).toEqual({ engine: folder, runs: 1 });
    for (const name of names) expect(own[0]?.text).toMatch(new RegExp(`import [^;]*\\b${name}\\b[^;]*"[./]*/src/database/${folder}/`));
  }
  expect(run.map(({ name }) => name).toSorted()).toEqual([...made.keys()].toSorted());
});

test("the composition roots make no engine that lies elsewhere", async () => {
  for (const file of (await readdir(join(root, "src"))).filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts"))) {
    const text = await readFile(join(root, "src", file), "utf8");
    for (const [, path] of text.matchAll(/import \{[^}]*\bcreate\w*Engine\b[^}]*\} from "([^"]+)"/g)) {
      const folder = relative(port, dirname(join(root, "src", path ?? "")));
      expect({ file, engine: folder, known: (await engines()).has(folder) }).toEqual({ file, engine: folder, known: true });
    }
  }
});
