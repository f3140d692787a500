/** The databases that a run may open: its change's timeline for work, throwaway forks for gates. */
import { randomInt } from "node:crypto";
import type { EndpointName } from "../../core/ids.ts";
import { AdorableError } from "../../core/errors.ts";
import { appRole } from "../../core/names.ts";
import type { DatabaseAnswer } from "../../core/runner-protocol.ts";
import { ADMIN_ROLE } from "../../database/database.ts";
import { ensureRoles } from "../../database/migrations/roles.ts";
import { findChange } from "../../store/changes.ts";
import { listResources } from "../../store/projects.ts";
import { openFork, type Fork } from "../forks.ts";
import type { Platform } from "../platform.ts";
import { isFromRepositoryAlone } from "../preview-data.ts";
import { changeEndpoint, migrate, seed } from "../timeline.ts";
import { takeTurn } from "../turns.ts";
import type { Caller } from "./identity.ts";
import { onChange } from "./snapshots.ts";

/** Opens one more database for the run and says how to connect. */
export async function openDatabase(
  platform: Platform,
  caller: Caller,
  request: { apps: string[]; of: "fork" | "timeline" },
): Promise<DatabaseAnswer> {
  const database =
    request.of === "timeline"
      ? await onChange(platform, caller, async (change) => changeEndpoint(caller.project.id, change))
      : await openRunFork(platform, caller);
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
  const change = await findChange(platform.store, caller.run.change_id);
  return change !== undefined && changeEndpoint(caller.project.id, change) === database;
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
  const fork = await forkOwnData(platform, caller, key);
  if (fork !== undefined) {
    await migrate(mirror, fork.dsn, treeish);
    return fork.endpoint;
  }
  // A commit of no change, one that was merged before it had data, or a change with rows of production: those never reach a gate.
  const { dsn, endpoint } = await openFork(platform, project.id, key, null);
  await migrate(mirror, dsn, treeish);
  await seed(mirror, dsn, [], treeish);
  return endpoint;
}

/** Of the change's own data, where it comes from the repository alone. */
async function forkOwnData(platform: Platform, { run, project }: Caller, key: string): Promise<Fork | undefined> {
  if (run.change_id === null) return undefined;
  return takeTurn(run.change_id, async () => {
    const change = await findChange(platform.store, run.change_id ?? "");
    if (!change || change.timeline === null || !isFromRepositoryAlone(change)) return undefined;
    return openFork(platform, project.id, key, { timeline: change.timeline, lsn: await platform.database.head(change.timeline) });
  });
}
