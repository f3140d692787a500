/** The schema of a database as data: its hash, and what one has that another lacks. */
import { createHash } from "node:crypto";
import { withConnection } from "./connection.ts";

interface Column {
  schema: string;
  table: string;
  column: string;
  required: boolean;
}

/** Everything of the apps that PostgreSQL can describe, as sorted text. */
const DESCRIPTION = `
  with apps as (select oid, nspname from pg_namespace where nspname not in ('adorable', 'public', 'information_schema') and nspname not like 'pg\\_%')
  select line from (
    select format('column %I.%I.%I %s %s %s', n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, coalesce(pg_get_expr(d.adbin, d.adrelid), '')) as line
      from apps n join pg_class c on c.relnamespace = n.oid and c.relkind in ('r', 'p', 'v', 'm') join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    union all
    select format('constraint %I.%s %s', n.nspname, c.conname, pg_get_constraintdef(c.oid)) from apps n join pg_constraint c on c.connamespace = n.oid
    union all
    select format('index %s', pg_get_indexdef(i.indexrelid)) from apps n join pg_class c on c.relnamespace = n.oid join pg_index i on i.indrelid = c.oid
    union all
    select format('type %I.%I %s', n.nspname, t.typname, (select string_agg(enumlabel, ',' order by enumsortorder) from pg_enum e where e.enumtypid = t.oid)) from apps n join pg_type t on t.typnamespace = n.oid and t.typtype in ('e', 'd')
  ) as description order by line collate "C"`;

/** SHA-256 (hex) over tables, columns, constraints, indexes and types of every app; rows do not count. */
export function schemaHash(dsn: string): Promise<string> {
  return withConnection(dsn, async (client) => {
    const { rows } = await client.query<{ line: string }>(DESCRIPTION);
    return createHash("sha256").update(rows.map((row) => row.line).join("\n")).digest("hex");
  });
}

/** Columns of tables of `before` that only `after` has and that an insert must fill: code of before cannot write there. */
export async function requiredColumnsAddedBetween(before: string, after: string): Promise<string[]> {
  const [old, now] = await Promise.all([columnsOf(before), columnsOf(after)]);
  const tables = new Set(old.map((one) => `${one.schema}.${one.table}`));
  const known = new Set(old.map((one) => `${one.schema}.${one.table}.${one.column}`));
  return now
    .filter((one) => one.required && tables.has(`${one.schema}.${one.table}`) && !known.has(`${one.schema}.${one.table}.${one.column}`))
    .map((one) => `${one.schema}.${one.table}.${one.column}`);
}

function columnsOf(dsn: string): Promise<Column[]> {
  return withConnection(dsn, async (client) => {
    const { rows } = await client.query<Column>(
      `select n.nspname as schema, c.relname as table, a.attname as column, a.attnotnull and not a.atthasdef and a.attidentity = '' as required
       from pg_namespace n join pg_class c on c.relnamespace = n.oid and c.relkind in ('r', 'p') join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
       where n.nspname not in ('adorable', 'public', 'information_schema') and n.nspname not like 'pg\\_%'`,
    );
    return rows;
  });
}
