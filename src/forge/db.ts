/** Holds the forge's SQLite file: typed rows in and out, transactions, and what runs after a commit. */
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { ADDED_COLUMNS, SCHEMA } from "./schema.ts";

export type Value = string | number | boolean | null | undefined | object;

export interface Db {
  /** The first row as a record: `is…` columns are booleans, `…Json` columns are parsed and lose the suffix. */
  get<T>(sql: string, ...params: Value[]): T | undefined;
  all<T>(sql: string, ...params: Value[]): T[];
  /** The number of rows changed. */
  run(sql: string, ...params: Value[]): number;
  /** Inserts a record (a field whose column is `<field>Json` is stored as JSON) and returns its row id. */
  insert(table: string, record: Record<string, Value>): number;
  update(table: string, id: number, changes: Record<string, Value>, key?: string): void;
  /** All or nothing, durable when it returns. A transaction inside another joins it. */
  transaction<T>(body: () => T): T;
  /** Runs `effect` once what is being written is durable; at once outside a transaction. */
  afterCommit(effect: () => void): void;
  close(): void;
}

export function openDb(path: string): Db {
  const sqlite = new DatabaseSync(path);
  sqlite.exec("pragma journal_mode = wal; pragma synchronous = full; pragma busy_timeout = 5000;");
  sqlite.exec(SCHEMA);
  for (const [table, column, definition] of ADDED_COLUMNS) {
    const known = sqlite.prepare("select 1 from pragma_table_info(?) where name = ?").get(table, column);
    if (known === undefined) sqlite.exec(`alter table ${table} add column ${column} ${definition}`);
  }
  const statements = new Map<string, StatementSync>();
  const jsonColumns = new Set(
    sqlite
      .prepare(
        "select t.name || '.' || c.name as id from sqlite_schema t join pragma_table_info(t.name) c where t.type = 'table' and c.name like '%Json'",
      )
      .all()
      .map((row) => String(row["id"])),
  );
  let depth = 0;
  let effects: (() => void)[] = [];

  function prepare(sql: string): StatementSync {
    let statement = statements.get(sql);
    if (statement === undefined) statements.set(sql, (statement = sqlite.prepare(sql)));
    return statement;
  }

  /** Absent (`undefined`) fields are left out, so that a change names only what it changes. */
  function columns(table: string, record: Record<string, Value>): [string, SQLInputValue][] {
    const present = Object.entries(record).filter(([, value]) => value !== undefined);
    return present.map(([name, value]) => {
      if (!jsonColumns.has(`${table}.${name}Json`)) return [name, toColumn(value)];
      return [`${name}Json`, value === null ? null : JSON.stringify(value)];
    });
  }

  const db: Db = {
    get<T>(sql: string, ...params: Value[]): T | undefined {
      const row = prepare(sql).get(...params.map(toColumn));
      return row === undefined ? undefined : (toRecord(row) as T);
    },
    all<T>(sql: string, ...params: Value[]): T[] {
      return prepare(sql)
        .all(...params.map(toColumn))
        .map(toRecord) as T[];
    },
    run(sql, ...params) {
      return Number(prepare(sql).run(...params.map(toColumn)).changes);
    },
    insert(table, record) {
      const entries = columns(table, record);
      const sql = `insert into ${table} (${entries.map(([name]) => `"${name}"`).join(", ")}) values (${entries.map(() => "?").join(", ")})`;
      return Number(prepare(sql).run(...entries.map(([, value]) => value)).lastInsertRowid);
    },
    update(table, id, changes, key = "id") {
      const entries = columns(table, changes);
      if (entries.length === 0) return;
      const sql = `update ${table} set ${entries.map(([name]) => `"${name}" = ?`).join(", ")} where ${key} = ?`;
      prepare(sql).run(...entries.map(([, value]) => value), id);
    },
    transaction(body) {
      if (depth > 0) return body();
      depth += 1;
      sqlite.exec("begin immediate");
      try {
        const result = body();
        sqlite.exec("commit");
        depth -= 1;
        const due = effects;
        effects = [];
        for (const effect of due) effect();
        return result;
      } catch (error) {
        if (depth > 0) {
          depth -= 1;
          effects = [];
          sqlite.exec("rollback");
        }
        throw error;
      }
    },
    afterCommit(effect) {
      if (depth > 0) effects.push(effect);
      else effect();
    },
    close() {
      statements.clear();
      sqlite.close();
    },
  };
  return db;
}

function toColumn(value: Value): SQLInputValue {
  if (value === undefined || value === null) return null;
  if (typeof value === "boolean") return value ? 1 : 0;
  return typeof value === "object" ? JSON.stringify(value) : value;
}

function toRecord(row: Record<string, unknown>): Record<string, unknown> {
  const record: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(row)) {
    if (/^is[A-Z]/.test(name)) record[name] = value === null ? null : value === 1;
    else if (name.endsWith("Json")) record[name.slice(0, -4)] = value === null ? null : JSON.parse(String(value));
    else record[name] = value;
  }
  return record;
}
