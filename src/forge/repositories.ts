/** Creates, deletes and writes to repositories. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { authorizeWrite, type Actor } from "./auth.ts";
import { timestamp, type ForgeCore } from "./core.ts";
import { Fault, invalid } from "./faults.ts";
import { forgeSignature, signatureOf } from "./merge.ts";
import { NO_COMMIT, objectsOf, type Signature } from "./objects.ts";
import type { Account, Repository } from "./records.ts";
import { syncRefs } from "./refs.ts";
import { emit } from "./webhooks.ts";

export interface NewRepository {
  name: string;
  isPrivate?: boolean;
  description?: string | null;
  defaultBranch?: string;
  /** Starts with one commit that holds a README. */
  withReadme?: boolean;
}

/** Throws 422 when the owner has one of that name. */
export async function createRepository(core: ForgeCore, owner: Account, wanted: NewRepository): Promise<Repository> {
  const { name, isPrivate = false, description = null, defaultBranch = "main", withReadme = false } = wanted;
  if (!/^[\w.-]{1,100}$/.test(name) || /^\.+$|\.git$/.test(name))
    throw invalid({ resource: "Repository", field: "name", code: "invalid", value: name });
  if (core.state.repository(owner.login, name) !== undefined) {
    throw new Fault(422, "Repository creation failed.", [
      { resource: "Repository", code: "custom", field: "name", message: "name already exists on this account" },
    ]);
  }
  const now = timestamp();
  const id = core.db.insert("repositories", {
    ownerId: owner.id,
    name,
    isPrivate,
    description,
    defaultBranch,
    createdAt: now,
    updatedAt: now,
    pushedAt: now,
  });
  await core.git.create(id, defaultBranch);
  const repository = repositoryById(core, id);
  core.db.transaction(() => emit(core, repository, "repository", owner, { action: "created" }));
  if (withReadme) {
    const text = `# ${name}\n${description === null ? "" : `\n${description}\n`}`;
    await writeFiles(core, repository, owner, {
      branch: defaultBranch,
      message: "Initial commit",
      files: { "README.md": Buffer.from(text) },
    });
  }
  return repositoryById(core, id);
}

export function repositoryById(core: ForgeCore, id: number): Repository {
  const repository = core.state.repositoryById(id);
  if (repository === undefined) throw new Fault(404, "Not Found");
  return repository;
}

export interface RepositoryEdit {
  description?: string | null | undefined;
  defaultBranch?: string | undefined;
  isPrivate?: boolean | undefined;
}

/** For its admins. Throws 422 for a default branch that is not there. */
export async function editRepository(core: ForgeCore, actor: Actor, repository: Repository, edit: RepositoryEdit): Promise<Repository> {
  authorizeWrite(core, actor, repository, "administration", "admin");
  const { description, defaultBranch, isPrivate } = edit;
  if (defaultBranch !== undefined) {
    if (core.state.ref(repository.id, `refs/heads/${defaultBranch}`) === undefined)
      throw new Fault(422, `The branch ${defaultBranch} was not found.`);
    await core.git.run(repository.id, ["symbolic-ref", "HEAD", `refs/heads/${defaultBranch}`]);
  }
  core.db.update("repositories", repository.id, { description, defaultBranch, isPrivate });
  core.changes.publish({ repositoryId: repository.id, subject: "repository" });
  return repositoryById(core, repository.id);
}

export async function deleteRepository(core: ForgeCore, actor: Account, repository: Repository): Promise<void> {
  const issues = "select id from issues where repositoryId = ?";
  const runs = "select id from workflowRuns where repositoryId = ?";
  const runIds = core.db.all<{ id: number }>(runs, repository.id);
  core.db.transaction(() => {
    emit(core, repository, "repository", actor, { action: "deleted" });
    for (const table of ["pulls", "assignees", "issueLabels", "comments", "timeline", "reviewRequests", "reviews", "reviewComments"]) {
      core.db.run(`delete from ${table} where issueId in (${issues})`, repository.id);
    }
    core.db.run("delete from annotations where checkRunId in (select id from checkRuns where repositoryId = ?)", repository.id);
    core.db.run("delete from deploymentStatuses where deploymentId in (select id from deployments where repositoryId = ?)", repository.id);
    core.db.run(`delete from workflowJobs where runId in (${runs})`, repository.id);
    for (const table of [
      "issues",
      "labels",
      "checkRuns",
      "checkSuites",
      "statuses",
      "deployments",
      "releases",
      "activities",
      "rulesets",
      "queueEntries",
      "workflowRuns",
      "workflows",
      "refs",
      "collaborators",
      "installationRepositories",
    ]) {
      core.db.run(`delete from ${table} where repositoryId = ?`, repository.id);
    }
    core.db.run("delete from repositories where id = ?", repository.id);
  });
  core.changes.publish({ repositoryId: repository.id, subject: "repository" });
  core.wakeRunner();
  await core.git.remove(repository.id);
  for (const { id } of runIds) await rm(join(core.dataDir, "logs", String(id)), { recursive: true, force: true });
}

/** Removes folders of repositories whose deletion was interrupted, and makes those whose creation was. */
export async function finishRepositories(core: ForgeCore, folders: string[]): Promise<void> {
  for (const folder of folders) {
    const id = Number(/^(\d+)\.git$/.exec(folder)?.[1]);
    if (id > 0 && core.state.repositoryById(id) === undefined) await core.git.remove(id);
  }
  for (const { id, defaultBranch } of core.db.all<{ id: number; defaultBranch: string }>("select id, defaultBranch from repositories")) {
    await core.git.create(id, defaultBranch);
  }
}

export interface FileWrite {
  branch: string;
  message: string;
  /** Null removes. */
  files: Record<string, Buffer | null>;
  author?: Partial<Signature> | undefined;
  /** Start from nothing instead of the branch's tree. */
  replace?: boolean;
}

/** One commit on a branch (made if the repository is empty); undefined when nothing would change. Throws 409 when the branch moved meanwhile. */
export async function writeFiles(core: ForgeCore, repository: Repository, actor: Account, write: FileWrite): Promise<string | undefined> {
  const objects = objectsOf(core.git, repository.id);
  const ref = `refs/heads/${write.branch}`;
  const parent = (await objects.refs(ref)).get(ref);
  const index = join(core.dataDir, "tmp", `index-${crypto.randomUUID()}`);
  const env = { GIT_INDEX_FILE: index };
  try {
    await core.git.run(repository.id, parent === undefined || write.replace === true ? ["read-tree", "--empty"] : ["read-tree", parent], {
      env,
    });
    let entries = "";
    for (const [path, content] of Object.entries(write.files)) {
      const line = content === null ? `0 ${NO_COMMIT}` : `100644 ${await objects.writeBlob(content)}`;
      entries += `${line}\t${path}\0`;
    }
    await core.git.run(repository.id, ["update-index", "-z", "--index-info"], { env, input: entries });
    const tree = await core.git.text(repository.id, ["write-tree"], { env });
    if (parent !== undefined && (await objects.commit(parent)).tree === tree) return undefined;
    const parents = parent === undefined ? [] : [parent];
    const author = { ...signatureOf(actor), ...write.author };
    const sha = await objects.writeCommit({ tree, parents, message: write.message, author, committer: forgeSignature() });
    await core.lock(`repository:${repository.id}`, async () => {
      await objects.updateRef(ref, sha, parent ?? NO_COMMIT).catch(() => {
        throw new Fault(409, `${write.branch} has moved`);
      });
      await syncRefs(core, repository.id, actor);
    });
    return sha;
  } finally {
    await rm(index, { force: true });
  }
}
