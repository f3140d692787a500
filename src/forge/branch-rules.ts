/** Holds what moves a branch without a pull request against the rules of that branch: pushes, and writes over the API. */
import type { Actor } from "./auth.ts";
import type { ForgeCore } from "./core.ts";
import { NO_COMMIT } from "./objects.ts";
import type { Repository } from "./records.ts";
import { mayBypass, rulesOf, unmetChecks, violation, type Rule } from "./rulesets.ts";

export interface Move {
  /** Full. */
  ref: string;
  before: string;
  /** Undefined: a commit that is yet to be made, so that nobody has checked it. */
  after: string | undefined;
  /** The branch loses commits. */
  isForced: boolean;
}

export interface Violations {
  /** In GitHub's words. */
  refused: string[];
  /** What stood in the way of somebody who may pass over it. */
  bypassed: string[];
}

export function violationsOf(core: ForgeCore, actor: Actor, repository: Repository, move: Move): Violations {
  const violations: Violations = { refused: [], bypassed: [] };
  const branch = /^refs\/heads\/(.+)$/.exec(move.ref)?.[1];
  if (branch === undefined || move.before === move.after) return violations;
  for (const { rule, ruleset } of rulesOf(core, repository, branch)) {
    const message = violationOf(core, repository, rule, move);
    if (message !== undefined) violations[mayBypass(core, repository, ruleset, actor, "always") ? "bypassed" : "refused"].push(message);
  }
  return violations;
}

function violationOf(core: ForgeCore, repository: Repository, { type, parameters = {} }: Rule, move: Move): string | undefined {
  if (move.after === NO_COMMIT) return type === "deletion" ? "Cannot delete this branch" : undefined;
  switch (type) {
    case "pull_request":
      return "Changes must be made through a pull request.";
    case "merge_queue":
      return "Changes must be made through the merge queue";
    case "non_fast_forward":
      return move.isForced ? "Cannot force-push to this branch" : undefined;
    case "required_status_checks": {
      if (move.before === NO_COMMIT && parameters["do_not_enforce_on_create"] === true) return undefined;
      const checks = (parameters["required_status_checks"] ?? []) as { context: string }[];
      return unmetChecks(
        core,
        repository.id,
        move.after ?? "",
        checks.map(({ context }) => context),
      );
    }
    case "deletion":
      return undefined;
  }
}

/** Whether the actor may not take commits off the branch: for whoever has them only later. */
export function forbidsForce(core: ForgeCore, actor: Actor, repository: Repository, ref: string): boolean {
  return rulesOf(core, repository, ref.replace(/^refs\/heads\//, "")).some(
    ({ rule, ruleset }) => rule.type === "non_fast_forward" && !mayBypass(core, repository, ruleset, actor, "always"),
  );
}

/** Throws `status` in GitHub's words where the actor may not move the branch so. */
export function requireMove(core: ForgeCore, actor: Actor, repository: Repository, move: Move, status: 409 | 422): void {
  const { refused } = violationsOf(core, actor, repository, move);
  if (refused.length > 0) throw violation(status, ...refused);
}
