/**
 * The timeline of a change: its own data, made by the project's policy (`previewData`), with the migrations of its branch.
 *
 * | columns                    | invariant                                                     | exits                                   |
 * |----------------------------|---------------------------------------------------------------|-----------------------------------------|
 * | neither                    | the change has no data yet, or it was let go                  | in the making                           |
 * | `next_timeline`            | in the making, or half made by somebody who died; nobody reads it | adopted, begun anew, deleted by the sweep |
 * | `timeline`                 | whole: the endpoint points at it, or is made to by whoever comes next | in the making beside it, let go |
 * | in `old_timelines`         | was the change's; a snapshot of a live run may still refer to it | deleted by the sweep                 |
 */
import { ADMIN_ROLE } from "../database/database.ts";
import { AdorableError } from "../core/errors.ts";
import { newId, type EndpointName, type ProjectId, type TimelineId } from "../core/ids.ts";
import { endpointName, projectKey } from "../core/names.ts";
import { applyMigrations, parseMigrations } from "../database/migrations/migrations.ts";
import { ensureRoles } from "../database/migrations/roles.ts";
import { runSeed } from "../database/migrations/seed.ts";
import { adoptTimeline, findChange, updateChange } from "../store/changes.ts";
import { releaseSnapshotsOn } from "../store/evidence.ts";
import { findProject, forgetResource, recordResource } from "../store/projects.ts";
import type { ChangeRow, MadeFrom, ProjectRow } from "../store/rows.ts";
import type { Mirror } from "./mirror.ts";
import type { Platform } from "./platform.ts";
import { beginData, isOverexposed } from "./preview-data.ts";
import { takeTurn } from "./turns.ts";

export type ChangeWithData = ChangeRow & { timeline: TimelineId };

/** By the pull request once there is one, by the change itself before: both lead to its timeline for as long as it is open. */
export function changeEndpoint(project: ProjectId, change: Pick<ChangeRow, "id" | "pull_number">): EndpointName {
  if (change.pull_number !== null) return endpointName(project, { kind: "change", number: change.pull_number });
  return `proj_${projectKey(project)}_${change.id}` as EndpointName;
}

/**
 * The change with a timeline that has every migration of `treeish` and an endpoint for it. A migration that was edited after it ran
 * here, and rows that the change may not have any more, make it anew; the one before is left to the sweep.
 * Throws what migrations, seeds and masks throw; then the change has the data that it had before, or none.
 */
export async function ensureChangeTimeline(
  platform: Platform,
  mirror: Mirror,
  { id, project_id }: Pick<ChangeRow, "id" | "project_id">,
  treeish: string,
): Promise<ChangeWithData> {
  return takeTurn(id, async () => {
    // What the caller has read may be from before a restore.
    const found = (await findChange(platform.store, id)) as ChangeRow;
    const project = (await findProject(platform.store, project_id)) as ProjectRow;
    const isUsable = !isOverexposed(platform, project, found) && (await isThere(platform, found));
    const change = isUsable ? found : await withdraw(platform, found);
    if (change.timeline !== null) {
      const present = change as ChangeWithData;
      await pointEndpoint(platform, present);
      const { dsn } = await platform.database.credential(changeEndpoint(project.id, change), ADMIN_ROLE);
      try {
        await migrate(mirror, dsn, treeish);
        const seeded = await seed(mirror, dsn, present.seeded, treeish);
        if (seeded.length === present.seeded.length) return present;
        return (await updateChange(platform.store, change.id, { seeded })) as ChangeWithData;
      } catch (error) {
        if (!AdorableError.isInstance(error) || error.code !== "migration-changed") throw error;
      }
    }
    return remake(platform, project, mirror, change, treeish);
  });
}

/** What was let go may still be named: the change was closed when it went, and is open again. */
async function isThere(platform: Platform, { id, project_id: project, timeline }: ChangeRow): Promise<boolean> {
  if (timeline === null || (await platform.database.listTimelines()).some((one) => one.id === timeline)) return true;
  platform.log.error({ project, change: id, timeline }, "the data of a change is gone; it is made anew");
  return false;
}

/** Takes away data with rows that the change may not have any more, also where there is nothing to put in its place. Idempotent. */
export async function withdrawData(platform: Platform, project: ProjectRow, { id }: Pick<ChangeRow, "id">): Promise<ChangeRow> {
  return takeTurn(id, async () => {
    const change = (await findChange(platform.store, id)) as ChangeRow;
    return isOverexposed(platform, project, change) ? withdraw(platform, change) : change;
  });
}

/** The change without data: what it had joins the old ones, and what was in the making goes. Idempotent; whoever calls it has the change's turn. */
export async function withdraw(platform: Platform, change: ChangeRow): Promise<ChangeRow> {
  // Made by the policy of then, it may be a copy of the same rows.
  if (change.next_timeline !== null) await abandonTimeline(platform, change, change.next_timeline);
  const endpoint = changeEndpoint(change.project_id, change);
  await platform.database.removeEndpoint(endpoint);
  await forgetResource(platform.store, change.project_id, "endpoint", endpoint);
  return platform.store.transaction(async (sql) => {
    await releaseSnapshotsOn(sql, change.project_id, timelinesOf(change));
    return adoptTimeline(sql, change.id, { timeline: null, seeded: [], madeFrom: null });
  });
}

