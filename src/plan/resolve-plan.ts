/** A draft becomes a plan: the one place where `$NEW:` sentinels turn into apps. What does not resolve is refused; nothing falls back to another app. */
import { AdorableError } from "../core/errors.ts";
import { planSchema, type Plan } from "../core/plan.ts";
import type { Contract, ProjectSpec } from "../core/spec.ts";
import type { DraftPlan } from "./draft.ts";

const SENTINEL = /^\$NEW:(.+)$/;

/**
 * Resolves and checks a draft against the project.
 * Throws `plan-invalid` (author) with every fault that was found: unknown apps and sentinels, apps that exist already, apps without contract or task, scopes that leave the app.
 */
export function resolvePlan(draft: DraftPlan, spec: ProjectSpec): Plan {
  const faults: string[] = [];
  const existing = new Set(spec.apps.map((app) => app.slug));
  const created = new Map<string, string>();
  for (const { feature, slug } of draft.createsApps) {
    if (existing.has(slug)) faults.push(`it creates the app "${slug}", which exists`);
    if (created.has(feature) || [...created.values()].includes(slug)) faults.push(`it creates the app "${slug}" twice`);
    created.set(feature, slug);
  }
  const resolve = (reference: string, where: string): string => {
    const feature = SENTINEL.exec(reference)?.[1];
    if (feature === undefined) {
      if (!existing.has(reference)) faults.push(`${where} refers to the app "${reference}", which does not exist`);
      return reference;
    }
    const slug = created.get(feature);
    if (slug === undefined) faults.push(`${where} refers to "${reference}", which the plan does not create`);
    return slug ?? reference;
  };

  const contracts: Record<string, Contract> = {};
  for (const { app, procedures, tables } of draft.contracts) {
    const slug = resolve(app, "a contract");
    if (slug in contracts) faults.push(`it has two contracts for "${slug}"`);
    contracts[slug] = { procedures, tables };
  }
  const tasks = draft.tasks.map((task) => ({ ...task, app: resolve(task.app, `the task "${task.id}"`) }));

  const touched = new Set([...created.values(), ...tasks.map((task) => task.app)]);
  for (const slug of touched) if (!(slug in contracts)) faults.push(`the app "${slug}" has no contract`);
  for (const slug of created.values()) if (!tasks.some((task) => task.app === slug)) faults.push(`no task builds the app "${slug}"`);
  for (const slug of Object.keys(contracts))
    if (!touched.has(slug)) faults.push(`it changes the contract of "${slug}", which no task touches`);
  if (new Set(tasks.map((task) => task.id)).size < tasks.length) faults.push("two tasks have the same id");
  for (const task of tasks)
    for (const glob of task.scope) if (leaves(glob)) faults.push(`the task "${task.id}" has the scope "${glob}", which leaves the app`);

  const candidate = {
    title: draft.title,
    summary: draft.summary,
    createsApps: draft.createsApps.map(({ slug, name }) => ({ slug, name })),
    contracts,
    tasks,
  };
  const parsed = planSchema.safeParse(candidate);
  if (!parsed.success) for (const issue of parsed.error.issues.slice(0, 5)) faults.push(`at "${issue.path.join(".")}": ${issue.message}`);
  if (parsed.success && faults.length === 0) return parsed.data;
  throw new AdorableError({
    code: "plan-invalid",
    remedy: "author",
    message: `The plan cannot be carried out: ${faults.join("; ")}.`,
    hint: "Say more exactly which app to create or change.",
    details: { faults },
  });
}

/**
 * An approved plan against the project as it is now. The same checks as for a new one.
 * Throws `plan-invalid` (author): the project has changed since the plan was made.
 */
export function checkPlan(plan: Plan, spec: ProjectSpec): Plan {
  const creates = new Map(plan.createsApps.map((app) => [app.slug, `$NEW:${app.slug}`]));
  const reference = (slug: string): string => creates.get(slug) ?? slug;
  return resolvePlan(
    {
      ...plan,
      createsApps: plan.createsApps.map((app) => ({ feature: app.slug, ...app })),
      contracts: Object.entries(plan.contracts).map(([app, contract]) => ({ app: reference(app), ...contract })),
      tasks: plan.tasks.map((task) => ({ ...task, app: reference(task.app) })),
    },
    spec,
  );
}

/** The spec once the plan is carried out. */
export function specAfter(plan: Plan, spec: ProjectSpec): ProjectSpec {
  const kept = spec.apps.map((app) => ({ ...app, contract: plan.contracts[app.slug] ?? app.contract }));
  const added = plan.createsApps.map(({ slug, name }) => {
    const contract = plan.contracts[slug];
    if (contract === undefined)
      throw new AdorableError({ code: "plan-invalid", remedy: "bug", message: `The app "${slug}" has no contract.` });
    return { slug, name, contract };
  });
  return { version: 1, apps: [...kept, ...added].sort((a, b) => (a.slug < b.slug ? -1 : 1)) };
}

function leaves(glob: string): boolean {
  return glob.startsWith("/") || glob.split("/").includes("..");
}
