/** A rehearsal: the pending migrations on a private fork, reported in names, times and counts, never in values. */
import { applyMigrations, appliedMigrations, pendingOf, type Migration } from "./migrations.ts";
import { destructiveSteps } from "./statements.ts";

export interface RehearsedMigration {
  path: string;
  /** Rounded up to a step of 1, 2 or 5 times a power of ten: how long it took says little about what it touched. */
  durationMs: number;
  destructive: string[];
}

/** Applies what is pending on the fork of `dsn`. Throws what `applyMigrations` throws. */
export async function rehearse(dsn: string, migrations: readonly Migration[]): Promise<{ files: RehearsedMigration[] }> {
  const pending = pendingOf(await appliedMigrations(dsn), migrations);
  const files: RehearsedMigration[] = [];
  for (const migration of pending) {
    const startedAt = performance.now();
    await applyMigrations(dsn, [migration]);
    files.push({ path: migration.path, durationMs: bucket(performance.now() - startedAt), destructive: await destructiveSteps(migration.path, migration.sql) });
  }
  return { files };
}

function bucket(ms: number): number {
  let step = 1;
  for (;;) {
    for (const factor of [1, 2, 5]) if (ms <= step * factor) return step * factor;
    step *= 10;
  }
}
