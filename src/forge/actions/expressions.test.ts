import { describe, expect, it } from "vitest";
import { condition, evaluate, interpolate, WorkflowError, type Contexts, type Status } from "./expressions.ts";

const GOOD: Status = { success: true, failure: false, cancelled: false };
const FAILED: Status = { success: false, failure: true, cancelled: false };
const CONTEXTS: Contexts = {
  inputs: { "run-id": "r1", phase: "Work", flag: false, count: 3 },
  needs: { build: { result: "success", outputs: { word: "it's" } } },
  github: { event: {} },
};

describe("an expression", () => {
  it.each([
    ["inputs.run-id", "r1"],
    ["inputs.phase == 'work'", true],
    ["inputs.phase != 'work' || inputs.count == 3", true],
    ["needs.build.outputs.word == 'it''s'", true],
    ["!inputs.flag && 'yes' || 'no'", "yes"],
    ["github.event.nothing.here", null],
    ["(1 == '1') && null == ''", true],
    ["inputs.flag == false", true],
  ])("%s is %j", (text, value) => {
    expect(evaluate(text, CONTEXTS, GOOD)).toEqual(value);
  });

  it.each([
    "secrets.TOKEN",
    "contains(inputs.phase, 'w')",
    "inputs.count > 2",
    "matrix.os",
    "inputs['phase']",
    "'open",
    "inputs.phase ==",
    "a b",
  ])("refuses %s by name", (text) => {
    expect(() => evaluate(text, CONTEXTS, GOOD)).toThrow(WorkflowError);
  });

  it("keeps its type when it is the whole text, and is text inside one", () => {
    expect(interpolate("${{ inputs.count }}", CONTEXTS, GOOD)).toBe(3);
    expect(interpolate("${{ inputs.count }} of ${{ inputs.flag }}", CONTEXTS, GOOD)).toBe("3 of false");
  });
});

describe("a condition", () => {
  it("takes success() unless it asks for a status itself", () => {
    expect(condition(undefined, CONTEXTS, FAILED)).toBe(false);
    expect(condition("inputs.count == 3", CONTEXTS, FAILED)).toBe(false);
    expect(condition("${{ always() && inputs.count == 3 }}", CONTEXTS, FAILED)).toBe(true);
    expect(condition("failure()", CONTEXTS, FAILED)).toBe(true);
    expect(condition("inputs.phase == 'always()'", CONTEXTS, FAILED)).toBe(false);
  });
});
