/** A rehearsal: the pending migrations on a private fork, reported in names, times and counts, never in values. */
import { applyMigration, type Applied } from "./apply.ts";
import { destructiveSteps } from "./destructive.ts";
import { inTurn, pendingOf, readLedger, type Migration } from "./migrations.ts";
import { describeSchema } from "./schema.ts";
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

export interface Rehearsal {
  files: RehearsedMigration[];
  /** What all of them do to the schema: lines of its description that come and go, at most 200 of each. */
  schema: { added: string[]; removed: string[] };
}

const MAX_LINES = 200;

/**
 * Applies what is pending on the fork of `dsn`. Nobody waits there, so that no lock is waited for and each statement has ten minutes.
 * Throws what `applyMigrations` throws.
 */
export async function rehearse(dsn: string, migrations: readonly Migration[]): Promise<Rehearsal> {
  return await inTurn(dsn, async (client) => {
    const pending = pendingOf(await readLedger(client), migrations);
    for (const { path, sql } of pending) await checkMigration(path, sql);
    const before = await describeSchema(client);
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
    const after = await describeSchema(client);
    const without = (lines: string[], others: string[]): string[] => {
      const known = new Set(others);
      return lines.filter((line) => !known.has(line)).slice(0, MAX_LINES);
    };
    return { files, schema: { added: without(after, before), removed: without(before, after) } };
  });
}

function bucket(amount: number): number {
  let step = 1;
  for (;;) {
    for (const factor of [1, 2, 5]) if (amount <= step * factor) return step * factor;
    step *= 10;
  }
}
