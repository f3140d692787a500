/** Counts what changed between two states of a database, table by table, by primary key. Values never leave the servers. */
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
  /** True where the columns or their types differ too; the rows are compared by those columns that both have. */
  columnsDiffer: boolean;
  /** Rows of `after` that have a value in a column that `before` lacks: going back to `before` loses those values, though no row. */
  extraValues: number;
  /** Where the table stands. */
  exists: "both" | "before" | "after";
}

interface Table {
  app: string;
  table: string;
  partitioned: boolean;
  columns: string[];
  /** In the order of `columns`. */
  types: string[];
  /** The columns of the primary key, in its order; none where there is no key. */
  key: string[];
}

/** A page of a cursor: of this many rows are there two digests in memory, from each side. */
const PAGE = 5000;

/**
 * Exact counts for every table of every app that either state has; tables without a difference are left out. A table without a primary
 * key (or with another one on each side) is compared as a multiset of rows: a changed row is one deleted and one inserted.
 */
export async function compareTimelines(beforeDsn: string, afterDsn: string): Promise<TableDifference[]> {
  return await withConnection(beforeDsn, async (before) =>
    withConnection(afterDsn, async (after) => {
      await Promise.all([openSnapshot(before), openSnapshot(after)]);
      const [old, now] = [await tablesOf(before), await tablesOf(after)];
      const names = [...new Set([...old.keys(), ...now.keys()])].toSorted();
      const differences: TableDifference[] = [];
      for (const name of names) {
        const difference = await compareTable(before, after, old.get(name), now.get(name));
        const { inserted, deleted, updated, exists, columnsDiffer } = difference;
        if (inserted + deleted + updated > 0 || exists !== "both" || columnsDiffer) differences.push(difference);
      }
      return differences;
    }),
  );
}

/** One moment for all tables, and one spelling of values for both sides. */
async function openSnapshot(client: pg.Client): Promise<void> {
  await client.query(`begin transaction isolation level repeatable read read only;
    set local search_path = pg_catalog; set local timezone = 'UTC'; set local datestyle = 'ISO, YMD'; set local intervalstyle = 'iso_8601';
    set local extra_float_digits = 3; set local bytea_output = 'hex'; set local lc_monetary = 'C'; set local xmlbinary = 'base64';
    set local statement_timeout = 0; set local row_security = off;`);
}

async function compareTable(before: pg.Client, after: pg.Client, old: Table | undefined, now: Table | undefined): Promise<TableDifference> {
  const table = (now ?? old) as Table;
  const common = old && now ? old.columns.filter((column) => now.columns.includes(column)) : table.columns;
  const typeOf = ({ columns, types }: Table, column: string): string | undefined => types[columns.indexOf(column)];
  const columnsDiffer =
    old !== undefined &&
    now !== undefined &&
    (common.length !== old.columns.length ||
      common.length !== now.columns.length ||
      common.some((column) => typeOf(old, column) !== typeOf(now, column)));
  const keyed = table.key.length > 0 && (!old || !now || old.key.join("\0") === now.key.join("\0"));
  // Without a key a row is its own key, and equal rows are counted.
  const key = keyed ? table.key : common;

  const counts = { inserted: 0, deleted: 0, updated: 0, before: 0, after: 0 };
  const left = rowsOf(before, old, key, common);
  const right = rowsOf(after, now, key, common);
  let [a, b] = await Promise.all([left.next(), right.next()]);
  while (a.done !== true || b.done !== true) {
    const [here, there] = [a.done === true ? undefined : a.value, b.done === true ? undefined : b.value];
    // Both come in the order of their keys' digests: the smaller one has no twin.
    if (here && (!there || here.key < there.key)) {
      counts.before += here.count;
      counts.deleted += here.count;
      a = await left.next();
    } else if (there && (!here || there.key < here.key)) {
      counts.after += there.count;
      counts.inserted += there.count;
      b = await right.next();
    } else if (here && there) {
      counts.before += here.count;
      counts.after += there.count;
      counts.inserted += Math.max(0, there.count - here.count);
      counts.deleted += Math.max(0, here.count - there.count);
      if (keyed && here.digest !== there.digest) counts.updated += 1;
      [a, b] = await Promise.all([left.next(), right.next()]);
    }
  }
  const extra = old && now ? now.columns.filter((column) => !old.columns.includes(column)) : [];
  const extraValues = now && extra.length > 0 ? await countValues(after, now, extra) : 0;
  return {
    app: table.app,
    table: table.table,
    ...counts,
    columnsDiffer,
    extraValues,
    exists: old && now ? "both" : old ? "before" : "after",
  };
}

async function countValues(client: pg.Client, table: Table, columns: string[]): Promise<number> {
  const filled = columns.map((column) => `${quoteIdentifier(column)} is distinct from null`).join(" or ");
  const { rows } = await client.query<{ count: string }>(`select count(*)::text as count from ${sourceOf(table)} where ${filled}`);
  return Number(rows[0]?.count ?? 0);
}

/** Rows of child tables are counted there, those of partitions here. */
function sourceOf(table: Table): string {
  return `${table.partitioned ? "" : "only "}${quoteIdentifier(table.app)}.${quoteIdentifier(table.table)}`;
}

interface Row {
  key: string;
  digest: string;
  count: number;
}

/** Digests through a cursor, in the order of the keys' digests. */
async function* rowsOf(client: pg.Client, table: Table | undefined, key: string[], columns: string[]): AsyncGenerator<Row, undefined> {
  if (table === undefined) return undefined;
  const digest = (names: string[]): string => `md5(row(${names.map((name) => `${quoteIdentifier(name)}::text`).join(", ")})::text)`;
  await client.query(
    `declare compared no scroll cursor for
     select key collate "C" as key, min(digest) as digest, count(*)::text as count from (select ${digest(key)} as key, ${digest(columns)} as digest from ${sourceOf(table)}) as rows
     group by key collate "C" order by key collate "C"`,
  );
  for (;;) {
    const { rows } = await client.query<{ key: string; digest: string; count: string }>(`fetch ${PAGE} from compared`);
    for (const row of rows) yield { key: row.key, digest: row.digest, count: Number(row.count) };
    if (rows.length < PAGE) break;
  }
  await client.query("close compared");
  return undefined;
}

async function tablesOf(client: pg.Client): Promise<Map<string, Table>> {
  const { rows } = await client.query<Table>(
    `select n.nspname as app, c.relname as table, c.relkind = 'p' as partitioned,
       (select coalesce(json_agg(a.attname order by a.attnum), '[]') from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
       (select coalesce(json_agg(format_type(a.atttypid, a.atttypmod) order by a.attnum), '[]') from pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as types,
       (select coalesce(json_agg(a.attname order by k.position), '[]')
        from pg_index i cross join unnest(i.indkey::int2[]) with ordinality as k (attnum, position)
          join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum
        where i.indrelid = c.oid and i.indisprimary and k.position <= i.indnkeyatts) as key
     from pg_namespace n join pg_class c on c.relnamespace = n.oid and c.relkind in ('r', 'p') and not c.relispartition
     where n.nspname not in ('adorable', 'public', 'information_schema') and n.nspname not like 'pg\\_%' order by 1, 2`,
  );
  return new Map(rows.map((row) => [`${row.app}.${row.table}`, row]));
}
