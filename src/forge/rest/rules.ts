/** Routes of what stands around a branch: its rulesets and its activity. */
import { z } from "zod";
import { ACTIVITY_KINDS, listActivities } from "../activity.ts";
import { authorize, authorizeWrite } from "../auth.ts";
import type { ForgeCore } from "../core.ts";
import { notFound } from "../faults.ts";
import type { Repository } from "../records.ts";
import { deleteRuleset, findRuleset, listRulesets, rulesOf, saveRuleset, type Ruleset } from "../rulesets.ts";
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
    check_response_timeout_minutes: z.number().default(60),
    grouping_strategy: z.enum(["ALLGREEN", "HEADGREEN"]).default("ALLGREEN"),
    max_entries_to_build: z.number().default(5),
    max_entries_to_merge: z.number().default(5),
    merge_method: z.enum(["MERGE", "SQUASH", "REBASE"]).default("MERGE"),
    min_entries_to_merge: z.number().default(1),
    min_entries_to_merge_wait_minutes: z.number().default(5),
  }),
});
const ruleset = z.object({
  name: z.string().min(1),
  target: z.literal("branch").default("branch"),
  enforcement: z.enum(["active", "disabled", "evaluate"]),
  conditions: z.object({ ref_name: z.object({ include: z.array(z.string()).default([]), exclude: z.array(z.string()).default([]) }) }),
  rules: z.array(z.discriminatedUnion("type", [checksRule, queueRule])).default([]),
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
    const { name, enforcement, conditions, rules } = await bodyOf(c, ruleset);
    return { name, enforcement, ...conditions.ref_name, rules };
  };

  api.get(`${base}/rulesets`, (c) => {
    const repository = reading(c, "metadata");
    return listAnswer(core, c, slice(listRulesets(core, repository.id), pageOf(c)), (one) => summaryJson(core, repository, one));
  });
  api.post(`${base}/rulesets`, async (c) => {
    const repository = governing(c);
    return c.json(rulesetJson(core, repository, saveRuleset(core, repository.id, await wanted(c))), 201);
  });
  api.get(`${base}/rulesets/:id`, (c) => {
    const repository = reading(c, "metadata");
    return c.json(rulesetJson(core, repository, rulesetOf(c, repository)));
  });
  api.put(`${base}/rulesets/:id`, async (c) => {
    const repository = governing(c);
    const { id } = rulesetOf(c, repository);
    return c.json(rulesetJson(core, repository, saveRuleset(core, repository.id, await wanted(c), id)));
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

function rulesetJson(core: ForgeCore, repository: Repository, one: Ruleset): Record<string, unknown> {
  return {
    ...summaryJson(core, repository, one),
    conditions: { ref_name: { include: one.include, exclude: one.exclude } },
    rules: one.rules,
    bypass_actors: [],
    current_user_can_bypass: "never",
  };
}
