/** A result in words: for the job's log, its summary and its colour. */
import type { VerifyResult, WorkResult } from "../src/core/runner-protocol.ts";

export interface Verdict {
  outcome: string;
  failed: boolean;
  /** One line. */
  line: string;
  /** Markdown. */
  summary: string;
}

export function describeResult(result: WorkResult | VerifyResult): Verdict {
  if (result.kind === "verify") return describeVerification(result);
  switch (result.outcome) {
    case "changed":
      return {
        outcome: "changed",
        failed: false,
        line: `${result.title} (${result.commit.slice(0, 7)})`,
        summary: `## ${result.title}\n\n${result.summary}\n`,
      };
    case "answered":
      return { outcome: "answered", failed: false, line: "Answered without a change.", summary: `## Answer\n\n${result.answer}\n` };
    case "planned":
      return {
        outcome: "planned",
        failed: false,
        line: "Planned; waiting for approval.",
        summary: "## Planned\n\nThe plan waits for approval.\n",
      };
    case "failed":
      return {
        outcome: "failed",
        failed: true,
        line: `${result.code}: ${result.message.split("\n")[0] ?? ""}`,
        summary: `## Failed: ${result.code}\n\n${result.message}\n${result.hint === undefined ? "" : `\n${result.hint}\n`}`,
      };
  }
}

function describeVerification(result: VerifyResult): Verdict {
  const bad = result.evidence.filter(({ conclusion }) => conclusion !== "success");
  const rows = result.evidence.map(
    ({ gate, conclusion, title, durationMs }) =>
      `| ${gate} | ${conclusion} | ${title.replaceAll("|", "\\|")} | ${(durationMs / 1000).toFixed(1)} s |`,
  );
  return {
    outcome: bad.length === 0 ? "success" : "failure",
    failed: bad.length > 0,
    line:
      bad.length === 0
        ? `All ${result.evidence.length} gates passed.`
        : `${bad.length} of ${result.evidence.length} gates failed: ${bad.map(({ gate }) => gate).join(", ")}.`,
    summary: `## Tree ${result.tree.slice(0, 7)}\n\n| gate | result | finding | time |\n|---|---|---|---|\n${rows.join("\n")}\n`,
  };
}
