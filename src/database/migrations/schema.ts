/** The schema of a database as data: its hash, and what one has that another lacks. */
import { createHash } from "node:crypto";
import type pg from "pg";
import { withConnection } from "./connection.ts";
import { IS_APP_SCHEMA } from "./extensions.ts";

interface Column {
  schema: string;
  table: string;
  column: string;
  required: boolean;
}

/** Everything of the apps that PostgreSQL can describe, as sorted text. The order of columns does not count: code names them. */
const DESCRIPTION = `
  with apps as (select oid, nspname from pg_namespace where ${IS_APP_SCHEMA}),
  relations as (select n.nspname, c.* from apps n join pg_class c on c.relnamespace = n.oid)
  select line from (
    select format('relation %I.%I %s %s %s %s %s', nspname, relname, relkind, relpersistence, relrowsecurity, relforcerowsecurity,
        coalesce(pg_get_partkeydef(oid), '') || coalesce(pg_get_expr(relpartbound, oid), '')) as line
      from relations where relkind in ('r', 'p', 'v', 'm')
    union all
    select format('column %I.%I.%I %s %s %s %s %s %s', c.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
        a.attcollation::regcollation, coalesce(pg_get_expr(d.adbin, d.adrelid), ''))
      from relations c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
      where c.relkind in ('r', 'p', 'v', 'm', 'c')
    union all
    select format('constraint %I.%s %s %s', n.nspname, k.conname, case when k.conrelid <> 0 then k.conrelid::regclass::text end, pg_get_constraintdef(k.oid))
      from apps n join pg_constraint k on k.connamespace = n.oid
    union all
    select format('index %s', pg_get_indexdef(i.indexrelid)) from relations c join pg_index i on i.indrelid = c.oid
    union all
    select format('view %I.%I %s', nspname, relname, pg_get_viewdef(oid)) from relations where relkind in ('v', 'm')
    union all
    select format('sequence %I.%I %s %s %s %s %s', c.nspname, c.relname, format_type(s.seqtypid, null), s.seqincrement, s.seqmin, s.seqmax, s.seqcycle)
      from relations c join pg_sequence s on s.seqrelid = c.oid
    union all
    select format('trigger %s', pg_get_triggerdef(t.oid)) from relations c join pg_trigger t on t.tgrelid = c.oid and not t.tgisinternal
    union all
    select format('policy %I.%I %I %s %s %s %s', c.nspname, c.relname, p.polname, p.polcmd, p.polpermissive, pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
      from relations c join pg_policy p on p.polrelid = c.oid
    union all
    select format('function %s', pg_get_functiondef(f.oid)) from apps n join pg_proc f on f.pronamespace = n.oid and f.prokind in ('f', 'p')
    union all
    select format('type %I.%I %s %s %s', n.nspname, t.typname, t.typtype, case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) || ' ' || t.typnotnull || coalesce(t.typdefault, '') end,
        (select string_agg(enumlabel, ',' order by enumsortorder) from pg_enum e where e.enumtypid = t.oid))
      from apps n join pg_type t on t.typnamespace = n.oid and t.typtype in ('e', 'd')
  ) as description order by line collate "C"`;

/** All that the apps' migrations can define, a line each, sorted; no row. */
export async function describeSchema(client: pg.Client): Promise<string[]> {
  // With an empty search path every name is spelled in full.
  await client.query("set search_path = pg_catalog");
  const { rows } = await client.query<{ line: string }>(DESCRIPTION);
  return rows.map((row) => row.line);
}

/** SHA-256 (hex) of that description: equal for equal schemas, however they came about. */
export async function schemaHash(dsn: string): Promise<string> {
  const lines = await withConnection(dsn, describeSchema);
  return createHash("sha256").update(lines.join("\n")).digest("hex");
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
       where ${IS_APP_SCHEMA}`,
    );
    return rows;
  });
}
