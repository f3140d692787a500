/** Turns records into the benchmark's figures: each a time and the parts that it consists of, one after the other. */
import type { Records, Rollout } from "./records.ts";

export interface Part {
  name: string;
  ms: number;
}

export interface Figure {
  name: string;
  ms: number;
  /** Processor time of the platform's processes, jobs included, in milliseconds; it depends less on what else the machine does. */
  cpuMs?: number;
  parts: Part[];
  /** What ran at the same time within a part. */
  beside: Part[];
}

/** Parts from marks: each from the mark before it to its own. Marks out of order count nothing. */
function partsOf(start: number, marks: readonly (readonly [name: string, at: number | undefined])[]): Part[] {
  const parts: Part[] = [];
  let last = start;
  for (const [name, at] of marks) {
    if (at === undefined) continue;
    parts.push({ name, ms: Math.max(0, at - last) });
    last = Math.max(last, at);
  }
  return parts;
}

/** From the comment to the moment at which a person sees every gate green, the preview among them. */
export function changeFigure(name: string, askedAt: number, seenAt: number, records: Records): Figure {
  const { deliveries, runs, evidence } = records;
  const heard = deliveries.find((one) => one.event === "issue_comment" && one.at >= askedAt);
  const work = runs.find((run) => run.kind === "work");
  const verify = runs.findLast((run) => run.kind === "verify");
  const building = work?.events.find((event) => event.type === "phase" && event.name === "work");
  const opened = deliveries.find((one) => one.event === "pull_request" && one.action === "opened");
  const gates = verify?.events.filter((event) => event.type === "gate") ?? [];
  const preview = evidence.findLast((one) => one.gate === "preview");
  return {
    name,
    ms: seenAt - askedAt,
    parts: partsOf(askedAt, [
      ["GitHub takes the comment and tells of it", heard?.at],
      ["authorised, planned as a run with its data", work?.created],
      ["a runner starts and proves itself", work?.started],
      ["checkout and plan", building?.at],
      ["the work, checked and bundled", work?.finished],
      ["validated, pushed, pull request opened", opened?.at],
      ["planned as a verification", verify?.created],
      ["a runner starts and proves itself (verify)", verify?.started],
      ["checkout of the test merge", gates[0]?.at],
      ["the gates", gates.at(-1)?.at],
      ["artifact and evidence handed in", verify?.finished],
      ["preview deployed and probed", preview?.at],
      ["checks written", seenAt],
    ]),
    beside: evidence.map((one) => ({ name: `gate ${one.gate}`, ms: one.durationMs })),
  };
}

const STEPS: readonly [state: string, name: string][] = [
  ["verified", "gates known to be green"],
  ["archived", "archived"],
  ["awaiting-choice", "waiting for a choice"],
  ["chosen", "choice taken"],
  ["rehearsed", "rehearsed on a fork"],
  ["held", "held and drained"],
  ["checkpointed", "checkpoint"],
  ["migrated", "migrated"],
  ["started", "candidate started"],
  ["flipped", "flipped"],
  ["resumed", "clients let on"],
  ["live", "old one removed, GitHub told"],
];

/** From the click on merge until GitHub has been told that it is live. */
export function rolloutFigure(name: string, mergedAt: number, records: Records, rollout: Rollout): Figure {
  const merged = records.deliveries.find((one) => one.event === "push" && one.at >= mergedAt);
  return {
    name,
    ms: (rollout.reached.get("live") ?? Number.NaN) - mergedAt,
    parts: partsOf(mergedAt, [
      ["GitHub merges and tells of it", merged?.at],
      ["decided what it means", rollout.created],
      ...STEPS.map(([state, step]) => [step, rollout.reached.get(state)] as const),
    ]),
    beside: [],
  };
}

/** For how long clients waited at most. */
export function holdFigure(name: string, rollout: Rollout): Figure {
  const start = (rollout.reached.get("resumed") ?? 0) - rollout.heldMs;
  return {
    name,
    ms: rollout.heldMs,
    parts: partsOf(
      start,
      STEPS.filter(([state]) => ["held", "checkpointed", "migrated", "started", "flipped", "resumed"].includes(state)).map(
        ([state, step]) => [step, rollout.reached.get(state)] as const,
      ),
    ),
    beside: [],
  };
}
