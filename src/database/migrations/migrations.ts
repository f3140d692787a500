/** Plain SQL migrations: applied once, in the order of their ids, recorded with their checksum in the timeline itself. */
import { createHash } from "node:crypto";
import type pg from "pg";
import { AdorableError } from "../../core/errors.ts";
import { migratorRole, schemaName } from "../../core/names.ts";
import { quoteIdentifier, withConnection } from "./connection.ts";
import { checkMigration } from "./statements.ts";

export interface Migration {
  app: string;
  /** 14 digits: `YYYYMMDDHHMMSS`. */
  id: string;
  name: string;
  /** Relative to the repository. */
  path: string;
  sql: string;
  /** SHA-256, hex. */
  checksum: string;
}

export interface AppliedMigration {
  app: string;
  id: string;
  name: string;
  checksum: string;
}

const APPLYING = 5_120_002;
const PATH = /^apps\/([a-z][a-z0-9-]*)\/db\/migrations\/(\d{14})_([a-z0-9_]+)\.sql$/;

/** In the order in which they run. Throws `migration-name`, `migration-duplicate` (author) naming the file. */
export function parseMigrations(files: readonly { app: string; path: string; sql: string }[]): Migration[] {
  const byId = new Map<string, Migration>();
  for (const { app, path, sql } of files) {
    const match = PATH.exec(path);
    if (match?.[1] !== app) {
      throw new AdorableError({ code: "migration-name", remedy: "author", message: `"${path}" is not named like a migration of "${app}".`, hint: `Name it apps/${app}/db/migrations/YYYYMMDDHHMMSS_what_it_does.sql.`, details: { path } });
    }
    const migration = { app, id: match[2] ?? "", name: match[3] ?? "", path, sql, checksum: createHash("sha256").update(sql).digest("hex") };
    const twin = byId.get(`${app}/${migration.id}`);
    if (twin) throw new AdorableError({ code: "migration-duplicate", remedy: "author", message: `"${path}" and "${twin.path}" have the same id.`, hint: "Give the newer one a later time.", details: { path } });
    byId.set(`${app}/${migration.id}`, migration);
  }
  return [...byId.values()].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : a.app < b.app ? -1 : 1));
}

/** What the database's ledger holds, in the order of ids. The schema of the ledger must be there (`ensureRoles`). */
export function appliedMigrations(dsn: string): Promise<AppliedMigration[]> {
  return withConnection(dsn, readLedger);
}

/**
 * Applies what is not in the ledger yet, each in one transaction with its ledger row, as the app's migrator. Rows without a file are
 * retired and stay. Safe to run from several places at once: they end as one.
 * Throws `migration-changed`, `migration-refused`, `migration-syntax`, `migration-failed` (author; details: path, line, sqlstate); those before it stay applied.
 */
export async function applyMigrations(dsn: string, migrations: readonly Migration[], options: { lockTimeoutMs?: number; statementTimeoutMs?: number } = {}): Promise<{ applied: string[] }> {
  const { lockTimeoutMs = 5000, statementTimeoutMs = 120_000 } = options;
  return withConnection(dsn, async (client) => {
    await client.query("select pg_advisory_lock($1)", [APPLYING]);
    const ledger = await readLedger(client);
    const pending = pendingOf(ledger, migrations);
    for (const migration of pending) await checkMigration(migration.path, migration.sql);
    for (const migration of pending) {
      await client.query("begin");
      await client.query(`set local lock_timeout = ${lockTimeoutMs}; set local statement_timeout = ${statementTimeoutMs};`);
      await client.query(`set local role ${quoteIdentifier(migratorRole(migration.app))}; set local search_path = ${quoteIdentifier(schemaName(migration.app))};`);
      try {
        await client.query(migration.sql);
        await client.query("set constraints all immediate");
      } catch (cause) {
        await client.query("rollback");
        throw failed(migration, cause);
      }
      await client.query("reset role");
      await client.query("insert into adorable.migrations (app, id, name, checksum) values ($1, $2, $3, $4)", [migration.app, migration.id, migration.name, migration.checksum]);
      await client.query("commit");
    }
    return { applied: pending.map((migration) => migration.path) };
  });
}

/** Those that the ledger lacks. Throws `migration-changed` (author) where an applied one has another checksum now. */
export function pendingOf(ledger: readonly AppliedMigration[], migrations: readonly Migration[]): Migration[] {
  return migrations.filter((migration) => {
    const row = ledger.find((one) => one.app === migration.app && one.id === migration.id);
    if (row && row.checksum !== migration.checksum) {
      throw new AdorableError({
        code: "migration-changed",
        remedy: "author",
        message: `"${migration.path}" was changed after it was applied.`,
        hint: "Put it back as it was, and write what is new into a migration of its own.",
        details: { path: migration.path },
      });
    }
    return row === undefined;
  });
}

async function readLedger(client: pg.Client): Promise<AppliedMigration[]> {
  const { rows: present } = await client.query<{ there: boolean }>("select to_regclass('adorable.migrations') is not null as there");
  if (!present[0]?.there) return [];
  return (await client.query<AppliedMigration>("select app, id, name, checksum from adorable.migrations order by id, app")).rows;
}

function failed(migration: Migration, cause: unknown): AdorableError {
  const error = cause as { code?: string; message: string; position?: string };
  const line = error.position === undefined ? undefined : migration.sql.slice(0, Number(error.position) - 1).split("\n").length;
  return new AdorableError({
    code: "migration-failed",
    remedy: "author",
    message: `"${migration.path}"${line === undefined ? "" : `, line ${line}`} failed with ${error.code ?? "an unknown error"}.`,
    hint: "Correct the migration; nothing of it was kept.",
    // The server's message may carry values of rows: it stays with the cause and is never posted.
    details: { path: migration.path, line, sqlstate: error.code },
    cause,
  });
}
