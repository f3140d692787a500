/** Boots a candidate on a fork of the data that it will get, and asks it what its contract promises. */
import type { Digest, EnvironmentId, ProjectId } from "../core/ids.ts";
import { AdorableError } from "../core/errors.ts";
import type { Evidence } from "../core/evidence.ts";
import type { Contract, ProjectSpec } from "../core/spec.ts";
import type { Platform } from "../change/platform.ts";
import { appEnv, type Fork } from "../change/forks.ts";
import { forgetResource, recordResource } from "../store/projects.ts";
import type { EnvironmentSpec, Observed } from "../runtime/runtime.ts";
import { probeLive } from "../verify/probe-live.ts";

export interface Candidate {
  id: EnvironmentId;
  spec: ProjectSpec;
  artifacts: Record<string, Digest>;
}

/**
 * Starts the candidate on the fork, makes its read-only contract calls, and removes it. The fork holds production's rows, and what the candidate prints
 * or answers may be one of them: only whether it did is told.
 * Throws `candidate-failed` (author).
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
    const observed = await start(platform, { id, project, apps });
    for (const app of spec.apps) {
      const address = observed.apps.find((one) => one.slug === app.slug)?.address;
      if (!address)
        throw new AdorableError({ code: "candidate-failed", remedy: "author", message: `The candidate of "${app.slug}" has no address.` });
      const probe = await probeLive(`http://${address.host}:${address.port}`, `${address.host}:${address.port}`, app.contract);
      if (probe.conclusion !== "success") throw failed(app.slug, whatFailed(probe, app.contract));
    }
  } finally {
    await platform.runtime.remove(id);
    await forgetResource(platform.store, project, "environment", id);
  }
}

async function start(platform: Platform, spec: EnvironmentSpec): Promise<Observed> {
  try {
    return await platform.runtime.ensure(spec);
  } catch (error) {
    if (AdorableError.isInstance(error) && error.code === "app-not-ready") throw failed(String(error.details["app"]), "it did not start");
    throw error;
  }
}

/** In names of the contract, which stands in the tree. */
export function whatFailed(probe: Evidence, contract: Contract): string {
  const queries = contract.procedures.map(({ name }) => name).filter((name) => probe.summary.includes(`✗ \`${name}\``));
  const isPageMissing = probe.title.startsWith("the page does not load");
  const failures = [
    ...(isPageMissing ? ["its page does not load"] : []),
    ...(queries.length === 0 ? [] : [`${queries.join(", ")} did not answer`]),
  ];
  // Nothing is named where the probe as a whole ran out of time.
  return failures.length === 0 ? "it did not answer in time" : failures.join("; ");
}

function failed(app: string, what: string): AdorableError {
  return new AdorableError({
    code: "candidate-failed",
    remedy: "author",
    message: `The candidate of "${app}" failed on a copy of production's data: ${what}.`,
    hint: "What it printed may name rows, and stays there. Try it in the preview with rows like those of production, correct it and merge again.",
  });
}

/** Throws `artifact-missing` (bug): an app without a built artifact is never replaced by another. */
export function artifactOf(artifacts: Record<string, Digest>, app: string): Digest {
  const digest = artifacts[app];
  if (!digest) throw new AdorableError({ code: "artifact-missing", remedy: "bug", message: `The app "${app}" has no built artifact.` });
  return digest;
}
