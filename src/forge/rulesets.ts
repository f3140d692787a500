/** What a repository's owner demands of a branch before it moves: required checks, and that everything goes through the merge queue. */
import type { ForgeCore } from "./core.ts";
import { timestamp } from "./core.ts";
import { Fault } from "./faults.ts";
import type { CheckRun, MergeMethod, Repository } from "./records.ts";

export interface Rule {
  type: "required_status_checks" | "merge_queue";
  parameters: Record<string, unknown>;
}

export interface Ruleset {
  id: number;
  repositoryId: number;
  name: string;
  enforcement: "active" | "disabled" | "evaluate";
  /** Branch names with `refs/heads/`, or `~DEFAULT_BRANCH`, or `~ALL`. */
  include: string[];
  exclude: string[];
  rules: Rule[];
  createdAt: string;
  updatedAt: string;
}

export type RulesetInput = Pick<Ruleset, "name" | "enforcement" | "include" | "exclude" | "rules">;

export function listRulesets(core: ForgeCore, repositoryId: number): Ruleset[] {
  return core.db.all<Ruleset>("select * from rulesets where repositoryId = ? order by id", repositoryId);
}

export function findRuleset(core: ForgeCore, repositoryId: number, id: number): Ruleset | undefined {
  return core.db.get<Ruleset>("select * from rulesets where repositoryId = ? and id = ?", repositoryId, id);
}

/** Makes it, or replaces the one with this id. */
export function saveRuleset(core: ForgeCore, repositoryId: number, wanted: RulesetInput, id?: number): Ruleset {
  const now = timestamp();
  const record = { ...wanted, updatedAt: now };
  if (id !== undefined) core.db.update("rulesets", id, record);
  const saved = id ?? core.db.insert("rulesets", { ...record, repositoryId, createdAt: now });
  core.changes.publish({ repositoryId, subject: "repository" });
  return findRuleset(core, repositoryId, saved) as Ruleset;
}

export function deleteRuleset(core: ForgeCore, ruleset: Ruleset): void {
  core.db.run("delete from rulesets where id = ?", ruleset.id);
  core.changes.publish({ repositoryId: ruleset.repositoryId, subject: "repository" });
}

/** The active rules of a branch, with the ruleset that each is of. */
export function rulesOf(core: ForgeCore, repository: Repository, branch: string): { rule: Rule; ruleset: Ruleset }[] {
  const covers = (pattern: string): boolean =>
    pattern === "~ALL" || pattern === `refs/heads/${branch}` || (pattern === "~DEFAULT_BRANCH" && branch === repository.defaultBranch);
  return listRulesets(core, repository.id)
    .filter((ruleset) => ruleset.enforcement === "active" && ruleset.include.some(covers) && !ruleset.exclude.some(covers))
    .flatMap((ruleset) => ruleset.rules.map((rule) => ({ rule, ruleset })));
}

export interface Demands {
  /** Names of check runs or contexts of statuses. */
  checks: string[];
  queue: { method: MergeMethod; responseTimeoutMs: number } | undefined;
}

export function demandsOn(core: ForgeCore, repository: Repository, branch: string): Demands {
  const rules = rulesOf(core, repository, branch).map(({ rule }) => rule);
  const checks = rules.flatMap((rule) =>
    rule.type === "required_status_checks"
      ? (rule.parameters["required_status_checks"] as { context: string }[]).map(({ context }) => context)
      : [],
  );
  const queue = rules.find((rule) => rule.type === "merge_queue");
  const method = String(queue?.parameters["merge_method"] ?? "MERGE").toLowerCase() as MergeMethod;
  const responseTimeoutMs = Number(queue?.parameters["check_response_timeout_minutes"] ?? 60) * 60_000;
  return { checks: [...new Set(checks)], queue: queue === undefined ? undefined : { method, responseTimeoutMs } };
}

export type Standing = "expected" | "in progress" | "failing" | "successful";

/** How a required check stands on a commit. */
export function standingOf(core: ForgeCore, repositoryId: number, sha: string, context: string): Standing {
  const run = core.state.checkRuns(repositoryId, sha, { name: context }).items.at(-1);
  if (run !== undefined) return run.status === "completed" ? ofConclusion(run.conclusion) : "in progress";
  const status = core.state.statuses(repositoryId, sha).items.find((one) => one.context === context);
  if (status === undefined) return "expected";
  return status.state === "success" ? "successful" : status.state === "pending" ? "in progress" : "failing";
}

function ofConclusion(conclusion: CheckRun["conclusion"]): Standing {
  return conclusion === "success" || conclusion === "neutral" || conclusion === "skipped" ? "successful" : "failing";
}

/** Throws 405 in GitHub's words where a check that the base branch demands is not green on the head. */
export function requireChecks(core: ForgeCore, repositoryId: number, sha: string, checks: readonly string[]): void {
  const unmet = checks
    .map((context) => ({ context, standing: standingOf(core, repositoryId, sha, context) }))
    .filter(({ standing }) => standing !== "successful");
  const [first] = unmet;
  if (first === undefined) return;
  if (unmet.length === 1) throw violation(`Required status check "${first.context}" is ${first.standing}.`);
  const counts = (["expected", "in progress", "failing"] as const).flatMap((standing) => {
    const count = unmet.filter((one) => one.standing === standing).length;
    return count === 0 ? [] : [`${count} ${standing}`];
  });
  throw violation(
    counts.length === 1
      ? `${unmet.length} of ${checks.length} required status checks are ${first.standing}.`
      : `${unmet.length} of ${checks.length} required status checks have not succeeded: ${counts.join(" and ")}.`,
  );
}

export function violation(message: string): Fault {
  return new Fault(405, `Repository rule violations found\n\n${message}\n\n`);
}
