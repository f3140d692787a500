/** Routes of what stands around a branch: its rulesets and its activity. */
import { z } from "zod";
import { ACTIVITY_KINDS, listActivities } from "../activity.ts";
import { authorize, authorizeWrite, type Actor } from "../auth.ts";
import type { ForgeCore } from "../core.ts";
import { Fault, notFound } from "../faults.ts";
import type { Repository } from "../records.ts";
import { BYPASSING, deleteRuleset, findRuleset, listRulesets, mayBypass, rulesOf, saveRuleset, type Ruleset } from "../rulesets.ts";
import { nodeId, userById } from "../serialize/common.ts";
import { repositoryPage, repositoryUrl } from "../serialize/repositories.ts";
import { bodyOf, listAnswer, numberParam, pageOf, repositoryOf, slice, textParam, type Api, type Call } from "./http.ts";

const checksRule = z.object({
  type: z.literal("required_status_checks"),
  parameters: z.object({
    required_status_checks: z.array(z.object({ context: z.string().min(1), integration_id: z.number().optional() })),
    strict_required_status_checks_policy: z.boolean(),
    do_not_enforce_on_create: z.boolean().optional(),
  }),
});
const queueRule = z.object({
  type: z.literal("merge_queue"),
  parameters: z.object({
    check_response_timeout_minutes: z.number().min(1).max(360).default(60),
    grouping_strategy: z.enum(["ALLGREEN", "HEADGREEN"]).default("ALLGREEN"),
    max_entries_to_build: z.number().default(5),
    max_entries_to_merge: z.number().default(5),
    merge_method: z.enum(["MERGE", "SQUASH", "REBASE"]).default("MERGE"),
    min_entries_to_merge: z.number().default(1),
    min_entries_to_merge_wait_minutes: z.number().default(5),
  }),
});
/** What nobody can do here yet is refused rather than kept and forgotten. */
const off = (name: string) => z.literal(false, `"${name}" is not supported`).default(false);
const pullRule = z.object({
  type: z.literal("pull_request"),
  parameters: z.object({
    allowed_merge_methods: z
      .array(z.enum(["merge", "squash", "rebase"]))
      .min(1)
      .optional(),
    required_approving_review_count: z.number().min(0).max(10).default(0),
    dismiss_stale_reviews_on_push: off("dismiss_stale_reviews_on_push"),
    require_code_owner_review: off("require_code_owner_review"),
    require_last_push_approval: off("require_last_push_approval"),
    required_review_thread_resolution: off("required_review_thread_resolution"),
  }),
});
const plainRules = [z.object({ type: z.literal("non_fast_forward") }), z.object({ type: z.literal("deletion") })] as const;
const bypassActor = z.object({
  actor_type: z.enum(BYPASSING),
  actor_id: z
    .number()
    .nullish()
    .transform((id) => id ?? null),
  bypass_mode: z.enum(["always", "pull_request"]).default("always"),
});
const ruleset = z.object({
  name: z.string().min(1),
  target: z.literal("branch").default("branch"),
  enforcement: z.enum(["active", "disabled", "evaluate"]),
  conditions: z.object({ ref_name: z.object({ include: z.array(z.string()).default([]), exclude: z.array(z.string()).default([]) }) }),
  rules: z.array(z.discriminatedUnion("type", [checksRule, queueRule, pullRule, ...plainRules])).default([]),
  bypass_actors: z.array(bypassActor).default([]),
});

