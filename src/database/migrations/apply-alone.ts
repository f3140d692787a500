/** A migration that no transaction can hold: one statement that works concurrently, begun, done and recorded in steps that a crash may part. */
import type pg from "pg";
import { migratorRole, schemaName } from "../../core/names.ts";
import type { ApplyLimits } from "./apply.ts";
import { quoteIdentifier } from "./connection.ts";
import { EXTENSION_SCHEMA } from "./extensions.ts";
import { findBegun, forgetBegun, recordApplied, saveBegun } from "./ledger.ts";
import { droppedNames, relationName } from "./lint/rule.ts";
import type { Migration } from "./migrations.ts";
import { explainFailure } from "./server-errors.ts";
import type { Statement } from "./statements.ts";

/**
 * Runs the statement and records the migration. What an earlier attempt left is found by its row in `adorable.begun_migrations`: an index
 * that is whole counts as built, one that is not is dropped and built again. A statement that fails leaves nothing.
 * Throws what `applyMigration` throws.
 */
export async function applyAlone(
  client: pg.Client,
  migration: Migration,
  statement: Statement,
  limits: ApplyLimits,
  tree: readonly string[],
): Promise<void> {
  const schema = schemaName(migration.app);
  const makes = statement.kind === "IndexStmt" ? String(statement.node["idxname"]) : null;
  let isDone = false;
  try {
    const begun = await findBegun(client, migration);
    if (begun !== undefined) {
      if (begun.makes !== null && (begun.checksum !== migration.checksum || (await stateOf(client, schema, begun.makes)) === "broken"))
        await dropIndex(client, schema, begun.makes, limits);
      isDone = begun.checksum === migration.checksum && (await isEffective(client, schema, statement));
      if (begun.checksum !== migration.checksum) await forgetBegun(client, migration);
    }
    // What is there before it began is none of ours: the statement fails, or has nothing to do.
    if (begun?.checksum !== migration.checksum && !(await isEffective(client, schema, statement)))
      await saveBegun(client, migration, makes);
    if (!isDone) {
      await dropRemains(client, schema, statement, limits);
      await runAs(client, migratorRole(migration.app), schema, limits, statement.sql);
      isDone = true;
    }
    await client.query("begin");
    await recordApplied(client, migration);
    await forgetBegun(client, migration);
    await client.query("commit");
  } catch (cause) {
    await client.query("rollback").catch(() => undefined);
    if (!isDone) await cleanUp(client, schema, migration, statement, limits);
    throw explainFailure({ path: migration.path, statement, statementTimeoutMs: limits.statementTimeoutMs, tree }, cause);
  }
}

async function runAs(client: pg.Client, role: string, schema: string, limits: ApplyLimits, sql: string): Promise<void> {
  await client.query(
    `set lock_timeout = ${limits.lockTimeoutMs}; set statement_timeout = ${limits.statementTimeoutMs};
     set role ${quoteIdentifier(role)}; set search_path = ${quoteIdentifier(schema)}, ${EXTENSION_SCHEMA};`,
  );
  try {
    await client.query(sql);
  } finally {
    // On a connection that is gone there is nothing to put back.
    await client.query("reset role; reset search_path; reset lock_timeout; reset statement_timeout;").catch(() => undefined);
  }
}

/** Nothing of a statement that failed is kept. On a connection that is gone, the next attempt does it. */
async function cleanUp(
  client: pg.Client,
  schema: string,
  migration: Migration,
  statement: Statement,
  { statementTimeoutMs }: ApplyLimits,
): Promise<void> {
  // Whoever was in the way of the statement may be in the way of its end for longer.
  const limits = { statementTimeoutMs, lockTimeoutMs: statementTimeoutMs };
  try {
    const begun = await findBegun(client, migration);
    if (begun === undefined) return;
    if (begun.makes !== null && (await stateOf(client, schema, begun.makes)) === "broken")
      await dropIndex(client, schema, begun.makes, limits);
    await dropRemains(client, schema, statement, limits);
    await forgetBegun(client, migration);
  } catch {
    // The failure that led here is the one to tell of; the row of the attempt leads the next one to what is left.
  }
}

type IndexState = "absent" | "broken" | "whole";

async function stateOf(client: pg.Client, schema: string, index: string): Promise<IndexState> {
  const { rows } = await client.query<{ whole: boolean }>(
    `select i.indisvalid and i.indisready as whole from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid
       join pg_catalog.pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = $2`,
    [schema, index],
  );
  if (rows[0] === undefined) return "absent";
  return rows[0].whole ? "whole" : "broken";
}

/** Whether what the statement is to bring about is there, once it has been begun. */
async function isEffective(client: pg.Client, schema: string, { kind, node }: Statement): Promise<boolean> {
  if (kind === "IndexStmt") return (await stateOf(client, schema, String(node["idxname"]))) === "whole";
  if (kind === "DropStmt") return (await stateOf(client, schema, droppedNames(node)[0]?.split(".").at(-1) ?? "")) === "absent";
  return false;
}

/** One that waits too long for others leaves the index broken, which the next attempt drops. */
async function dropIndex(client: pg.Client, schema: string, index: string, limits: ApplyLimits): Promise<void> {
  await client.query(`set lock_timeout = ${limits.lockTimeoutMs}; set statement_timeout = ${limits.statementTimeoutMs}`);
  try {
    await client.query(`drop index concurrently if exists ${quoteIdentifier(schema)}.${quoteIdentifier(index)}`);
  } finally {
    await client.query("reset lock_timeout; reset statement_timeout").catch(() => undefined);
  }
}

/** Copies that an interrupted REINDEX CONCURRENTLY left on the table, which PostgreSQL keeps up to date and never reads. */
async function dropRemains(client: pg.Client, schema: string, { kind, node }: Statement, limits: ApplyLimits): Promise<void> {
  if (kind !== "ReindexStmt") return;
  const { rows } = await client.query<{ name: string }>(
    `select c.relname as name from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid
       join pg_catalog.pg_class t on t.oid = i.indrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where n.nspname = $1 and not i.indisvalid and c.relname ~ '_cc(new|old)[0-9]*$' and (t.relname = $2 or c.relname ~ ('^' || $2 || '_cc'))`,
    [schema, relationName(node["relation"]).split(".").at(-1)],
  );
  for (const { name } of rows) await dropIndex(client, schema, name, limits);
}
