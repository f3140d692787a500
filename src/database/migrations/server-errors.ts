/** What may be said of an error of the server: its code, and its own words where every name in them stands in the statement. */
import { AdorableError } from "../../core/errors.ts";
import { conditionOf, publicSqlstate } from "./sqlstates.ts";
import { lineAt, type Statement } from "./statements.ts";

export interface Place {
  path: string;
  /** The statement that was under way; undefined at the commit and around it. */
  statement: Statement | undefined;
  statementTimeoutMs: number;
  /** The text of every migration: constraints are named where they were made. */
  tree: readonly string[];
}

interface ServerError {
  code?: string;
  message: string;
  position?: string;
  constraint?: string;
  severity?: string;
}

/** Of the connection, the server's resources and its administrator, not of the migration: connections, rollbacks, resources, shutdowns, I/O, internal. */
const INTERRUPTED = /^(08|40|53|57P|58|XX)/;

/** In these messages `%n` is a name and `%t` a type; everything else that the server says may be the value of a row, and so may a name that stands nowhere. */
const SAYINGS = [
  'column "%n" does not exist',
  "column %n does not exist",
  'column "%n" of relation "%n" does not exist',
  'column "%n" of relation "%n" already exists',
  'column "%n" referenced in foreign key constraint does not exist',
  'column "%n" is of type %t but expression is of type %t',
  'column reference "%n" is ambiguous',
  'relation "%n" does not exist',
  'relation "%n" already exists',
  'table "%n" does not exist',
  'index "%n" does not exist',
  'view "%n" does not exist',
  'type "%n" does not exist',
  'type "%n" already exists',
  'schema "%n" does not exist',
  'constraint "%n" of relation "%n" does not exist',
  'constraint "%n" for relation "%n" already exists',
  'missing FROM-clause entry for table "%n"',
  "function %n(%t) does not exist",
  "operator does not exist: %t",
  'there is no unique constraint matching given keys for referenced table "%n"',
  'foreign key constraint "%n" cannot be implemented',
  'permission denied for table "?%n"?',
  'permission denied for schema "?%n"?',
  '"%n" is not a table',
  '"%n" is not a view',
  'multiple primary keys for table "%n" are not allowed',
].map((saying) => {
  const pattern = saying
    .replaceAll(/[()]/g, String.raw`\$&`)
    .replaceAll("%n", "(?<n_>.+?)")
    .replaceAll("%t", "(?<t_>.*?)");
  let index = 0;
  // Groups have to have names of their own.
  return new RegExp(`^${pattern.replaceAll("_>", () => `${index++}>`)}$`);
});