export function ruleRoutes(core: ForgeCore, api: Api): void {
  const base = "/repos/:owner/:repo";
  const reading = (c: Call, permission: string): Repository => {
    const repository = repositoryOf(core, c);
    authorize(core, c.get("actor"), repository, { permission, level: "read" });
    return repository;
  };
  const governing = (c: Call): Repository => {
    const repository = repositoryOf(core, c);
    authorizeWrite(core, c.get("actor"), repository, "administration", "admin");
    return repository;
  };
  const rulesetOf = (c: Call, repository: Repository): Ruleset => {
    const found = findRuleset(core, repository.id, numberParam(c, "id"));
    if (found === undefined) throw notFound();
    return found;
  };
  const wanted = async (c: Call) => {
    const { name, enforcement, conditions, rules, bypass_actors: bypassActors } = await bodyOf(c, ruleset);
    for (const { actor_type: type, actor_id: id } of bypassActors)
      if (type === "Integration" && (id === null || core.state.app(id) === undefined))
        throw new Fault(422, `Invalid request.\n\nActor ${id} is no App.`);
    return { name, enforcement, ...conditions.ref_name, rules, bypassActors };
  };

  api.get(`${base}/rulesets`, (c) => {
    const repository = reading(c, "metadata");
    return listAnswer(core, c, slice(listRulesets(core, repository.id), pageOf(c)), (one) => summaryJson(core, repository, one));
  });
  api.post(`${base}/rulesets`, async (c) => {
    const repository = governing(c);
    return c.json(rulesetJson(core, repository, saveRuleset(core, repository.id, await wanted(c)), c.get("actor")), 201);
  });
  api.get(`${base}/rulesets/:id`, (c) => {
    const repository = reading(c, "metadata");
    return c.json(rulesetJson(core, repository, rulesetOf(c, repository), c.get("actor")));
  });
  api.put(`${base}/rulesets/:id`, async (c) => {
    const repository = governing(c);
    const { id } = rulesetOf(c, repository);
    return c.json(rulesetJson(core, repository, saveRuleset(core, repository.id, await wanted(c), id), c.get("actor")));
  });
  api.delete(`${base}/rulesets/:id`, (c) => {
    deleteRuleset(core, rulesetOf(c, governing(c)));
    return c.body(null, 204);
  });
  api.get(`${base}/rules/branches/:branch{.+}`, (c) => {
    const repository = reading(c, "metadata");
    const rules = rulesOf(core, repository, textParam(c, "branch"));
    return listAnswer(core, c, slice(rules, pageOf(c)), ({ rule, ruleset: of }) => ({
      ...rule,
      ruleset_source_type: "Repository",
      ruleset_source: repository.fullName,
      ruleset_id: of.id,
    }));
  });

  api.get(`${base}/activity`, (c) => {
    const repository = reading(c, "contents");
    const ref = c.req.query("ref");
    const filter = {
      ref: ref === undefined || ref.startsWith("refs/") ? ref : `refs/heads/${ref}`,
      kind: ACTIVITY_KINDS.find((kind) => kind === c.req.query("activity_type")),
      actor: c.req.query("actor"),
      direction: c.req.query("direction") === "asc" ? ("asc" as const) : ("desc" as const),
    };
    return listAnswer(core, c, listActivities(core, repository.id, filter, pageOf(c)), (one) => ({
      id: one.id,
      node_id: nodeId("PSH", one.id),
      before: one.beforeSha,
      after: one.afterSha,
      ref: one.ref,
      timestamp: one.createdAt,
      activity_type: one.kind,
      actor: userById(core, one.actorId),
    }));
  });
}

function summaryJson(core: ForgeCore, repository: Repository, one: Ruleset): Record<string, unknown> {
  return {
    id: one.id,
    name: one.name,
    target: "branch",
    source_type: "Repository",
    source: repository.fullName,
    enforcement: one.enforcement,
    node_id: nodeId("RRS", one.id),
    _links: {
      self: { href: `${repositoryUrl(core, repository)}/rulesets/${one.id}` },
      html: { href: `${repositoryPage(core, repository)}/rules/${one.id}` },
    },
    created_at: one.createdAt,
    updated_at: one.updatedAt,
  };
}

/** Who may pass over it is shown to those who may change it. */
function rulesetJson(core: ForgeCore, repository: Repository, one: Ruleset, actor: Actor): Record<string, unknown> {
  const isAdmin = actor.account !== null && core.state.role(repository, actor.account) === "admin";
  const may = (way: "always" | "pull_request"): boolean => mayBypass(core, repository, one, actor, way);
  return {
    ...summaryJson(core, repository, one),
    conditions: { ref_name: { include: one.include, exclude: one.exclude } },
    rules: one.rules,
    ...(isAdmin ? { bypass_actors: one.bypassActors } : {}),
    current_user_can_bypass: may("always") ? "always" : may("pull_request") ? "pull_requests_only" : "never",
  };
}
