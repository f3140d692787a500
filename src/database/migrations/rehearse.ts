/** A rehearsal: the pending migrations on a private fork, reported in names, times and counts, never in values. */
import { applyMigration } from "./apply.ts";
import { pendingOf, readLedger, retiredOf } from "./ledger.ts";
import { lintMigrations, type Finding } from "./lint/lint.ts";
import type { Migration } from "./migrations.ts";
import type { Observed, TableLock } from "./observe.ts";
import { describeSchema } from "./schema.ts";
import { checkMigration } from "./statements.ts";
import { inTurn } from "./turn.ts";

export interface RehearsedMigration {
  path: string;
  /** Rounded up to a step of 1, 2 or 5 times a power of ten, from 10 on: how long it took says little about what it touched. */
  durationMs: number;
  /** What loses rows or values, or breaks code: `line 3: drops the column post.title`. */
  destructive: string[];
  /** All that the linter says of it. */
  findings: Finding[];
  /** Tables that others could not read (`AccessExclusiveLock`) or write meanwhile; times rounded up as the duration. */
  locks: TableLock[];
  /** Rows written, rounded up in the same way; 0 is 0. */
  rows: number;
  /** Tables of which every row was written anew. */
  rewritten: string[];
  /** One with a later id was applied before it. */
  isLate: boolean;
}

export interface Rehearsal {
  files: RehearsedMigration[];
  /** What all files took together, in milliseconds: a pause is judged on it, for a sum of what was rounded up may be twice as much. Not rounded: `bucket` it before it is kept or shown. */
  takesMs: number;
  /** What all of them do to the schema: lines of its description that come and go, at most 200 of each. */
  schema: { added: string[]; removed: string[] };
  /** Paths that the ledger has and the tree no longer does. */
  retired: string[];
}

const MAX_LINES = 200;
/** Below it a time or a count would say more about what was met than about what it costs. */
const SMALLEST = 10;

/**
 * Applies what is pending on the fork of `dsn`. Nobody waits there, so that no lock is waited for and each statement has ten minutes.
 * Throws what `applyMigrations` throws.
 */
export async function rehearse(dsn: string, migrations: readonly Migration[]): Promise<Rehearsal> {
  return await inTurn(dsn, async (client) => {
    const ledger = await readLedger(client);
    const pending = pendingOf(ledger, migrations);
    for (const { path, sql } of pending) await checkMigration(path, sql);
    const findings = await lintMigrations(
      pending,
      migrations.filter((migration) => !pending.includes(migration)),
    );
    const newest = new Map<string, string>();
    for (const { app, id } of ledger) if (id > (newest.get(app) ?? "")) newest.set(app, id);
    const context = {
      limits: { lockTimeoutMs: 1000, statementTimeoutMs: 600_000 },
      tree: migrations.map(({ sql }) => sql),
      observes: true,
    };
    const before = await describeSchema(client);
    const files: RehearsedMigration[] = [];
    let takesMs = 0;
    for (const migration of pending) {
      const startedAt = performance.now();
      const observed = await applyMigration(client, migration, context);
      const tookMs = performance.now() - startedAt;
      takesMs += tookMs;
      const own = findings.filter((finding) => finding.path === migration.path);
      files.push({
        path: migration.path,
        durationMs: bucket(tookMs),
        destructive: own.filter(({ severity }) => severity === "destructive").map(({ line, what }) => `line ${line}: ${what}`),
        findings: own,
        ...rounded(observed),
        isLate: migration.id < (newest.get(migration.app) ?? ""),
      });
    }
    const after = await describeSchema(client);
    return {
      files,
      takesMs,
      schema: { added: without(after, before), removed: without(before, after) },
      retired: retiredOf(ledger, migrations),
    };
  });
}

function rounded({ locks, rows, rewritten }: Observed): Observed {
  return {
    locks: locks.map((lock) => ({ ...lock, heldMs: bucket(lock.heldMs) })),
    rows: rows === 0 ? 0 : bucket(rows),
    rewritten,
  };
}

function without(lines: readonly string[], others: readonly string[]): string[] {
  const known = new Set(others);
  return lines.filter((line) => !known.has(line)).slice(0, MAX_LINES);
}

/** The next step of 1, 2 or 5 times a power of ten. */
export function bucket(amount: number): number {
  let step = SMALLEST;
  for (;;) {
    for (const factor of [1, 2, 5]) if (amount <= step * factor) return step * factor;
    step *= 10;
  }
}
