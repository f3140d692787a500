/** Plain SQL migrations: applied once, in the order of their ids, recorded with their checksum in the timeline itself. */
import { createHash } from "node:crypto";
import type pg from "pg";
import { AdorableError } from "../../core/errors.ts";
import { applyMigration, type ApplyLimits } from "./apply.ts";
import { withConnection } from "./connection.ts";
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
/** Another run of migrations is waited for so long. */
const TURN_TIMEOUT_MS = 60_000;
const PATH = /^apps\/([a-z][a-z0-9-]*)\/db\/migrations\/(\d{14})_([a-z0-9_]+)\.sql$/;

/** In the order in which they run. Throws `migration-name`, `migration-duplicate` (author) naming the file. */
export function parseMigrations(files: readonly { app: string; path: string; sql: string }[]): Migration[] {
  const byId = new Map<string, Migration>();
  for (const { app, path, sql } of files) {
    const match = PATH.exec(path);
    const [, folder, id = "", name = ""] = match ?? [];
    if (folder !== app || !isMoment(id)) {
      throw new AdorableError({
        code: "migration-name",
        remedy: "author",
        message: `"${path}" is not named like a migration of "${app}".`,
        hint: `Name it apps/${app}/db/migrations/YYYYMMDDHHMMSS_what_it_does.sql.`,
        details: { path },
      });
    }
    const twin = byId.get(`${app}/${id}`);
    if (twin) {
      throw new AdorableError({
        code: "migration-duplicate",
        remedy: "author",
        message: `"${path}" and "${twin.path}" have the same id.`,
        hint: "Give the newer one a later time.",
        details: { path },
      });
    }
    byId.set(`${app}/${id}`, { app, id, name, path, sql, checksum: createHash("sha256").update(sql).digest("hex") });
  }
  return [...byId.values()].toSorted((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : a.app < b.app ? -1 : 1));
}

function isMoment(id: string): boolean {
  const [, year = "", month = "", day = "", hour = "", minute = "", second = ""] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(id) ?? [];
  const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const moment = new Date(iso);
  return !Number.isNaN(moment.getTime()) && moment.toISOString() === iso;
}

/** What the database's ledger holds, in the order of ids; nothing where there is no ledger yet. */
export async function appliedMigrations(dsn: string): Promise<AppliedMigration[]> {
  return await withConnection(dsn, readLedger);
}

/** SHA-256 (hex) of the ledger: equal where the same migrations were applied. */
export async function ledgerHash(dsn: string): Promise<string> {
  const ledger = await appliedMigrations(dsn);
  const lines = ledger.map(({ app, id, checksum }) => `${app}/${id} ${checksum}\n`);
  return createHash("sha256").update(lines.join("")).digest("hex");
}

/** Those that the database lacks, in order. Throws `migration-changed` (author). */
export async function pendingMigrations(dsn: string, migrations: readonly Migration[]): Promise<Migration[]> {
  return pendingOf(await appliedMigrations(dsn), migrations);
}

/**
 * Applies what is not in the ledger yet, each in one transaction with its ledger row, as the app's migrator; schema and roles must be
 * there (`ensureRoles`). All are checked before the first is applied. Rows without a file are retired and stay. Idempotent, also when
 * run from several places at once.
 * Throws `migration-changed`, `migration-refused`, `migration-syntax`, `migration-failed`, `migration-too-slow` (author; details: path, line, sqlstate),
 * `migration-locked-out`, `migration-interrupted` (wait), `app-not-prepared` (bug); those before it stay applied.
 */
export async function applyMigrations(
  dsn: string,
  migrations: readonly Migration[],
  options: Partial<ApplyLimits> = {},
): Promise<{ applied: string[] }> {
  const limits = { lockTimeoutMs: options.lockTimeoutMs ?? 5000, statementTimeoutMs: options.statementTimeoutMs ?? 120_000 };
  return await inTurn(dsn, async (client) => {
    const pending = pendingOf(await readLedger(client), migrations);
    for (const migration of pending) await checkMigration(migration.path, migration.sql);
    for (const migration of pending) await applyMigration(client, migration, limits);
    return { applied: pending.map((migration) => migration.path) };
  });
}

/** Runs `work` while no other run of migrations works on that database. Throws `migration-locked-out` (wait). */
export async function inTurn<T>(dsn: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  return await withConnection(dsn, async (client) => {
    await client.query(`set lock_timeout = ${TURN_TIMEOUT_MS}`);
    try {
      await client.query("select pg_catalog.pg_advisory_lock($1)", [APPLYING]);
    } catch (cause) {
      if ((cause as { code?: string }).code !== "55P03") throw cause;
      throw new AdorableError({
        code: "migration-locked-out",
        remedy: "wait",
        message: "Another run of migrations is under way on this database.",
        cause,
      });
    }
    // Given back with the connection.
    return await work(client);
  });
}

/** Those that the ledger lacks. Throws `migration-changed` (author) where an applied one has another checksum now. */
export function pendingOf(ledger: readonly AppliedMigration[], migrations: readonly Migration[]): Migration[] {
  const checksums = new Map(ledger.map(({ app, id, checksum }) => [`${app}/${id}`, checksum]));
  return migrations.filter((migration) => {
    const applied = checksums.get(`${migration.app}/${migration.id}`);
    if (applied !== undefined && applied !== migration.checksum) {
      throw new AdorableError({
        code: "migration-changed",
        remedy: "author",
        message: `"${migration.path}" was changed after it was applied.`,
        hint: "Put it back as it was, and write what is new into a migration of its own.",
        details: { path: migration.path },
      });
    }
    return applied === undefined;
  });
}

export async function readLedger(client: pg.Client): Promise<AppliedMigration[]> {
  const { rows: present } = await client.query<{ there: boolean }>("select to_regclass('adorable.migrations') is not null as there");
  if (present[0]?.there !== true) return [];
  const { rows } = await client.query<AppliedMigration>(
    'select app, id, name, checksum from adorable.migrations order by id collate "C", app collate "C"',
  );
  return rows;
}
