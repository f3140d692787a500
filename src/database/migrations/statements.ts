/** What a migration's statements are, read from PostgreSQL's own syntax tree: which are refused, which destroy something. */
import { parse } from "libpg-query";
import { AdorableError } from "../../core/errors.ts";

interface Statement {
  kind: string;
  node: Record<string, unknown>;
  /** In the file, from 1. */
  line: number;
}

/** Each would leave the role, the transaction or the schema that a migration is confined to. */
const REFUSED: Record<string, string> = {
  TransactionStmt: "controls the transaction, which is the platform's",
  VariableSetStmt: "changes a setting of the session",
  CreateExtensionStmt: "creates an extension",
  AlterSystemStmt: "changes the server's settings",
  CreateRoleStmt: "makes a role",
  AlterRoleStmt: "changes a role",
  AlterRoleSetStmt: "changes a role",
  DropRoleStmt: "drops a role",
  GrantRoleStmt: "grants a role",
  DropOwnedStmt: "drops what a role owns",
  ReassignOwnedStmt: "reassigns what a role owns",
  CreateSchemaStmt: "makes a schema; an app has one",
  CreatedbStmt: "makes a database",
  DropdbStmt: "drops a database",
  CreateTableSpaceStmt: "makes a tablespace",
  DoStmt: "runs a code block, which the platform cannot read",
  CallStmt: "calls a procedure, which the platform cannot read",
  CreateFunctionStmt: "makes a function, which the platform cannot read",
  PrepareStmt: "prepares a statement",
  ExecuteStmt: "runs a prepared statement",
  LoadStmt: "loads a library",
  CopyStmt: "copies from or to files, programs or the client",
  ListenStmt: "listens",
  VacuumStmt: "vacuums, which cannot be rolled back",
};

/** Functions that run text as SQL or change settings. */
const REFUSED_FUNCTIONS = /^(set_config|query_to_xml|query_to_xmlschema|query_to_xml_and_xmlschema|cursor_to_xml|ts_stat|ts_rewrite|dblink.*|lo_.*|pg_read_.*|pg_terminate_backend|pg_cancel_backend|pg_sleep.*|pg_.*advisory.*)$/;
const REFUSED_TABLES = new Set(["pg_settings", "pg_authid", "pg_file_settings"]);

/** Throws `migration-syntax` or `migration-refused` (author) with file, line and what to do. */
export async function checkMigration(path: string, sql: string): Promise<void> {
  for (const statement of await readStatements(path, sql)) {
    const why = REFUSED[statement.kind] ?? refusedInside(statement.node);
    if (why === undefined) continue;
    throw new AdorableError({
      code: "migration-refused",
      remedy: "author",
      message: `"${path}", line ${statement.line}: the statement ${why}.`,
      hint: "Write the migration with plain statements on the app's own tables.",
      details: { path, line: statement.line },
    });
  }
}

/** What of a migration loses data, in words with the names that stand in it. */
export async function destructiveSteps(path: string, sql: string): Promise<string[]> {
  return (await readStatements(path, sql)).flatMap(({ kind, node, line }) => destructive(kind, node).map((what) => `line ${line}: ${what}`));
}

async function readStatements(path: string, sql: string): Promise<Statement[]> {
  let tree: { stmts?: { stmt: Record<string, Record<string, unknown>>; stmt_location?: number }[] };
  try {
    tree = await parse(sql);
  } catch (cause) {
    const details = (cause as { sqlDetails?: { message: string; cursorPosition: number } }).sqlDetails;
    const line = lineAt(sql, Math.max(0, (details?.cursorPosition ?? 1) - 1));
    throw new AdorableError({ code: "migration-syntax", remedy: "author", message: `"${path}", line ${line}: ${details?.message ?? "cannot be parsed"}.`, hint: "Correct the SQL.", details: { path, line }, cause });
  }
  const bytes = Buffer.from(sql);
  return (tree.stmts ?? []).map(({ stmt, stmt_location }) => {
    const [kind = "", node = {}] = Object.entries(stmt)[0] ?? [];
    // Locations are in bytes and include the white space and comments before the statement.
    const before = bytes.subarray(0, stmt_location ?? 0).toString("utf8");
    const lead = /^(?:\s+|--[^\n]*\n|\/\*[\s\S]*?\*\/)*/.exec(bytes.subarray(stmt_location ?? 0).toString("utf8"))?.[0] ?? "";
    return { kind, node, line: lineAt(before + lead, before.length + lead.length) };
  });
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

function refusedInside(node: unknown): string | undefined {
  if (Array.isArray(node)) return firstDefined(node.map(refusedInside));
  if (typeof node !== "object" || node === null) return undefined;
  for (const [key, value] of Object.entries(node)) {
    if (key === "FuncCall") {
      const names = (value as { funcname?: { String?: { sval?: string } }[] }).funcname ?? [];
      const name = names.at(-1)?.String?.sval ?? "";
      if (REFUSED_FUNCTIONS.test(name)) return `calls ${name}()`;
    }
    if (key === "relname" && typeof value === "string" && REFUSED_TABLES.has(value)) return `touches ${value}`;
    const inner = refusedInside(value);
    if (inner !== undefined) return inner;
  }
  return undefined;
}

function firstDefined<T>(values: (T | undefined)[]): T | undefined {
  return values.find((value) => value !== undefined);
}

function destructive(kind: string, node: Record<string, unknown>): string[] {
  const relation = (node["relation"] as { relname?: string } | undefined)?.relname ?? "";
  switch (kind) {
    case "DropStmt":
      return [`drops ${String(node["removeType"]).replace("OBJECT_", "").toLowerCase()}`];
    case "TruncateStmt":
      return ["empties a table"];
    case "DeleteStmt":
      return node["whereClause"] === undefined ? [`deletes every row of ${relation}`] : [];
    case "UpdateStmt":
      return node["whereClause"] === undefined ? [`rewrites every row of ${relation}`] : [];
    case "AlterTableStmt":
      return ((node["cmds"] as { AlterTableCmd: { subtype: string; name?: string } }[] | undefined) ?? []).flatMap(({ AlterTableCmd: { subtype, name } }) => {
        if (subtype === "AT_DropColumn") return [`drops the column ${relation}.${name ?? ""}`];
        return subtype === "AT_AlterColumnType" ? [`changes the type of ${relation}.${name ?? ""}`] : [];
      });
    default:
      return [];
  }
}
