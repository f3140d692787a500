import { expect, test } from "vitest";
import { planChange, type AppFacts } from "./change.ts";

const NOW = new Date("2026-01-01T00:00:00Z");

function made(text: string): AppFacts {
  const planned = planChange({ text }, [], NOW);
  if (planned.kind === "answer") throw new Error(planned.text);
  const { slug, appName: name, after } = planned.change;
  const files = [...after.keys()].map((path) => ({ path }));
  return {
    slug,
    name,
    files,
    migrations: ["20250101000000_create.sql"],
    blueprint: JSON.parse(after.get("blueprint.json") ?? "null") as unknown,
  };
}

const BLOG = made("add a blog app");
const TODO = made("add a todo app as a separate app");

/** The app that is created or changed, or the answer. */
function outcome(text: string, apps: AppFacts[]): string {
  const planned = planChange({ text }, apps, NOW);
  return planned.kind === "answer" ? planned.text : `${planned.change.kind} ${planned.change.slug}`;
}

test.each([
  "add a todo app as a separate app",
  "add a todo app, next to the blog",
  "add a todo app beside my blog app",
  "add a separate todo app alongside the blog",
  "add a todo app without touching the blog",
])("'%s' is a new app, whatever stands beside it", (text) => {
  expect(outcome(text, [BLOG])).toBe("create todo");
  // The one who builds it sees that app alone.
  const planned = planChange({ text }, [{ ...TODO, blueprint: null, files: [], migrations: [] }], NOW, { building: "todo" });
  expect(planned).toMatchObject({ kind: "change", change: { kind: "create", slug: "todo" } });
});

test.each([
  ["add a location to todos", "change todo"],
  ["add a due date to todos", "change todo"],
  ["add a location to the todos", "change todo"],
  ["add a location to posts", "change blog"],
])("'%s' is about one of two apps: %s", (text, expected) => {
  expect(outcome(text, [BLOG, TODO])).toBe(expected);
});

test.each(["add a rating", "add notes", "add a rating to items"])(
  "'%s' could be about either: both are named, and nothing is changed",
  (text) => {
    expect(outcome(text, [BLOG, TODO])).toMatch(/I changed nothing[\s\S]*"Blog"[\s\S]*"Todo"/);
  },
);

test("a name that is taken is said to be, with what to do", () => {
  expect(outcome("add a todo app, next to the blog", [BLOG, TODO])).toMatch(/There is an app "Todo" \(`todo`\) already\..*give it a name/);
});

test("one request is for one app: what names records of two is not made a change of the first", () => {
  expect(outcome("add a tag field to posts and tasks", [BLOG, TODO])).toMatch(
    /I did not build this: it is about two apps, "Blog" and "Todo"/,
  );
});
