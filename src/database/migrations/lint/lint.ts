/** Reads migrations as PostgreSQL's parser does, and says of each step that loses or blocks something what that is, and what the safe form is. */
import { schemaName } from "../../../core/names.ts";
import { acceptedRules, runsOutsideTransaction } from "../directives.ts";
import { readStatements } from "../statements.ts";
import { ADVICE_RULES } from "./advice.ts";
import { BLOCKING_RULES } from "./blocking.ts";
import { DESTRUCTIVE_RULES } from "./destructive.ts";
import type { Rule, Severity } from "./rule.ts";
import { createFollower } from "./seen.ts";

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

/**
 * The findings of `migrations`, in the order in which they run and by line. `history` are those that ran before: what they promise of a
 * table counts, and nothing in it is new. Throws `migration-syntax` (author).
 */
export async function lintMigrations(migrations: readonly Source[], history: readonly Source[] = []): Promise<Finding[]> {
  const follower = createFollower();
  const findings: Finding[] = [];
  for (const [source, isHistory] of [...history.map((one) => [one, true] as const), ...migrations.map((one) => [one, false] as const)]) {
    const schema = schemaName(source.app);
    const statements = await readStatements(source.path, source.sql);
    follower.begin(schema, { isHistory, isOutsideTransaction: runsOutsideTransaction(source.sql) });
    for (const [index, statement] of statements.entries()) {
      follower.seen.later = statements.slice(index + 1);
      const accepted = acceptedRules(statement.lead);
      for (const rule of isHistory ? [] : RULES) {
        for (const { what, table } of rule.find(statement, follower.seen)) {
          const reason = rule.severity === "destructive" ? undefined : accepted.get(rule.id);
          findings.push({
            rule: rule.id,
            severity: rule.severity,
            path: source.path,
            line: statement.line,
            what,
            ...(table === undefined || table === "" ? {} : { table: table.includes(".") ? table : `${schema}.${table}` }),
            effect: rule.effect,
            safe: rule.safe,
            ...(reason === undefined ? {} : { accepted: reason }),
          });
        }
      }
      follower.follow(statement);
    }
  }
  return findings;
}

/** In one line, for whoever writes the migration. */
export function findingText({ path, line, rule, severity, what, effect, safe, accepted }: Finding): string {
  return `${path}:${line} ${what} (${rule}, ${severity}). ${effect} ${accepted === undefined ? safe : `Accepted: ${accepted}`}`;
}
