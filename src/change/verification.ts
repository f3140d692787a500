/** Whether a tree has passed its gates: known from its evidence, or found out by a `verify` run, which leaves out what is known of single apps. */
import type { GateName } from "../core/evidence.ts";
import type { CommitId, TreeId } from "../core/ids.ts";
import { listEvidence, saveEvidence } from "../store/evidence.ts";
import type { ProjectRow } from "../store/rows.ts";
import { listRuns, RUN_OPEN } from "../store/runs.ts";
import { knownEvidence } from "./app-evidence.ts";
import { couldNotRun } from "./compose-evidence.ts";
import { driveRuns, planRun } from "./dispatch.ts";
import { migrationsEvidence } from "./migrations-gate.ts";
import type { Mirror } from "./mirror.ts";
import type { Platform } from "./platform.ts";

export const RUNNER_GATES: readonly GateName[] = ["types", "modules", "contract", "tests", "browse"];
/** What must be green before a tree may be released. The preview's own check comes after these, and never blocks them. */
export const RELEASE_GATES: readonly GateName[] = [...RUNNER_GATES, "migrations"];
const ATTEMPTS = 2;

export interface Subject {
  base: CommitId;
  head: CommitId;
  tree: TreeId;
  changeId: string | null;
}

/** Starts what is missing and says where it stands. Idempotent. */
export async function ensureVerified(
  platform: Platform,
  project: ProjectRow,
  mirror: Mirror,
  subject: Subject,
): Promise<"passed" | "failed" | "pending"> {
  const { store } = platform;
  const evidence = await listEvidence(store, project.id, subject.tree);
  const missing = RELEASE_GATES.filter((gate) => !evidence.some((one) => one.gate === gate));
  if (missing.length === 0)
    return evidence.every((one) => !RELEASE_GATES.includes(one.gate) || one.conclusion === "success") ? "passed" : "failed";

  const missingOnRunner = missing.filter((gate) => RUNNER_GATES.includes(gate));
  const onRunner = missingOnRunner.length === 0 ? undefined : await ensureJudged(platform, project, mirror, subject, missingOnRunner);
  if (missing.includes("migrations")) {
    // The runner starts meanwhile.
    if (onRunner === "pending") await driveRuns(platform, project);
    await saveEvidence(store, project.id, subject.tree, await migrationsEvidence(platform, project, mirror, subject.tree));
  }
  return onRunner ?? ensureVerified(platform, project, mirror, subject);
}

/** The run that finds out what a runner's gates are missing, or that it could not. */
async function ensureJudged(
  platform: Platform,
  project: ProjectRow,
  mirror: Mirror,
  subject: Subject,
  missing: readonly GateName[],
): Promise<"failed" | "pending"> {
  const { store } = platform;
  const runs = (await listRuns(store, project.id)).filter(
    (run) => run.assignment.kind === "verify" && run.assignment.tree === subject.tree,
  );
  if (runs.some((run) => RUN_OPEN.includes(run.state))) return "pending";
  const failed = runs.filter((run) => run.state === "failed" || run.state === "timed-out" || run.state === "cancelled");
  if (failed.length >= ATTEMPTS || failed.at(-1)?.state === "cancelled") {
    const reason = failed.at(-1)?.error?.message ?? "The verify job was cancelled.";
    for (const gate of missing) await saveEvidence(store, project.id, subject.tree, couldNotRun(gate, reason));
    return "failed";
  }
  const known = await knownEvidence(platform, project, mirror, { baseCommit: subject.base, tree: subject.tree });
  await planRun(platform, project, { kind: "verify", request_id: null, change_id: subject.changeId }, (runId) => ({
    kind: "verify",
    runId,
    repository: { fullName: project.full_name, cloneUrl: project.clone_url, defaultBranch: project.default_branch },
    baseCommit: subject.base,
    headCommit: subject.head,
    tree: subject.tree,
    known,
  }));
  return "pending";
}
