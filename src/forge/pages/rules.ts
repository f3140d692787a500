/** The rules of the default branch on the settings page: which checks are required, and whether merges go through the queue. */
import type { Hono } from "hono";
import { html, raw } from "hono/html";
import type { Session } from "../accounts.ts";
import { authorizeWrite } from "../auth.ts";
import type { ForgeCore } from "../core.ts";
import type { MergeMethod, Repository } from "../records.ts";
import { deleteRuleset, listRulesets, saveRuleset, type BypassActor, type Rule, type Ruleset } from "../rulesets.ts";
import type { Html } from "./layout.ts";
import { form } from "./parts.ts";
import { sender, type PageEnv, type Visit } from "./visit.ts";

/** The ruleset that the page writes; those that were made over the API stay as they are. */
const NAME = "Default branch";
const METHODS: readonly (readonly [MergeMethod, string])[] = [
  ["merge", "Merge commits"],
  ["squash", "Squash"],
  ["rebase", "Rebase"],
];

export function rulesView(core: ForgeCore, repository: Repository, session: Session): Html {
  const present = ours(core, repository);
  const required = new Set(checksOf(present));
  const queue = present?.rules.find((rule) => rule.type === "merge_queue");
  const pulls = present?.rules.find((rule) => rule.type === "pull_request");
  const method = String(queue?.parameters?.["merge_method"] ?? "MERGE").toLowerCase();
  const names = [...new Set([...required, ...checkNames(core, repository)])].sort();
  return html`<section class="card pad" aria-labelledby="rules">
    <h2 id="rules">Rules of <code>${repository.defaultBranch}</code></h2>
    ${form(
      session,
      `/${repository.fullName}/settings/rules`,
      html`<fieldset class="choices">
          <legend>Checks that have to pass before a merge</legend>
          ${names.length === 0 ? html`<p class="muted small">No check has run here yet.</p>` : ""}
          ${names.map(
            (name) =>
              html`<label
                ><input type="checkbox" name="check:${name}" value="yes" ${required.has(name) ? raw("checked") : ""} /><span
                  >${name}</span
                ></label
              >`,
          )}
        </fieldset>
        <fieldset class="choices">
          <legend>How it is changed</legend>
          <label
            ><input type="checkbox" name="pulls" value="yes" ${pulls === undefined ? "" : raw("checked")} /><span
              ><strong>By pull requests only</strong> <span class="muted small">a push to it is refused</span></span
            ></label
          >
          <label
            ><input type="checkbox" name="queue" value="yes" ${queue === undefined ? "" : raw("checked")} /><span
              ><strong>Through the merge queue</strong>
              <span class="muted small">checked together with what is merged before it, then merged by itself</span></span
            ></label
          >
        </fieldset>
        <fieldset class="choices">
          <legend>Who may pass over these rules</legend>
          <label
            ><input type="checkbox" name="bypass" value="yes" ${present?.bypassActors.some(isAdmins) === true ? raw("checked") : ""} /><span
              ><strong>Admins</strong> <span class="muted small">pushing, and merging without waiting</span></span
            ></label
          >
        </fieldset>
        <label for="queue-method">What the queue makes of a pull request</label>
        <select id="queue-method" name="method">
          ${METHODS.map(([value, label]) => html`<option value="${value}" ${value === method ? raw("selected") : ""}>${label}</option>`)}
        </select>
        <p class="actions"><button class="primary" type="submit" data-default>Save the rules</button></p>`,
      "composer",
    )}
  </section>`;
}

export function ruleForms(core: ForgeCore, app: Hono<PageEnv>, { sessionOf, repositoryOf }: Visit): void {
  app.post("/:owner/:name/settings/rules", async (c) => {
    const { session, actor, fields } = await sender(c, sessionOf(c));
    const repository = repositoryOf(c, session);
    authorizeWrite(core, actor, repository, "administration", "admin");
    const checks = Object.keys(fields).flatMap((name) => (name.startsWith("check:") ? [name.slice("check:".length)] : []));
    const method = METHODS.map(([one]) => one).find((one) => one === fields["method"]) ?? "merge";
    const present = ours(core, repository);
    const rules: Rule[] = [
      ...(fields["pulls"] === "yes" ? [present?.rules.find((rule) => rule.type === "pull_request") ?? BY_PULL] : []),
      ...(checks.length === 0
        ? []
        : [
            {
              type: "required_status_checks" as const,
              parameters: {
                required_status_checks: checks.map((context) => ({ context })),
                strict_required_status_checks_policy: false,
              },
            },
          ]),
      ...(fields["queue"] === "yes"
        ? [
            {
              type: "merge_queue" as const,
              parameters: {
                check_response_timeout_minutes: 60,
                grouping_strategy: "ALLGREEN",
                max_entries_to_build: 5,
                max_entries_to_merge: 5,
                merge_method: method.toUpperCase(),
                min_entries_to_merge: 1,
                min_entries_to_merge_wait_minutes: 5,
              },
            },
          ]
        : []),
    ];
    const others = (present?.bypassActors ?? []).filter((actor) => !isAdmins(actor));
    const bypassActors = fields["bypass"] === "yes" ? [...others, ADMINS] : others;
    const wanted = {
      name: NAME,
      enforcement: "active" as const,
      include: ["~DEFAULT_BRANCH"],
      exclude: [],
      rules,
      bypassActors,
    };
    if (rules.length > 0) saveRuleset(core, repository.id, wanted, present?.id);
    else if (present !== undefined) deleteRuleset(core, present);
    return c.redirect(`/${repository.fullName}/settings#rules`, 303);
  });
}

const BY_PULL: Rule = {
  type: "pull_request",
  parameters: {
    dismiss_stale_reviews_on_push: false,
    require_code_owner_review: false,
    require_last_push_approval: false,
    required_approving_review_count: 0,
    required_review_thread_resolution: false,
  },
};
const ADMINS: BypassActor = { actor_type: "RepositoryRole", actor_id: 5, bypass_mode: "always" };

function isAdmins({ actor_type: type, actor_id: id }: BypassActor): boolean {
  return type === ADMINS.actor_type && id === ADMINS.actor_id;
}

function ours(core: ForgeCore, repository: Repository): Ruleset | undefined {
  return listRulesets(core, repository.id).find((ruleset) => ruleset.name === NAME);
}

function checksOf(ruleset: Ruleset | undefined): string[] {
  const rule = ruleset?.rules.find((one) => one.type === "required_status_checks");
  return ((rule?.parameters?.["required_status_checks"] ?? []) as { context: string }[]).map(({ context }) => context);
}

/** What can be required: checks that pull requests had lately. */
function checkNames(core: ForgeCore, repository: Repository): string[] {
  return core.db
    .all<{ name: string }>(
      `select distinct name from (select name from checkRuns where repositoryId = ? and headSha in
         (select p.headSha from pulls p join issues i on i.id = p.issueId where i.repositoryId = ?) order by id desc limit 1000)`,
      repository.id,
      repository.id,
    )
    .map((row) => row.name);
}
