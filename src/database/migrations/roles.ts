/**
 * Schemas and roles of apps: an app reads and writes its own rows, its migrator owns its tables, and neither sees another's.
 *
 * What PostgreSQL lets a session change of its own (timeouts, memory) is only a default here. That no transaction of an app lasts for ever is
 * the proxy's doing.
 */
import type pg from "pg";
import { AdorableError } from "../../core/errors.ts";
import { appRole, migratorRole, schemaName } from "../../core/names.ts";
import { quoteIdentifier, withConnection } from "./connection.ts";
import { EXTENSION_SCHEMA, isAppSchema, searchPathOf } from "./extensions.ts";

const ENSURING = 5_120_001;
/** Two instances of an app with a pool each, during a release, and some air. */
const APP_CONNECTIONS = 25;
const POWERLESS = "nosuperuser nocreatedb nocreaterole noreplication nobypassrls";

/** What an app's role begins with. `temp_file_limit` can be raised by the administrator alone. */
const APP_SETTINGS = {
  statement_timeout: "30s",
  idle_in_transaction_session_timeout: "30s",
  transaction_timeout: "5min",
  temp_file_limit: "512MB",
};

/**
 * Functions that everybody may call by default and that reach beyond the app's schema: locks that all apps and the platform share, values that
 * stand in no table, and text in the log.
 */
const SHARED_FUNCTIONS = "^(pg_(try_)?advisory_.*|lo_creat|lo_create|lo_from_bytea|pg_logical_emit_message)$";

/** One row where all is as it was made: an app may change settings of its own role, and what an older version made is brought up to date. */
const READY = `
  select to_regclass('adorable.migrations') is not null
    and exists (select from pg_namespace where nspname = $1)
    and exists (select from pg_roles where rolname = $2 and rolcanlogin and rolconnlimit = ${APP_CONNECTIONS}
      and rolconfig = array['search_path=' || quote_ident($1) || ', ${EXTENSION_SCHEMA}'] || $4::text[])
    and exists (select from pg_roles where rolname = $3 and not rolcanlogin)
    and not exists (select from pg_proc where pronamespace = 'pg_catalog'::regnamespace and proname ~ '${SHARED_FUNCTIONS}'
      and has_function_privilege('public', oid, 'execute')) as ready`;

/**
 * Makes schema, roles and the migration ledger for an app on the database of `dsn` (as the administrator), and puts them back where they were
 * changed. Idempotent, also when run twice at once. The proxy authenticates clients, so the roles have no password of their own; as a migrator
 * nobody logs in, for what it makes must have been read first.
 * Throws `app-name-reserved` (author).
 */
export async function ensureRoles(dsn: string, app: { slug: string }): Promise<void> {
  const [schemaText, roleText, migratorText] = [schemaName(app.slug), appRole(app.slug), migratorRole(app.slug)];
  if (!isAppSchema(schemaText)) {
    throw new AdorableError({
      code: "app-name-reserved",
      remedy: "author",
      message: `No app can be called "${app.slug}".`,
      hint: "Choose another name.",
    });
  }
  const [schema, role, migrator] = [schemaText, roleText, migratorText].map(quoteIdentifier) as [string, string, string];
  const settings = Object.entries(APP_SETTINGS);
  await withConnection(dsn, async (client) => {
    const expected = settings.map(([name, value]) => `${name}=${value}`);
    // All of it is made in one transaction, so that its parts stand for the rest.
    const { rows } = await client.query<{ ready: boolean }>(READY, [schemaText, roleText, migratorText, expected]);
    if (rows[0]?.ready === true) return;
    await client.query("begin");
    await client.query("select pg_advisory_xact_lock($1)", [ENSURING]);
    await shutOutPublic(client);
    for (const name of [roleText, migratorText]) {
      const { rowCount } = await client.query("select from pg_roles where rolname = $1", [name]);
      if (rowCount === 0) await client.query(`create role ${quoteIdentifier(name)}`);
    }
    await client.query(`
      alter role ${role} login ${POWERLESS} connection limit ${APP_CONNECTIONS} password null;
      alter role ${migrator} nologin ${POWERLESS} connection limit 0 password null;
      grant connect on database ${await databaseName(client)} to ${role};
      create schema if not exists ${schema} authorization ${migrator};
      grant usage on schema ${schema} to ${role};
      alter default privileges for role ${migrator} in schema ${schema} grant select, insert, update, delete on tables to ${role};
      alter default privileges for role ${migrator} in schema ${schema} grant usage, select, update on sequences to ${role};
      alter role ${role} reset all;
      alter role ${role} set search_path = ${searchPathOf(app.slug)};
      ${settings.map(([name, value]) => `alter role ${role} set ${name} = '${value}';`).join("\n")}`);
    await client.query("commit");
  });
}

/** The ledger, and an end to what PostgreSQL grants everybody beyond an app's own schema. */
async function shutOutPublic(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `select oid::regprocedure::text as name from pg_proc where pronamespace = 'pg_catalog'::regnamespace and proname ~ '${SHARED_FUNCTIONS}'`,
  );
  await client.query(`
    create schema if not exists adorable;
    create table if not exists adorable.migrations (
      app text not null,
      id text not null,
      name text not null,
      checksum text not null,
      applied_at timestamptz not null default now(),
      primary key (app, id)
    );
    revoke all on schema adorable from public;
    revoke all on schema public from public;
    revoke all on database ${await databaseName(client)} from public;
    revoke execute on function ${rows.map(({ name }) => name).join(", ")} from public;`);
}

async function databaseName(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ name: string }>("select quote_ident(current_database()) as name");
  return rows[0]?.name ?? "";
}