function timelinesOf({ timeline, old_timelines: old }: ChangeRow): TimelineId[] {
  return timeline === null ? old : [...old, timeline];
}

async function remake(
  platform: Platform,
  project: ProjectRow,
  mirror: Mirror,
  change: ChangeRow,
  treeish: string,
): Promise<ChangeWithData> {
  const timeline = await chooseTimeline(platform, change);
  const endpoint = makingEndpoint(change);
  const open = async (): Promise<string> => {
    await recordResource(platform.store, project.id, "endpoint", endpoint);
    await platform.database.endpoint(endpoint, timeline, 1);
    return (await platform.database.credential(endpoint, ADMIN_ROLE)).dsn;
  };
  let made: { madeFrom: MadeFrom; seeded: string[] };
  try {
    const { madeFrom, seeded, dsn } = await beginData(platform, project, mirror, change, timeline, open);
    await migrate(mirror, dsn, treeish);
    made = { madeFrom, seeded: await seed(mirror, dsn, seeded, treeish) };
  } catch (error) {
    // What its author has to mend will not be tried again by itself; after anything else it is made anew, or the sweep deletes it.
    if (AdorableError.isInstance(error) && error.remedy === "author") await abandonTimeline(platform, change, timeline);
    throw error;
  }
  const adopted = await platform.store.transaction(async (sql) => {
    // A snapshot of the data before would bring back what was made anew, and rows that must not be seen.
    await releaseSnapshotsOn(sql, project.id, timelinesOf(change));
    await updateChange(sql, change.id, { preview_epoch: change.timeline === null ? change.preview_epoch : change.preview_epoch + 1 });
    return (await adoptTimeline(sql, change.id, { timeline, ...made })) as ChangeWithData;
  });
  await pointEndpoint(platform, adopted);
  await closeMaking(platform, change);
  return adopted;
}

/** The id of the change's next timeline, with nothing of it there: known to the change before it is made, so that no crash leaves one that nobody knows. */
export async function chooseTimeline(platform: Platform, change: ChangeRow): Promise<TimelineId> {
  const timeline = change.next_timeline ?? newId<TimelineId>("tml");
  await closeMaking(platform, change);
  if (change.next_timeline === null) await updateChange(platform.store, change.id, { next_timeline: timeline });
  await recordResource(platform.store, change.project_id, "timeline", timeline);
  if (change.next_timeline !== null) await platform.database.deleteTimeline(timeline);
  return timeline;
}

/** Deletes what was in the making. Idempotent. */
export async function abandonTimeline(platform: Platform, change: ChangeRow, timeline: TimelineId): Promise<void> {
  await closeMaking(platform, change);
  await dropTimeline(platform, change.project_id, timeline);
  await updateChange(platform.store, change.id, { next_timeline: null });
}

/** Through which it is filled, before the change's own endpoint points at it. */
function makingEndpoint(change: Pick<ChangeRow, "id">): EndpointName {
  return `tmp_making_${change.id}` as EndpointName;
}

/** Idempotent. */
export async function closeMaking(platform: Platform, change: ChangeRow): Promise<void> {
  await platform.database.removeEndpoint(makingEndpoint(change));
  await forgetResource(platform.store, change.project_id, "endpoint", makingEndpoint(change));
}

/** The change's endpoint leads to its timeline; one that does stays as it is. */
export async function pointEndpoint(platform: Platform, change: ChangeWithData): Promise<void> {
  const endpoint = changeEndpoint(change.project_id, change);
  await recordResource(platform.store, change.project_id, "endpoint", endpoint);
  const present = await platform.database.findEndpoint(endpoint);
  if (present?.timeline === change.timeline) return;
  await platform.database.endpoint(endpoint, change.timeline, (present?.epoch ?? 0) + 1);
}

/** Roles for every app of the tree, and its pending migrations. */
export async function migrate(mirror: Mirror, dsn: string, treeish: string): Promise<string[]> {
  for (const app of (await mirror.spec(treeish)).apps) await ensureRoles(dsn, app);
  return (await applyMigrations(dsn, parseMigrations(await mirror.migrations(treeish)))).applied;
}

/** First rows for the apps that have none yet; each app is seeded once on a timeline, and never over rows that somebody wrote. Returns all that have had them. */
export async function seed(mirror: Mirror, dsn: string, seeded: readonly string[], treeish: string): Promise<string[]> {
  const fresh = (await mirror.spec(treeish)).apps.map((app) => app.slug).filter((slug) => !seeded.includes(slug));
  for (const slug of fresh) {
    const sql = await mirror.readFile(treeish, `apps/${slug}/db/seed.sql`);
    if (sql !== undefined) await runSeed(dsn, slug, sql);
  }
  return [...seeded, ...fresh];
}

export async function dropTimeline(platform: Platform, project: ProjectId, timeline: TimelineId): Promise<void> {
  await platform.database.deleteTimeline(timeline);
  await forgetResource(platform.store, project, "timeline", timeline);
}
