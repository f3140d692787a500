/** Holds what a forge answers and tells against GitHub's own OpenAPI description, of which `test/github-api/` keeps the part that the forge has. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import type { Answer, ForgeObserver, Told } from "../../src/forge/observer.ts";
import { shapeOf } from "./route-shape.ts";

const FOLDER = join(import.meta.dirname, "../github-api");
/** Routes that are not in GitHub's description: the forge's administration, the runner's two services, GraphQL, and one that GitHub has but does not describe. */
const OWN = [/^\/_forge\//, /^\/_actions\//, /^\/oidc\//, /^\/graphql$/, /^\/repositories\/:id$/];
/** GitHub describes these with a parameter that may be empty. */
const SAME: Record<string, string> = { "/repos/:owner/:repo/contents": "/repos/:owner/:repo/contents/:path" };
/** Refusals that GitHub makes anywhere, described or not. */
const GENERAL = new Set([400, 401, 403, 404, 413, 422]);
const HEADERS = ["x-github-request-id", "x-github-media-type", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"];

interface Data {
  operations?: Record<string, Record<string, object | null>>;
  webhooks?: Record<string, object>;
  schemas?: Record<string, object>;
}

export interface GitHubApi {
  observer: ForgeObserver;
  /** `GET /repos/{owner}/{repo} 200` and `issues.opened`, with how often each was held against its description. */
  validated: Map<string, number>;
  /** What differs, each difference once. */
  mismatches: string[];
  /** Throws when anything differed, or when nothing was heard at all. */
  assertTrue(): void;
}

let loaded: ReturnType<typeof load> | undefined;

function load() {
  const operations: NonNullable<Data["operations"]> = {};
  const webhooks: NonNullable<Data["webhooks"]> = {};
  const schemas: NonNullable<Data["schemas"]> = {};
  for (const file of readdirSync(FOLDER)) {
    const data = JSON.parse(readFileSync(join(FOLDER, file), "utf8")) as Data;
    Object.assign(operations, data.operations);
    Object.assign(webhooks, data.webhooks);
    Object.assign(schemas, data.schemas);
  }
  const ajv = new Ajv2020({ strict: false, allErrors: false, logger: false, inlineRefs: false, code: { optimize: false } });
  formats.default(ajv);
  // The addresses of GitHub's own Apps have brackets: `49699333+dependabot[bot]@users.noreply.github.com`.
  ajv.addFormat("email", /^[^@\s]+@[^@\s]+$/);
  // GitHub's own formats say nothing that can be checked.
  for (const name of ["repo.nwo", "ssh-key", "ssh-key fingerprint", "timestamp"]) ajv.addFormat(name, true);
  const id = "github";
  ajv.addSchema({ $id: id, $defs: schemas });
  const byShape = new Map(Object.keys(operations).map((name) => [shapeOf(name), name]));
  const compiled = new Map<string, ValidateFunction>();
  const validator = (name: string, schema: object): ValidateFunction => {
    let validate = compiled.get(name);
    if (validate === undefined) compiled.set(name, (validate = ajv.compile(rebase(schema, id) as object)));
    return validate;
  };
  return { operations, webhooks, byShape, validator };
}

/** References of a schema that stands beside the definitions. */
function rebase(value: unknown, id: string): unknown {
  if (Array.isArray(value)) return value.map((inner) => rebase(inner, id));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, key === "$ref" && typeof inner === "string" ? id + inner : rebase(inner, id)]),
  );
}

