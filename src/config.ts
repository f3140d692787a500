/** Reads the configuration: `adorable.config.json`, above it the environment, above that the command line. Wrong in one place, it starts nothing. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { z } from "zod";
import { type Config, configSchema, ENVIRONMENT, type EnvironmentVariable, INTERNAL_VARIABLES } from "./config-schema.ts";
import { AdorableError } from "./core/errors.ts";
import { createModel } from "./models/models.ts";
import { MODEL_ROLES } from "./models/roles.ts";

export type { Config } from "./config-schema.ts";

export const CONFIG_FILE = "adorable.config.json";

export interface ConfigSources {
  env: Record<string, string | undefined>;
  /** Where `adorable.config.json` is looked for. */
  directory: string;
  /** Another file, which must exist then. */
  file?: string | undefined;
  /** From the command line: `{ "ports.gateway": 8080 }`. */
  flags?: Record<string, unknown>;
}

/**
 * The whole configuration, defaults filled in, `dataDir` and the paths of keys and certificates absolute.
 * Throws `config-invalid` (operator), which lists every mistake: the setting, where it was set, its value (never a secret's) and what is allowed.
 */
export function loadConfig(sources: ConfigSources): Config {
  const file = readConfigFile(sources);
  const mistakes = unknownVariables(sources.env);
  const settings: Record<string, unknown> = structuredClone(file.settings);
  const origin = new Map<string, string>();

  for (const variable of ENVIRONMENT) {
    const value = sources.env[variable.name];
    // Set to nothing is not set: that is how shells and container files switch a variable off.
    if (value === undefined || value === "") continue;
    put(settings, variable.path, readVariable(variable, value));
    origin.set(variable.path.join("."), variable.name);
  }
  for (const [name, value] of Object.entries(sources.flags ?? {})) {
    if (value === undefined) continue;
    put(settings, name.split(".") as [string, ...string[]], value);
    origin.set(name, "the command line");
  }

  const parsed = configSchema.safeParse(settings);
  if (!parsed.success) mistakes.push(...parsed.error.issues.flatMap((issue) => describe(issue, settings, origin, file.name)));
  else mistakes.push(...contradictions(parsed.data));
  if (mistakes.length > 0 || !parsed.success) throw invalid(mistakes);

  const { $schema: _, ...config } = parsed.data;
  const { github, databaseTls } = config;
  const at = (path: string): string => resolve(sources.directory, path);
  return {
    ...config,
    dataDir: at(config.dataDir),
    ...(databaseTls === undefined
      ? {}
      : { databaseTls: { certificateFile: at(databaseTls.certificateFile), keyFile: at(databaseTls.keyFile) } }),
    ...(github === undefined ? {} : { github: { ...github, privateKeyFile: at(github.privateKeyFile) } }),
  };
}

function readConfigFile({ directory, file }: ConfigSources): { name: string; settings: Record<string, unknown> } {
  const path = file === undefined ? join(directory, CONFIG_FILE) : resolve(directory, file);
  const name = file ?? CONFIG_FILE;
  if (!existsSync(path)) {
    if (file !== undefined) throw invalid([`the file "${file}" does not exist`]);
    const other = ["mjs", "js", "ts", "yaml", "yml", "toml"].find((ending) => existsSync(join(directory, `adorable.config.${ending}`)));
    if (other !== undefined) throw invalid([`"adorable.config.${other}" is not read: the configuration is "${CONFIG_FILE}"`]);
    return { name, settings: {} };
  }
  let settings: unknown;
  try {
    settings = JSON.parse(readFileSync(path, "utf8").replace(/^\uFEFF/, ""));
  } catch (cause) {
    throw invalid([`"${name}" cannot be read as JSON: ${cause instanceof Error ? cause.message : "unreadable"}`], cause);
  }
  if (typeof settings !== "object" || settings === null || Array.isArray(settings)) throw invalid([`"${name}" holds no JSON object`]);
  return { name, settings: settings as Record<string, unknown> };
}

/** What does not read as its kind stays text, for the schema to refuse. */
function readVariable({ kind }: EnvironmentVariable, value: string): unknown {
  if (kind === "number") return /^-?\d+(\.\d+)?$/.test(value.trim()) ? Number(value) : value;
  if (kind === "boolean") return { true: true, "1": true, false: false, "0": false }[value.toLowerCase()] ?? value;
  if (kind === "list")
    return value
      .split(",")
      .map((item) => item.trim())
      .filter((item) => item !== "");
  return value;
}

function put(settings: Record<string, unknown>, path: readonly [string, ...string[]], value: unknown): void {
  const [name, ...rest] = path;
  const [next, ...others] = rest;
  if (next === undefined) {
    settings[name] = value;
    return;
  }
  const present = settings[name];
  // A file that has something else there is wrong, and stays wrong for the schema to say so.
  if (present !== undefined && (typeof present !== "object" || present === null)) return;
  const inner = { ...present } as Record<string, unknown>;
  settings[name] = inner;
  put(inner, [next, ...others], value);
}

