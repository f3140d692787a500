/** Deletes a project whole: its ledger is exported, then everything that it made goes, then its rows; a tombstone stays. */
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Digest, EndpointName, EnvironmentId, TimelineId } from "../core/ids.ts";
import { listChanges } from "../store/changes.ts";
import { deleteProjectRows, forgetResource, listResources, type ResourceKind } from "../store/projects.ts";
import { findOpenRollout, listReleases } from "../store/releases.ts";
import type { ProjectRow } from "../store/rows.ts";
import { listRuns, RUN_OPEN, advanceRun } from "../store/runs.ts";
import type { Platform } from "../change/platform.ts";
import { bundlePath } from "../change/work.ts";
import { digestOf } from "../release/ledger.ts";
import type { Rollout } from "../release/rollout.ts";

/** What refers to something goes before it. */
const ORDER: readonly ResourceKind[] = ["routes", "environment", "endpoint", "timeline", "artifact", "mirror"];

/** Where the ledger of a deleted project is kept. */
export function ledgerExportPath(platform: Platform, project: Pick<ProjectRow, "id">): string {
  return join(platform.settings.dataDir, "exports", `${project.id}.ledger.json`);
}

/** One pass of the deletion. Every step may be repeated; the rows go last, and only once nothing is left. */
export async function deleteProject(platform: Platform, project: ProjectRow): Promise<undefined> {
  const { store, database, runtime, gateway, artifacts } = platform;
  for (const run of await listRuns(store, project.id)) {
    if (RUN_OPEN.includes(run.state)) await advanceRun(store, run.id, run.state, "cancelled");
    await rm(bundlePath(platform, run.id), { force: true });
  }
  const ledger = await listReleases(store, project.id);
  const path = ledgerExportPath(platform, project);
  await mkdir(join(platform.settings.dataDir, "exports"), { recursive: true });
  await writeFile(
    `${path}.tmp`,
    `${JSON.stringify({ project: { id: project.id, repository: project.full_name }, releases: ledger }, null, 2)}\n`,
    { flush: true },
  );
  await rename(`${path}.tmp`, path);

  const shared = await artifactsOfOthers(platform, project);
  const remove: Record<ResourceKind, (id: string) => Promise<void>> = {
    routes: (id) => gateway.removeRoutes(id),
    environment: (id) => runtime.remove(id as EnvironmentId),
    endpoint: (id) => database.removeEndpoint(id as EndpointName),
    timeline: (id) => database.deleteTimeline(id as TimelineId),
    artifact: async (id) => {
      if (!shared.has(id)) await artifacts.remove(id as Digest);
    },
    mirror: async () => (await platform.mirrors.open(project.id)).remove(),
  };
  // A hold has nobody left to end it once its endpoint is gone.
  for (const hold of await database.holds()) {
    if ((await listResources(store, project.id)).some((one) => one.kind === "endpoint" && one.id === hold.endpoint))
      await database.resume(hold.id);
  }
  const rollout = (await findOpenRollout(store, project.id)) as Rollout | undefined;
  if (rollout) await gateway.resume(rollout.data.holdId);
  const resources = await listResources(store, project.id);
  for (const kind of ORDER) {
    for (const { id } of resources.filter((one) => one.kind === kind)) {
      await remove[kind](id);
      await forgetResource(store, project.id, kind, id);
    }
  }
  await (await platform.mirrors.open(project.id)).remove();
  const changes = await listChanges(store, project.id);
  await deleteProjectRows(store, project.id, digestOf(ledger));
  platform.log.info({ project: project.id, releases: ledger.length, changes: changes.length }, "project deleted");
  return undefined;
}

/** Content-addressed: two projects that built the same bytes share them. */
async function artifactsOfOthers(platform: Platform, project: ProjectRow): Promise<Set<string>> {
  const rows = await platform.store.rows<{ id: string }>("select id from resources where kind = 'artifact' and project_id <> $1", [
    project.id,
  ]);
  return new Set(rows.map((row) => row.id));
}
