/** Schemas and roles of apps: an app reads and writes its own rows, its migrator owns its tables, and neither sees another's. */
import { AdorableError } from "../../core/errors.ts";
import { appRole, migratorRole, schemaName } from "../../core/names.ts";
import { quoteIdentifier, withConnection } from "./connection.ts";

const ENSURING = 5_120_001;
/** Schemas that are not an app's, whose names no app may take. */
const RESERVED = /^(adorable|public|information_schema|pg_.*)$/;
/** Two instances of an app with a pool each, during a release, and some air. */
const APP_CONNECTIONS = 25;
const MIGRATOR_CONNECTIONS = 4;

/**
 * Makes schema, roles and the migration ledger for an app on the database of `dsn` (as the administrator). Idempotent, also when
 * run twice at once. The proxy authenticates clients, so the roles have no password of their own.
 * Throws `app-name-reserved` (author).
 */
export async function ensureRoles(dsn: string, app: { slug: string }): Promise<void> {
  if (RESERVED.test(schemaName(app.slug))) {
    throw new AdorableError({
      code: "app-name-reserved",
      remedy: "author",
      message: `No app can be called "${app.slug}".`,
      hint: "Choose another name.",
    });
  }
  const schema = quoteIdentifier(schemaName(app.slug));
  const role = quoteIdentifier(appRole(app.slug));
  const migrator = quoteIdentifier(migratorRole(app.slug));
  await withConnection(dsn, async (client) => {
    const { rows } = await client.query<{ ready: boolean; database: string }>(
      `select to_regnamespace($1) is not null and to_regrole($2) is not null and to_regclass('adorable.migrations') is not null as ready,
         current_database() as database`,
      [schema, role],
    );
    // All of it is made in one transaction, so that its schema stands for the rest.
    if (rows[0]?.ready === true) return;
    const database = quoteIdentifier(rows[0]?.database ?? "");
    await client.query("begin");
    await client.query("select pg_advisory_xact_lock($1)", [ENSURING]);
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
      revoke all on database ${database} from public;`);
    for (const [name, connections] of [
      [role, APP_CONNECTIONS],
      [migrator, MIGRATOR_CONNECTIONS],
    ] as const) {
      const { rowCount } = await client.query("select from pg_roles where rolname = $1", [name.slice(1, -1)]);
      if (rowCount === 0)
        await client.query(
          `create role ${name} login nosuperuser nocreatedb nocreaterole noreplication nobypassrls connection limit ${connections}`,
        );
    }
    await client.query(`
      grant connect on database ${database} to ${role}, ${migrator};
      create schema if not exists ${schema} authorization ${migrator};
      grant usage on schema ${schema} to ${role};
      alter default privileges for role ${migrator} in schema ${schema} grant select, insert, update, delete on tables to ${role};
      alter default privileges for role ${migrator} in schema ${schema} grant usage, select, update on sequences to ${role};
      alter role ${role} set search_path = ${schema};
      alter role ${migrator} set search_path = ${schema};
      alter role ${role} set statement_timeout = '30s';
      alter role ${role} set idle_in_transaction_session_timeout = '30s';`);
    await client.query("commit");
  });
}
