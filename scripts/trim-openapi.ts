/**
 * Cuts GitHub's OpenAPI description down to the routes and events that the forge has, as JSON Schema of 2020-12, in `test/github-api/`.
 * `npm run openapi`: fetches the package with npm; `npm run openapi -- <folder>`: takes an unpacked copy of it. Run it when the forge gets a route or an event.
 */
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ForgeCore } from "../src/forge/core.ts";
import { EVENTS } from "../src/forge/webhooks.ts";
import { createApi } from "../src/forge/rest/api.ts";
import { run } from "../src/process/run.ts";
import { shapeOf } from "../test/support/route-shape.ts";

const PACKAGE = "@octokit/openapi";
const VERSION = "23.0.2";
const DESCRIPTION = "generated/api.github.com.json";
const TARGET = join(import.meta.dirname, "../test/github-api");
const MAX_FILE_BYTES = 128 * 1024;
/** A part that occurs more than once and is longer than this is written once. */
const MIN_SHARED_CHARACTERS = 160;

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type Schema = { [key: string]: Json };
interface Described {
  content?: Record<string, { schema?: Schema }>;
  $ref?: string;
}
interface Operation {
  responses: Record<string, Described>;
  requestBody?: Described;
}
interface Description {
  paths: Record<string, Record<string, Operation>>;
  "x-webhooks": Record<string, { post: Operation }>;
  components: { schemas: Record<string, Schema>; responses: Record<string, Described> };
}

/**
 * Where the description contradicts itself: an installation's account is either a user or an enterprise, as everywhere else in it, not both;
 * and a refused write is either of two shapes of which each takes whatever the other takes.
 */
const CORRECTED: Record<string, Schema> = {
  "PUT /repos/{owner}/{repo}/contents/{path} 409": { $ref: "#/components/schemas/basic-error" },
  "GET /app/installations 200": { type: "array", items: { $ref: "#/components/schemas/installation" } },
};

/** What a validator reads: all else explains. */
const KEPT = new Set([
  ...[
    "type",
    "enum",
    "format",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
    "required",
  ],
  ...["$ref", "properties", "items", "additionalProperties", "oneOf", "anyOf", "allOf", "not"],
]);

/** OpenAPI 3.0 to JSON Schema; names of properties are not keywords. */
function convert(schema: Json): Json {
  if (Array.isArray(schema)) return schema.map(convert);
  if (schema === null || typeof schema !== "object") return schema;
  const out: Schema = {};
  for (const [key, value] of Object.entries(schema)) {
    if (!KEPT.has(key)) continue;
    // Where GitHub's own default is the empty text, its format is one that an empty text does not have.
    if (key === "format" && schema["default"] === "") continue;
    if (key === "$ref") out[key] = `#/$defs/${String(value).split("/").at(-1) ?? ""}`;
    else if (key === "properties") out[key] = mapValues(value as Schema, convert);
    else if (key === "enum" || key === "required") out[key] = value;
    else out[key] = convert(value);
  }
  return schema["nullable"] === true ? orNull(out) : out;
}

function orNull(schema: Schema): Schema {
  const { type, enum: values } = schema;
  if (typeof type !== "string") return { anyOf: [schema, { type: "null" }] };
  return { ...schema, type: [type, "null"], ...(Array.isArray(values) && !values.includes(null) ? { enum: [...values, null] } : {}) };
}

function mapValues<T, U>(record: Record<string, T>, change: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}

/** Keys in order, so that equal parts are equal text. */
function stable(value: Json): Json {
  if (Array.isArray(value)) return value.map(stable);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, stable(inner)]),
  );
}

