/** An app's `db/mask.sql`: what of production's rows a preview may not show, overwritten, and every column accounted for. */
import type pg from "pg";
import { AdorableError } from "../../core/errors.ts";
import { migratorRole, schemaName } from "../../core/names.ts";
import { quoteIdentifier, withConnection } from "./connection.ts";
import { searchPathOf } from "./extensions.ts";
import { readFailure } from "./server-errors.ts";
import { checkMigration, type Statement } from "./statements.ts";

export interface MaskScript {
  app: string;
  /** Relative to the repository. */
  path: string;
  sql: string;
}

type Node = Record<string, unknown>;

const KINDS = new Set(["UpdateStmt", "DeleteStmt", "TruncateStmt", "InsertStmt"]);
const MAX_NAMED = 20;
/** `-- keep posts, people.name`: nothing in there is secret. */
const KEEP = /^[ \t]*--[ \t]*keep:?[ \t]+([^\r\n]+)$/gim;
const NAME = /^("?)([A-Za-z_][\w$]*)\1(?:\.("?)([A-Za-z_][\w$]*)\3)?$/;

/**
 * Overwrites the app's rows as its migrator, those too that a policy hides from it, in one transaction: with a failure nothing of it is kept. Every column that can hold something must be set
 * by an UPDATE, stand in a table that is emptied, or be named in a comment `-- keep table.column`; keys that are numbers or UUIDs, booleans and
 * generated columns need none of it.
 * Throws `mask-refused`, `mask-incomplete`, `mask-failed`, `mask-too-slow`, `migration-syntax`, `migration-refused` (author), `mask-interrupted` (wait).
 */
export async function maskRows(dsn: string, script: MaskScript, options: { statementTimeoutMs?: number } = {}): Promise<void> {
  const { statementTimeoutMs = 120_000 } = options;
  const statements = await readMask(script);
  await withConnection(dsn, async (client) => {
    await assertComplete(client, script, statements);
    let current: Statement | undefined;
    try {
      await client.query("begin");
      await client.query(`set local statement_timeout = ${statementTimeoutMs}; set local lock_timeout = 5000;`);
      const migrator = quoteIdentifier(migratorRole(script.app));
      // A policy may hide rows from the owner too. Nobody else sees this change, for the transaction takes it back.
      await client.query(
        `alter role ${migrator} bypassrls; set local role ${migrator}; set local search_path = ${searchPathOf(script.app)};`,
      );
      for (const statement of statements) {
        current = statement;
        await client.query(statement.sql);
      }
      await client.query("set constraints all immediate");
      await client.query(`reset role; alter role ${migrator} nobypassrls`);
      await client.query("commit");
    } catch (cause) {
      await client.query("rollback").catch(() => undefined);
      throw failed(script, current, statementTimeoutMs, cause);
    }
  });
}

/** Columns of the app that nothing is said of when there is no script at all, as `table.column`. */
export async function unmaskedColumns(dsn: string, app: string): Promise<string[]> {
  return await withConnection(dsn, (client) => openColumns(client, app));
}

async function readMask({ path, sql }: MaskScript): Promise<Statement[]> {
  const statements = await checkMigration(path, sql);
  const other = statements.find(({ kind }) => !KINDS.has(kind));
  if (other === undefined) return statements;
  throw new AdorableError({
    code: "mask-refused",
    remedy: "author",
    message: `"${path}", line ${other.line}: a mask changes rows and nothing else (${other.kind.replace(/Stmt$/, "")}).`,
    hint: "Write it with UPDATE, DELETE, TRUNCATE and INSERT.",
    details: { path, line: other.line },
  });
}

