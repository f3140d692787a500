/** The preview of a change: the verified tree, running on the change's own data, with a link. */
import type { Evidence } from "../core/evidence.ts";
import { toAdorableError } from "../core/errors.ts";
import { newId, type EndpointName, type EnvironmentId } from "../core/ids.ts";
import { hostLabel } from "../core/names.ts";
import { settlePreview, updateChange } from "../store/changes.ts";
import { findArtifacts, saveEvidence } from "../store/evidence.ts";
import { forgetResource, listResources, recordResource } from "../store/projects.ts";
import type { ChangeRow, ProjectRow } from "../store/rows.ts";
import { probeLive } from "../verify/probe-live.ts";
import { couldNotRun } from "./compose-evidence.ts";
import { createDeployments, setDeployments } from "./deployments.ts";
import { appEnv } from "./forks.ts";
import type { Mirror } from "./mirror.ts";
import type { Platform } from "./platform.ts";
import { allowedData, describeData } from "./preview-data.ts";
import { changeEndpoint, ensureChangeTimeline, type ChangeWithData } from "./timeline.ts";

export function previewHost(platform: Platform, change: ChangeRow, app: string): string {
  return `${hostLabel(app, change.project_id, { kind: "change", number: change.pull_number ?? 0 })}.${platform.settings.appsDomain}`;
}

/** What people open. */
export function previewUrl(platform: Platform, change: ChangeRow, app: string): string {
  return `http://${previewHost(platform, change, app)}`;
}

/** Deploys the change's verified tree beside the old preview, switches the routes and removes the old one. Idempotent by tree. */
export async function ensurePreview(platform: Platform, project: ProjectRow, mirror: Mirror, found: ChangeRow): Promise<ChangeRow> {
  const tree = found.tree;
  if (tree === null || found.preview_tree === tree || found.pull_number === null) return found;
  const { store, runtime, gateway, github } = platform;
  const startedAt = performance.now();
  let change: ChangeWithData;
  try {
    change = await ensureChangeTimeline(platform, mirror, found, tree);
  } catch (thrown) {
    // Where gates have this data too, they say it.
    const error = toAdorableError(thrown);
    if (error.remedy !== "author" || allowedData(platform, project) === "empty") throw thrown;
    const said = `${error.message}${error.hint === undefined ? "" : `\n\n${error.hint}`}`;
    await saveEvidence(store, project.id, tree, couldNotRun("preview", said));
    return updateChange(store, found.id, { preview_tree: tree });
  }
  const spec = await mirror.spec(tree);
  const repository = await github.forInstallation(project.full_name);
  const deployments = await createDeployments(repository, spec.apps, {
    place: `preview/pr-${change.pull_number}`,
    sha: change.head_commit ?? "",
    id: `${change.id}:${tree}`,
    description: `Preview of #${change.pull_number}`,
    isProduction: false,
  });

  const environment = newId<EnvironmentId>("env");
  const endpoint = changeEndpoint(project.id, change);
  await recordResource(store, project.id, "environment", environment);
  try {
    const artifacts = await findArtifacts(store, project.id, tree);
    const apps = await Promise.all(
      spec.apps.map(async (app) => {
        const artifact = artifacts[app.slug];
        if (!artifact) throw new Error(`the verified tree has no artifact of "${app.slug}"`);
        return { slug: app.slug, artifact, env: await appEnv(platform, endpoint, app.slug) };
      }),
    );
    await runtime.ensure({ id: environment, project: project.id, apps });
    await recordResource(store, project.id, "routes", endpoint);
    const routes = spec.apps.map((app) => ({
      host: previewHost(platform, change, app.slug).replace(/:\d+$/, ""),
      environment,
      app: app.slug,
    }));
    await gateway.setRoutes({ place: endpoint, epoch: change.preview_epoch + 1, routes });
    const failures = new Map<string, string>();
    for (const app of spec.apps) {
      const probe = await probeLive(platform.settings.gatewayUrl, previewHost(platform, change, app.slug), app.contract);
      if (probe.conclusion !== "success") failures.set(app.slug, `${app.slug}: ${probe.title}`);
    }
    await saveEvidence(
      store,
      project.id,
      tree,
      previewEvidence(
        [...failures.values()],
        { urls: spec.apps.map((app) => previewUrl(platform, change, app.slug)), data: describeData(change) },
        startedAt,
      ),
    );
    await setDeployments(repository, deployments, (app) => ({
      state: failures.has(app) ? "failure" : "success",
      description: failures.get(app)?.slice(0, 140) ?? "Running",
      environmentUrl: previewUrl(platform, change, app),
    }));
  } catch (thrown) {
    const error = toAdorableError(thrown);
    await runtime.remove(environment);
    await forgetResource(store, project.id, "environment", environment);
    if (error.remedy === "wait") throw thrown;
    await saveEvidence(store, project.id, tree, previewEvidence([error.message], { urls: [], data: describeData(change) }, startedAt));
    await setDeployments(repository, deployments, () => ({ state: "failure", description: error.message.slice(0, 140) }));
    await updateChange(store, change.id, { deployments: { ...change.deployments, ...deployments } });
    return settlePreview(store, change.id, tree, change.timeline);
  }
  await removePreviewEnvironment(platform, change);
  await setDeployments(repository, without(change.deployments, deployments), () => ({
    state: "inactive",
    description: "The app is no longer part of the change",
  }));
  await updateChange(store, change.id, { preview_environment: environment, preview_epoch: change.preview_epoch + 1, deployments });
  return settlePreview(store, change.id, tree, change.timeline);
}

