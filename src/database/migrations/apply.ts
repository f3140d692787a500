/** One migration on one connection: its statements and its ledger row in one transaction, as the app's migrator. */
import type pg from "pg";
import { AdorableError } from "../../core/errors.ts";
import { migratorRole, schemaName } from "../../core/names.ts";
import { applyAlone } from "./apply-alone.ts";
import { quoteIdentifier } from "./connection.ts";
import { installExtension, searchPathOf } from "./extensions.ts";
import { runsOutsideTransaction } from "./directives.ts";
import { recordApplied } from "./ledger.ts";
import type { Migration } from "./migrations.ts";
import { createObserver, NOTHING_SEEN, type Observed } from "./observe.ts";
import { explainFailure } from "./server-errors.ts";
import { checkMigration, type Statement } from "./statements.ts";

export interface ApplyLimits {
  /** How long a statement waits for a lock. */
  lockTimeoutMs: number;
  statementTimeoutMs: number;
}

export interface ApplyContext {
  limits: ApplyLimits;
  /** The text of every migration: what may be named in an error stands there. */
  tree: readonly string[];
  /** Look at locks and rows after each statement; else nothing is reported. */
  observes?: boolean;
}

/**
 * Checks and applies it; on any failure nothing of it is kept. Statements are sent one by one, so that a failure has a line.
 * Throws `migration-refused`, `migration-directive`, `migration-syntax`, `migration-failed`, `migration-too-slow` (author),
 * `migration-locked-out`, `migration-interrupted` (wait), `app-not-prepared` (bug).
 */
export async function applyMigration(client: pg.Client, migration: Migration, context: ApplyContext): Promise<Observed> {
  const { limits, tree } = context;
  const statements = await checkMigration(migration.path, migration.sql);
  await assertPrepared(client, migration.app);
  const [only] = statements;
  if (runsOutsideTransaction(migration.sql) && only !== undefined) {
    await applyAlone(client, migration, only, limits, tree);
    return NOTHING_SEEN;
  }
  const schema = schemaName(migration.app);
  await client.query("begin");
  let current: Statement | undefined;
  try {
    const observer = context.observes === true ? await createObserver(client, schema) : undefined;
    await client.query(`set local lock_timeout = ${limits.lockTimeoutMs}; set local statement_timeout = ${limits.statementTimeoutMs};`);
    const asMigrator = `set local role ${quoteIdentifier(migratorRole(migration.app))}; set local search_path = ${searchPathOf(migration.app)};`;
    await client.query(asMigrator);
    for (const statement of statements) {
      current = statement;
      const startedAt = performance.now();
      if (statement.kind === "CreateExtensionStmt") {
        await installExtension(client, statement);
        await client.query(asMigrator);
      } else await client.query(statement.sql);
      await observer?.afterStatement(startedAt);
    }
    // Deferred checks would speak up at the commit, as the administrator.
    await client.query("set constraints all immediate");
    await client.query("reset role; set local search_path = pg_catalog;");
    await recordApplied(client, migration);
    const seen = await observer?.beforeCommit(statements);
    await client.query("commit");
    return seen?.() ?? NOTHING_SEEN;
  } catch (cause) {
    // On a connection that is gone the server has rolled back already.
    await client.query("rollback").catch(() => undefined);
    throw explainFailure({ path: migration.path, statement: current, statementTimeoutMs: limits.statementTimeoutMs, tree }, cause);
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
