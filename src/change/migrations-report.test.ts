import { expect, test } from "vitest";
import { pauseProblem } from "./migrations-report.ts";

const files = ["a", "b", "c"].map((name) => ({ path: `apps/blog/db/migrations/${name}.sql`, durationMs: 2000 }));

test("a pause is judged on what the files took together, not on a sum of what was rounded up", () => {
  expect(pauseProblem({ takesMs: 3 * 1100.25, files }, 5000)).toBeUndefined();
  expect(pauseProblem({ takesMs: 5000.25, files }, 5000)).toMatchObject({ code: "pause-too-long" });
});

test("a pause that is too long is told in rounded times, with what can be done", () => {
  const problem = pauseProblem({ takesMs: 5432.1, files }, 5000);

  expect(problem?.message).toContain("up to 10000 ms");
  expect(JSON.stringify(problem)).not.toContain("5432");
  expect(problem?.hint).toMatch(/ADORABLE_HOLD_BUDGET_MS.* re-run the check/);
});

test("what passed where the budget itself was judged by passes although the machine is busier", () => {
  expect(pauseProblem({ takesMs: 6000, files }, 5000, 2)).toBeUndefined();
  expect(pauseProblem({ takesMs: 10_001, files }, 5000, 2)).toMatchObject({ code: "pause-too-long" });
});
