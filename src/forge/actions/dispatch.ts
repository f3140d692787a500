/** Accepts a `workflow_dispatch`: checks the file at the ref and its inputs as GitHub does, and queues the run. */
import { authorizeWrite, type Actor } from "../auth.ts";
import { timestamp, type ForgeCore } from "../core.ts";
import { Fault, notFound } from "../faults.ts";
import { objectsOf } from "../objects.ts";
import type { Account, Repository, Workflow as WorkflowRecord, WorkflowJob, WorkflowRun } from "../records.ts";
import { jobJson, RUNNER_APP, runJson, workflowJson } from "../serialize/actions.ts";
import { ensureSuite } from "../check-suites.ts";
import { briefCommitJson } from "../serialize/repositories.ts";
import { emit } from "../webhooks.ts";
import { interpolate, toText, WorkflowError } from "./expressions.ts";
import { parseWorkflow, type Input, type Workflow } from "./workflow.ts";

const MAX_INPUTS = 25;
export const WORKFLOWS_FOLDER = ".github/workflows";

/** The workflows of the default branch, as rows with stable ids; files that do not parse keep their path as name. */
export async function syncWorkflows(core: ForgeCore, repository: Repository): Promise<void> {
  const objects = objectsOf(core.git, repository.id);
  const sha = await objects.resolve(repository.defaultBranch);
  if (sha === undefined) return;
  const entry = await objects.entry(sha, WORKFLOWS_FOLDER);
  for (const file of entry?.type === "tree" ? await objects.tree(entry.sha) : []) {
    if (!/\.ya?ml$/.test(file.path) || file.type !== "blob") continue;
    const path = `${WORKFLOWS_FOLDER}/${file.path}`;
    const name = nameOf(path, (await objects.blob(file.sha)).toString("utf8"));
    core.db.run(
      "insert or ignore into workflows (repositoryId, path, name, createdAt) values (?, ?, ?, ?)",
      repository.id,
      path,
      name,
      timestamp(),
    );
    core.db.run("update workflows set name = ? where repositoryId = ? and path = ? and name <> ?", name, repository.id, path, name);
  }
}

function nameOf(path: string, text: string): string {
  try {
    return parseWorkflow(path, text).name;
  } catch (error) {
    if (error instanceof WorkflowError) return path;
    throw error;
  }
}

/** By id, or by file name. Throws 404. */
export async function findWorkflow(core: ForgeCore, repository: Repository, idOrFile: string): Promise<WorkflowRecord> {
  await syncWorkflows(core, repository);
  const found = core.state
    .workflows(repository.id)
    .items.find((item) => String(item.id) === idOrFile || item.path === `${WORKFLOWS_FOLDER}/${idOrFile}` || item.path === idOrFile);
  if (found === undefined) throw notFound();
  return found;
}

/** Throws 404 for an unknown workflow, 422 for a ref, a file without the trigger, or inputs that do not fit. */
export async function dispatchWorkflow(
  core: ForgeCore,
  actor: Actor,
  repository: Repository,
  idOrFile: string,
  ref: string,
  given: Record<string, unknown>,
): Promise<WorkflowRun> {
  const user = authorizeWrite(core, actor, repository, "actions", "write");
  const record = await findWorkflow(core, repository, idOrFile);
  const objects = objectsOf(core.git, repository.id);
  const headRef = await fullRef(core, repository, ref);
  const headSha = await objects.resolve(headRef);
  if (headSha === undefined) throw new Fault(422, `No ref found for: ${ref}`);
  const text = await objects.file(headSha, record.path);
  if (text === undefined)
    throw new Fault(422, `Workflow does not exist or does not have a workflow_dispatch trigger in this tag or branch`);
  const workflow = tryParse(record.path, text);
  if (workflow.dispatch === undefined) throw new Fault(422, "Workflow does not have 'workflow_dispatch' trigger");
  const inputs = checkInputs(workflow.dispatch.inputs, given);
  const headCommit = briefCommitJson(await objects.commit(headSha));
  const runner = core.state.appBySlug(RUNNER_APP);
  if (runner !== undefined) await ensureSuite(core, repository, runner, headSha);
  return core.db.transaction(() => {
    const now = timestamp();
    const number =
      (core.db.get<{ last: number | null }>("select max(number) as last from workflowRuns where workflowId = ?", record.id)?.last ?? 0) + 1;
    const id = core.db.insert("workflowRuns", {
      repositoryId: repository.id,
      workflowId: record.id,
      number,
      attempt: 1,
      event: "workflow_dispatch",
      title: titleOf(workflow, inputs),
      headRef,
      headSha,
      headCommit,
      status: "queued",
      actorId: user.id,
      inputs,
      createdAt: now,
      startedAt: now,
      updatedAt: now,
    });
    const run = core.state.workflowRun(id) as WorkflowRun;
    emit(core, repository, "workflow_dispatch", user, { inputs, ref: headRef, workflow: record.path });
    announceRun(core, repository, run, "requested");
    core.db.afterCommit(() => core.wakeRunner());
    return run;
  });
}

