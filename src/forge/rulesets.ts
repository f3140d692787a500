/** What a repository's owner demands of a branch before it moves, who may pass over it, and how its required checks stand. */
import { isAtLeast, type Actor } from "./auth.ts";
import type { ForgeCore } from "./core.ts";
import { timestamp } from "./core.ts";
import { Fault } from "./faults.ts";
import type { CheckRun, MergeMethod, Repository, Role } from "./records.ts";

export const MERGE_METHODS: readonly MergeMethod[] = ["merge", "squash", "rebase"];

export interface Rule {
  type: "required_status_checks" | "merge_queue" | "pull_request" | "non_fast_forward" | "deletion";
  /** Of the first three. */
  parameters?: Record<string, unknown> | undefined;
}

export const BYPASSING = ["Integration", "RepositoryRole", "OrganizationAdmin"] as const;

/** As GitHub names them: an App by its id, whoever has a role of the repository (2 maintain, 4 write, 5 admin), or its owner. */
export interface BypassActor {
  actor_type: (typeof BYPASSING)[number];
  actor_id: number | null;
  /** `always`, or only to merge pull requests. */
  bypass_mode: "always" | "pull_request";
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
  bypassActors: BypassActor[];
  createdAt: string;
  updatedAt: string;
}

export type RulesetInput = Pick<Ruleset, "name" | "enforcement" | "include" | "exclude" | "rules" | "bypassActors">;

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

const BYPASSING_ROLES: Record<number, Role> = { 2: "maintain", 4: "write", 5: "admin" };

export function mayBypass(
  core: ForgeCore,
  repository: Repository,
  ruleset: Ruleset,
  actor: Actor,
  way: BypassActor["bypass_mode"],
): boolean {
  return ruleset.bypassActors.some(({ actor_type: type, actor_id: id, bypass_mode: mode }) => {
    if (mode !== "always" && mode !== way) return false;
    if (type === "Integration") return actor.kind === "integration" && actor.app.id === id;
    if (actor.kind !== "user") return false;
    if (type === "OrganizationAdmin") return actor.account.id === repository.ownerId;
    const role = BYPASSING_ROLES[id ?? 0];
    return role !== undefined && isAtLeast(core.state.role(repository, actor.account), role);
  });
}

export interface Demands {
  /** Names of check runs or contexts of statuses. */
  checks: string[];
  queue: { method: MergeMethod; responseTimeoutMs: number } | undefined;
  /** Reviews that approve, by people who may write. */
  approvals: number;
  methods: MergeMethod[];
}

/** What a merge into the branch takes. `actor`: without what that one may pass over. */
export function demandsOn(core: ForgeCore, repository: Repository, branch: string, actor?: Actor): Demands {
  const rules = rulesOf(core, repository, branch)
    .filter(({ ruleset }) => actor === undefined || !mayBypass(core, repository, ruleset, actor, "pull_request"))
    .map(({ rule }) => rule);
  const checks = rules.flatMap((rule) =>
    rule.type === "required_status_checks"
      ? ((rule.parameters?.["required_status_checks"] ?? []) as { context: string }[]).map(({ context }) => context)
      : [],
  );
  const pulls = rules.flatMap((rule) => (rule.type === "pull_request" ? [rule.parameters ?? {}] : []));
  const approvals = Math.max(0, ...pulls.map((one) => Number(one["required_approving_review_count"] ?? 0)));
  const methods = MERGE_METHODS.filter((one) =>
    pulls.every(({ allowed_merge_methods: list }) => !Array.isArray(list) || list.includes(one)),
  );
  const queue = rules.find((rule) => rule.type === "merge_queue");
  const method = String(queue?.parameters?.["merge_method"] ?? "MERGE").toLowerCase() as MergeMethod;
  const responseTimeoutMs = Number(queue?.parameters?.["check_response_timeout_minutes"] ?? 60) * 60_000;
  return { checks: [...new Set(checks)], queue: queue === undefined ? undefined : { method, responseTimeoutMs }, approvals, methods };
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

/** In GitHub's words, that a check which the branch demands is not green on a commit; undefined when all are. */
export function unmetChecks(core: ForgeCore, repositoryId: number, sha: string, checks: readonly string[]): string | undefined {
  const unmet = checks
    .map((context) => ({ context, standing: standingOf(core, repositoryId, sha, context) }))
    .filter(({ standing }) => standing !== "successful");
  const [first] = unmet;
  if (first === undefined) return undefined;
  if (unmet.length === 1) return `Required status check "${first.context}" is ${first.standing}.`;
  const counts = (["expected", "in progress", "failing"] as const).flatMap((standing) => {
    const count = unmet.filter((one) => one.standing === standing).length;
    return count === 0 ? [] : [`${count} ${standing}`];
  });
  return counts.length === 1
    ? `${unmet.length} of ${checks.length} required status checks are ${first.standing}.`
    : `${unmet.length} of ${checks.length} required status checks have not succeeded: ${counts.join(" and ")}.`;
}

/** Throws 405 where a check that the base branch demands is not green on the head. */
export function requireChecks(core: ForgeCore, repositoryId: number, sha: string, checks: readonly string[]): void {
  const unmet = unmetChecks(core, repositoryId, sha, checks);
  if (unmet !== undefined) throw violation(405, unmet);
}

export function violation(status: number, ...messages: string[]): Fault {
  return new Fault(status, `Repository rule violations found\n\n${messages.join("\n\n")}\n\n`);
}
