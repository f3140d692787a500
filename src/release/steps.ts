/** The steps that releases and rollbacks share, from the hold to the resume. Each may be repeated. */
import type { Checkpoint } from "../database/database.ts";
import { endpointName, hostLabel } from "../core/names.ts";
import type { ProjectId } from "../core/ids.ts";
import type { ProjectSpec } from "../core/spec.ts";
import type { Platform } from "../change/platform.ts";
import { appEnv } from "../change/forks.ts";
import { saveCheckpoint } from "../store/evidence.ts";
import { recordResource, saveApps } from "../store/projects.ts";
import { advanceRollout, appendRelease, saveEnvironment } from "../store/releases.ts";
import type { ReleaseRow } from "../store/rows.ts";
import { artifactOf } from "./candidate.ts";
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

/** Starts the new environment beside the old one, with the connection strings that production always has. */
export async function startEnvironment(platform: Platform, project: ProjectId, spec: ProjectSpec, data: RolloutData): Promise<void> {
  const endpoint = endpointName(project, PRODUCTION);
  await recordResource(platform.store, project, "environment", data.environment);
  const apps = await Promise.all(
    spec.apps.map(async (app) => ({
      slug: app.slug,
      artifact: artifactOf(data.artifacts, app.slug),
      env: await appEnv(platform, endpoint, app.slug),
    })),
  );
  await platform.runtime.ensure({ id: data.environment, project, apps });
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
      runtime_environment: data.environment,
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

/** After the commit point: points clients at the new environment and lets them on. */
export async function converge(platform: Platform, project: ProjectId, spec: ProjectSpec, data: RolloutData): Promise<void> {
  const endpoint = endpointName(project, PRODUCTION);
  await platform.database.endpoint(endpoint, data.timeline, data.epoch);
  await recordResource(platform.store, project, "routes", endpoint);
  await platform.gateway.setRoutes({
    place: endpoint,
    epoch: data.epoch,
    routes: spec.apps.map((app) => ({ host: productionHost(platform, project, app.slug), environment: data.environment, app: app.slug })),
  });
  await resumeProduction(platform, data);
}

/** Without the port, as browsers send it in front of one. */
export function productionHost(platform: Platform, project: ProjectId, app: string): string {
  return `${hostLabel(app, project, PRODUCTION)}.${platform.settings.appsDomain.replace(/:\d+$/, "")}`;
}

export function productionUrl(platform: Platform, project: ProjectId, app: string): string {
  return `http://${hostLabel(app, project, PRODUCTION)}.${platform.settings.appsDomain}`;
}
