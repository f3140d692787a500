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

/** By the pull request once there is one, by the issue before: both stay valid for as long as the change is open. */
export function changeEndpoint(project: ProjectId, change: Pick<ChangeRow, "pull_number" | "issue_number">): EndpointName {
  if (change.pull_number !== null) return endpointName(project, { kind: "change", number: change.pull_number });
  return `proj_${projectKey(project)}_issue_${change.issue_number ?? 0}` as EndpointName;
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
    await pointEndpoint(platform, present);
    try {
      await migrateTo(platform, mirror, changeEndpoint(change.project_id, change), treeish);
      return present;
    } catch (error) {
      if (!AdorableError.isInstance(error) || error.code !== "migration-changed") throw error;
    }
  }
  const timeline = newId<TimelineId>("tml");
  await recordResource(platform.store, change.project_id, "timeline", timeline);
  await platform.database.createTimeline(timeline);
  const rebuilt = (await updateChange(platform.store, change.id, { timeline, preview_epoch: change.preview_epoch + 1 })) as ChangeRow & {
    timeline: TimelineId;
  };
  await pointEndpoint(platform, rebuilt);
  if (change.timeline !== null) await dropTimeline(platform, change.project_id, change.timeline);
  const endpoint = changeEndpoint(change.project_id, rebuilt);
  await migrateTo(platform, mirror, endpoint, treeish);
  await seed(platform, mirror, endpoint, treeish);
  return rebuilt;
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

async function seed(platform: Platform, mirror: Mirror, endpoint: EndpointName, treeish: string): Promise<void> {
  const { dsn } = await platform.database.credential(endpoint, ADMIN_ROLE);
  for (const app of (await mirror.spec(treeish)).apps) {
    const sql = await mirror.readFile(treeish, `apps/${app.slug}/db/seed.sql`);
    if (sql !== undefined) await runSeed(dsn, app.slug, sql);
  }
}

export async function dropTimeline(platform: Platform, project: ProjectId, timeline: TimelineId): Promise<void> {
  await platform.database.deleteTimeline(timeline);
  await forgetResource(platform.store, project, "timeline", timeline);
}
