import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { parsePairs } from "./step-files.ts";
import { grantedPermissions, parseAction, parseWorkflow } from "./workflow.ts";

describe("a workflow file", () => {
  it.each(["../../../workflows/adorable.yml", "../../../.github/workflows/run.yml"])(
    "of the platform is one that this runner runs: %s",
    async (path) => {
      const workflow = parseWorkflow(path, await readFile(new URL(path, import.meta.url), "utf8"));
      expect(Object.keys(workflow.jobs).length).toBeGreaterThan(0);
    },
  );

  it.each([
    ["on: push\njobs: { a: { steps: [{ run: x }], strategy: { matrix: {} } } }", 'at "jobs.a"'],
    ["on: push\njobs: { a: { steps: [{ run: x }], needs: b } }", 'needs "b"'],
    ["on: push\njobs: { a: { steps: [{ run: x }], needs: b }, b: { steps: [{ run: x }], needs: a } }", "needs itself"],
    ["on: push\nconcurrency: one\njobs: { a: { steps: [{ run: x }] } }", "concurrency"],
    ["on: push\njobs: { a: {} }", 'either "steps" or "uses"'],
    ["on: push\njobs: { a: { steps: [{ name: x }] } }", 'step 1 of the job "a"'],
    ["on: push\npermissions: { everything: write }\njobs: { a: { steps: [{ run: x }] } }", 'at "permissions"'],
    ["on: [", "is not YAML"],
  ])("that this runner cannot run is refused with its place: %j", (text, message) => {
    expect(() => parseWorkflow("w.yml", text)).toThrow(message);
  });

  it("grants the restricted default unless it says otherwise", () => {
    expect(grantedPermissions(undefined)).toEqual({ contents: "read", packages: "read" });
    expect(grantedPermissions({})).toEqual({});
    expect(grantedPermissions({ contents: "write", issues: "none" })).toEqual({ contents: "write" });
  });
});

describe("an action file", () => {
  it("that is not JavaScript is refused", () => {
    expect(() => parseAction("action.yml", "name: a\nruns: { using: composite }")).toThrow('not "composite"');
  });
});

describe("a step's files", () => {
  it("hold pairs and blocks", () => {
    expect(parsePairs("a=1\nb<<END\nx\ny=2\nEND\nc=d=e\n")).toEqual({ a: "1", b: "x\ny=2", c: "d=e" });
  });
});