/** Writes every part that occurs more than once under a name of its own, made from its content. A map of properties is no schema, whatever they are called. */
function share(roots: Record<string, Json>): Record<string, Json> {
  const counts = new Map<string, number>();
  const isShareable = (value: Json): value is Schema =>
    value !== null && typeof value === "object" && !Array.isArray(value) && JSON.stringify(value).length > MIN_SHARED_CHARACTERS;
  const count = (value: Json): void => {
    if (isShareable(value)) {
      const text = JSON.stringify(value);
      const seen = counts.get(text) ?? 0;
      counts.set(text, seen + 1);
      // Its parts are counted once: they are written once.
      if (seen > 0) return;
    }
    inside(value, (inner) => (count(inner), inner));
  };
  Object.values(roots).forEach(count);
  const shared: Record<string, Json> = {};
  const named = new Map(Object.entries(roots).map(([name, schema]) => [JSON.stringify(schema), name]));
  const replace = (value: Json): Json => {
    const text = JSON.stringify(value);
    if (!isShareable(value) || (counts.get(text) ?? 0) < 2) return inside(value, replace);
    const name = named.get(text) ?? `part-${createHash("sha256").update(text).digest("hex").slice(0, 10)}`;
    if (!named.has(text) && shared[name] === undefined) {
      shared[name] = null;
      shared[name] = inside(value, replace);
    }
    return { $ref: `#/$defs/${name}` };
  };
  const out = mapValues(roots, (value) => inside(value, replace));
  return { ...out, ...shared };
}

/** Changes the schemas directly inside a schema, or in a list of them. */
function inside(schema: Json, change: (inner: Json) => Json): Json {
  if (schema === null || typeof schema !== "object") return schema;
  if (Array.isArray(schema)) return schema.map(change);
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [key, key === "properties" ? mapValues(value as Schema, change) : change(value)]),
  );
}

function references(value: Json, found = new Set<string>()): Set<string> {
  if (value === null || typeof value !== "object") return found;
  if (!Array.isArray(value) && typeof value["$ref"] === "string") found.add(value["$ref"].slice("#/$defs/".length));
  for (const inner of Array.isArray(value) ? value : Object.values(value)) references(inner, found);
  return found;
}

async function unpack(): Promise<{ folder: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "openapi-"));
  const packed = await run("npm", ["pack", `${PACKAGE}@${VERSION}`, "--silent"], { cwd: folder, timeoutMs: 300_000 });
  if (packed.exitCode !== 0) throw new Error(`npm could not fetch ${PACKAGE}: ${packed.stderr.toString()}`);
  const [archive = ""] = (await readdir(folder)).filter((name) => name.endsWith(".tgz"));
  const wanted = ["package.json", DESCRIPTION].map((name) => `package/${name}`);
  const unpacked = await run("tar", ["xzf", archive, ...wanted], { cwd: folder, timeoutMs: 300_000 });
  if (unpacked.exitCode !== 0) throw new Error(`The package could not be unpacked: ${unpacked.stderr.toString()}`);
  return { folder: join(folder, "package"), remove: () => rm(folder, { recursive: true, force: true }) };
}

/** By operation (`GET /repos/{owner}/{repo}`), the schema of each documented status, null where it documents no JSON, and of its `request`. */
function operationsOf(description: Description): { operations: Record<string, Record<string, Json>>; unknown: string[] } {
  const byShape = new Map<string, string>();
  for (const path of Object.keys(description.paths)) byShape.set(shapeOf(path), path);
  const operations: Record<string, Record<string, Json>> = {};
  const unknown: string[] = [];
  // Registers only; it is never called.
  for (const { method, path } of createApi(undefined as unknown as ForgeCore).routes) {
    if (method === "ALL") continue;
    const template = byShape.get(shapeOf(path));
    const operation = template === undefined ? undefined : description.paths[template]?.[method.toLowerCase()];
    if (template === undefined || operation === undefined) {
      unknown.push(`${method} ${path}`);
      continue;
    }
    const statuses = Object.entries(operation.responses).map(([status, response]) => {
      const named = response.$ref === undefined ? response : description.components.responses[response.$ref.split("/").at(-1) ?? ""];
      const schemas = Object.entries(named?.content ?? {}).filter(([type]) => type.endsWith("json"));
      const schema = CORRECTED[`${method} ${template} ${status}`] ?? schemas[0]?.[1].schema;
      return [status, schema === undefined ? null : stable(convert(schema))];
    });
    const request = operation.requestBody?.content?.["application/json"]?.schema;
    operations[`${method} ${template}`] = {
      ...(Object.fromEntries(statuses) as Record<string, Json>),
      ...(request === undefined ? {} : { request: stable(convert(request)) }),
    };
  }
  return { operations, unknown };
}

