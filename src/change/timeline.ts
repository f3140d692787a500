/** The timeline of a change: its own data, made from the repository, with none of production's rows in its history. */
import { ADMIN_ROLE } from "../database/database.ts";
import { AdorableError } from "../core/errors.ts";
import { newId, type EndpointName, type ProjectId, type TimelineId } from "../core/ids.ts";
import { endpointName, projectKey } from "../core/names.ts";
import { applyMigrations, parseMigrations } from "../database/migrations/migrations.ts";
import { ensureRoles } from "../database/migrations/roles.ts";
import { runSeed } from "../database/migrations/seed.ts";
import { updateChange } from "../store/changes.ts";
import { forgetResource, recordResource } from "../store/projects.ts";
import type { ChangeRow } from "../store/rows.ts";
import type { Mirror } from "./mirror.ts";
import type { Platform } from "./platform.ts";

/** By the pull request once there is one, by the change itself before: both lead to its timeline for as long as it is open. */
export function changeEndpoint(project: ProjectId, change: Pick<ChangeRow, "id" | "pull_number">): EndpointName {
  if (change.pull_number !== null) return endpointName(project, { kind: "change", number: change.pull_number });
  return `proj_${projectKey(project)}_${change.id}` as EndpointName;
}

/**
 * The change with a timeline that has every migration of `treeish` and an endpoint for it. A migration that was edited after it ran
 * here rebuilds the timeline from the repository; the old one goes.
 */
export async function ensureChangeTimeline(
  platform: Platform,
  mirror: Mirror,
  change: ChangeRow,
  treeish: string,
): Promise<ChangeRow & { timeline: TimelineId }> {
  if (change.timeline !== null) {
    const present = change as ChangeRow & { timeline: TimelineId };
    await makeTimeline(platform, present);
    try {
      await migrateTo(platform, mirror, changeEndpoint(change.project_id, change), treeish);
      return await seed(platform, mirror, present, treeish);
    } catch (error) {
      if (!AdorableError.isInstance(error) || error.code !== "migration-changed") throw error;
    }
  }
  // The change refers to it before it is there: a repeat after a crash goes on with it, and leaves none that nobody knows.
  const rebuilt = (await updateChange(platform.store, change.id, {
    timeline: newId<TimelineId>("tml"),
    seeded: [],
    preview_epoch: change.preview_epoch + 1,
  })) as ChangeRow & { timeline: TimelineId };
  await makeTimeline(platform, rebuilt);
  if (change.timeline !== null) await dropTimeline(platform, change.project_id, change.timeline);
  await migrateTo(platform, mirror, changeEndpoint(change.project_id, rebuilt), treeish);
  return seed(platform, mirror, rebuilt, treeish);
}

/** The change's timeline and its endpoint; what is there stays as it is. */
async function makeTimeline(platform: Platform, change: ChangeRow & { timeline: TimelineId }): Promise<void> {
  await recordResource(platform.store, change.project_id, "timeline", change.timeline);
  try {
    await platform.database.createTimeline(change.timeline);
  } catch (error) {
    // It is there, as the branch that a restore made.
    if (!AdorableError.isInstance(error) || error.code !== "timeline-exists") throw error;
  }
  await pointEndpoint(platform, change);
}

async function pointEndpoint(platform: Platform, change: ChangeRow & { timeline: TimelineId }): Promise<void> {
  const endpoint = changeEndpoint(change.project_id, change);
  await recordResource(platform.store, change.project_id, "endpoint", endpoint);
  const present = await platform.database.findEndpoint(endpoint);
  if (present?.timeline === change.timeline) return;
  await platform.database.endpoint(endpoint, change.timeline, (present?.epoch ?? 0) + 1);
}

/** Roles for every app of the tree, and its pending migrations. */
export async function migrateTo(platform: Platform, mirror: Mirror, endpoint: EndpointName, treeish: string): Promise<string[]> {
  const { dsn } = await platform.database.credential(endpoint, ADMIN_ROLE);
  for (const app of (await mirror.spec(treeish)).apps) await ensureRoles(dsn, app);
  return (await applyMigrations(dsn, parseMigrations(await mirror.migrations(treeish)))).applied;
}

/** First rows for the apps that have none yet; each app is seeded once on a timeline, and never over rows that somebody wrote. */
async function seed(
  platform: Platform,
  mirror: Mirror,
  change: ChangeRow & { timeline: TimelineId },
  treeish: string,
): Promise<ChangeRow & { timeline: TimelineId }> {
  const fresh = (await mirror.spec(treeish)).apps.map((app) => app.slug).filter((slug) => !change.seeded.includes(slug));
  if (fresh.length === 0) return change;
  const { dsn } = await platform.database.credential(changeEndpoint(change.project_id, change), ADMIN_ROLE);
  for (const slug of fresh) {
    const sql = await mirror.readFile(treeish, `apps/${slug}/db/seed.sql`);
    if (sql !== undefined) await runSeed(dsn, slug, sql);
  }
  return (await updateChange(platform.store, change.id, { seeded: [...change.seeded, ...fresh] })) as ChangeRow & { timeline: TimelineId };
}

export async function dropTimeline(platform: Platform, project: ProjectId, timeline: TimelineId): Promise<void> {
  await platform.database.deleteTimeline(timeline);
  await forgetResource(platform.store, project, "timeline", timeline);
}