function without(all: Readonly<Record<string, number>>, some: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(all).filter(([app]) => some[app] === undefined));
}

/** Removes the running preview, its routes and its endpoint; the timeline stays until its retention ends. Idempotent. */
export async function removePreview(platform: Platform, project: ProjectRow, change: ChangeRow): Promise<void> {
  const endpoint = changeEndpoint(project.id, change);
  const names = new Set([endpoint, changeEndpoint(project.id, { ...change, pull_number: null })]);
  const resources = await listResources(platform.store, project.id);
  if (!resources.some((one) => one.id === change.preview_environment || (one.kind !== "timeline" && names.has(one.id as EndpointName))))
    return;
  await platform.gateway.removeRoutes(endpoint);
  await forgetResource(platform.store, project.id, "routes", endpoint);
  await removePreviewEnvironment(platform, change);
  // Its name from before there was a pull request goes too.
  for (const name of names) {
    await platform.database.removeEndpoint(name);
    await forgetResource(platform.store, project.id, "endpoint", name);
  }
  if (Object.keys(change.deployments).length > 0) {
    const repository = await platform.github.forInstallation(project.full_name);
    await setDeployments(repository, change.deployments, () => ({ state: "inactive", description: "The change was closed" }));
  }
  await updateChange(platform.store, change.id, { preview_environment: null, preview_tree: null, deployments: {} });
}

async function removePreviewEnvironment(platform: Platform, change: ChangeRow): Promise<void> {
  if (change.preview_environment === null) return;
  await platform.runtime.remove(change.preview_environment);
  await forgetResource(platform.store, change.project_id, "environment", change.preview_environment);
}

function previewEvidence(failures: string[], { urls, data }: { urls: string[]; data: string }, startedAt: number): Evidence {
  const passed = failures.length === 0;
  return {
    gate: "preview",
    conclusion: passed ? "success" : "failure",
    title: passed ? "The live preview answers" : "The live preview does not answer",
    summary: `${
      passed
        ? `Read-only contract calls and a page load on the live preview.\n\n${urls.map((url) => `- ${url}`).join("\n")}`
        : failures.map((failure) => `- ${failure}`).join("\n")
    }\n\n${data}`,
    annotations: [],
    files: [],
    durationMs: Math.round(performance.now() - startedAt),
  };
}
