/** What a migration's statements are, read from PostgreSQL's own syntax tree: which are allowed, which destroy something. */
import { parse } from "libpg-query";
import { AdorableError } from "../../core/errors.ts";
import { whyExtensionRefused } from "./extensions.ts";
import { checkDirectives, runsOutsideTransaction } from "./directives.ts";

export type Node = Record<string, unknown>;

export interface Statement {
  /** The name of its node in the tree: `CreateStmt`. */
  kind: string;
  node: Node;
  /** Its own text. */
  sql: string;
  /** Of its first word, from 1. */
  line: number;
  /** Comments and white space before it. */
  lead: string;
}

/**
 * Everything else is refused. What is here can be confined by a role alone: it cannot leave the role, the transaction or the schema,
 * and it can be undone by a rollback of the transaction.
 */
const ALLOWED = new Set(
  `CreateStmt CreateTableAsStmt ViewStmt AlterTableStmt RenameStmt DropStmt TruncateStmt CommentStmt IndexStmt InsertStmt UpdateStmt DeleteStmt MergeStmt
  SelectStmt CreateEnumStmt AlterEnumStmt CreateDomainStmt AlterDomainStmt CompositeTypeStmt CreateSeqStmt AlterSeqStmt CreateStatsStmt AlterStatsStmt
  CreateExtensionStmt RefreshMatViewStmt LockStmt ConstraintsSetStmt CreatePolicyStmt AlterPolicyStmt CreateFunctionStmt CreateTrigStmt ReindexStmt`.split(
    /\s+/,
  ),
);

/** Why, for the kinds that people try. */
const REFUSED: Record<string, string> = {
  TransactionStmt: "controls the transaction, which is the platform's",
  VariableSetStmt: "changes a setting of the session",
  AlterSystemStmt: "changes the server's settings",
  CreateRoleStmt: "makes a role",
  AlterRoleStmt: "changes a role",
  AlterRoleSetStmt: "changes a role",
  DropRoleStmt: "drops a role",
  GrantRoleStmt: "grants a role",
  GrantStmt: "changes privileges, which the platform sets",
  AlterDefaultPrivilegesStmt: "changes privileges, which the platform sets",
  AlterOwnerStmt: "changes an owner",
  CreateSchemaStmt: "makes a schema; an app has one",
  DoStmt: "runs a code block, which cannot be read before it runs",
  CallStmt: "calls a procedure",
  CopyStmt: "copies from or to files, programs or the client",
  VacuumStmt: "vacuums or analyzes, which PostgreSQL does by itself, and in full only while nobody can read or write the table",
  ClusterStmt: "writes a table anew in the order of an index, while nobody can read or write it",
  DropOwnedStmt: "drops all that a role owns, every table with its rows; drop single tables",
};

/** Functions that run text as SQL, change settings, or reach out of the schema. */
const REFUSED_FUNCTIONS =
  /^(set_config|(query|cursor|table|schema|database)_to_xml.*|ts_stat|ts_rewrite|dblink.*|lo_.*|loread|lowrite|pg_read_.*|pg_ls_.*|pg_terminate_backend|pg_cancel_backend|pg_sleep.*|pg_logical_.*|pg_.*advisory.*)$/;
const REFUSED_TABLES = new Set(["pg_settings", "pg_authid", "pg_file_settings", "pg_largeobject"]);

/** Throws `migration-syntax`, `migration-refused` or `migration-directive` (author) with file, line and what to do. */
export async function checkMigration(path: string, sql: string): Promise<Statement[]> {
  checkDirectives(path, sql);
  const statements = await readStatements(path, sql);
  if (runsOutsideTransaction(sql)) {
    const [only, second] = statements;
    const why = only === undefined ? "there is none" : second === undefined ? whyNotAlone(only) : "it is not the only one";
    if (why !== undefined) throw refused(path, (second ?? only)?.line ?? 1, why, ALONE_HINT);
  }
  for (const statement of statements) {
    const inTransaction = runsOutsideTransaction(sql) ? undefined : whyNotInTransaction(statement);
    if (inTransaction !== undefined) throw refused(path, statement.line, inTransaction, ALONE_HINT);
    const why = await whyRefused(statement.kind, statement.node);
    if (why !== undefined) throw refused(path, statement.line, why, "Write the migration with plain statements on the app's own tables.");
  }
  return statements;
}

