/** Plain SQL migrations: applied once, in the order of their ids, recorded with their checksum in the timeline itself. */
import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type pg from "pg";
import { AdorableError } from "../../core/errors.ts";
import { applyMigration, type ApplyContext, type ApplyLimits } from "./apply.ts";
import { withConnection } from "./connection.ts";
import { pendingOf, readLedger } from "./ledger.ts";
import { checkMigration } from "./statements.ts";
import { inTurn } from "./turn.ts";

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
  /** As it was applied; absent where an older ledger did not keep it. */
  sql?: string | null;
}

export interface ApplyOptions extends ApplyLimits {
  /** How often a migration that was locked out is tried in all. Between two tries those who wait behind it go on. */
  lockAttempts: number;
}

/** Before the second try; it doubles with each. */
const RETRY_AFTER_MS = 100;
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
 * there (`ensureRoles`). One that says so runs outside of a transaction (`apply-alone.ts`). All are checked before the first is applied. Rows
 * without a file are retired and stay. Idempotent, also when run from several places at once.
 * Throws `migration-changed`, `migration-refused`, `migration-directive`, `migration-syntax`, `migration-failed`, `migration-too-slow` (author; details: path, line, sqlstate),
 * `migration-locked-out`, `migration-interrupted` (wait), `app-not-prepared` (bug); those before it stay applied.
 */
export async function applyMigrations(
  dsn: string,
  migrations: readonly Migration[],
  options: Partial<ApplyOptions> = {},
): Promise<{ applied: string[] }> {
  const limits = { lockTimeoutMs: options.lockTimeoutMs ?? 2000, statementTimeoutMs: options.statementTimeoutMs ?? 120_000 };
  const context = { limits, tree: migrations.map(({ sql }) => sql) };
  return await inTurn(dsn, async (client) => {
    const pending = pendingOf(await readLedger(client), migrations);
    for (const migration of pending) await checkMigration(migration.path, migration.sql);
    for (const migration of pending) await applyPatiently(client, migration, context, options.lockAttempts ?? 4);
    return { applied: pending.map((migration) => migration.path) };
  });
}

/** What waits long for a lock keeps everybody who comes after it waiting too: it waits shortly, lets them on, and tries again. */
async function applyPatiently(client: pg.Client, migration: Migration, context: ApplyContext, attempts: number): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await applyMigration(client, migration, context);
      return;
    } catch (error) {
      if (!AdorableError.isInstance(error) || error.code !== "migration-locked-out" || attempt >= attempts) throw error;
      await delay(RETRY_AFTER_MS * 2 ** (attempt - 1));
    }
  }
}
