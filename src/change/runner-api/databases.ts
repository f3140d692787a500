/** The databases that a run may open: its change's timeline for work, throwaway forks for gates. */
import { randomInt } from "node:crypto";
import type { EndpointName, TimelineId } from "../../core/ids.ts";
import { AdorableError } from "../../core/errors.ts";
import { appRole } from "../../core/names.ts";
import type { DatabaseAnswer } from "../../core/runner-protocol.ts";
import { newId } from "../../core/ids.ts";
import { ADMIN_ROLE, type Checkpoint } from "../../database/database.ts";
import { applyMigrations, parseMigrations } from "../../database/migrations/migrations.ts";
import { ensureRoles } from "../../database/migrations/roles.ts";
import { findChange } from "../../store/changes.ts";
import { findCheckpoint, saveCheckpoint } from "../../store/evidence.ts";
import { listResources, recordResource } from "../../store/projects.ts";
import type { ChangeRow } from "../../store/rows.ts";
import { openFork } from "../forks.ts";
import type { Platform } from "../platform.ts";
import { changeEndpoint, dropTimeline, migrateTo } from "../timeline.ts";
import type { Caller } from "./identity.ts";

type ChangeWithData = ChangeRow & { timeline: TimelineId };

/** Opens one more database for the run and says how to connect. */
export async function openDatabase(
  platform: Platform,
  caller: Caller,
  request: { apps: string[]; of: "fork" | "timeline" },
): Promise<DatabaseAnswer> {
  const database =
    request.of === "timeline" ? changeEndpoint(caller.project.id, await changeOf(platform, caller)) : await openRunFork(platform, caller);
  const { dsn } = await platform.database.credential(database, ADMIN_ROLE);
  const apps: DatabaseAnswer["apps"] = {};
  for (const slug of request.apps) {
    await ensureRoles(dsn, { slug });
    const { user, password } = await platform.database.credential(database, appRole(slug));
    apps[slug] = { user, password };
  }
  return { database, apps };
}

/** Those that a tunnel of this run may lead to. */
export async function isDatabaseOf(platform: Platform, caller: Caller, database: string): Promise<boolean> {
  if (database.startsWith(`tmp_${caller.run.id}_`))
    return (await listResources(platform.store, caller.project.id)).some((one) => one.kind === "endpoint" && one.id === database);
  if (caller.run.kind !== "work" || caller.run.change_id === null) return false;
  return changeEndpoint(caller.project.id, await changeOf(platform, caller)) === database;
}

async function openRunFork(platform: Platform, caller: Caller): Promise<EndpointName> {
  const { run, project } = caller;
  const count = (await listResources(platform.store, project.id)).filter(
    (one) => one.kind === "endpoint" && one.id.startsWith(`tmp_${run.id}_`),
  ).length;
  if (count >= 8)
    throw new AdorableError({
      code: "too-many-databases",
      remedy: "author",
      message: `The run "${run.id}" has ${count} databases open; 8 are allowed.`,
    });
  // Not the count: two calls at once would take the same.
  const key = `${run.id}_${randomInt(1_000_000_000)}`;
  const mirror = await platform.mirrors.open(project.id);
  const assignment = run.assignment;
  const treeish = assignment.kind === "verify" ? assignment.tree : assignment.startCommit;
  const timeline = run.change_id === null ? null : ((await findChange(platform.store, run.change_id))?.timeline ?? null);
  // A commit of no change, or of one that was merged before it had data: an empty database. Production's rows never reach a runner.
  const from = timeline === null ? null : { timeline, lsn: await platform.database.head(timeline) };
  const { endpoint } = await openFork(platform, project.id, key, from);
  await migrateTo(platform, mirror, endpoint, treeish);
  return endpoint;
}

/** The safety net of `apply_migrations`: a checkpoint first, then the migrations that are pending. */
export async function migrateChange(
  platform: Platform,
  caller: Caller,
  request: { app: string; files: { path: string; sql: string }[] },
): Promise<{ snapshot: string; applied: string[] }> {
  const change = await changeOf(platform, caller);
  const snapshot = await takeSnapshot(platform, caller, "before migrations");
  const { dsn } = await platform.database.credential(changeEndpoint(caller.project.id, change), ADMIN_ROLE);
  await ensureRoles(dsn, { slug: request.app });
  const { applied } = await applyMigrations(dsn, parseMigrations(request.files.map((file) => ({ app: request.app, ...file }))));
  return { snapshot, applied };
}

/** A `(timeline, lsn)` row; returns its id. */
export async function takeSnapshot(platform: Platform, caller: Caller, note: string): Promise<string> {
  const { timeline } = await changeOf(platform, caller);
  const checkpoint: Checkpoint = { timeline, lsn: await platform.database.head(timeline) };
  const id = newId<string>("ckp");
  await saveCheckpoint(platform.store, caller.project.id, { id, ...checkpoint, git_commit: null, run_id: caller.run.id, note });
  await platform.database.protect(checkpoint, id);
  return id;
}

/** Puts the run's timeline back to a snapshot of the same run: same endpoint, same connection string. Throws `snapshot-foreign` (author). */
export async function restoreSnapshot(platform: Platform, caller: Caller, id: string): Promise<void> {
  const snapshot = await findCheckpoint(platform.store, caller.project.id, id);
  if (snapshot?.run_id !== caller.run.id) {
    throw new AdorableError({
      code: "snapshot-foreign",
      remedy: "author",
      message: `"${id}" is not a snapshot of this run.`,
      hint: "Going back further is a decision of a person: they comment `@adorable restore-points`.",
    });
  }
  const change = await changeOf(platform, caller);
  const endpoint = changeEndpoint(caller.project.id, change);
  const timeline = newId<TimelineId>("tml");
  await recordResource(platform.store, caller.project.id, "timeline", timeline);
  await platform.database.branch(timeline, snapshot);
  const present = await platform.database.findEndpoint(endpoint);
  await platform.database.endpoint(endpoint, timeline, (present?.epoch ?? 0) + 1);
  await platform.store.rows("update changes set timeline = $2, preview_tree = null where id = $1", [change.id, timeline]);
  await platform.database.unprotect(snapshot, id);
  if (change.timeline !== snapshot.timeline) await dropTimeline(platform, caller.project.id, change.timeline);
}

async function changeOf(platform: Platform, caller: Caller): Promise<ChangeWithData> {
  const change = caller.run.change_id === null ? undefined : await findChange(platform.store, caller.run.change_id);
  if (!change || change.timeline === null)
    throw new AdorableError({ code: "change-without-data", remedy: "bug", message: `The run "${caller.run.id}" has no timeline.` });
  return change as ChangeWithData;
}
