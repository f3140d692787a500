/** Which environment each app of production runs in: one for each app, and the one that it has where nothing of it changes. */
import type { EnvironmentId, ProjectId } from "../core/ids.ts";
import { endpointName } from "../core/names.ts";
import type { ProjectSpec } from "../core/spec.ts";
import type { Platform } from "../change/platform.ts";
import { appEnv } from "../change/forks.ts";
import { forgetResource, listResources, recordResource } from "../store/projects.ts";
import { listReleases } from "../store/releases.ts";
import { artifactOf } from "./candidate.ts";
import type { Rollout, RolloutData } from "./rollout.ts";

/** By slug. */
export type Placement = Record<string, EnvironmentId>;

/** Chosen before it is made; what an abort and a sweep look for. */
function environmentOf(rollout: Pick<RolloutData, "environment">, app: string): EnvironmentId {
  return `${rollout.environment}_${app}` as EnvironmentId;
}

/** True for the environments that the rollout starts, whether it came to it or not. */
export function isStartedBy(rollout: Pick<RolloutData, "environment">, environment: string): boolean {
  return environment.startsWith(`${rollout.environment}_`);
}

/**
 * An app whose artifact a release leaves as it was goes on where it runs: its data, its address and its credentials stay what they are. A
 * rollback starts everything anew: what an app keeps in memory is of a present that is gone.
 */
export async function placeApps(platform: Platform, rollout: Rollout, spec: ProjectSpec): Promise<Placement> {
  const { data, project_id: project } = rollout;
  const before = (await listReleases(platform.store, project)).find((row) => row.number === data.previous?.release);
  return Object.fromEntries(
    spec.apps.map(({ slug }): [string, EnvironmentId] => {
      const running = data.previous?.apps[slug];
      const isSame = rollout.kind === "release" && before?.artifacts[slug] === artifactOf(data.artifacts, slug);
      return [slug, running !== undefined && isSame ? running : environmentOf(data, slug)];
    }),
  );
}

/** Starts those that do not run yet beside the old ones, with the connection strings that production always has. Idempotent. */
export async function startApps(platform: Platform, project: ProjectId, data: RolloutData, placement: Placement): Promise<void> {
  const endpoint = endpointName(project, { kind: "production" });
  await Promise.all(
    Object.entries(placement).map(async ([slug, id]) => {
      if (!isStartedBy(data, id)) return;
      await recordResource(platform.store, project, "environment", id);
      const artifact = artifactOf(data.artifacts, slug);
      await platform.runtime.ensure({ id, project, apps: [{ slug, artifact, env: await appEnv(platform, endpoint, slug) }] });
    }),
  );
}

/** Removes what the rollout started, or began to. Idempotent. */
export async function removeStarted(platform: Platform, project: ProjectId, data: RolloutData): Promise<void> {
  for (const { kind, id } of await listResources(platform.store, project)) {
    if (kind === "environment" && isStartedBy(data, id)) await removeEnvironment(platform, project, id as EnvironmentId);
  }
}

/** Removes what was live before and is no more; the timeline stays, as the past that can be gone back to. Idempotent. */
export async function removeReplaced(platform: Platform, project: ProjectId, data: RolloutData): Promise<void> {
  const live = new Set(Object.values(data.apps ?? {}));
  for (const old of new Set(Object.values(data.previous?.apps ?? {}))) {
    if (!live.has(old)) await removeEnvironment(platform, project, old);
  }
}

async function removeEnvironment(platform: Platform, project: ProjectId, id: EnvironmentId): Promise<void> {
  await platform.runtime.remove(id);
  await forgetResource(platform.store, project, "environment", id);
}
