/** Copies rows from one database to another of the same schema through SQL, so that nothing but the rows themselves comes along. */
import type pg from "pg";
import { AdorableError } from "../../core/errors.ts";
import { quoteIdentifier, withConnection } from "./connection.ts";
import { EXTENSION_SCHEMA } from "./extensions.ts";
import { readServerError } from "./server-errors.ts";

/** Rows are sent in batches of about so many characters, and of no more rows than these: the next one may be larger than any before. */
const BATCH_CHARACTERS = 4_000_000;
const BATCH_ROWS = 200;
/** Values as text that reads back as the very same value, whatever the database's own settings are. */
const PLAIN =
  "set datestyle = 'ISO, YMD'; set intervalstyle = 'postgres'; set timezone = 'UTC'; set extra_float_digits = 1; set bytea_output = 'hex'; set search_path = pg_catalog; set statement_timeout = 0;";

interface Table {
  name: string;
  isPartitioned: boolean;
  columns: { name: string; type: string }[];
}

/**
 * Every table of `schemas` in the database of `to` holds exactly the rows of its twin in that of `from` afterwards (both as the administrator, the
 * schemas equal), sequences go on where theirs stand, materialized views are filled anew. Triggers do not fire. One transaction on either side. Returns
 * how many rows there are.
 * Throws `mask-copy-failed` (author), with the name of the table or view alone, and `mask-interrupted` (wait).
 */
export async function copyRows(from: string, to: string, schemas: readonly string[]): Promise<number> {
  return await withConnection(from, (source) =>
    withConnection(to, async (target) => {
      for (const client of [source, target]) await client.query(PLAIN);
      await source.query("begin isolation level repeatable read");
      await target.query("begin");
      await target.query("set local session_replication_role = replica");
      let rows = 0;
      for (const schema of schemas) {
        const tables = await tablesOf(source, schema);
        // What migrations wrote is among the rows that come.
        if (tables.length > 0) await target.query(`truncate ${tables.map((table) => table.name).join(", ")} cascade`);
      }
      for (const schema of schemas) {
        await asOwner(target, schema, async () => {
          for (const table of await tablesOf(source, schema)) rows += await copying(table.name, () => copyTable(source, target, table));
          await copySequences(source, target, schema);
          await refreshViews(target, schema);
        });
      }
      await target.query("commit");
      await source.query("commit");
      return rows;
    }),
  );
}

/** Checks and computed columns are the app's code: they run as its migrator, in its schema, and reach what it reaches. */
async function asOwner(target: pg.Client, schema: string, work: () => Promise<void>): Promise<void> {
  const { rows } = await target.query<{ owner: string }>(
    "select quote_ident(rolname) as owner from pg_namespace join pg_roles r on r.oid = nspowner where nspname = $1",
    [schema],
  );
  const [{ owner } = { owner: undefined }] = rows;
  if (owner === undefined) return;
  // Rows that a policy hides from the owner are copied too. Nobody else sees this change, for the transaction takes it back.
  await target.query(
    `alter role ${owner} bypassrls; set local role ${owner}; set local search_path = ${quoteIdentifier(schema)}, ${EXTENSION_SCHEMA}`,
  );
  await work();
  await target.query(`reset role; set local search_path = pg_catalog; alter role ${owner} nobypassrls`);
}

async function tablesOf(client: pg.Client, schema: string): Promise<Table[]> {
  const { rows } = await client.query<{ name: string; isPartitioned: boolean; column: string | null; type: string }>(
    `select format('%I.%I', n.nspname, c.relname) as name, c.relkind = 'p' as "isPartitioned", a.attname as column, format_type(a.atttypid, a.atttypmod) as type
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
       left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
     where n.nspname = $1 and c.relkind in ('r', 'p') and not c.relispartition order by c.oid, a.attnum`,
    [schema],
  );
  const tables = new Map<string, Table>();
  for (const { name, isPartitioned, column, type } of rows) {
    const table = tables.get(name) ?? { name, isPartitioned, columns: [] };
    tables.set(name, table);
    if (column !== null) table.columns.push({ name: quoteIdentifier(column), type });
  }
  return [...tables.values()];
}

async function copyTable(source: pg.Client, target: pg.Client, table: Table): Promise<number> {
  const { name, columns, isPartitioned } = table;
  if (columns.length === 0) return 0;
  const texts = columns.map((column) => `${column.name}::text`).join(", ");
  // Rows of a table that inherits from it are that one's own.
  await source.query(`declare rows cursor for select ${texts} from ${isPartitioned ? "" : "only "}${name}`);
  const names = columns.map((column) => column.name).join(", ");
  const values = columns.map((column, index) => `c${index}::${column.type}`).join(", ");
  const insert = `insert into ${name} (${names}) overriding system value select ${values}
    from unnest(${columns.map((_, index) => `$${index + 1}::text[]`).join(", ")}) as batch(${columns.map((_, index) => `c${index}`).join(", ")})`;
  let copied = 0;
  let batch = 8;
  for (;;) {
    const { rows } = (await source.query({ text: `fetch ${batch} from rows`, rowMode: "array" })) as pg.QueryArrayResult<(string | null)[]>;
    if (rows.length === 0) break;
    const characters = rows.reduce((sum, row) => sum + row.reduce((total, value) => total + (value?.length ?? 0), 1), 0);
    batch = Math.max(1, Math.min(BATCH_ROWS, 2 * batch, Math.floor((rows.length * BATCH_CHARACTERS) / characters)));
    await target.query(
      insert,
      columns.map((_, index) => rows.map((row) => row[index])),
    );
    copied += rows.length;
  }
  await source.query("close rows");
  return copied;
}

async function copySequences(source: pg.Client, target: pg.Client, schema: string): Promise<void> {
  const { rows } = await source.query<{ name: string }>(
    "select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relkind = 'S'",
    [schema],
  );
  for (const { name } of rows) {
    const { rows: states } = await source.query<{ value: string; called: boolean }>(
      `select last_value::text as value, is_called as called from ${name}`,
    );
    const [state] = states;
    if (state) await target.query("select setval($1::regclass, $2::bigint, $3)", [name, state.value, state.called]);
  }
}

async function refreshViews(target: pg.Client, schema: string): Promise<void> {
  const { rows } = await target.query<{ name: string }>(
    // One that another reads was made before it.
    "select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relkind = 'm' order by c.oid",
    [schema],
  );
  for (const { name } of rows) await copying(name, () => target.query(`refresh materialized view ${name}`));
}

/** What PostgreSQL says of a row that it does not take may be the row: none of it is passed on. */
async function copying<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    const { isInterrupted, said, sqlstate, cause } = readServerError(thrown);
    const details = { name, sqlstate };
    if (isInterrupted)
      throw new AdorableError({
        code: "mask-interrupted",
        remedy: "wait",
        message: `The copy of "${name}" for a preview was interrupted (${said}); nothing of it was kept.`,
        details,
        cause,
      });
    throw new AdorableError({
      code: "mask-copy-failed",
      remedy: "author",
      message: `The rows of "${name}" cannot be copied for a preview: ${said}.`,
      hint: "Production has rows that its own constraints or expressions no longer take: validate the constraint, or delete those rows in the mask.",
      details,
    });
  }
}
