/** Starting runs on runners, and noticing those that will never report. */
import { AdorableError } from "../core/errors.ts";
import { newId, type RunId } from "../core/ids.ts";
import type { VerifyAssignment, WorkAssignment } from "../core/runner-protocol.ts";
import type { ProjectRow, RunRow } from "../store/rows.ts";
import { advanceRun, createRun, listRuns, RUN_OPEN, setWorkflowRun } from "../store/runs.ts";
import { listResources } from "../store/projects.ts";
import { findRequest, REQUEST_ENDED } from "../store/requests.ts";
import { removeFork } from "./forks.ts";
import type { Platform } from "./platform.ts";

export const WORKFLOW_FILE = "adorable.yml";
/** A dispatched run whose runner has not opened a session by then is lost. */
const START_TIMEOUT_MS = 3 * 60_000;

/** Stores a new run; the next pass dispatches it. */
export async function planRun(
  platform: Platform,
  project: ProjectRow,
  of: Pick<RunRow, "kind" | "request_id" | "change_id">,
  assign: (id: RunId) => WorkAssignment | VerifyAssignment,
): Promise<RunId> {
  const id = newId<RunId>("run");
  await createRun(platform.store, { id, project_id: project.id, ...of, assignment: assign(id) });
  return id;
}

/**
 * Dispatches what is queued and ends what is overdue. A dispatch that was repeated after a crash starts two workflow runs: the first
 * runner that opens a session for the run wins, the other is refused.
 */
export async function driveRuns(platform: Platform, project: ProjectRow): Promise<{ afterMs: number } | undefined> {
  const open = (await listRuns(platform.store, project.id)).filter((run) => RUN_OPEN.includes(run.state));
  for (const run of open) {
    if (await cancelUnwanted(platform, project, run)) continue;
    if (run.state === "queued") await dispatch(platform, project, run);
    else await endIfLost(platform, project, run);
  }
  return open.length === 0 ? undefined : { afterMs: 5000 };
}

/** A run whose request was stopped while the run was being planned or moved on: nobody waits for it any more. */
async function cancelUnwanted(platform: Platform, project: ProjectRow, run: RunRow): Promise<boolean> {
  const request = run.request_id === null ? undefined : await findRequest(platform.store, run.request_id);
  if (!request || !REQUEST_ENDED.includes(request.state)) return false;
  if ((await advanceRun(platform.store, run.id, run.state, "cancelled")) && run.workflow_run_id !== null)
    await (await platform.github.forInstallation(project.full_name)).cancelWorkflowRun(run.workflow_run_id);
  return true;
}

async function dispatch(platform: Platform, project: ProjectRow, run: RunRow): Promise<void> {
  const repository = await platform.github.forInstallation(project.full_name);
  const inputs = { "run-id": run.id, phase: run.kind, "control-plane": platform.settings.publicUrl };
  try {
    const { runId } = await repository.dispatchWorkflow(WORKFLOW_FILE, project.default_branch, inputs);
    if (runId !== undefined) await setWorkflowRun(platform.store, run.id, runId);
  } catch (error) {
    if (!AdorableError.isInstance(error) || error.remedy === "wait") throw error;
    await advanceRun(platform.store, run.id, "queued", "failed", { error: error.toJSON() });
    return;
  }
  const deadline = new Date(platform.clock.now().getTime() + START_TIMEOUT_MS);
  await advanceRun(platform.store, run.id, "queued", "dispatched", { deadline });
}

async function endIfLost(platform: Platform, project: ProjectRow, run: RunRow): Promise<void> {
  const isOverdue = run.deadline !== null && run.deadline.getTime() < platform.clock.now().getTime();
  const repository = await platform.github.forInstallation(project.full_name);
  const workflowRun = run.workflow_run_id === null ? undefined : await repository.getWorkflowRun(run.workflow_run_id);
  const hasEnded = workflowRun?.status === "completed";
  if (!isOverdue && !hasEnded) return;
  // The result may have come while GitHub was asked: then the run is no longer in this state, and this changes nothing.
  const error = new AdorableError({
    code: isOverdue ? "run-timed-out" : "runner-lost",
    remedy: "author",
    message: isOverdue
      ? `The ${run.kind} job did not report in time.`
      : `The ${run.kind} job ended (${workflowRun?.conclusion ?? "unknown"}) without reporting a result.`,
    hint: "Read the log of the workflow run, then comment `@adorable retry`.",
    details: { workflowRun: workflowRun?.url },
  });
  if (await advanceRun(platform.store, run.id, run.state, isOverdue ? "timed-out" : "failed", { error: error.toJSON() })) {
    if (isOverdue && run.workflow_run_id !== null) await repository.cancelWorkflowRun(run.workflow_run_id);
  }
}

/** Throwaway databases of runs that have ended. */
export async function sweepRunForks(platform: Platform, project: ProjectRow): Promise<void> {
  const runs = await listRuns(platform.store, project.id);
  const ended = runs.filter((run) => !RUN_OPEN.includes(run.state)).map((run) => run.id);
  const keys = new Set<string>();
  for (const resource of await listResources(platform.store, project.id)) {
    const key = /^(?:fork|tmp)_(run_[a-z0-9]+_\d+)$/.exec(resource.id)?.[1];
    if (key !== undefined && ended.some((id) => key.startsWith(`${id}_`))) keys.add(key);
  }
  for (const key of keys) await removeFork(platform, project.id, key);
}