async function fullRef(core: ForgeCore, repository: Repository, ref: string): Promise<string> {
  const candidates = ref.startsWith("refs/") ? [ref] : [`refs/heads/${ref}`, `refs/tags/${ref}`];
  const found = await objectsOf(core.git, repository.id).refs(...candidates);
  const name = candidates.find((candidate) => found.has(candidate));
  if (name === undefined) throw new Fault(422, `No ref found for: ${ref}`);
  return name;
}

function tryParse(path: string, text: string): Workflow {
  try {
    return parseWorkflow(path, text);
  } catch (error) {
    if (error instanceof WorkflowError) throw new Fault(422, `Failed to parse workflow: ${error.message}`);
    throw error;
  }
}

function titleOf(workflow: Workflow, inputs: Record<string, string>): string {
  if (workflow.runName === undefined) return workflow.name;
  try {
    return toText(interpolate(workflow.runName, { inputs }, { success: true, failure: false, cancelled: false }));
  } catch {
    return workflow.name; // the run itself will say what is wrong with the file
  }
}

function checkInputs(declared: Record<string, Input>, given: Record<string, unknown>): Record<string, string> {
  const unexpected = Object.keys(given).filter((name) => declared[name] === undefined);
  if (Object.keys(given).length > MAX_INPUTS)
    throw new Fault(422, `You may only define up to ${MAX_INPUTS} \`inputs\` for a \`workflow_dispatch\` event`);
  if (unexpected.length > 0) throw new Fault(422, `Unexpected inputs provided: ${JSON.stringify(unexpected)}`);
  const inputs: Record<string, string> = {};
  for (const [name, input] of Object.entries(declared)) {
    const value = given[name] ?? input.default ?? (input.type === "boolean" ? "false" : undefined);
    if (value === undefined || value === "") {
      if (input.required) throw new Fault(422, `Required input '${name}' not provided`);
      inputs[name] = "";
      continue;
    }
    const text = String(value);
    const isWrong =
      (input.type === "boolean" && !/^(true|false)$/.test(text)) ||
      (input.type === "number" && Number.isNaN(Number(text))) ||
      (input.type === "choice" && input.options?.includes(text) !== true);
    if (isWrong) throw new Fault(422, `Provided value '${text}' for input '${name}' not in the list of allowed values`);
    inputs[name] = text;
  }
  return inputs;
}

/** Tells Apps and pages what a run has come to. Inside the transaction that changes it. */
export function announceRun(
  core: ForgeCore,
  repository: Repository,
  run: WorkflowRun,
  action: "requested" | "in_progress" | "completed",
  sender = core.state.account(run.actorId),
): void {
  const workflow = core.state.workflow(run.workflowId);
  emit(core, repository, "workflow_run", sender, {
    action,
    workflow_run: runJson(core, repository, run),
    workflow: workflow === undefined ? null : workflowJson(core, repository, workflow),
  });
  core.db.afterCommit(() => core.changes.publish({ repositoryId: repository.id, subject: "run", number: run.id }));
}

export function announceJob(
  core: ForgeCore,
  repository: Repository,
  run: WorkflowRun,
  job: WorkflowJob,
  action: "queued" | "in_progress" | "completed",
): void {
  emit(core, repository, "workflow_job", core.state.account(run.actorId), { action, workflow_job: jobJson(core, repository, run, job) });
  core.db.afterCommit(() => core.changes.publish({ repositoryId: repository.id, subject: "run", number: run.id }));
}

/** Asks a run to end; it does so soon after. Throws 409 for one that has ended. */
export function cancelRun(core: ForgeCore, actor: Actor, repository: Repository, runId: number): void {
  authorizeWrite(core, actor, repository, "actions", "write");
  const run = findRun(core, repository, runId);
  if (run.status === "completed") throw new Fault(409, "Cannot cancel a workflow run that is completed.");
  core.db.update("workflowRuns", run.id, { isCancelRequested: true });
  core.wakeRunner();
}

/** Queues another attempt of a run that has ended. */
export function rerun(core: ForgeCore, actor: Actor, repository: Repository, runId: number): WorkflowRun {
  const user: Account = authorizeWrite(core, actor, repository, "actions", "write");
  const run = findRun(core, repository, runId);
  if (run.status !== "completed") throw new Fault(403, "This workflow run is already running");
  return core.db.transaction(() => {
    const now = timestamp();
    core.db.update("workflowRuns", run.id, {
      attempt: run.attempt + 1,
      status: "queued",
      conclusion: null,
      message: null,
      isCancelRequested: false,
      startedAt: now,
      updatedAt: now,
    });
    const again = core.state.workflowRun(run.id) as WorkflowRun;
    announceRun(core, repository, again, "requested", user);
    core.db.afterCommit(() => core.wakeRunner());
    return again;
  });
}

export function findRun(core: ForgeCore, repository: Repository, id: number): WorkflowRun {
  const run = core.state.workflowRun(id);
  if (run?.repositoryId !== repository.id) throw notFound();
  return run;
}