function webhooksOf(description: Description): Record<string, Json> {
  const wanted = new Set<string>(EVENTS.map((event) => event.replaceAll("_", "-")));
  const webhooks: Record<string, Json> = {};
  for (const [name, { post }] of Object.entries(description["x-webhooks"])) {
    const [event = ""] = (post as { operationId?: string }).operationId?.split("/") ?? [];
    const schema = post.requestBody?.content?.["application/json"]?.schema;
    if (wanted.delete(event) || EVENTS.some((known) => known.replaceAll("_", "-") === event))
      webhooks[name] = stable(convert(schema ?? {}));
  }
  if (wanted.size > 0) throw new Error(`GitHub describes no event ${[...wanted].join(", ")}.`);
  return webhooks;
}

/** Names in order, as many to a file as fit. */
async function writeParts(kind: string, source: Json, records: Record<string, Json>): Promise<string[]> {
  const lines = Object.keys(records)
    .sort()
    .map((name) => `${JSON.stringify(name)}: ${JSON.stringify(records[name])}`);
  const files: string[][] = [[]];
  let size = 0;
  for (const line of lines) {
    if (size > 0 && size + line.length > MAX_FILE_BYTES - 1024) {
      files.push([]);
      size = 0;
    }
    files.at(-1)?.push(line);
    size += line.length + 2;
  }
  return Promise.all(
    files.map(async (part, index) => {
      const name = `${kind}-${index + 1}.json`;
      await writeFile(join(TARGET, name), `{\n"source": ${JSON.stringify(source)},\n"${kind}": {\n${part.join(",\n")}\n}}\n`);
      return name;
    }),
  );
}

const given = process.argv[2];
const unpacked = given === undefined ? await unpack() : { folder: given, remove: async () => {} };
try {
  const manifest = JSON.parse(await readFile(join(unpacked.folder, "package.json"), "utf8")) as { version: string; license: string };
  if (manifest.version !== VERSION) throw new Error(`The package is ${manifest.version}, not ${VERSION}.`);
  const description = JSON.parse(await readFile(join(unpacked.folder, DESCRIPTION), "utf8")) as Description;
  const { operations, unknown } = operationsOf(description);
  const webhooks = webhooksOf(description);
  const source = { package: PACKAGE, version: VERSION, file: DESCRIPTION, license: manifest.license };

  const roots: Record<string, Json> = {};
  const pending = [...references({ operations, webhooks, error: { $ref: "#/$defs/basic-error" } })];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (roots[name] !== undefined) continue;
    roots[name] = stable(convert(description.components.schemas[name] ?? {}));
    pending.push(...references(roots[name] ?? null));
  }
  const all: Record<string, Json> = { ...roots };
  for (const [name, schema] of Object.entries(webhooks)) all[`webhook ${name}`] = schema;
  const whole = share(all);
  const definitions = Object.fromEntries(Object.entries(whole).filter(([name]) => !name.startsWith("webhook ")));
  const events = Object.fromEntries(Object.keys(webhooks).map((name) => [name, whole[`webhook ${name}`] ?? null]));

  await rm(TARGET, { recursive: true, force: true });
  await mkdir(TARGET, { recursive: true });
  const files = [
    ...(await writeParts("operations", source, operations)),
    ...(await writeParts("webhooks", source, events)),
    ...(await writeParts("schemas", source, definitions)),
  ];
  process.stdout.write(
    `${Object.keys(operations).length} operations, ${Object.keys(webhooks).length} events with their actions, ${Object.keys(definitions).length} schemas in ${files.length} files.\n` +
      `Not GitHub's:\n${unknown.map((route) => `  ${route}\n`).join("")}`,
  );
} finally {
  await unpacked.remove();
}
