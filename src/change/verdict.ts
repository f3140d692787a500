/** What the stored evidence of a tree says, without starting anything. */
import type { Evidence } from "../core/evidence.ts";
import { RELEASE_GATES } from "./verification.ts";

/** `unknown` until every gate that a release needs has said something. */
export function verdictOf(evidence: readonly Evidence[]): "passed" | "failed" | "unknown" {
  const found = evidence.filter((one) => RELEASE_GATES.includes(one.gate));
  if (found.length < RELEASE_GATES.length) return "unknown";
  return found.every((one) => one.conclusion === "success") ? "passed" : "failed";
}
