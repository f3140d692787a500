/** Schemas and roles of apps: an app reads and writes its own rows, its migrator owns its tables, and neither sees another's. */
import { appRole, migratorRole, schemaName } from "../../core/names.ts";
import { quoteIdentifier, withConnection } from "./connection.ts";

const ENSURING = 5_120_001;

/**
 * Makes schema, roles and the migration ledger for an app on the database of `dsn` (as the administrator). Idempotent, also when
 * run twice at once. The proxy authenticates clients, so the roles have no password of their own.
 */
export async function ensureRoles(dsn: string, app: { slug: string }): Promise<void> {
  const schema = quoteIdentifier(schemaName(app.slug));
  const role = quoteIdentifier(appRole(app.slug));
  const migrator = quoteIdentifier(migratorRole(app.slug));
  await withConnection(dsn, async (client) => {
    const { rows } = await client.query<{ ready: boolean }>("select to_regnamespace($1) is not null and to_regrole($2) is not null and to_regclass('adorable.migrations') is not null as ready", [schema, role]);
    if (rows[0]?.ready) return;
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
      revoke all on schema public from public;`);
    for (const name of [role, migrator]) {
      const { rowCount } = await client.query("select from pg_roles where rolname = $1", [name.slice(1, -1)]);
      if (rowCount === 0) await client.query(`create role ${name} login nosuperuser nocreatedb nocreaterole noreplication nobypassrls`);
    }
    await client.query(`
      create schema if not exists ${schema} authorization ${migrator};
      grant usage on schema ${schema} to ${role};
      alter default privileges for role ${migrator} in schema ${schema} grant select, insert, update, delete on tables to ${role};
      alter default privileges for role ${migrator} in schema ${schema} grant usage, select on sequences to ${role};
      alter role ${role} set search_path = ${schema};
      alter role ${migrator} set search_path = ${schema};
      alter role ${role} set statement_timeout = '30s';
      alter role ${role} set idle_in_transaction_session_timeout = '30s';`);
    await client.query("commit");
  });
}
