/** Counts what changed between two states of a database, table by table, by primary key. Values never leave this module. */
import type pg from "pg";
import { quoteIdentifier, withConnection } from "./connection.ts";

export interface TableDifference {
  /** The schema's name, which is the app's slug with `_` for `-`. */
  app: string;
  table: string;
  /** Rows that only `after` has. */
  inserted: number;
  /** Rows that only `before` has. */
  deleted: number;
  /** Rows with the same key whose common columns differ. */
  updated: number;
  /** Rows in all. */
  before: number;
  after: number;
  /** True where the columns differ too; the rows are compared by those that both have. */
  columnsDiffer: boolean;
  /** Where the table stands. */
  exists: "both" | "before" | "after";
}

interface Table {
  app: string;
  table: string;
  columns: string[];
  key: string[];
}

/** Exact counts for every table of every app that either state has; tables without a difference are left out. */
export async function compareTimelines(beforeDsn: string, afterDsn: string): Promise<TableDifference[]> {
  return withConnection(beforeDsn, (before) =>
    withConnection(afterDsn, async (after) => {
      const [old, now] = [await tablesOf(before), await tablesOf(after)];
      const names = [...new Set([...old.keys(), ...now.keys()])].sort();
      const differences: TableDifference[] = [];
      for (const name of names) {
        const difference = await compareTable(before, after, old.get(name), now.get(name));
        if (difference.inserted + difference.deleted + difference.updated > 0 || difference.exists !== "both") differences.push(difference);
      }
      return differences;
    }),
  );
}

async function compareTable(before: pg.Client, after: pg.Client, old: Table | undefined, now: Table | undefined): Promise<TableDifference> {
  const table = (old ?? now) as Table;
  const common = old && now ? old.columns.filter((column) => now.columns.includes(column)) : table.columns;
  const keyIsCommon = table.key.length > 0 && table.key.every((column) => common.includes(column)) && (!old || !now || old.key.join() === now.key.join());
  // Without a key a row is its own key: equal rows are counted.
  const key = keyIsCommon ? table.key : common;
  const [left, right] = [old ? await rowsOf(before, old, key, common) : new Map<string, Counted>(), now ? await rowsOf(after, now, key, common) : new Map<string, Counted>()];
  let [inserted, deleted, updated] = [0, 0, 0];
  for (const [id, row] of right) {
    const twin = left.get(id);
    inserted += Math.max(0, row.count - (twin?.count ?? 0));
    if (twin && twin.digest !== row.digest) updated += 1;
  }
  for (const [id, row] of left) deleted += Math.max(0, row.count - (right.get(id)?.count ?? 0));
  return {
    app: table.app,
    table: table.table,
    inserted,
    deleted,
    updated,
    before: total(left),
    after: total(right),
    columnsDiffer: old !== undefined && now !== undefined && (old.columns.length !== common.length || now.columns.length !== common.length),
    exists: old && now ? "both" : old ? "before" : "after",
  };
}

interface Counted {
  digest: string;
  count: number;
}

function total(rows: Map<string, Counted>): number {
  let sum = 0;
  for (const row of rows.values()) sum += row.count;
  return sum;
}

/** Digests only, through a cursor: neither side's rows are held in memory as they are. */
async function rowsOf(client: pg.Client, table: Table, key: string[], columns: string[]): Promise<Map<string, Counted>> {
  const digest = (names: string[]): string => (names.length === 0 ? "''" : `md5(row(${names.map((name) => `${quoteIdentifier(name)}::text`).join(", ")})::text)`);
  const rows = new Map<string, Counted>();
  await client.query("begin transaction isolation level repeatable read read only");
  await client.query(`declare compared no scroll cursor for select ${digest(key)} as key, ${digest(columns)} as digest from ${quoteIdentifier(table.app)}.${quoteIdentifier(table.table)}`);
  for (;;) {
    const { rows: page } = await client.query<{ key: string; digest: string }>("fetch 5000 from compared");
    for (const row of page) {
      const twin = rows.get(row.key);
      if (twin) twin.count += 1;
      else rows.set(row.key, { digest: row.digest, count: 1 });
    }
    if (page.length === 0) break;
  }
  await client.query("commit");
  return rows;
}

async function tablesOf(client: pg.Client): Promise<Map<string, Table>> {
  const { rows } = await client.query<Table>(
    `select n.nspname as app, c.relname as table,
       (select coalesce(json_agg(a.attname order by a.attnum), '[]') from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
       (select coalesce(json_agg(a.attname order by array_position(i.indkey::int2[], a.attnum)), '[]') from pg_index i join pg_attribute a on a.attrelid = c.oid and a.attnum = any(i.indkey)
        where i.indrelid = c.oid and i.indisprimary) as key
     from pg_namespace n join pg_class c on c.relnamespace = n.oid and c.relkind in ('r', 'p') and not c.relispartition
     where n.nspname not in ('adorable', 'public', 'information_schema') and n.nspname not like 'pg\\_%' order by 1, 2`,
  );
  return new Map(rows.map((row) => [`${row.app}.${row.table}`, row]));
}
