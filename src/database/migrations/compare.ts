/** Counts what changed between two states of a database, table by table, by primary key. Values never leave the servers. */
import type pg from "pg";
import { quoteIdentifier, withConnection } from "./connection.ts";
import { IS_APP_SCHEMA } from "./extensions.ts";

export interface TableDifference {
  /** The schema's name, which is the app's slug with `_` for `-`. */
  app: string;
  table: string;
  /** Rows that only `after` has. */
  inserted: number;
  /** Rows that only `before` has. */
  deleted: number;
  /** Rows with the same key whose common columns differ, or that have a value (beside its default) in a column that only one side has. */
  updated: number;
  /** Rows in all. */
  before: number;
  after: number;
  /** True where the columns or their types differ too; values are compared in those columns that both have. */
  columnsDiffer: boolean;
  /** Where the table stands. */
  exists: "both" | "before" | "after";
}

interface Table {
  app: string;
  table: string;
  partitioned: boolean;
  columns: string[];
  /** In the order of `columns`, as all that follow: types, whether PostgreSQL made them, default expressions, and whether the value is computed from the others. */
  types: string[];
  builtin: boolean[];
  defaults: (string | null)[];
  generated: boolean[];
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
  const key = table.key;

  const counts = { inserted: 0, deleted: 0, updated: 0, before: 0, after: 0 };
  const left = rowsOf(before, old, { key: keyed ? key : undefined, common, mark: "-" });
  const right = rowsOf(after, now, { key: keyed ? key : undefined, common, mark: "+" });
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
  return { app: table.app, table: table.table, ...counts, columnsDiffer, exists: old && now ? "both" : old ? "before" : "after" };
}

const LITERAL = /^('(?:[^']|'')*'|-?\d+(?:\.\d+)?|true|false)(?:::[a-z0-9_ ".()[\]]+)?$/i;

/**
 * A column's value as text. A cast from or to a type that an app has made can be code of the app's, which would run here as the administrator;
 * what writes such a value in a row is PostgreSQL's own.
 */
function textOf(table: Table, column: string): string {
  const name = quoteIdentifier(column);
  return table.builtin[table.columns.indexOf(column)] === true ? `${name}::text` : `row(${name})::text`;
}

/** SQL that is true for a row with a value in one of the columns that nobody but this side has; a computed or default value is none. */
function holdsExtra(table: Table, common: string[]): string {
  const conditions = table.columns.flatMap((column, index) => {
    if (common.includes(column) || table.generated[index] === true) return [];
    const name = quoteIdentifier(column);
    const standard = table.defaults[index];
    // Only a literal may be evaluated: a function could have effects, or another value each time. So could the checks of a domain.
    const literal = LITERAL.exec(standard ?? "")?.[1];
    const value = table.builtin[index] === true ? `(${literal})::${table.types[index]}::text` : `row(${literal}::text)::text`;
    const differs = literal === undefined ? "" : ` and ${textOf(table, column)} is distinct from ${value}`;
    return [`(${name} is distinct from null${differs})`];
  });
  return conditions.length === 0 ? "false" : conditions.join(" or ");
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

/** Digests through a cursor, in the order of the keys' digests. Without a key a row is its own key, and equal rows are counted. */
async function* rowsOf(
  client: pg.Client,
  table: Table | undefined,
  by: { key: string[] | undefined; common: string[]; mark: string },
): AsyncGenerator<Row, undefined> {
  if (table === undefined) return undefined;
  const md5 = (names: string[]): string => `md5(row(${names.map((name) => textOf(table, name)).join(", ")})::text)`;
  const digest = `${md5(by.common)} || case when ${holdsExtra(table, by.common)} then '${by.mark}' else '' end`;
  await client.query(
    `declare compared no scroll cursor for
     select key collate "C" as key, min(digest) as digest, count(*)::text as count
     from (select ${by.key ? md5(by.key) : digest} as key, ${digest} as digest from ${sourceOf(table)}) as rows
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
       (select coalesce(json_agg(t.typnamespace = 'pg_catalog'::regnamespace order by a.attnum), '[]')
        from pg_attribute a join pg_type t on t.oid = a.atttypid where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as builtin,
       (select coalesce(json_agg(case when a.attgenerated = '' then pg_get_expr(d.adbin, d.adrelid) end order by a.attnum), '[]')
        from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as defaults,
       (select coalesce(json_agg(a.attgenerated <> '' order by a.attnum), '[]') from pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as generated,
       (select coalesce(json_agg(a.attname order by k.position), '[]')
        from pg_index i cross join unnest(i.indkey::int2[]) with ordinality as k (attnum, position)
          join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum
        where i.indrelid = c.oid and i.indisprimary and k.position <= i.indnkeyatts) as key
     from pg_namespace n join pg_class c on c.relnamespace = n.oid and c.relkind in ('r', 'p') and not c.relispartition
     where ${IS_APP_SCHEMA} order by 1, 2`,
  );
  return new Map(rows.map((row) => [`${row.app}.${row.table}`, row]));
}