function unknownVariables(env: ConfigSources["env"]): string[] {
  const known = [...ENVIRONMENT.map(({ name }) => name), ...INTERNAL_VARIABLES];
  const unknown = Object.keys(env).filter((name) => name.startsWith("ADORABLE_") && !known.includes(name));
  return unknown.map(
    (name) => `the environment variable "${name}" is none of ours; there are ${ENVIRONMENT.map((each) => each.name).join(", ")}`,
  );
}

function describe(issue: z.core.$ZodIssue, settings: unknown, origin: ReadonlyMap<string, string>, file: string): string[] {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") {
    const known = knownNames(path);
    return issue.keys.map(
      (key) => `"${[...path, key].join(".")}" in ${file} is no setting; there ${known.length === 1 ? "is" : "are"} ${known.join(", ")}`,
    );
  }
  const setting = path.join(".");
  const variable = ENVIRONMENT.find((each) => each.path.join(".") === setting);
  const value = valueAt(settings, path);
  const allowed = issue.message.replace(/^(?:Invalid (?:option|input|string|URL)|Too (?:small|big)): /, "");
  if (value === undefined) return [`"${setting}"${variable === undefined ? "" : ` (${variable.name})`} is missing`];
  // Items of a list came from where the list came from.
  const source = origin.get(setting) ?? origin.get(path.slice(0, -1).join(".")) ?? file;
  const shown = variable?.isSecret && typeof value === "string" ? `a value of ${value.length} characters` : shortly(value);
  return [`"${setting}" from ${source} is ${shown}: ${allowed}`];
}

/** An object may hold a secret. */
function shortly(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" && value !== null ? "an object" : JSON.stringify(value);
}

function valueAt(settings: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, name) => (typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined),
    settings,
  );
}

function knownNames(path: readonly string[]): string[] {
  const depth = path.length;
  if (path[0] === "projects") return Object.keys(configSchema.shape.projects.unwrap().valueType.shape);
  const below = ENVIRONMENT.filter((each) => path.every((name, index) => each.path[index] === name)).map((each) => each.path[depth]);
  return [...new Set([...below, ...(depth === 0 ? ["projects"] : [])])].filter((name) => name !== undefined);
}

const LOOPBACK = /^(127(\.\d{1,3}){3}|::1|localhost)$/;

/** The first setting that lets previews hold production's rows, or undefined. */
export function fullPreviews({ previewData, projects }: Pick<Config, "previewData" | "projects">): string | undefined {
  if (previewData === "full") return "previewData";
  const project = Object.entries(projects).find(([, own]) => own.previewData === "full")?.[0];
  return project === undefined ? undefined : `projects.${project}.previewData`;
}

function contradictions(config: z.output<typeof configSchema>): string[] {
  const mistakes: string[] = [];
  const given = Object.entries(config.ports).filter(([, port]) => port !== 0);
  for (const [index, [name, port]] of given.entries()) {
    const twin = given.slice(0, index).find(([, other]) => other === port);
    if (twin !== undefined) mistakes.push(`"ports.${name}" and "ports.${twin[0]}" are both ${port}: expected different ports, or 0`);
  }
  for (const role of MODEL_ROLES) {
    try {
      createModel(config.models[role], role);
    } catch (error) {
      if (!AdorableError.isInstance(error)) throw error;
      mistakes.push(`"models.${role}": ${error.message} ${error.hint ?? ""}`.trim().replace(/\.$/, ""));
    }
  }
  const open = fullPreviews(config);
  if (open !== undefined && (config.github !== undefined || !LOOPBACK.test(config.host))) {
    mistakes.push(
      `"${open}" is "full": previews ask nobody to log in, so that production's rows may stand in them only where "host" is this machine's own (127.0.0.1) and there is no "github"; expected "empty" or "masked"`,
    );
  }
  if (config.github !== undefined && config.publicUrl === undefined) {
    mistakes.push(`"publicUrl" (ADORABLE_PUBLIC_URL) is missing: with "github", GitHub must know where to send webhooks`);
  }
  return mistakes;
}

function invalid(mistakes: readonly string[], cause?: unknown): AdorableError {
  const [only] = mistakes;
  const message =
    mistakes.length === 1
      ? `The configuration is wrong: ${only}.`
      : `The configuration has ${mistakes.length} mistakes:\n${mistakes.map((each) => `- ${each}`).join("\n")}`;
  const hint = "Correct it and start again; docs/config.schema.json describes every setting.";
  return new AdorableError({ code: "config-invalid", remedy: "operator", message, hint, details: { mistakes }, cause });
}
