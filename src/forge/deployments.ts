/** Deployments with their statuses, and releases with their tags. */
import { authorizeWrite, type Actor } from "./auth.ts";
import { timestamp, type ForgeCore } from "./core.ts";
import { Fault, invalid, notFound } from "./faults.ts";
import { NO_COMMIT, objectsOf } from "./objects.ts";
import type { Deployment, DeploymentState, DeploymentStatus, Release, Repository } from "./records.ts";
import { syncRefs } from "./refs.ts";
import { deploymentJson, deploymentStatusEventJson, releaseJson } from "./serialize/checks.ts";
import { emit } from "./webhooks.ts";

const STATES: DeploymentState[] = ["error", "failure", "inactive", "in_progress", "queued", "pending", "success"];

export interface NewDeployment {
  ref: string;
  task: string;
  environment: string;
  description: string | null;
  payload: unknown;
  isTransient: boolean;
  isProduction: boolean;
}

export async function createDeployment(core: ForgeCore, actor: Actor, repository: Repository, wanted: NewDeployment): Promise<Deployment> {
  const user = authorizeWrite(core, actor, repository, "deployments", "write");
  const sha = await objectsOf(core.git, repository.id).resolve(wanted.ref);
  if (sha === undefined) throw new Fault(422, `No ref found for: ${wanted.ref}`);
  return core.db.transaction(() => {
    const now = timestamp();
    const payload = wanted.payload ?? {};
    const { ref, task, environment, description, isTransient, isProduction } = wanted;
    const record = { repositoryId: repository.id, sha, ref, task, environment, description, isTransient, isProduction, payload };
    const id = core.db.insert("deployments", { ...record, creatorId: user.id, createdAt: now, updatedAt: now });
    const deployment = findDeployment(core, repository, id);
    emit(core, repository, "deployment", user, {
      action: "created",
      deployment: deploymentJson(core, repository, deployment),
      workflow: null,
      workflow_run: null,
    });
    core.db.afterCommit(() => core.changes.publish({ repositoryId: repository.id, subject: "deployment" }));
    return deployment;
  });
}

export function findDeployment(core: ForgeCore, repository: Repository, id: number): Deployment {
  const deployment = core.state.deployment(id);
  if (deployment?.repositoryId !== repository.id) throw notFound();
  return deployment;
}

export interface NewDeploymentStatus {
  state: DeploymentState;
  description: string;
  environmentUrl: string;
  logUrl: string;
  /** A success makes earlier, non-transient deployments of the environment inactive. */
  autoInactive: boolean;
}

export function createDeploymentStatus(
  core: ForgeCore,
  actor: Actor,
  repository: Repository,
  deploymentId: number,
  wanted: NewDeploymentStatus,
): DeploymentStatus {
  const user = authorizeWrite(core, actor, repository, "deployments", "write");
  const deployment = findDeployment(core, repository, deploymentId);
  if (!STATES.includes(wanted.state))
    throw invalid({ resource: "DeploymentStatus", field: "state", code: "custom", message: "state is not included in the list" });
  return core.db.transaction(() => {
    const { autoInactive, ...record } = wanted;
    const id = core.db.insert("deploymentStatuses", { ...record, deploymentId, creatorId: user.id, createdAt: timestamp() });
    core.db.update("deployments", deploymentId, { updatedAt: timestamp() });
    if (wanted.state === "success" && autoInactive) retireOthers(core, repository, deployment, user.id);
    const status = core.db.get<DeploymentStatus>("select * from deploymentStatuses where id = ?", id) as DeploymentStatus;
    emit(core, repository, "deployment_status", user, {
      action: "created",
      deployment: deploymentJson(core, repository, deployment),
      deployment_status: deploymentStatusEventJson(core, repository, deployment, status),
    });
    core.db.afterCommit(() => core.changes.publish({ repositoryId: repository.id, subject: "deployment" }));
    return status;
  });
}

function retireOthers(core: ForgeCore, repository: Repository, current: Deployment, creatorId: number): void {
  for (const other of core.state.deployments(repository.id, { environment: current.environment }).items) {
    const latest = core.state.deploymentStatuses(other.id).items[0];
    if (other.id === current.id || other.isTransient || latest?.state !== "success") continue;
    const { description, environmentUrl, logUrl } = latest;
    core.db.insert("deploymentStatuses", {
      deploymentId: other.id,
      state: "inactive",
      description,
      environmentUrl,
      logUrl,
      creatorId,
      createdAt: timestamp(),
    });
  }
}

export function deleteDeployment(core: ForgeCore, actor: Actor, repository: Repository, id: number): void {
  authorizeWrite(core, actor, repository, "deployments", "write");
  findDeployment(core, repository, id);
  const latest = core.state.deploymentStatuses(id).items[0];
  const isOnly = core.state.deployments(repository.id).total === 1;
  if (!isOnly && latest !== undefined && latest.state !== "inactive")
    throw new Fault(422, "We cannot delete an active deployment unless it is the only deployment in a given environment.");
  core.db.transaction(() => {
    core.db.run("delete from deploymentStatuses where deploymentId = ?", id);
    core.db.run("delete from deployments where id = ?", id);
  });
}