async function assertComplete(client: pg.Client, { app, path, sql }: MaskScript, statements: readonly Statement[]): Promise<void> {
  const said = new Set([...statements.flatMap(({ kind, node }) => whatIsSet(kind, node)), ...whatIsKept(path, sql)]);
  const missing = (await openColumns(client, app)).filter((column) => !said.has(column) && !said.has(column.slice(0, column.indexOf("."))));
  if (missing.length === 0) return;
  const more = missing.length > MAX_NAMED ? ` and ${missing.length - MAX_NAMED} more` : "";
  throw new AdorableError({
    code: "mask-incomplete",
    remedy: "author",
    message: `"${path}" says nothing of ${missing
      .slice(0, MAX_NAMED)
      .map((column) => `"${column}"`)
      .join(", ")}${more}.`,
    hint: "Set each in an UPDATE, empty its table, or write a line `-- keep table.column` where nothing in it is secret.",
    details: { path, columns: missing },
  });
}

/** Tables and `table.column`s of the script; one with a condition counts: which rows are secret is its author's to know. */
function whatIsSet(kind: string, node: Node): string[] {
  if (kind === "TruncateStmt")
    return ((node["relations"] ?? []) as { RangeVar?: { relname?: string } }[]).map(({ RangeVar }) => RangeVar?.relname ?? "");
  const table = (node["relation"] as { relname?: string } | undefined)?.relname ?? "";
  if (kind === "DeleteStmt") return node["whereClause"] === undefined && node["usingClause"] === undefined ? [table] : [];
  if (kind !== "UpdateStmt") return [];
  return ((node["targetList"] ?? []) as { ResTarget?: { name?: string } }[]).map(({ ResTarget }) => `${table}.${ResTarget?.name ?? ""}`);
}

function whatIsKept(path: string, sql: string): string[] {
  return [...sql.matchAll(KEEP)].flatMap(([line, list = ""]) =>
    list.split(",").map((item) => {
      const match = NAME.exec(item.trim());
      if (match === null)
        throw new AdorableError({
          code: "mask-refused",
          remedy: "author",
          message: `"${path}": "${line.trim()}" names no tables or columns.`,
          hint: "Write `-- keep table` or `-- keep table.column, other.column`.",
          details: { path },
        });
      const name = (quote = "", text = ""): string => (quote === "" ? text.toLowerCase() : text);
      const table = name(match[1], match[2]);
      return match[4] === undefined ? table : `${table}.${name(match[3], match[4])}`;
    }),
  );
}

/** Partitions are written through their parent, and their columns are its. */
async function openColumns(client: pg.Client, app: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select c.relname || '.' || a.attname as name
     from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
       join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
     where n.nspname = $1 and c.relkind in ('r', 'p') and not c.relispartition
       and a.atttypid <> 'pg_catalog.bool'::pg_catalog.regtype
       and not (a.atttypid::pg_catalog.regtype::text in ('smallint', 'integer', 'bigint', 'uuid')
         and exists (select from pg_catalog.pg_constraint k where k.conrelid = c.oid and k.contype in ('p', 'f') and a.attnum = any(k.conkey)))
     order by 1`,
    [schemaName(app)],
  );
  return rows.map(({ name }) => name);
}

/** The messages of the server may carry values of rows, which are not masked yet: none is passed on. */
function failed(script: MaskScript, statement: Statement | undefined, timeoutMs: number, thrown: unknown): AdorableError {
  const { path, sql } = script;
  const { kind, at, said, details, cause } = readFailure({ path, statement, statementTimeoutMs: timeoutMs, tree: [sql] }, thrown);
  if (kind === "interrupted")
    return new AdorableError({
      code: "mask-interrupted",
      remedy: "wait",
      message: `${at} was interrupted (${said}); nothing of it was kept.`,
      details,
      cause,
    });
  if (kind === "too-slow")
    return new AdorableError({
      code: "mask-too-slow",
      remedy: "author",
      message: `${at} took longer than ${timeoutMs} ms.`,
      hint: "Do less in one statement, or empty tables that no preview needs.",
      details,
      cause,
    });
  return new AdorableError({
    code: "mask-failed",
    remedy: "author",
    message: `${at} failed with ${said}.`,
    hint: "Correct the mask; no data was handed out.",
    details,
    cause,
  });
}
