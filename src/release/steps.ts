/** The steps that releases and rollbacks share, from the hold to the resume. Each may be repeated. */
import type { Checkpoint } from "../database/database.ts";
import { endpointName, hostLabel } from "../core/names.ts";
import { AdorableError } from "../core/errors.ts";
import type { ProjectId } from "../core/ids.ts";
import type { ProjectSpec } from "../core/spec.ts";
import type { Platform } from "../change/platform.ts";
import { saveCheckpoint } from "../store/evidence.ts";
import { recordResource, saveApps } from "../store/projects.ts";
import { advanceRollout, appendRelease, saveEnvironment } from "../store/releases.ts";
import type { ReleaseRow } from "../store/rows.ts";
import { placeApps, startApps, type Placement } from "./placement.ts";
import type { Rollout, RolloutData, Step } from "./rollout.ts";

export const PRODUCTION = { kind: "production" } as const;
const DRAIN_MS = 3000;

/** Stops requests and sessions. `terminate` ends what does not come to a boundary in time; `abort` gives up instead. */
export async function holdProduction(
  platform: Platform,
  project: ProjectId,
  data: RolloutData,
  onDrainTimeout: "abort" | "terminate",
): Promise<{ dsn: string }> {
  const endpoint = endpointName(project, PRODUCTION);
  const budgetMs = platform.settings.holdBudgetMs;
  await platform.gateway.hold(endpoint, data.holdId, { budgetMs, drainMs: DRAIN_MS });
  return platform.database.hold(endpoint, data.holdId, { budgetMs, drainMs: DRAIN_MS, onDrainTimeout });
}

export async function resumeProduction(platform: Platform, data: RolloutData): Promise<void> {
  await platform.database.resume(data.holdId);
  await platform.gateway.resume(data.holdId);
}

/** The place in production's history at which the live release stops being live. Called under the hold. */
export async function checkpointProduction(platform: Platform, rollout: Rollout, note: string): Promise<Checkpoint> {
  const timeline = rollout.data.previous?.timeline ?? rollout.data.timeline;
  const checkpoint = { timeline, lsn: await platform.database.head(timeline) };
  await platform.database.protect(checkpoint, rollout.id);
  await saveCheckpoint(platform.store, rollout.project_id, {
    id: rollout.id,
    ...checkpoint,
    git_commit: rollout.git_commit,
    run_id: null,
    note,
  });
  return checkpoint;
}

/** Starts what is new of the apps beside the old ones. */
export async function startCandidates(platform: Platform, rollout: Rollout, spec: ProjectSpec): Promise<Step> {
  const apps = await placeApps(platform, rollout, spec);
  await startApps(platform, rollout.project_id, rollout.data, apps);
  return { to: "started", data: { apps } };
}

/** The commit point: the environment row, the ledger row and the rollout's state, in one transaction. */
export async function flip(
  platform: Platform,
  rollout: Rollout,
  spec: ProjectSpec,
  row: Pick<ReleaseRow, "kind" | "checkpoint" | "schema_hash" | "evidence" | "restores" | "choice" | "migrations">,
): Promise<Step> {
  const { data, project_id } = rollout;
  const endpoint = endpointName(project_id, PRODUCTION);
  await platform.store.transaction(async (sql) => {
    const release = await appendRelease(sql, {
      project_id,
      git_commit: rollout.git_commit,
      tree: rollout.tree,
      released_tree: data.releasedTree,
      plan_hash: data.planHash,
      approver: data.approver,
      timeline: data.timeline,
      artifacts: data.artifacts,
      epoch: data.epoch,
      created_at: platform.clock.now(),
      ...row,
    });
    const isNewer = await saveEnvironment(sql, {
      project_id,
      place: endpoint,
      timeline: data.timeline,
      apps: placedOf(data),
      epoch: data.epoch,
      release_number: release.number,
    });
    const moved = await advanceRollout(sql, rollout, "flipped", { ...data, release: release.number });
    await saveApps(sql, project_id, spec.apps);
    // Either both are written by this pass or none is: another writer would have been a second control plane.
    if (!isNewer || !moved) throw new Error(`rollout ${rollout.id} lost its commit point to another writer`);
  });
  return { waitMs: 0 };
}

/** After the commit point: points clients at the new apps and lets them on. */
export async function converge(platform: Platform, project: ProjectId, data: RolloutData): Promise<void> {
  const endpoint = endpointName(project, PRODUCTION);
  await platform.database.endpoint(endpoint, data.timeline, data.epoch);
  await recordResource(platform.store, project, "routes", endpoint);
  await platform.gateway.setRoutes({
    place: endpoint,
    epoch: data.epoch,
    routes: Object.entries(placedOf(data)).map(([app, environment]) => ({
      host: productionHost(platform, project, app),
      environment,
      app,
    })),
  });
  await resumeProduction(platform, data);
}

/** Throws `apps-not-placed` (bug): nothing is routed to before it was started. */
function placedOf(data: RolloutData): Placement {
  if (data.apps === undefined)
    throw new AdorableError({ code: "apps-not-placed", remedy: "bug", message: "The rollout has not started its apps." });
  return data.apps;
}

/** Without the port, as browsers send it in front of one. */
export function productionHost(platform: Platform, project: ProjectId, app: string): string {
  return `${hostLabel(app, project, PRODUCTION)}.${platform.settings.appsDomain.replace(/:\d+$/, "")}`;
}

export function productionUrl(platform: Platform, project: ProjectId, app: string): string {
  return `http://${hostLabel(app, project, PRODUCTION)}.${platform.settings.appsDomain}`;
}