export interface ReleaseFields {
  tagName?: string | undefined;
  targetCommitish?: string | undefined;
  name?: string | null | undefined;
  body?: string | null | undefined;
  isDraft?: boolean | undefined;
  isPrerelease?: boolean | undefined;
}

/** Makes the tag at `targetCommitish` when it is not there. Throws 422 when the tag has a release. */
export async function createRelease(
  core: ForgeCore,
  actor: Actor,
  repository: Repository,
  wanted: ReleaseFields & { tagName: string },
): Promise<Release> {
  const user = authorizeWrite(core, actor, repository, "contents", "write");
  const { tagName, targetCommitish = repository.defaultBranch, name = null, body = null, isDraft = false, isPrerelease = false } = wanted;
  if (!isDraft && core.state.releaseByTag(repository.id, tagName) !== undefined)
    throw invalid({ resource: "Release", field: "tag_name", code: "already_exists" });
  if (!isDraft) await ensureTag(core, repository, user.id, tagName, targetCommitish);
  return core.db.transaction(() => {
    const now = timestamp();
    const record = {
      repositoryId: repository.id,
      tagName,
      targetCommitish,
      name,
      body,
      isDraft,
      isPrerelease,
      authorId: user.id,
      createdAt: now,
    };
    const id = core.db.insert("releases", { ...record, publishedAt: isDraft ? null : now });
    const release = findRelease(core, repository, id);
    for (const action of ["created", ...(isDraft ? [] : publishing(release))])
      emit(core, repository, "release", user, { action, release: releaseJson(core, repository, release) });
    core.db.afterCommit(() => core.changes.publish({ repositoryId: repository.id, subject: "release" }));
    return release;
  });
}

function publishing(release: Release): string[] {
  return ["published", release.isPrerelease ? "prereleased" : "released"];
}

async function ensureTag(core: ForgeCore, repository: Repository, userId: number, tag: string, target: string): Promise<void> {
  await core.lock(`repository:${repository.id}`, async () => {
    const objects = objectsOf(core.git, repository.id);
    if ((await objects.resolve(`refs/tags/${tag}`)) !== undefined) return;
    const sha = await objects.resolve(target);
    if (sha === undefined) throw invalid({ resource: "Release", field: "target_commitish", code: "invalid", value: target });
    await objects.updateRef(`refs/tags/${tag}`, sha, NO_COMMIT).catch(() => {
      throw invalid({ resource: "Release", field: "tag_name", code: "invalid", value: tag });
    });
    await syncRefs(core, repository.id, core.state.account(userId));
  });
}

export function findRelease(core: ForgeCore, repository: Repository, id: number): Release {
  const release = core.state.release(id);
  if (release?.repositoryId !== repository.id) throw notFound();
  return release;
}

export async function editRelease(
  core: ForgeCore,
  actor: Actor,
  repository: Repository,
  id: number,
  edit: ReleaseFields,
): Promise<Release> {
  const user = authorizeWrite(core, actor, repository, "contents", "write");
  const before = findRelease(core, repository, id);
  const isPublishing = before.isDraft && edit.isDraft === false;
  if (isPublishing)
    await ensureTag(core, repository, user.id, edit.tagName ?? before.tagName, edit.targetCommitish ?? before.targetCommitish);
  return core.db.transaction(() => {
    core.db.update("releases", id, { ...edit, ...(isPublishing ? { publishedAt: timestamp() } : {}) });
    const release = findRelease(core, repository, id);
    const json = releaseJson(core, repository, release);
    const changed = (from: string | null, to: string | null | undefined) =>
      to === undefined || to === from ? undefined : { from: from ?? "" };
    const changes = {
      body: changed(before.body, edit.body),
      name: changed(before.name, edit.name),
      tag_name: changed(before.tagName, edit.tagName),
    };
    if (isPublishing) for (const action of publishing(release)) emit(core, repository, "release", user, { action, release: json });
    else emit(core, repository, "release", user, { action: "edited", release: json, changes });
    core.db.afterCommit(() => core.changes.publish({ repositoryId: repository.id, subject: "release" }));
    return release;
  });
}

export function deleteRelease(core: ForgeCore, actor: Actor, repository: Repository, id: number): void {
  const user = authorizeWrite(core, actor, repository, "contents", "write");
  const release = findRelease(core, repository, id);
  core.db.transaction(() => {
    emit(core, repository, "release", user, { action: "deleted", release: releaseJson(core, repository, release) });
    core.db.run("delete from releases where id = ?", id);
  });
  core.changes.publish({ repositoryId: repository.id, subject: "release" });
}