const ALONE_HINT =
  'A file that begins with "-- adorable: no-transaction" holds one statement: CREATE INDEX CONCURRENTLY with a name, DROP INDEX CONCURRENTLY of one index, or REINDEX (CONCURRENTLY) of an index or a table.';

function refused(path: string, line: number, why: string, hint: string): AdorableError {
  return new AdorableError({
    code: "migration-refused",
    remedy: "author",
    message: `"${path}", line ${line}: the statement ${why}.`,
    hint,
    details: { path, line },
  });
}

/** What needs no transaction can be done in one: only what must be outside may be. */
function whyNotAlone({ kind, node }: Statement): string | undefined {
  if (kind === "IndexStmt" && node["concurrent"] === true) return whyNameless(node["idxname"]);
  if (kind === "DropStmt" && node["removeType"] === "OBJECT_INDEX" && node["concurrent"] === true)
    return (node["objects"] as unknown[]).length === 1 ? undefined : "drops more than one index";
  const isOfTable = node["kind"] === "REINDEX_OBJECT_INDEX" || node["kind"] === "REINDEX_OBJECT_TABLE";
  if (kind === "ReindexStmt" && isOfTable && saysConcurrently(node)) return undefined;
  return "can be part of a transaction, and has to be";
}

/** By its name it is found again after a crash, and PostgreSQL cuts longer ones off. */
function whyNameless(name: unknown): string | undefined {
  if (typeof name !== "string") return "builds an index without a name";
  return Buffer.byteLength(name) > 63 ? "builds an index whose name is longer than 63 bytes" : undefined;
}

function whyNotInTransaction({ kind, node }: Statement): string | undefined {
  if (kind === "IndexStmt" && node["concurrent"] === true) return "builds an index concurrently, which cannot be part of a transaction";
  if (kind === "DropStmt" && node["concurrent"] === true) return "drops an index concurrently, which cannot be part of a transaction";
  if (kind === "ReindexStmt" && saysConcurrently(node)) return "builds an index concurrently, which cannot be part of a transaction";
  const detaches = [...walk(node["cmds"])].some(([key, value]) => key === "PartitionCmd" && (value as Node)["concurrent"] === true);
  return detaches ? "detaches a partition concurrently, which no migration can; leave CONCURRENTLY out" : undefined;
}

function saysConcurrently(node: Node): boolean {
  return ((node["params"] ?? []) as { DefElem?: { defname?: string } }[]).some(({ DefElem }) => DefElem?.defname === "concurrently");
}

interface ParseTree {
  stmts?: { stmt: Record<string, Node>; stmt_location?: number; stmt_len?: number }[];
}

/** The statements of the file in order. Throws `migration-syntax`, `migration-refused` (author). */
export async function readStatements(path: string, sql: string): Promise<Statement[]> {
  let tree: ParseTree;
  try {
    tree = sql.trim() === "" ? {} : await parse(sql);
  } catch (cause) {
    const details = (cause as { sqlDetails?: { message: string; cursorPosition: number } }).sqlDetails;
    const line = lineAt(sql, details?.cursorPosition ?? 0);
    throw new AdorableError({
      code: "migration-syntax",
      remedy: "author",
      message: `"${path}", line ${line}: ${details?.message ?? "cannot be parsed"}.`,
      hint: "Correct the SQL.",
      details: { path, line },
      cause,
    });
  }
  const bytes = Buffer.from(sql);
  const statements: Statement[] = [];
  for (const { stmt, stmt_location = 0, stmt_len = 0 } of tree.stmts ?? []) {
    const [kind = "", node = {}] = Object.entries(stmt)[0] ?? [];
    // Locations are in bytes and include the white space and comments before the statement.
    const text = bytes.subarray(stmt_location, stmt_len === 0 ? undefined : stmt_location + stmt_len).toString("utf8");
    const lead = leadOf(text);
    const line = `${bytes.subarray(0, stmt_location).toString("utf8")}${lead}`.split("\n").length;
    const own = text.slice(lead.length).trimEnd();
    await assertSame(path, line, own, stmt);
    statements.push({ kind, node, sql: own, line, lead });
  }
  return statements;
}

