/** What a migration says to the platform, in comments: `-- adorable: no-transaction`, `-- adorable: accept <rule>: <reason>`. */
import { AdorableError } from "../../core/errors.ts";

const DIRECTIVE = /^[ \t]*--[ \t]*adorable:[ \t]*(.*?)[ \t]*$/gm;
const NO_TRANSACTION = /^--[ \t]*adorable:[ \t]*no-transaction[ \t]*$/;
const ACCEPT = /^accept ([a-z][a-z-]+): (\S.*)$/;

/** Its first line says so: it holds one statement that cannot be part of a transaction. */
export function runsOutsideTransaction(sql: string): boolean {
  return NO_TRANSACTION.test((sql.split("\n", 1)[0] ?? "").trimEnd());
}

/** The rules whose findings the comments before a statement accept, each with the reason. */
export function acceptedRules(lead: string): Map<string, string> {
  return new Map(
    [...lead.matchAll(DIRECTIVE)].flatMap(([, text = ""]) => {
      const [, rule = "", reason = ""] = ACCEPT.exec(text) ?? [];
      return rule === "" ? [] : [[rule, reason] as const];
    }),
  );
}

/** A misspelt one would be taken for a comment. Throws `migration-directive` (author). */
export function checkDirectives(path: string, sql: string): void {
  for (const match of sql.matchAll(DIRECTIVE)) {
    const text = match[1] ?? "";
    const line = sql.slice(0, match.index).split("\n").length;
    if (ACCEPT.test(text) || (text === "no-transaction" && line === 1)) continue;
    throw new AdorableError({
      code: "migration-directive",
      remedy: "author",
      message: `"${path}", line ${line}: "${text.slice(0, 100)}" is nothing that a migration can say to the platform here.`,
      hint: 'Write "-- adorable: no-transaction" as the first line, or "-- adorable: accept <rule>: <reason>" before a statement.',
      details: { path, line },
    });
  }
}
