/** The evidence of a tree, from what was found of each of its apps, now or before. */
import type { Evidence, GateName } from "../core/evidence.ts";
import type { CommitId } from "../core/ids.ts";

export interface EvidencePart {
  app: string;
  evidence: Evidence;
  /** Where it comes from, if it was not found out anew. */
  reused?: { commit: CommitId; at: Date };
}

const TITLE_LENGTH = 200;
const SUMMARY_LENGTH = 60_000;
const ANNOTATIONS = 50;

/** One app's evidence is the tree's; of several, each is named. `web` is the repository's page. */
export function composeEvidence(gate: GateName, parts: readonly EvidencePart[], web: string): Evidence {
  const several = parts.length > 1;
  const share = Math.floor(SUMMARY_LENGTH / Math.max(1, parts.length)) - 4;
  const bad = parts.find((part) => part.evidence.conclusion !== "success");
  const ordered = bad === undefined ? parts : [bad, ...parts.filter((part) => part !== bad)];
  return {
    gate,
    conclusion: bad?.evidence.conclusion ?? "success",
    title: clip(ordered.map((part) => titleOf(part, several)).join("; "), TITLE_LENGTH),
    summary: parts.map((part) => clip(summaryOf(part, web), share)).join("\n\n"),
    annotations: parts.flatMap((part) => part.evidence.annotations).slice(0, ANNOTATIONS),
    files: parts.flatMap((part) => part.evidence.files),
    durationMs: parts.reduce((sum, part) => sum + (part.reused === undefined ? part.evidence.durationMs : 0), 0),
    ...(parts.some((part) => part.evidence.flagged === true) ? { flagged: true } : {}),
  };
}

function titleOf({ app, evidence, reused }: EvidencePart, several: boolean): string {
  const title = reused === undefined ? evidence.title : `${evidence.title} (reused from ${reused.commit.slice(0, 7)})`;
  return several ? `${app}: ${title}` : title;
}

function summaryOf({ app, evidence, reused }: EvidencePart, web: string): string {
  if (reused === undefined) return evidence.summary;
  const found = reused.at.toISOString().slice(0, 16).replace("T", " ");
  return `> **${app}** was not judged again: reused from [${reused.commit.slice(0, 7)}](${web}/commit/${reused.commit}), found ${found} UTC. Its files, its contract, what it shares, its database and the gates are what they were.\n\n${evidence.summary}`;
}

/** A gate that could not run has failed, by name. */
export function couldNotRun(gate: GateName, reason: string): Evidence {
  return {
    gate,
    conclusion: "failure",
    title: "Could not run",
    summary: `This gate could not run, which counts as a failure.\n\n${reason}`,
    annotations: [],
    files: [],
    durationMs: 0,
  };
}

function clip(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
