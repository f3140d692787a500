import { describe, expect, it } from "vitest";
import type { Evidence } from "../core/evidence.ts";
import type { Contract } from "../core/spec.ts";
import { whatFailed } from "./candidate.ts";

const CONTRACT = { procedures: [{ name: "post.list", type: "query" }], tables: [] } as unknown as Contract;
const probe = (title: string, summary: string): Evidence =>
  ({ gate: "preview", conclusion: "failure", title, summary }) as unknown as Evidence;

describe("what failed of a candidate", () => {
  it("is said in names of the contract, and never left out", () => {
    const failed = "- ✗ `post.list` answered 500";
    expect(whatFailed(probe("the page does not load; 0 of 1 query answered", failed), CONTRACT)).toBe(
      "its page does not load; post.list did not answer",
    );
    expect(whatFailed(probe("took longer than 60 s", ""), CONTRACT)).toBe("it did not answer in time");
  });
});
