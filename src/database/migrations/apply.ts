/** One migration on one connection: its statements and its ledger row in one transaction, as the app's migrator. */
import type pg from "pg";
import { AdorableError } from "../../core/errors.ts";
import { migratorRole, schemaName } from "../../core/names.ts";
import { quoteIdentifier } from "./connection.ts";
import type { Migration } from "./migrations.ts";
import { checkMigration, lineAt, type Statement } from "./statements.ts";

export interface ApplyLimits {
  /** How long a statement waits for a lock. */
  lockTimeoutMs: number;
  statementTimeoutMs: number;
}

export interface Applied {
  /** Rows that its statements wrote. */
  rows: number;
  /** Tables that were there before, and the strongest lock that it held on each. */
  locks: { table: string; mode: string }[];
}

const CHANGES_ROWS = new Set(["INSERT", "UPDATE", "DELETE", "MERGE"]);
/** In ascending strength; weaker ones stop nobody. */
const BLOCKING = ["ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"];

/**
 * Checks and applies it; on any failure nothing of it is kept. Statements are sent one by one, so that a failure has a line.
 * Throws `migration-refused`, `migration-syntax`, `migration-failed`, `migration-too-slow` (author), `migration-locked-out`, `migration-interrupted` (wait),
 * `app-not-prepared` (bug).
 */
export async function applyMigration(client: pg.Client, migration: Migration, limits: ApplyLimits): Promise<Applied> {
  const statements = await checkMigration(migration.path, migration.sql);
  const schema = schemaName(migration.app);
  await assertPrepared(client, migration.app);
  await client.query("begin");
  let current: Statement | undefined;
  let rows = 0;
  try {
    const present = await tablesOf(client, schema);
    await client.query(`set local lock_timeout = ${limits.lockTimeoutMs}; set local statement_timeout = ${limits.statementTimeoutMs};`);
    await client.query(
      `set local role ${quoteIdentifier(migratorRole(migration.app))}; set local search_path = ${quoteIdentifier(schema)};`,
    );
    for (const statement of statements) {
      current = statement;
      const result = await client.query(statement.sql);
      if (CHANGES_ROWS.has(result.command)) rows += result.rowCount ?? 0;
    }
    // Deferred checks would speak up at the commit, as the administrator.
    await client.query("set constraints all immediate");
    await client.query("reset role; set local search_path = pg_catalog;");
    const locks = await heldLocks(client, present);
    await client.query("insert into adorable.migrations (app, id, name, checksum) values ($1, $2, $3, $4)", [
      migration.app,
      migration.id,
      migration.name,
      migration.checksum,
    ]);
    await client.query("commit");
    return { rows, locks };
  } catch (cause) {
    // On a connection that is gone the server has rolled back already.
    await client.query("rollback").catch(() => undefined);
    throw failed(migration, current, limits, cause);
  }
}

async function assertPrepared(client: pg.Client, app: string): Promise<void> {
  const { rowCount } = await client.query("select from pg_catalog.pg_roles, pg_catalog.pg_namespace where rolname = $1 and nspname = $2", [
    migratorRole(app),
    schemaName(app),
  ]);
  if (rowCount === 0)
    throw new AdorableError({ code: "app-not-prepared", remedy: "bug", message: `The database has no schema and roles for "${app}" yet.` });
}

async function tablesOf(client: pg.Client, schema: string): Promise<Map<number, string>> {
  const { rows } = await client.query<{ oid: number; name: string }>(
    `select c.oid, n.nspname || '.' || c.relname as name from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where n.nspname = $1 and c.relkind in ('r', 'p')`,
    [schema],
  );
  return new Map(rows.map(({ oid, name }) => [oid, name]));
}

async function heldLocks(client: pg.Client, present: Map<number, string>): Promise<Applied["locks"]> {
  const { rows } = await client.query<{ relation: number; mode: string }>(
    "select relation, mode from pg_catalog.pg_locks where pid = pg_catalog.pg_backend_pid() and granted and relation is not null",
  );
  const strongest = new Map<string, string>();
  for (const { relation, mode } of rows) {
    const table = present.get(relation);
    if (table === undefined || !BLOCKING.includes(mode)) continue;
    const known = strongest.get(table);
    if (known === undefined || BLOCKING.indexOf(mode) > BLOCKING.indexOf(known)) strongest.set(table, mode);
  }
  return [...strongest].map(([table, mode]) => ({ table, mode })).toSorted((a, b) => (a.table < b.table ? -1 : 1));
}

/** Of the connection, the server's resources and its administrator, not of the migration: connections, rollbacks, resources, shutdowns, I/O, internal. */
const INTERRUPTED = /^(08|40|53|57P|58|XX)/;

interface ServerError {
  code?: string;
  message: string;
  position?: string;
  constraint?: string;
}

function failed(migration: Migration, statement: Statement | undefined, limits: ApplyLimits, cause: unknown): AdorableError {
  if (AdorableError.isInstance(cause)) return cause;
  const { path } = migration;
  const error = cause as ServerError;
  const sqlstate = error.code;
  const inside = statement === undefined || error.position === undefined ? 1 : lineAt(statement.sql, Number(error.position) - 1);
  const line = statement === undefined ? undefined : statement.line + inside - 1;
  const at = `"${path}"${line === undefined ? "" : `, line ${line}`}`;
  const details = { path, line, sqlstate, ...(error.constraint === undefined ? {} : { constraint: error.constraint }) };
  if (statement === undefined || INTERRUPTED.test(sqlstate ?? "08")) {
    return new AdorableError({
      code: "migration-interrupted",
      remedy: "wait",
      message: `${at} was interrupted (${sqlstate ?? "the connection was lost"}); whether it was kept is in the ledger.`,
      details,
      cause,
    });
  }
  if (sqlstate === "55P03") {
    return new AdorableError({
      code: "migration-locked-out",
      remedy: "wait",
      message: `${at} waited too long for a lock.`,
      details,
      cause,
    });
  }
  if (sqlstate === "57014") {
    const hint = "Do less in one statement; fill large tables in several.";
    return new AdorableError({
      code: "migration-too-slow",
      remedy: "author",
      message: `${at} took longer than ${limits.statementTimeoutMs} ms.`,
      hint,
      details,
      cause,
    });
  }
  // Class 42 speaks of names in the statement only. The other messages may carry values of rows: they stay with the cause and are never posted.
  const said =
    sqlstate?.startsWith("42") === true
      ? `: ${error.message}`
      : error.constraint === undefined
        ? ""
        : ` (constraint "${error.constraint}")`;
  return new AdorableError({
    code: "migration-failed",
    remedy: "author",
    message: `${at} failed with ${sqlstate ?? "an unknown error"}${said}.`,
    hint: "Correct the migration; nothing of it was kept.",
    details,
    cause,
  });
}
