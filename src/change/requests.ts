/**
 * Drives requests.
 *
 * | state             | invariant                                                     | exits                                            |
 * |-------------------|---------------------------------------------------------------|--------------------------------------------------|
 * | received          | stored with its change; nothing has begun                     | planning, failed, cancelled; a rollback: verifying |
 * | planning          | a work run is queued or dispatched                            | running, failed, timed-out, cancelled            |
 * | running           | the runner has its session                                    | awaiting-approval, answered, verifying, failed, timed-out, cancelled |
 * | awaiting-approval | the plan is stored under its hash; nobody works               | received (approved), cancelled                   |
 * | verifying         | the commits are pushed and the pull request is open           | opened, failed                                   |
 * | opened, answered, refused, failed, cancelled, timed-out | the comment says so     | (end)                                            |
 */
import { eachAlone } from "../core/each-alone.ts";
import { toAdorableError } from "../core/errors.ts";
import { findChange } from "../store/changes.ts";
import { listEvidence } from "../store/evidence.ts";
import { advanceRequest, listRequests, REQUEST_ENDED } from "../store/requests.ts";
import type { ChangeRow, ProjectRow, RequestRow, RequestState } from "../store/rows.ts";
import { listRuns, RUN_OPEN } from "../store/runs.ts";
import { finishWork, planWork } from "./work.ts";
import type { Mirror } from "./mirror.ts";
import type { Platform } from "./platform.ts";
import { RELEASE_GATES } from "./verification.ts";

const WORKING: readonly RequestState[] = ["planning", "running"];

/** One pass over every request that has not ended. Those on one change take turns, in the order in which they were asked. */
export async function driveRequests(platform: Platform, project: ProjectRow, mirror: Mirror): Promise<void> {
  const open = (await listRequests(platform.store, project.id)).filter((request) => !REQUEST_ENDED.includes(request.state));
  const busy = new Set<string>();
  await eachAlone(open, async (request) => {
    const change = request.change_id === null ? undefined : await findChange(platform.store, request.change_id);
    if (!change || busy.has(change.id)) return;
    busy.add(change.id);
    await driveRequest(platform, project, mirror, request, change);
  });
}

async function driveRequest(
  platform: Platform,
  project: ProjectRow,
  mirror: Mirror,
  request: RequestRow,
  change: ChangeRow,
): Promise<void> {
  if (request.state === "received") {
    // The release stage knows what to go back to, and opens it.
    if (request.verb === "rollback") return;
    try {
      // The run is stored before the state moves: a repeat after a crash finds it and does not plan another.
      if (!(await newestRun(platform, project, request))) await planWork(platform, project, mirror, request, change);
      await advanceRequest(platform.store, request.id, "received", "planning");
    } catch (thrown) {
      const error = toAdorableError(thrown);
      if (error.remedy === "wait" || error.remedy === "bug") throw thrown;
      await advanceRequest(platform.store, request.id, "received", "failed", { error: error.toJSON() });
    }
    return;
  }
  if (WORKING.includes(request.state)) {
    const run = await newestRun(platform, project, request);
    if (run && !RUN_OPEN.includes(run.state)) await finishWork(platform, project, mirror, request, run);
    return;
  }
  if (request.state === "verifying" && change.tree !== null) {
    // What was pushed for this request has to be merged for test first: until then the tree is the one of the request before.
    if ((await mirror.branch(change.git_branch)) !== change.head_commit) return;
    const evidence = await listEvidence(platform.store, project.id, change.tree);
    const isComplete = RELEASE_GATES.every((gate) => evidence.some((one) => one.gate === gate));
    if (!isComplete || change.preview_tree !== change.tree) return;
    await advanceRequest(platform.store, request.id, "verifying", "opened");
  }
}

async function newestRun(
  platform: Platform,
  project: ProjectRow,
  request: RequestRow,
): Promise<Awaited<ReturnType<typeof listRuns>>[number] | undefined> {
  const runs = (await listRuns(platform.store, project.id)).filter((run) => run.request_id === request.id && run.kind === "work");
  // An approved plan is a new run: the one that planned has done its part.
  const newest = runs.at(-1);
  return request.state === "received" && newest?.state === "done" ? undefined : newest;
}
