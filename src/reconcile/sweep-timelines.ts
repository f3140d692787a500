/** Lets go of the data of changes that were closed or merged long ago, so that the disk does not grow without bound. */
import type { TimelineId } from "../core/ids.ts";
import { listChanges, updateChange } from "../store/changes.ts";
import { findOpenRollout, listReleases } from "../store/releases.ts";
import type { ProjectRow } from "../store/rows.ts";
import type { Platform } from "../change/platform.ts";
import { dropTimeline } from "../change/timeline.ts";
import type { Rollout } from "../release/rollout.ts";

/** People reopen what they closed by mistake. */
const KEPT_MS = 7 * 24 * 3_600_000;

/** What a release or a rollout under way refers to stays, however old: production's past is kept until its project goes. */
export async function sweepTimelines(platform: Platform, project: ProjectRow): Promise<void> {
  const { store } = platform;
  const before = platform.clock.now().getTime() - KEPT_MS;
  const old = (await listChanges(store, project.id)).filter(
    (change) => change.timeline !== null && change.closed_at !== null && change.closed_at.getTime() < before,
  );
  if (old.length === 0) return;
  const rollout = (await findOpenRollout(store, project.id)) as Rollout | undefined;
  const kept = new Set<TimelineId | undefined>([rollout?.data.source?.timeline, rollout?.data.timeline]);
  for (const release of await listReleases(store, project.id)) kept.add(release.timeline).add(release.checkpoint?.timeline);
  for (const change of old) {
    const timeline = change.timeline as TimelineId;
    if (kept.has(timeline)) continue;
    // The endpoints went when it was closed; a reopened change gets its data from the repository again.
    await dropTimeline(platform, project.id, timeline);
    await updateChange(store, change.id, { timeline: null, seeded: [] });
    platform.log.info({ project: project.id, change: change.id, timeline }, "the data of a closed change was let go");
  }
}
