/** Removes what an interrupted pass left behind and nothing refers to any more: environments, and forks that live within one step. */
import type { EnvironmentId } from "../core/ids.ts";
import { endpointName } from "../core/names.ts";
import { listChanges } from "../store/changes.ts";
import { forgetResource, listResources } from "../store/projects.ts";
import { findEnvironment, findOpenRollout } from "../store/releases.ts";
import type { ProjectRow } from "../store/rows.ts";
import { removeFork } from "../change/forks.ts";
import { isForkInUse } from "../change/own-forks.ts";
import type { Platform } from "../change/platform.ts";
import { isStartedBy } from "../release/placement.ts";
import type { Rollout } from "../release/rollout.ts";

/** The forks of runs outlive a pass and have a sweep of their own. */
const STEP_FORK = /^(?:fork|tmp)_(?!run_)(.+)$/;

/** Runs within the pass, when nobody but an operator makes such things for the project. Every leak is logged: something was interrupted, or is wrong. */
export async function sweepLeaks(platform: Platform, project: ProjectRow): Promise<void> {
  const { store, runtime, gateway, log } = platform;
  const resources = await listResources(store, project.id);
  const environments = resources.filter((one) => one.kind === "environment").map((one) => one.id);
  const referred = environments.length === 0 ? () => false : await referredEnvironments(platform, project);
  const routed = new Set((await gateway.listRoutes()).flatMap((set) => set.routes.map((route) => route.environment as string)));
  for (const id of environments) {
    if (referred(id) || routed.has(id)) continue;
    log.error({ project: project.id, kind: "environment", id }, "a leak was removed");
    await runtime.remove(id as EnvironmentId);
    await forgetResource(store, project.id, "environment", id);
  }
  const forks = new Set(resources.map((one) => STEP_FORK.exec(one.id)?.[1]).filter((key) => key !== undefined));
  for (const key of forks) {
    if (isForkInUse(key)) continue;
    log.error({ project: project.id, kind: "fork", id: key }, "a leak was removed");
    await removeFork(platform, project.id, key);
  }
}

async function referredEnvironments(platform: Platform, project: ProjectRow): Promise<(id: string) => boolean> {
  const { store } = platform;
  const rollout = (await findOpenRollout(store, project.id)) as Rollout | undefined;
  const production = await findEnvironment(store, project.id, endpointName(project.id, { kind: "production" }));
  const previews = (await listChanges(store, project.id)).map((change) => change.preview_environment);
  const live = [production?.apps, rollout?.data.apps, rollout?.data.previous?.apps].flatMap((apps) => Object.values(apps ?? {}));
  const known = new Set([...previews, ...live].filter((id) => id != null));
  return (id) => known.has(id as EnvironmentId) || (rollout !== undefined && isStartedBy(rollout.data, id));
}
