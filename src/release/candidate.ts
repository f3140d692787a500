/** Boots a candidate on a fork of the data that it will get, and asks it what its contract promises. */
import type { Digest, EnvironmentId, ProjectId } from "../core/ids.ts";
import { AdorableError } from "../core/errors.ts";
import type { ProjectSpec } from "../core/spec.ts";
import type { Platform } from "../change/platform.ts";
import { appEnv, type Fork } from "../change/forks.ts";
import { forgetResource, recordResource } from "../store/projects.ts";
import { probeLive } from "../verify/probe-live.ts";

export interface Candidate {
  id: EnvironmentId;
  spec: ProjectSpec;
  artifacts: Record<string, Digest>;
}

/**
 * Starts the candidate on the fork, makes its read-only contract calls, and removes it.
 * Throws `app-not-ready` or `candidate-failed` (author) with what it answered.
 */
export async function rehearseCandidate(platform: Platform, project: ProjectId, candidate: Candidate, fork: Fork): Promise<void> {
  const { id, spec, artifacts } = candidate;
  await recordResource(platform.store, project, "environment", id);
  try {
    const apps = await Promise.all(
      spec.apps.map(async (app) => ({
        slug: app.slug,
        artifact: artifactOf(artifacts, app.slug),
        env: await appEnv(platform, fork.endpoint, app.slug),
      })),
    );
    const observed = await platform.runtime.ensure({ id, project, apps });
    for (const app of spec.apps) {
      const address = observed.apps.find((one) => one.slug === app.slug)?.address;
      if (!address)
        throw new AdorableError({ code: "candidate-failed", remedy: "author", message: `The candidate of "${app.slug}" has no address.` });
      const probe = await probeLive(`http://${address.host}:${address.port}`, `${address.host}:${address.port}`, app.contract);
      if (probe.conclusion !== "success") {
        throw new AdorableError({
          code: "candidate-failed",
          remedy: "author",
          message: `The candidate of "${app.slug}" failed on a copy of the data: ${probe.title}.`,
          hint: "Read the logs of the app, correct it and merge again.",
        });
      }
    }
  } finally {
    await platform.runtime.remove(id);
    await forgetResource(platform.store, project, "environment", id);
  }
}

/** Throws `artifact-missing` (bug): an app without a built artifact is never replaced by another. */
export function artifactOf(artifacts: Record<string, Digest>, app: string): Digest {
  const digest = artifacts[app];
  if (!digest) throw new AdorableError({ code: "artifact-missing", remedy: "bug", message: `The app "${app}" has no built artifact.` });
  return digest;
}
