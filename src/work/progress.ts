/** What a task has done so far, kept beside the conversation, so that it survives when the conversation is compressed. */
import type { CheckOutcome } from "./tools.ts";

export interface ProgressData {
  written: string[];
  deleted: string[];
  migrations: string[];
  /** SQL that was run and what came of it, newest last. */
  sql: { sql: string; outcome: string }[];
  snapshots: { id: string; note: string }[];
  lastCheck: CheckOutcome | null;
  /** What the model said in steps that were dropped, shortened. */
  notes: string[];
}

const MAX_SQL_ENTRIES = 100;
const MAX_SQL_CHARACTERS = 600;
const MAX_NOTES = 30;
const MAX_NOTE_CHARACTERS = 300;

export interface Progress {
  wrote(path: string): void;
  deleted(path: string): void;
  migrated(ids: readonly string[]): void;
  ranSql(sql: string, outcome: string): void;
  tookSnapshot(id: string, note: string): void;
  /** The database is as it was at that snapshot: migrations and SQL since then are undone. */
  restored(id: string): void;
  checked(outcome: CheckOutcome): void;
  noted(text: string): void;
  data(): ProgressData;
  /** Whether anything was changed that a commit would hold. */
  hasEdits(): boolean;
}

export function createProgress(): Progress {
  const written = new Set<string>();
  const removed = new Set<string>();
  const migrations = new Set<string>();
  /** What was applied at each snapshot. */
  const appliedAt = new Map<string, string[]>();
  const data: Pick<ProgressData, "sql" | "snapshots" | "lastCheck" | "notes"> = { sql: [], snapshots: [], lastCheck: null, notes: [] };
  function addSql(sql: string, outcome: string): void {
    const entry = { sql: shorten(sql, MAX_SQL_CHARACTERS), outcome: shorten(outcome, MAX_NOTE_CHARACTERS) };
    data.sql = [...data.sql, entry].slice(-MAX_SQL_ENTRIES);
  }
  return {
    wrote(path) {
      written.add(path);
      removed.delete(path);
    },
    deleted(path) {
      removed.add(path);
      written.delete(path);
    },
    migrated(ids) {
      for (const id of ids) migrations.add(id);
    },
    ranSql: addSql,
    tookSnapshot(id, note) {
      data.snapshots.push({ id, note });
      appliedAt.set(id, [...migrations]);
    },
    restored(id) {
      const then = appliedAt.get(id) ?? [];
      migrations.clear();
      for (const path of then) migrations.add(path);
      addSql(`restore_data ${id}`, "undone: everything since that snapshot");
    },
    checked(outcome) {
      data.lastCheck = outcome;
    },
    noted(text) {
      if (text.trim() !== "") data.notes = [...data.notes, shorten(text.trim(), MAX_NOTE_CHARACTERS)].slice(-MAX_NOTES);
    },
    data: () => structuredClone({ ...data, written: [...written].sort(), deleted: [...removed].sort(), migrations: [...migrations] }),
    hasEdits: () => written.size > 0 || removed.size > 0,
  };
}

export function shorten(text: string, characters: number): string {
  return text.length <= characters ? text : `${text.slice(0, characters - 1)}…`;
}
