/** Throwaway forks of a timeline, behind an endpoint of their own: for rehearsals, probes and comparisons. */
import { ADMIN_ROLE, type Checkpoint } from "../database/database.ts";
import type { EndpointName, ProjectId, TimelineId } from "../core/ids.ts";
import { appRole } from "../core/names.ts";
import { forgetResource, recordResource } from "../store/projects.ts";
import type { Platform } from "./platform.ts";

export interface Fork {
  timeline: TimelineId;
  endpoint: EndpointName;
  /** As the administrator. */
  dsn: string;
}

/** The names of the fork that `key` stands for; a key is chosen before the fork is made, and is unique to its purpose. */
export function forkNames(key: string): { timeline: TimelineId; endpoint: EndpointName } {
  return { timeline: `fork_${key}` as TimelineId, endpoint: `tmp_${key}` as EndpointName };
}

/** The timeline, going on from a moment of another, or empty. Idempotent. */
export async function beginTimeline(platform: Platform, timeline: TimelineId, from: Checkpoint | null): Promise<void> {
  if (from === null) await platform.database.createTimeline(timeline);
  else await platform.database.branch(timeline, from);
}

/** Makes the fork anew: what an interrupted attempt left under this key goes first. */
export async function openFork(platform: Platform, project: ProjectId, key: string, from: Checkpoint | null): Promise<Fork> {
  const { timeline, endpoint } = forkNames(key);
  await removeFork(platform, project, key);
  await recordResource(platform.store, project, "timeline", timeline);
  await recordResource(platform.store, project, "endpoint", endpoint);
  await beginTimeline(platform, timeline, from);
  await platform.database.endpoint(endpoint, timeline, 1);
  return { timeline, endpoint, dsn: (await platform.database.credential(endpoint, ADMIN_ROLE)).dsn };
}

/** Idempotent. */
export async function removeFork(platform: Platform, project: ProjectId, key: string): Promise<void> {
  const { timeline, endpoint } = forkNames(key);
  await platform.database.removeEndpoint(endpoint);
  await forgetResource(platform.store, project, "endpoint", endpoint);
  await platform.database.deleteTimeline(timeline);
  await forgetResource(platform.store, project, "timeline", timeline);
}

/** Runs `work` on a fork (of an empty database where `from` is null) that is gone afterwards, whatever happens. */
export async function withFork<T>(
  platform: Platform,
  project: ProjectId,
  key: string,
  from: Checkpoint | null,
  work: (fork: Fork) => Promise<T>,
): Promise<T> {
  const fork = await openFork(platform, project, key, from);
  try {
    return await work(fork);
  } finally {
    await removeFork(platform, project, key);
  }
}

/** The variables that an app gets: the connection string of its own role, the same for as long as the endpoint has its name. */
export async function appEnv(platform: Platform, endpoint: EndpointName, app: string): Promise<Record<string, string>> {
  return { DATABASE_URL: (await platform.database.credential(endpoint, appRole(app))).dsn };
}
