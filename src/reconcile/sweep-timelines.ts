/** Lets go of data that nobody needs any more: snapshots of ended runs, what restores and rebuilds have replaced, changes that were closed long ago. */
import type { TimelineId } from "../core/ids.ts";
import { findChange, forgetOldTimeline, listChanges } from "../store/changes.ts";
import { listSnapshots, releaseSnapshot } from "../store/evidence.ts";
import { forgetResource } from "../store/projects.ts";
import { findOpenRollout, listReleases } from "../store/releases.ts";
import type { ChangeRow, ProjectRow } from "../store/rows.ts";
import { RUN_OPEN } from "../store/runs.ts";
import type { Platform } from "../change/platform.ts";
import { isOverexposed } from "../change/preview-data.ts";
import {
  abandonTimeline,
  changeEndpoint,
  closeMaking,
  dropTimeline,
  pointEndpoint,
  withdraw,
  type ChangeWithData,
} from "../change/timeline.ts";
import { takeTurn } from "../change/turns.ts";
import type { Rollout } from "../release/rollout.ts";

/** People reopen what they closed by mistake. */
const KEPT_MS = 7 * 24 * 3_600_000;

/** What a release or a rollout under way refers to stays, however old: production's past is kept until its project goes. */
export async function sweepTimelines(platform: Platform, project: ProjectRow): Promise<void> {
  await releaseEnded(platform, project);
  const due = (await listChanges(platform.store, project.id)).filter(
    (change) =>
      change.old_timelines.length > 0 || change.next_timeline !== null || (change.state !== "open" && isDone(platform, project, change)),
  );
  if (due.length === 0) return;
  const kept = await referredTimelines(platform, project);
  for (const { id } of due) {
    await takeTurn(id, async () => {
      const change = await findChange(platform.store, id);
      if (change) await sweepChange(platform, project, change, kept);
    });
  }
}

/** Snapshots are a run's own, and go with it: what keeps their positions reachable ends here. */
async function releaseEnded(platform: Platform, project: ProjectRow): Promise<void> {
  for (const snapshot of await listSnapshots(platform.store, project.id)) {
    if (RUN_OPEN.includes(snapshot.run_state)) continue;
    await platform.database.unprotect({ timeline: snapshot.timeline, lsn: snapshot.lsn }, snapshot.id);
    await releaseSnapshot(platform.store, snapshot.id);
  }
}

async function sweepChange(
  platform: Platform,
  project: ProjectRow,
  found: ChangeRow,
  kept: ReadonlySet<string | undefined>,
): Promise<void> {
  const { store } = platform;
  const change = await letGo(platform, project, found, kept);
  const snapshots = new Set((await listSnapshots(store, project.id)).map(({ timeline }) => timeline));
  for (const timeline of change.old_timelines) {
    if (snapshots.has(timeline)) continue;
    // A release that began with it keeps it for ever: then it is no longer the change's to let go.
    if (!kept.has(timeline)) {
      await leave(platform, change, timeline);
      await dropTimeline(platform, project.id, timeline);
    }
    await forgetOldTimeline(store, change.id, timeline);
  }
}

/** The change without what it needs no more, which then is in the making no longer or among the old ones: whoever is interrupted leaves none that is named and gone. */
async function letGo(
  platform: Platform,
  project: ProjectRow,
  change: ChangeRow,
  kept: ReadonlySet<string | undefined>,
): Promise<ChangeRow> {
  const { timeline } = change;
  if (change.state !== "open" && timeline !== null && !kept.has(timeline) && isDone(platform, project, change)) {
    platform.log.info({ project: project.id, change: change.id, timeline }, "the data of a closed change is let go");
    return withdraw(platform, change);
  }
  // Nobody is at it, for this is the change's turn; it may hold rows that have not been allowed since.
  if (change.next_timeline !== null) await abandonTimeline(platform, change, change.next_timeline);
  return change;
}

/** What was interrupted, and the name from before there was a pull request, may still lead to the old one. */
async function leave(platform: Platform, change: ChangeRow, timeline: TimelineId): Promise<void> {
  const { database, store } = platform;
  await closeMaking(platform, change);
  const own = changeEndpoint(change.project_id, change);
  for (const name of new Set([own, changeEndpoint(change.project_id, { ...change, pull_number: null })])) {
    if ((await database.findEndpoint(name))?.timeline !== timeline) continue;
    if (name === own && change.timeline !== null && change.state === "open") {
      await pointEndpoint(platform, change as ChangeWithData);
      continue;
    }
    await database.removeEndpoint(name);
    await forgetResource(store, change.project_id, "endpoint", name);
  }
}

/** Closed for long, or with rows that it may not have any more. */
function isDone(platform: Platform, project: ProjectRow, change: ChangeRow): boolean {
  const before = platform.clock.now().getTime() - KEPT_MS;
  const isOld = change.closed_at !== null && change.closed_at.getTime() < before;
  return change.timeline !== null && (isOld || isOverexposed(platform, project, change));
}

async function referredTimelines(platform: Platform, project: ProjectRow): Promise<Set<string | undefined>> {
  const rollout = (await findOpenRollout(platform.store, project.id)) as Rollout | undefined;
  const kept = new Set<string | undefined>([rollout?.data.source?.timeline, rollout?.data.timeline]);
  for (const release of await listReleases(platform.store, project.id)) kept.add(release.timeline).add(release.checkpoint?.timeline);
  return kept;
}
