/** A rehearsal: the pending migrations on a private fork, reported in names, times and counts, never in values. */
import { applyMigration, type Applied } from "./apply.ts";
import { destructiveSteps } from "./destructive.ts";
import { inTurn, pendingOf, readLedger, type Migration } from "./migrations.ts";
import { checkMigration } from "./statements.ts";

export interface RehearsedMigration {
  path: string;
  /** Rounded up to a step of 1, 2 or 5 times a power of ten: how long it took says little about what it touched. */
  durationMs: number;
  destructive: string[];
  /** Tables that others could not read (`AccessExclusiveLock`) or write meanwhile. */
  locks: Applied["locks"];
  /** Rows written, rounded up as the duration; 0 is 0. */
  rows: number;
}

/**
 * Applies what is pending on the fork of `dsn`. Nobody waits there, so that no lock is waited for and each statement has ten minutes.
 * Throws what `applyMigrations` throws.
 */
export async function rehearse(dsn: string, migrations: readonly Migration[]): Promise<{ files: RehearsedMigration[] }> {
  return await inTurn(dsn, async (client) => {
    const pending = pendingOf(await readLedger(client), migrations);
    for (const { path, sql } of pending) await checkMigration(path, sql);
    const files: RehearsedMigration[] = [];
    for (const migration of pending) {
      const startedAt = performance.now();
      const { rows, locks } = await applyMigration(client, migration, { lockTimeoutMs: 1000, statementTimeoutMs: 600_000 });
      const durationMs = bucket(performance.now() - startedAt);
      files.push({
        path: migration.path,
        durationMs,
        destructive: await destructiveSteps(migration.path, migration.sql),
        locks,
        rows: rows === 0 ? 0 : bucket(rows),
      });
    }
    return { files };
  });
}

function bucket(amount: number): number {
  let step = 1;
  for (;;) {
    for (const factor of [1, 2, 5]) if (amount <= step * factor) return step * factor;
    step *= 10;
  }
}
