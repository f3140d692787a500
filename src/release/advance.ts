/** Drives one rollout as far as it goes: steps forward, and on failure either restores what was or, after the commit point, insists. */
import { AdorableError, toAdorableError } from "../core/errors.ts";
import { endpointName } from "../core/names.ts";
import type { ProjectRow } from "../store/rows.ts";
import { advanceRollout, countAttempt, saveEnvironment, type RolloutRow } from "../store/releases.ts";
import { forgetResource, recordResource, setDecidedCommit } from "../store/projects.ts";
import type { Platform } from "../change/platform.ts";
import type { Mirror } from "../change/mirror.ts";
import { removeFork } from "../change/forks.ts";
import { countRows } from "./impact.ts";
import { removeReplaced, removeStarted } from "./placement.ts";
import { stepRelease } from "./release.ts";
import { stepRollback } from "./rollback.ts";
import { publishRollout } from "./publish.ts";
import { converge, PRODUCTION, resumeProduction } from "./steps.ts";
import { COMMITTED, UNDER_HOLD, type Rollout, type RolloutData, type Step } from "./rollout.ts";

/** Of a step that failed for something of ours, or at the hold, where people wait each time. */
const ATTEMPTS = 3;
/** Of a step before the hold that failed for what time may heal: about two minutes. */
const PATIENCE = 10;

/** Returns when the rollout has ended, or with the time after which to look again. */
export async function advanceOpenRollout(
  platform: Platform,
  project: ProjectRow,
  mirror: Mirror,
  found: RolloutRow,
): Promise<{ afterMs: number } | undefined> {
  let rollout = found as Rollout;
  for (;;) {
    let step: Step;
    try {
      step = await stepOnce(platform, project, mirror, rollout);
    } catch (thrown) {
      const next = await fail(platform, rollout, thrown);
      if ("afterMs" in next) return next;
      rollout = next;
      continue;
    }
    if ("waitMs" in step && step.waitMs > 0) return { afterMs: step.waitMs };
    const moved = "to" in step ? await move(platform, project, rollout, step) : await reload(platform, rollout);
    if (!moved) return undefined;
    rollout = moved;
  }
}

async function stepOnce(platform: Platform, project: ProjectRow, mirror: Mirror, rollout: Rollout): Promise<Step> {
  const { data } = rollout;
  switch (rollout.state) {
    case "flipped":
      await converge(platform, project.id, data);
      return { to: "resumed", data: { heldMs: data.heldAt === undefined ? 0 : platform.clock.now().getTime() - Date.parse(data.heldAt) } };
    case "resumed": {
      await removeReplaced(platform, project.id, data);
      const lost = await countLost(platform, project, rollout);
      await tell(platform, project, mirror, { ...rollout, data: { ...data, ...lost } });
      return { to: "live", data: lost };
    }
    case "aborting":
      await abort(platform, rollout);
      await tell(platform, project, mirror, rollout);
      return { to: "aborted" };
    default:
      return rollout.kind === "release"
        ? stepRelease(platform, project, mirror, rollout)
        : stepRollback(platform, project, mirror, rollout);
  }
}

/**
 * What time may heal is thrown: the step is repeated. What GitHub refuses for good (a locked pull request, a permission that is gone) goes
 * to the log: the rollout has ended, and the ones after it do not wait for a comment.
 */
async function tell(platform: Platform, project: ProjectRow, mirror: Mirror, rollout: Rollout): Promise<void> {
  try {
    await publishRollout(platform, project, mirror, rollout);
  } catch (thrown) {
    const error = toAdorableError(thrown);
    if (error.remedy === "wait" || (error.remedy === "bug" && rollout.attempts < ATTEMPTS)) throw thrown;
    platform.log.error(
      { project: project.id, rollout: rollout.id, code: error.code, err: thrown },
      `GitHub was not told: ${error.message}`,
    );
  }
}