/** Hears one forge, or several one after the other. `note` is called with each thing that was validated (`=`) or differs (`!`), once. */
export function openGitHubApi(note: (kind: "=" | "!", text: string) => void = () => {}): GitHubApi {
  const { operations, webhooks, byShape, validator } = (loaded ??= load());
  const validated = new Map<string, number>();
  const mismatches = new Set<string>();
  const count = (name: string): void => {
    if (!validated.has(name)) note("=", name);
    validated.set(name, (validated.get(name) ?? 0) + 1);
  };
  const differs = (text: string): void => {
    if (!mismatches.has(text)) note("!", text);
    mismatches.add(text);
  };
  /** What was held against a description, by what was said of it: people and tests who wait ask for the same again and again. */
  const held = new Set<string>();
  /** `isClosed`: takes no field that is not described. */
  const check = (name: string, schema: object, text: string, isClosed = false): void => {
    count(name);
    const key = `${name} ${createHash("sha1").update(text).digest("base64")}`;
    if (held.has(key)) return;
    held.add(key);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return differs(`${name}: no JSON, but "${text.slice(0, 100)}"`);
    }
    const validate = validator(name, schema);
    if (!validate(value)) return differs(`${name}: ${explain(validate.errors ?? [], value)}`);
    const known = (schema as { properties?: object }).properties;
    const strange = Object.keys(isClosed && known !== undefined ? (value as object) : {}).filter((key) => !(key in (known ?? {})));
    if (strange.length > 0) differs(`${name}: GitHub describes no "${strange.join('", "')}"`);
  };

  const answered = (answer: Answer): void => {
    const { method, route, status, headers, body } = answer;
    const said = `${method} ${route ?? answer.path} ${status}`;
    if (status >= 500) return differs(`${said}: ${body.slice(0, 300)}`);
    if (OWN.some((pattern) => pattern.test(route ?? answer.path))) return;
    for (const name of HEADERS) if (!headers.has(name)) differs(`${said}: there is no header "${name}"`);
    if (route === undefined) {
      if (status === 404 || status === 401) return check("no route", { $ref: "#/$defs/basic-error" }, body);
      return differs(`${said}: no route answers`);
    }
    const template = byShape.get(shapeOf(`${method} ${SAME[route] ?? route}`));
    if (template === undefined) return differs(`${said}: GitHub describes no such operation, or "npm run openapi" was not run since`);
    const name = `${template} ${status}`;
    const taken = operations[template]?.["request"];
    if (status < 400 && answer.sent !== "" && taken !== undefined && taken !== null) check(`${template} request`, taken, answer.sent, true);
    const documented = operations[template]?.[status];
    if (documented === undefined && !GENERAL.has(status) && !(status === 304 && method === "GET"))
      return differs(`${name}: GitHub describes no such status`);
    const isJson = (headers.get("content-type") ?? "").startsWith("application/json");
    if (status === 204 || status === 304 || (status >= 300 && status < 400)) {
      if (body !== "") differs(`${name}: has a body`);
      return count(name);
    }
    if (!isJson) {
      // Other media types are asked for; an error is never told in one.
      if (status >= 400) differs(`${name}: "${headers.get("content-type") ?? ""}" is not JSON`);
      return count(`${name} raw`);
    }
    if (status >= 400) check(`${name} error`, ERROR, body);
    if (documented !== undefined && documented !== null) check(name, documented, body);
    else if (status < 400) differs(`${name}: GitHub describes no body`);
  };

  const told = ({ event, action, payload }: Told): void => {
    const name = action === null ? event : `${event}.${action}`;
    const schema = webhooks[name.replaceAll(/[._]/g, "-")];
    if (schema === undefined) return differs(`${name}: GitHub describes no such event, or "npm run openapi" was not run since`);
    check(name, schema, payload);
  };

  return {
    observer: { answered, told },
    validated,
    get mismatches() {
      return [...mismatches];
    },
    assertTrue() {
      const total = [...validated.values()].reduce((sum, times) => sum + times, 0);
      if (mismatches.size > 0) throw new Error(`Not as GitHub describes it:\n${[...mismatches].map((line) => `  ${line}`).join("\n")}`);
      if (total === 0) throw new Error("Nothing was held against GitHub's description: is the observer given to the forge?");
    },
  };
}

/** What every refusal has. */
const ERROR = {
  type: "object",
  required: ["message", "documentation_url", "status"],
  properties: {
    message: { type: "string", minLength: 1 },
    documentation_url: { type: "string", format: "uri" },
    status: { type: "string" },
  },
};

/** The errors that lead deepest: those of the alternative that was meant. */
function explain(errors: ErrorObject[], value: unknown): string {
  const depth = (error: ErrorObject): number => error.instancePath.split("/").length;
  const deepest = Math.max(...errors.map(depth));
  const at = (path: string): unknown =>
    path
      .split("/")
      .slice(1)
      .reduce<unknown>(
        (inner, key) => (inner as Record<string, unknown> | undefined)?.[key.replaceAll("~1", "/").replaceAll("~0", "~")],
        value,
      );
  return errors
    .filter((error) => depth(error) === deepest)
    .slice(0, 4)
    .map(({ instancePath, message = "", params }) => {
      const found = JSON.stringify(at(instancePath)) ?? "undefined";
      return `${instancePath || "/"} ${message} ${JSON.stringify(params)} (is ${found.slice(0, 80)})`;
    })
    .join("; ");
}
