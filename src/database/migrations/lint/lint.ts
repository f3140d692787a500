/** Reads migrations as PostgreSQL's parser does, and says of each step that loses or blocks something what that is, and what the safe form is. */
import { schemaName } from "../../../core/names.ts";
import { acceptedRules, runsOutsideTransaction } from "../directives.ts";
import { functionBody, readStatements, walk, type Node, type Statement } from "../statements.ts";
import { ADVICE_RULES } from "./advice.ts";
import { BLOCKING_RULES } from "./blocking.ts";
import { DESTRUCTIVE_RULES } from "./destructive.ts";
import { svals, type Hit, type Rule, type Severity } from "./rule.ts";
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
  /** What functions destroy when they are called, by their names. */
  const functions = new Map<string, RuleHit[]>();
  for (const source of [...history, ...migrations]) {
    const isHistory = history.includes(source);
    const statements = await readStatements(source.path, source.sql);
    follower.begin(schemaName(source.app), { isHistory, isOutsideTransaction: runsOutsideTransaction(source.sql) });
    for (const [index, statement] of statements.entries()) {
      follower.seen.later = statements.slice(index + 1);
      const inside = await insideFunction(statement, follower.seen);
      if (inside.length > 0) functions.set(functionName(statement.node), inside);
      const hits = RULES.flatMap((rule) => rule.find(statement, follower.seen).map((hit): RuleHit => [rule, hit]));
      if (!isHistory)
        for (const hit of [...hits, ...inside, ...calledBy(statement, functions)]) findings.push(findingOf(source, statement, hit));
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

/** What an SQL function destroys whenever it is called. */
async function insideFunction({ kind, node }: Statement, seen: Seen): Promise<RuleHit[]> {
  if (kind !== "CreateFunctionStmt") return [];
  const name = functionName(node);
  return (await functionBody(node)).flatMap((inner) =>
    DESTRUCTIVE_RULES.flatMap((rule) =>
      rule.find(inner, seen).map((hit): RuleHit => [rule, { ...hit, what: `makes the function ${name}, which ${hit.what}` }]),
    ),
  );
}

function calledBy(statement: Statement, functions: ReadonlyMap<string, RuleHit[]>): RuleHit[] {
  const names = [...walk(statement.node)].flatMap(([key, value]) =>
    key === "FuncCall" ? [svals((value as Node)["funcname"]).at(-1) ?? ""] : [],
  );
  return [...new Set(names)].flatMap((name) =>
    (functions.get(name) ?? []).map(([rule, hit]): RuleHit => [rule, { ...hit, what: hit.what.replace("makes the function", "calls") }]),
  );
}

function functionName(node: Node): string {
  return svals(node["funcname"]).at(-1) ?? "";
}

/** In one line, for whoever writes the migration. */
export function findingText({ path, line, rule, severity, what, effect, safe, accepted }: Finding): string {
  return `${path}:${line} ${what} (${rule}, ${severity}). ${effect} ${accepted === undefined ? safe : `Accepted: ${accepted}`}`;
}