async function move(
  platform: Platform,
  project: ProjectRow,
  rollout: Rollout,
  step: { to: string; data?: Partial<RolloutData> },
): Promise<Rollout | undefined> {
  const data = { ...rollout.data, ...step.data };
  const moved = (await advanceRollout(platform.store, rollout, step.to, data)) as Rollout | undefined;
  platform.log.info({ project: project.id, rollout: rollout.id, from: rollout.state, to: step.to }, "rollout moved");
  if (!["live", "aborted", "refused"].includes(step.to)) return moved;
  if (moved && step.to === "refused") await tell(platform, project, await platform.mirrors.open(project.id), moved);
  await setDecidedCommit(platform.store, project.id, rollout.git_commit);
  return undefined;
}

async function reload(platform: Platform, rollout: Rollout): Promise<Rollout | undefined> {
  const rows = await platform.store.rows<Rollout>("select * from rollouts where id = $1", [rollout.id]);
  return rows[0];
}

/** What the failure leads to: another try later, or the state that restores production. */
async function fail(platform: Platform, rollout: Rollout, thrown: unknown): Promise<Rollout | { afterMs: number }> {
  const error = toAdorableError(thrown);
  platform.log.error({ rollout: rollout.id, state: rollout.state, code: error.code, err: thrown }, error.message);
  const attempts = await countAttempt(platform.store, rollout.id);
  const mayPass = error.remedy === "wait" || error.remedy === "bug";
  // After the commit point, and while aborting, there is only one direction.
  if (COMMITTED.includes(rollout.state) || rollout.state === "aborting")
    return { afterMs: Math.min(30_000, 500 * 2 ** Math.min(attempts, 6)) };
  const isHeld = UNDER_HOLD.includes(rollout.state);
  const most = error.remedy === "wait" && !isHeld ? PATIENCE : ATTEMPTS;
  if (mayPass && attempts < most && (!isHeld || rollout.state === "rehearsed")) return { afterMs: Math.min(30_000, 500 * 2 ** attempts) };
  const moved = await advanceRollout(platform.store, rollout, "aborting", { ...rollout.data, stoppedAt: rollout.state }, error.toJSON());
  if (!moved)
    throw new AdorableError({
      code: "rollout-moved",
      remedy: "bug",
      message: `The rollout "${rollout.id}" was moved by another writer.`,
      cause: thrown,
    });
  return moved as Rollout;
}

/** Production as it was, under the same hold: what was migrated is undone by going back to the checkpoint. */
async function abort(platform: Platform, rollout: Rollout): Promise<void> {
  const { data, project_id } = rollout;
  const endpoint = endpointName(project_id, PRODUCTION);
  const { database, store } = platform;
  await removeStarted(platform, project_id, data);
  await removeFork(platform, project_id, `rehearsal_${rollout.id}`);
  if (!data.previous) {
    await database.removeEndpoint(endpoint);
    await forgetResource(store, project_id, "endpoint", endpoint);
    await dropTimeline(platform, rollout, data.timeline);
  } else if (rollout.kind === "rollback") {
    if (data.timeline !== data.previous.timeline) await dropTimeline(platform, rollout, data.timeline);
  } else if (data.checkpoint) {
    await recordResource(store, project_id, "timeline", data.abortTimeline);
    await database.branch(data.abortTimeline, data.checkpoint);
    const row = {
      project_id,
      place: endpoint,
      timeline: data.abortTimeline,
      apps: data.previous.apps,
      epoch: data.epoch,
      release_number: data.previous.release,
    };
    await saveEnvironment(store, row);
    await database.endpoint(endpoint, data.abortTimeline, data.epoch);
  }
  await resumeProduction(platform, data);
  // Production goes on from the fork or from where it was: nothing goes back to this moment.
  if (data.checkpoint) await database.unprotect(data.checkpoint, rollout.id);
}

async function dropTimeline(platform: Platform, rollout: Rollout, timeline: Rollout["data"]["timeline"]): Promise<void> {
  await platform.database.deleteTimeline(timeline);
  await forgetResource(platform.store, rollout.project_id, "timeline", timeline);
}

/** Counted anew: rows were written between the statement and the hold. Nobody waits for it, clients have been let on. */
async function countLost(platform: Platform, project: ProjectRow, { id, data }: Rollout): Promise<Pick<RolloutData, "lost">> {
  if (data.choice !== "code+data" || !data.checkpoint) return {};
  return { lost: await countRows(platform, project, id, data.source, data.checkpoint) };
}
