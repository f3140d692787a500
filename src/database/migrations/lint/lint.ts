/** Reads migrations as PostgreSQL's parser does, and says of each step that loses or blocks something what that is, and what the safe form is. */
import { schemaName } from "../../../core/names.ts";
import { acceptedRules, runsOutsideTransaction } from "../directives.ts";
import { functionStatements, readStatements, walk, type Node, type Statement } from "../statements.ts";
import { ADVICE_RULES } from "./advice.ts";
import { BLOCKING_RULES } from "./blocking.ts";
import { DESTRUCTIVE_RULES } from "./destructive.ts";
import { svals, typeOf, type Hit, type Rule, type Severity } from "./rule.ts";
import { createFollower, type Seen } from "./seen.ts";

export interface Finding {
  rule: string;
  severity: Severity;
  path: string;
  line: number;
  /** With the names that stand in the file: "drops the column post.title". */
  what: string;
  /** As the statement names it, with its schema. */
  table?: string;
  /** What is lost or blocked. */
  effect: string;
  /** The safe form. */
  safe: string;
  /** Why it is done all the same, as the file says; never of a destructive one. */
  accepted?: string;
}

export const RULES: readonly Rule[] = [...DESTRUCTIVE_RULES, ...BLOCKING_RULES, ...ADVICE_RULES];

interface Source {
  app: string;
  path: string;
  sql: string;
}

type RuleHit = readonly [Rule, Hit];

/**
 * The findings of `migrations`, in the order in which they run and by line. `history` are those that ran before: what they promise of a
 * table counts, and nothing in it is new. Throws `migration-syntax` (author).
 */
export async function lintMigrations(migrations: readonly Source[], history: readonly Source[] = []): Promise<Finding[]> {
  const follower = createFollower();
  const findings: Finding[] = [];
  const functions: Functions = new Map();
  for (const source of [...history, ...migrations]) {
    const isHistory = history.includes(source);
    const statements = await readStatements(source.path, source.sql);
    follower.begin(schemaName(source.app), { isHistory, isOutsideTransaction: runsOutsideTransaction(source.sql) });
    for (const [index, statement] of statements.entries()) {
      follower.seen.later = statements.slice(index + 1);
      const made = await readFunction(statement, follower.seen, functions);
      const outside = withoutBody(statement);
      const hits = RULES.flatMap((rule) => rule.find(outside, follower.seen).map((hit): RuleHit => [rule, hit]));
      if (!isHistory)
        for (const hit of [...hits, ...made, ...reached(callsOf(outside), functions)]) findings.push(findingOf(source, statement, hit));
      follower.follow(statement);
    }
  }
  return findings;
}

function findingOf({ app, path }: Source, { line, lead }: Statement, [{ id, severity, effect, safe }, { what, table }]: RuleHit): Finding {
  const accepted = severity === "destructive" ? undefined : acceptedRules(lead).get(id);
  return {
    rule: id,
    severity,
    path,
    line,
    what,
    ...(table === undefined || table === "" ? {} : { table: table.includes(".") ? table : `${schemaName(app)}.${table}` }),
    effect,
    safe,
    ...(accepted === undefined ? {} : { accepted }),
  };
}

/** What an SQL function destroys itself whenever it is called, and what it calls. */
interface SqlFunction {
  hits: RuleHit[];
  calls: string[];
}

/** By name, as calls are written, and then by the types of the arguments, by which a function is replaced. */
type Functions = Map<string, Map<string, SqlFunction>>;

/** Remembers the function that the statement makes, and says what is destroyed whenever it is called. */
async function readFunction({ kind, node }: Statement, seen: Seen, functions: Functions): Promise<RuleHit[]> {
  if (kind !== "CreateFunctionStmt") return [];
  const name = svals(node["funcname"]).at(-1) ?? "";
  const statements = (await functionStatements(node)).map((inner): Statement => ({ sql: "", line: 1, lead: "", ...inner }));
  const hits = statements.flatMap((inner) =>
    DESTRUCTIVE_RULES.flatMap((rule) => rule.find(inner, seen).map((hit): RuleHit => [rule, hit])),
  );
  const made = { hits, calls: statements.flatMap(callsOf) };
  functions.set(name, (functions.get(name) ?? new Map<string, SqlFunction>()).set(argumentTypes(node), made));
  return [...hits, ...reached(made.calls, functions, [name])].map((hit) => told(hit, `makes the function ${name}, which`));
}

function argumentTypes(node: Node): string {
  const parameters = (node["parameters"] ?? []) as { FunctionParameter?: { argType?: unknown; mode?: string } }[];
  return parameters
    .filter(({ FunctionParameter: parameter }) => !/^FUNC_PARAM_(OUT|TABLE)$/.test(parameter?.mode ?? ""))
    .map(({ FunctionParameter: parameter }) => typeOf(parameter?.argType))
    .join(", ");
}

/** The statement that makes a function does not do what the function does. */
function withoutBody({ node, ...rest }: Statement): Statement {
  const { sql_body: _, ...outside } = node;
  return { ...rest, node: outside };
}

function callsOf({ node }: Statement): string[] {
  const names = [...walk(node)].flatMap(([key, value]) => (key === "FuncCall" ? [svals((value as Node)["funcname"]).at(-1) ?? ""] : []));
  return [...new Set(names)];
}

/** What calling these destroys, through whichever others they call. */
function reached(names: readonly string[], functions: Functions, above: readonly string[] = []): RuleHit[] {
  return names
    .filter((name) => !above.includes(name))
    .flatMap((name) =>
      [...(functions.get(name)?.values() ?? [])].flatMap(({ hits, calls }) =>
        [...hits, ...reached(calls, functions, [...above, name])].map((hit) => told(hit, `calls ${name}, which`)),
      ),
    );
}

function told([rule, hit]: RuleHit, how: string): RuleHit {
  return [rule, { ...hit, what: `${how} ${hit.what}` }];
}

/** In one line, for whoever writes the migration. */
export function findingText({ path, line, rule, severity, what, effect, safe, accepted }: Finding): string {
  return `${path}:${line} ${what} (${rule}, ${severity}). ${effect} ${accepted === undefined ? safe : `Accepted: ${accepted}`}`;
}