/** Types as PostgreSQL spells them, and the operators between them. */
const TYPES = new Set(
  `smallint integer bigint numeric real double precision text character varying boolean date time timestamp with without zone interval uuid json jsonb
  bytea unknown record void oid regclass name char inet cidr tsvector tsquery money bit xml any anyelement anyarray`.split(/\s+/),
);
const OPERATOR = /^[-+*/<>=~!@#%^&|`?]{1,4}$/;

/** What may be said of it: nothing in here is the value of a row. */
export interface Failure {
  kind: "interrupted" | "locked-out" | "too-slow" | "failed";
  /** `"path", line 3` */
  at: string;
  /** "23505: unique violation", or who is to blame where it was no error of the server. */
  said: string;
  details: { path: string; line: number | undefined; sqlstate: string | undefined; constraint?: string };
  /** Undefined for an error of the server, which carries its message, the row and the statement: logs print causes. */
  cause: unknown;
}

/** Reads an error that met a statement of a file of SQL, whichever it is. */
export function readFailure({ path, statement, tree }: Place, cause: unknown): Failure {
  const error = cause as ServerError;
  const isFromServer = error.severity !== undefined;
  const sqlstate = isFromServer ? publicSqlstate(error.code) : undefined;
  const inside = statement === undefined || error.position === undefined ? 1 : lineAt(statement.sql, Number(error.position) - 1);
  const line = statement === undefined ? undefined : statement.line + inside - 1;
  const names = statement === undefined ? new Set<string>() : namesIn(statement);
  const constraint = error.constraint !== undefined && isOfTree(error.constraint, tree) ? error.constraint : undefined;
  const condition = conditionOf(error.code);
  const said = sayable(error.message, names) ?? (constraint === undefined ? condition : `${condition ?? ""} of "${constraint}"`);
  return {
    kind: kindOf(statement, error.code),
    at: `"${path}"${line === undefined ? "" : `, line ${line}`}`,
    said: isFromServer ? [sqlstate, said].filter((part) => part !== undefined).join(": ") : "the connection was lost",
    details: { path, line, sqlstate, ...(constraint === undefined ? {} : { constraint }) },
    cause: isFromServer ? undefined : cause,
  };
}

/** The same of one that met no statement of a file: only its code is said. */
export function readServerError(thrown: unknown): { isInterrupted: boolean; said: string; sqlstate: string | undefined; cause: unknown } {
  const { code, severity } = thrown as ServerError;
  if (severity === undefined) return { isInterrupted: true, said: "the connection was lost", sqlstate: undefined, cause: thrown };
  const sqlstate = publicSqlstate(code);
  const said = [sqlstate, conditionOf(code)].filter((part) => part !== undefined).join(": ");
  return { isInterrupted: INTERRUPTED.test(code ?? "08"), said, sqlstate, cause: undefined };
}

function kindOf(statement: Statement | undefined, code: string | undefined): Failure["kind"] {
  if (statement === undefined || INTERRUPTED.test(code ?? "08")) return "interrupted";
  if (code === "55P03") return "locked-out";
  return code === "57014" ? "too-slow" : "failed";
}

/** The typed failure of a migration. None of the server's words about rows is in it. Typed ones pass. */
export function explainFailure(place: Place, thrown: unknown): AdorableError {
  if (AdorableError.isInstance(thrown)) return thrown;
  const { kind, at, said, details, cause } = readFailure(place, thrown);
  switch (kind) {
    case "interrupted":
      return new AdorableError({
        code: "migration-interrupted",
        remedy: "wait",
        message: `${at} was interrupted (${details.sqlstate ?? said}); whether it was kept is in the ledger.`,
        details,
        cause,
      });
    case "locked-out":
      return new AdorableError({
        code: "migration-locked-out",
        remedy: "wait",
        message: `${at} waited too long for a lock.`,
        details,
        cause,
      });
    case "too-slow":
      return new AdorableError({
        code: "migration-too-slow",
        remedy: "author",
        message: `${at} took longer than ${place.statementTimeoutMs} ms.`,
        hint: "Do less in one statement; fill large tables in several.",
        details,
        cause,
      });
    case "failed":
      return new AdorableError({
        code: "migration-failed",
        remedy: "author",
        message: `${at} failed with ${said}.`,
        hint: "Correct the migration; nothing of it was kept.",
        details,
        cause,
      });
  }
}

/** The server's words, where they are of a known form and every name in them stands in the statement. */
function sayable(message: string, names: ReadonlySet<string>): string | undefined {
  for (const saying of SAYINGS) {
    const groups = saying.exec(message)?.groups;
    if (groups === undefined) continue;
    const isKnown = Object.entries(groups).every(([key, value]) => (key.startsWith("n") ? isName(value, names) : isTypes(value, names)));
    if (isKnown) return message;
  }
  return undefined;
}

function isName(text: string, names: ReadonlySet<string>): boolean {
  return text.split(".").every((part) => names.has(part));
}

function isTypes(text: string, names: ReadonlySet<string>): boolean {
  const words = text
    .replaceAll(/\(\d+(,\d+)?\)|\[\]/g, "")
    .split(/[\s,]+/)
    .filter((word) => word !== "");
  return words.every((word) => TYPES.has(word) || OPERATOR.test(word) || isName(word, names));
}

/** Identifiers of the statement; what stands in quotes as a value is none. */
function namesIn(statement: Statement): Set<string> {
  const names = new Set<string>();
  for (const [key, value] of identifiers(statement.node)) if (typeof value === "string" && key !== "contype") names.add(value);
  return names;
}

function* identifiers(node: unknown): Generator<[string, unknown]> {
  if (typeof node !== "object" || node === null) return;
  for (const [key, value] of Object.entries(node)) {
    if (key === "A_Const") continue;
    yield [key, value];
    yield* identifiers(value);
  }
}

/** Named in a migration, or by PostgreSQL from the names that stand there: `post_title_key`, `post_pkey`, `post_author_fkey1`. */
function isOfTree(name: string, tree: readonly string[]): boolean {
  const stands = (word: string): boolean => tree.some((sql) => sql.includes(word));
  const made = /^([a-z0-9_]+)_(?:pkey|key|fkey|check|excl|not_null)\d*$/.exec(name)?.[1];
  return stands(name) || (made !== undefined && made.split("_").every(stands));
}
