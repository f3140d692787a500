/** Finds the files that a workflow refers to: reusable workflows and actions, in repositories that the caller may read. */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ForgeCore } from "../core.ts";
import { objectsOf } from "../objects.ts";
import type { Permissions, Repository } from "../records.ts";
import { WorkflowError } from "./expressions.ts";
import { grantedPermissions, parseWorkflow, type Job, type Workflow } from "./workflow.ts";

/** GitHub allows ten levels of reusable workflows. */
const MAX_DEPTH = 10;

/** A workflow file as one run uses it. */
export interface Frame {
  workflow: Workflow;
  /** `owner/repo/path@ref`, as the claims of a job say it. */
  ref: string;
  sha: string;
  /** What its jobs may be granted at most; undefined for the caller's own file. */
  cap: Permissions | undefined;
  /** The files that its jobs call, by job id. */
  calls: Map<string, Frame>;
}

export interface Located {
  repository: Repository;
  path: string;
  ref: string;
  sha: string;
}

/** `owner/repo/path@ref` resolved. Throws `WorkflowError` as GitHub words it. */
export async function locate(core: ForgeCore, caller: Repository, uses: string): Promise<Located> {
  const match = /^([\w.-]+)\/([\w.-]+)(?:\/([^@]+))?@(.+)$/.exec(uses);
  if (match === null) throw new WorkflowError(`"${uses}" is not of the form owner/repository/path@ref.`);
  const [, owner = "", name = "", path = "", ref = ""] = match;
  const repository = core.state.repository(owner, name);
  const isReadable = repository !== undefined && (!repository.isPrivate || repository.ownerId === caller.ownerId);
  if (!isReadable) throw new WorkflowError(`Unable to resolve "${uses}": repository not found.`);
  const objects = objectsOf(core.git, repository.id);
  const sha = await objects.resolve(ref);
  if (sha === undefined) throw new WorkflowError(`Unable to resolve "${uses}": unable to find version "${ref}".`);
  const known = await objects.refs(`refs/heads/${ref}`, `refs/tags/${ref}`);
  const [full = ref] = known.keys();
  return { repository, path, ref: full, sha };
}

/** The file of a run with everything that it calls, its permissions checked before anything starts. */
export async function loadFrame(
  core: ForgeCore,
  caller: Repository,
  file: Located,
  cap: Permissions | undefined,
  depth = 0,
): Promise<Frame> {
  if (depth > MAX_DEPTH) throw new WorkflowError(`Reusable workflows are nested more than ${MAX_DEPTH} deep.`);
  const text = await objectsOf(core.git, file.repository.id).file(file.sha, file.path);
  if (text === undefined) throw new WorkflowError(`The workflow file "${file.path}" was not found at ${file.ref}.`);
  const workflow = parseWorkflow(file.path, text);
  const frame: Frame = { workflow, ref: `${file.repository.fullName}/${file.path}@${file.ref}`, sha: file.sha, cap, calls: new Map() };
  for (const [id, job] of Object.entries(workflow.jobs)) {
    const granted = jobPermissions(frame, id, job);
    if (job.uses === undefined) continue;
    const target = job.uses.startsWith("./") ? { ...file, path: job.uses.slice(2) } : await locate(core, caller, job.uses);
    const callee = await loadFrame(core, caller, target, granted, depth + 1);
    if (callee.workflow.called === undefined)
      throw new WorkflowError(`The workflow "${job.uses}" is not reusable: it lacks a workflow_call trigger.`);
    frame.calls.set(id, callee);
  }
  return frame;
}

/** What a job's token may do. Throws when it asks for more than its caller has. */
export function jobPermissions(frame: Frame, id: string, job: Job): Permissions {
  const written = job.permissions ?? frame.workflow.permissions;
  if (frame.cap === undefined) return grantedPermissions(written);
  if (written === undefined) return frame.cap;
  const wanted = grantedPermissions(written);
  for (const [name, level] of Object.entries(wanted)) {
    const most = frame.cap[name];
    if (most === undefined || (level === "write" && most === "read")) {
      throw new WorkflowError(
        `The nested job "${id}" is requesting "${name}: ${level}", but is only allowed "${name}: ${most ?? "none"}".`,
      );
    }
  }
  return wanted;
}

/** Writes a folder of a commit to disk. */
export async function checkOut(core: ForgeCore, located: Located, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const env = { GIT_INDEX_FILE: `${folder}.index` };
  try {
    await core.git
      .run(located.repository.id, ["read-tree", located.path === "" ? located.sha : `${located.sha}:${located.path}`], { env })
      .catch(() => {
        throw new WorkflowError(`Can't find "${located.path}" in ${located.repository.fullName} at ${located.ref}.`);
      });
    await core.git.run(
      located.repository.id,
      ["--work-tree", folder, "checkout-index", "--all", "--force", `--prefix=${join(folder, "/")}`],
      { env },
    );
  } finally {
    await rm(env.GIT_INDEX_FILE, { force: true });
  }
}