/** White space and comments as PostgreSQL reads them: blocks nest, and a line ends with either sign. */
function leadOf(text: string): string {
  let at = 0;
  for (;;) {
    const rest = text.slice(at);
    const blank = /^(?:[ \t\n\r\f\v]+|--[^\n\r]*)/.exec(rest)?.[0].length ?? blockComment(rest);
    if (blank === 0) return text.slice(0, at);
    at += blank;
  }
}

/** The length of the block comment with which the text begins; 0 where it does not. */
function blockComment(text: string): number {
  if (!text.startsWith("/*")) return 0;
  let depth = 0;
  for (const { 0: mark, index } of text.matchAll(/\/\*|\*\//g)) {
    depth += mark === "/*" ? 1 : -1;
    if (depth === 0) return index + 2;
  }
  return 0;
}

/** What is sent is what was judged: whatever stands between statements, their own text alone means the same. */
async function assertSame(path: string, line: number, sql: string, stmt: Record<string, Node>): Promise<void> {
  const [only, second] = ((await parse(sql).catch(() => ({}))) as ParseTree).stmts ?? [];
  if (second === undefined && only !== undefined && withoutPlaces(only.stmt) === withoutPlaces(stmt)) return;
  throw refused(path, line, "cannot be told from the comments before it", "Write comments on lines of their own.");
}

function withoutPlaces(node: unknown): string {
  return JSON.stringify(node, (key, value: unknown) => (/(^|_)(location|len)$/.test(key) ? undefined : value));
}

/** The line, from 1, in which the character stands that has `characters` others before it, as PostgreSQL counts them: code points. */
export function lineAt(text: string, characters: number): number {
  return (
    Array.from(text)
      .slice(0, characters)
      .filter((character) => character === "\n").length + 1
  );
}

async function whyRefused(kind: string, node: Node): Promise<string | undefined> {
  if (REFUSED[kind] !== undefined) return REFUSED[kind];
  if (!ALLOWED.has(kind)) return `is of a kind that migrations may not have (${kind.replace(/Stmt$/, "")})`;
  if (kind === "ReindexStmt" && node["relation"] === undefined) return "builds indexes anew that are not the app's";
  const subject = node["removeType"] ?? node["renameType"];
  if (subject === "OBJECT_SCHEMA" || subject === "OBJECT_ROLE" || subject === "OBJECT_DATABASE")
    return "drops or renames the app's schema or what stands above it, with everything in it; drop or rename single tables";
  if (kind === "CreateExtensionStmt") return whyExtensionRefused(node);
  if (kind === "CreateFunctionStmt") {
    const why = await whyFunctionRefused(node);
    if (why !== undefined) return why;
  }
  return whyRefusedInside(node);
}

/** A function may only be what a migration could say itself: plain SQL, run as whoever calls it. */
async function whyFunctionRefused(node: Node): Promise<string | undefined> {
  const options = functionOptions(node);
  const argumentOf = (name: string): Node | undefined => options.find(({ defname }) => defname === name)?.arg;
  const language = ((argumentOf("language")?.["String"] as { sval?: string } | undefined)?.sval ?? "sql").toLowerCase();
  if (language !== "sql") return `makes a function in ${language}, which cannot be read before it runs; only SQL functions are allowed`;
  if (options.some(({ defname, arg }) => defname === "set" || (defname === "security" && JSON.stringify(arg).includes("true")))) {
    return "makes a function that changes settings or runs as its owner";
  }
  for (const inner of await functionBody(node)) {
    const isOwnAct = inner.kind === "CreateFunctionStmt" || inner.kind === "CreateExtensionStmt";
    const why = isOwnAct ? "makes a function or an extension in a function" : await whyRefused(inner.kind, inner.node);
    if (why !== undefined) return `makes a function whose body ${why}`;
  }
  return undefined;
}

/** The statements of an SQL function, whichever way its body is written. Throws `migration-syntax` (author). */
export async function functionStatements(node: Node): Promise<Pick<Statement, "kind" | "node">[]> {
  return [...(await functionBody(node)), ...outermostStatements(node["sql_body"])];
}

/** Of `BEGIN ATOMIC … END` and of `RETURN …`, which the parser has read already. */
function outermostStatements(node: unknown): Pick<Statement, "kind" | "node">[] {
  if (typeof node !== "object" || node === null) return [];
  return Object.entries(node).flatMap(([key, value]) =>
    /^[A-Z]\w*Stmt$/.test(key) ? [{ kind: key, node: value as Node }] : outermostStatements(value),
  );
}

/** The statements that an SQL function's text holds. Throws `migration-syntax` (author). */
async function functionBody(node: Node): Promise<Statement[]> {
  const given = functionOptions(node).find(({ defname }) => defname === "as")?.arg;
  const parts = (given?.["List"] as { items?: { String?: { sval?: string } }[] } | undefined)?.items ?? [];
  const texts = parts.flatMap((part) => (part.String?.sval === undefined ? [] : [part.String.sval]));
  return (await Promise.all(texts.map((text) => readStatements("the function's body", text)))).flat();
}

function functionOptions(node: Node): { defname?: string; arg?: Node }[] {
  return ((node["options"] ?? []) as { DefElem?: { defname?: string; arg?: Node } }[]).map(({ DefElem }) => DefElem ?? {});
}

function whyRefusedInside(node: unknown): string | undefined {
  for (const [key, value] of walk(node)) {
    // A statement in a statement: a WITH, a view's query, the body of a function.
    if (/^[A-Z]\w*Stmt$/.test(key) && key !== "ReturnStmt" && !ALLOWED.has(key))
      return `holds one that ${REFUSED[key] ?? "migrations may not have"}`;
    if (key === "FuncCall") {
      const names = (value as { funcname?: { String?: { sval?: string } }[] }).funcname ?? [];
      const name = names.at(-1)?.String?.sval ?? "";
      if (REFUSED_FUNCTIONS.test(name)) return `calls ${name}()`;
    }
    if (key === "relname" && typeof value === "string" && REFUSED_TABLES.has(value)) return `touches ${value}`;
    // Crash recovery, with which every fork of a timeline begins, empties such a table.
    if ((key === "relpersistence" && value === "u") || (key === "subtype" && value === "AT_SetUnLogged"))
      return "makes a table unlogged, which is empty after a fork";
    // Such a bound is computed from rows and then stands in the schema, which is shown.
    if ((key === "partbound" || key === "bound") && [...walk(value)].some(([inner]) => inner === "FuncCall"))
      return "computes the bound of a partition";
    if (key === "tablespacename" || value === "AT_SetTableSpace") return "chooses a tablespace";
    if (value === "AT_ChangeOwner") return "changes an owner";
  }
  return undefined;
}

/** Every key and value below `node`, outermost first. */
export function* walk(node: unknown): Generator<[string, unknown]> {
  if (typeof node !== "object" || node === null) return;
  for (const [key, value] of Object.entries(node)) {
    yield [key, value];
    yield* walk(value);
  }
}
