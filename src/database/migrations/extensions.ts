/** Extensions that a migration may ask for: installed by the administrator, once per database, for every app of it. */
import type pg from "pg";
import { schemaName } from "../../core/names.ts";
import { quoteIdentifier } from "./connection.ts";
import type { Statement } from "./statements.ts";

/** Where their types and functions stand; only the administrator makes anything there, and no app's slug makes this name. */
export const EXTENSION_SCHEMA = "_extensions";

const PLATFORM_SCHEMAS: readonly string[] = ["adorable", EXTENSION_SCHEMA, "public", "information_schema"];

/** Whether an app may have the schema: the platform and PostgreSQL have their own. */
export function isAppSchema(name: string): boolean {
  return !PLATFORM_SCHEMAS.includes(name) && !name.startsWith("pg_");
}

/** The same as a condition in SQL on a row of `pg_namespace`. */
export const IS_APP_SCHEMA = `nspname not in (${PLATFORM_SCHEMAS.map((name) => `'${name}'`).join(", ")}) and nspname not like 'pg\\_%'`;

/**
 * Types, operators and functions that work on their arguments alone: none reads a file, opens a connection, runs text as SQL or brings a language.
 * Every engine of the port must have them.
 */
export const EXTENSIONS: readonly string[] = [
  ...["btree_gin", "btree_gist", "citext", "cube", "fuzzystrmatch", "hstore", "intarray", "isn", "ltree", "pg_trgm", "pgcrypto"],
  ...["seg", "unaccent", "uuid-ossp"],
];

/** Why a migration may not have this CREATE EXTENSION; undefined where it may. */
export function whyExtensionRefused(node: Record<string, unknown>): string | undefined {
  const name = String(node["extname"]);
  if (!EXTENSIONS.includes(name)) return `creates the extension "${name}"; there are ${EXTENSIONS.join(", ")}`;
  return node["options"] === undefined ? undefined : "chooses an extension's schema or version, which the platform does";
}

/** Runs it as the session's administrator, where the extension is not there yet; another app may have asked for it. */
export async function installExtension(client: pg.Client, { node }: Statement): Promise<void> {
  await client.query("reset role; set local search_path = pg_catalog");
  await client.query(`create schema if not exists ${EXTENSION_SCHEMA}; grant usage on schema ${EXTENSION_SCHEMA} to public`);
  await client.query(`create extension if not exists ${quoteIdentifier(String(node["extname"]))} with schema ${EXTENSION_SCHEMA}`);
}

/** The search path of an app's code, as SQL. */
export function searchPathOf(app: string): string {
  return `${quoteIdentifier(schemaName(app))}, ${EXTENSION_SCHEMA}`;
}
