import { expect, test } from "vitest";
import type { ProjectSpec } from "../core/spec.ts";
import type { DraftPlan } from "./draft.ts";
import { checkPlan, resolvePlan, specAfter } from "./resolve-plan.ts";

const SPEC: ProjectSpec = { version: 1, apps: [{ slug: "shop", name: "Shop", contract: { procedures: [], tables: ["items"] } }] };

function draft(changes: Partial<DraftPlan> = {}): DraftPlan {
  return {
    title: "Add a blog",
    summary: "Posts.",
    createsApps: [{ feature: "posts", slug: "blog", name: "Blog" }],
    contracts: [{ app: "$NEW:posts", procedures: [{ name: "posts.list", type: "query" }], tables: ["posts"] }],
    tasks: [{ id: "build", title: "Build", app: "$NEW:posts", scope: ["**"], acceptance: ["It lists posts."] }],
    ...changes,
  };
}

test("sentinels become the apps that the plan creates, everywhere", () => {
  const plan = resolvePlan(draft(), SPEC);
  expect(JSON.stringify(plan)).not.toContain("$NEW");
  expect(plan.tasks[0]?.app).toBe("blog");
  expect(Object.keys(plan.contracts)).toEqual(["blog"]);
  expect(checkPlan(plan, SPEC)).toEqual(plan);
  expect(specAfter(plan, SPEC).apps.map(({ slug }) => slug)).toEqual(["blog", "shop"]);
});

test.each<[string, Partial<DraftPlan>, RegExp]>([
  [
    "an unknown sentinel",
    { tasks: [{ id: "a", title: "a", app: "$NEW:other", scope: ["**"], acceptance: ["a"] }] },
    /"\$NEW:other", which the plan does not create/,
  ],
  ["an unknown app", { tasks: [{ id: "a", title: "a", app: "blgo", scope: ["**"], acceptance: ["a"] }] }, /"blgo", which does not exist/],
  [
    "an app created by its slug instead of its feature",
    { tasks: [{ id: "a", title: "a", app: "blog", scope: ["**"], acceptance: ["a"] }] },
    /"blog", which does not exist/,
  ],
  ["an app that exists", { createsApps: [{ feature: "posts", slug: "shop", name: "Shop" }] }, /"shop", which exists/],
  ["an app without a contract", { contracts: [] }, /"blog" has no contract/],
  [
    "an app that nobody builds",
    { createsApps: [...draft().createsApps, { feature: "x", slug: "xx", name: "X" }] },
    /no task builds the app "xx"/,
  ],
  [
    "a contract of an app that no task touches",
    { contracts: [...draft().contracts, { app: "shop", procedures: [], tables: [] }] },
    /"shop", which no task touches/,
  ],
  [
    "a scope that leaves the app",
    { tasks: [{ id: "a", title: "a", app: "$NEW:posts", scope: ["../shop/**"], acceptance: ["a"] }] },
    /leaves the app/,
  ],
  ["a slug that is none", { createsApps: [{ feature: "posts", slug: "My Blog", name: "Blog" }] }, /slug/],
])("%s fails closed", (_name, changes, message) => {
  expect(() => resolvePlan(draft(changes), SPEC)).toThrow(message);
});

test("an approved plan is refused once its app exists", () => {
  const plan = resolvePlan(draft(), SPEC);
  expect(() => checkPlan(plan, specAfter(plan, SPEC))).toThrow(/"blog", which exists/);
});
