import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { tinyApp, TINY_CONTRACT, TINY_MIGRATION } from "../../test/fixtures/tiny-app.ts";
import { startThrowawayPostgres, type ThrowawayPostgres } from "../../test/support/throwaway-postgres.ts";
import { openBench, type Bench } from "../../test/support/verify-bench.ts";
import { compareTests } from "./test-flags.ts";
import { testsGate } from "./tests-gate.ts";

let postgres: ThrowawayPostgres;
let bench: Bench | undefined;
beforeAll(async () => {
  postgres = await startThrowawayPostgres();
  await postgres.createDatabase("tests", { tiny: TINY_MIGRATION });
});
afterEach(async () => {
  await bench?.close();
  bench = undefined;
});
afterAll(() => postgres.close());

async function judge(changes: Record<string, string | undefined>, flags: string[] = []) {
  bench = await openBench({ tiny: { files: tinyApp(changes), contract: TINY_CONTRACT } });
  const databaseUrl = `postgres://app_tiny:unused@${postgres.host}:${postgres.port}/tests`;
  return testsGate(bench.context, { databaseUrl: () => Promise.resolve(databaseUrl), flags: () => Promise.resolve(flags) });
}

describe("the gate tests", () => {
  test("runs the app's tests on its database", async () => {
    expect(await judge({}, ["a.test.ts was deleted (2 tests)"])).toMatchObject({
      conclusion: "success",
      title: "1 passed, 0 failed, 0 skipped; weakened: a.test.ts was deleted (2 tests)",
    });
  });

  test("names the failing test with its line", async () => {
    const evidence = await judge({
      "src/shared/sum.test.ts": 'import { expect, test } from "vitest";\n\ntest("sums are right", () => {\n  expect(1 + 1).toBe(3);\n});\n',
    });
    expect(evidence).toMatchObject({ conclusion: "failure", title: "1 passed, 1 failed, 0 skipped" });
    expect(evidence.annotations).toEqual([
      { path: "apps/tiny/src/shared/sum.test.ts", line: 4, message: expect.stringContaining("sums are right") as string },
    ]);
  });

  test("no tests at all is a failure", async () => {
    expect(await judge({ "src/server/router.test.ts": undefined })).toMatchObject({
      conclusion: "failure",
      title: "0 passed, 0 failed, 0 skipped; tiny: no tests were found",
    });
  });

  test("a test file that cannot be loaded is a failure", async () => {
    const evidence = await judge({ "src/server/router.test.ts": 'import "./none.ts";\n' });
    expect(evidence.conclusion).toBe("failure");
    expect(evidence.annotations).toMatchObject([{ path: "apps/tiny/src/server/router.test.ts" }]);
  });

  test("tests that are all skipped are a failure", async () => {
    const evidence = await judge({ "src/server/router.test.ts": 'import { test } from "vitest";\ntest.skip("later", () => undefined);\n' });
    expect(evidence).toMatchObject({ conclusion: "failure", title: "0 passed, 0 failed, 1 skipped; tiny: every test is skipped" });
  });

  test("a test sees nothing of the platform's environment", async () => {
    process.env["ADORABLE_TEST_SECRET"] = "not for apps";
    const source =
      'import { expect, test } from "vitest";\ntest("clean", () => expect(Object.keys(process.env).filter((name) => name.startsWith("ADORABLE"))).toEqual([]));\n';
    const evidence = await judge({ "src/server/router.test.ts": source });
    delete process.env["ADORABLE_TEST_SECRET"];
    expect(evidence).toMatchObject({ conclusion: "success" });
  });
});

describe("weakened tests", () => {
  const before = new Map([
    ["a.test.ts", 'test("x", () => { expect(1).toBe(1); expect(2).toBe(2); });\ntest("y", () => { expect(1).toBe(1); });\n'],
  ]);

  test.for<[string, string | undefined, string[]]>([
    ["nothing changed", before.get("a.test.ts"), []],
    ["a deleted file", undefined, ["a.test.ts was deleted (2 tests)"]],
    [
      "a deleted test",
      'test("x", () => { expect(1).toBe(1); expect(2).toBe(2); expect(3).toBe(3); });',
      ["a.test.ts has 1 tests, 2 before"],
    ],
    [
      "a skipped test",
      'test("x", () => { expect(1).toBe(1); expect(2).toBe(2); });\nit.skip("y", () => { expect(1).toBe(1); });\n',
      ["a.test.ts skips 1, 0 before"],
    ],
    [
      "an expectation less",
      'test("x", () => { expect(1).toBe(1); expect(2).toBe(2); });\ntest("y", () => {});\n',
      ["a.test.ts has 2 expectations, 3 before"],
    ],
    [
      "a group that runs alone",
      'describe.only("z", () => { test("x", () => { expect(1).toBe(1); expect(2).toBe(2); });\ntest("y", () => { expect(1).toBe(1); }); });\n',
      ["a.test.ts runs only 1 of its tests"],
    ],
  ])("%s", ([, now, flags]) => {
    expect(compareTests(before, now === undefined ? new Map() : new Map([["a.test.ts", now]]))).toEqual(flags);
  });
});
