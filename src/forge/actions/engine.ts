/** Runs the jobs of a workflow run in the order of their needs, through the reusable workflows that they call. */
import { timestamp, type ForgeCore } from "../core.ts";
import { tellCompleted } from "../check-suites.ts";
import { announceCheckRun } from "../checks.ts";
import { notFound } from "../faults.ts";
import type { Repository, RunConclusion, WorkflowJob, WorkflowRun } from "../records.ts";
import { RUNNER_APP, runPage } from "../serialize/actions.ts";
import { apiUrl, userById } from "../serialize/common.ts";
import { repositoryJson } from "../serialize/repositories.ts";
import { jobPermissions, loadFrame, type Frame } from "./called.ts";
import { announceJob, announceRun } from "./dispatch.ts";
import { condition, interpolate, toText, WorkflowError, type Contexts, type Status, type Value } from "./expressions.ts";
import { runJob, type JobOutcome, type RunnerSettings } from "./job.ts";
import { CLOSING } from "./process.ts";
import type { Input, Job } from "./workflow.ts";

export interface Engine {
  core: ForgeCore;
  settings: RunnerSettings;
  /** Waits for a free place; call what it returns when done. Undefined when `signal` is aborted first. */
  takeSlot(signal: AbortSignal): Promise<(() => void) | undefined>;
}

interface Scope {
  frame: Frame;
  key: string;
  name: string;
  inputs: Record<string, Value>;
  github: Record<string, Value>;
}

/** Runs to the end; returns what the run came to and, when its files are at fault, why. */
export async function executeRun(
  engine: Engine,
  run: WorkflowRun,
  signal: AbortSignal,
): Promise<{ conclusion: RunConclusion; message: string | null }> {
  const { core } = engine;
  const repository = core.state.repositoryById(run.repositoryId);
  const workflow = core.state.workflow(run.workflowId);
  if (repository === undefined || workflow === undefined) throw notFound();
  try {
    const frame = await loadFrame(core, repository, { repository, path: workflow.path, ref: run.headRef, sha: run.headSha }, undefined);
    const inputs = typedInputs(frame.workflow.dispatch?.inputs ?? {}, run.inputs);
    const results = await runJobs(
      engine,
      repository,
      run,
      { frame, key: "", name: "", inputs, github: githubContext(core, repository, run, frame) },
      signal,
    );
    return { conclusion: signal.aborted ? "cancelled" : overall(results.values()), message: null };
  } catch (error) {
    if (!(error instanceof WorkflowError)) throw error;
    return { conclusion: "failure", message: error.message };
  }
}

function overall(outcomes: Iterable<JobOutcome>): RunConclusion {
  const all = new Set([...outcomes].map((outcome) => outcome.conclusion));
  if (all.has("failure")) return "failure";
  if (all.has("timed_out")) return "timed_out";
  if (all.has("cancelled")) return "cancelled";
  return all.has("success") ? "success" : "skipped";
}

async function runJobs(
  engine: Engine,
  repository: Repository,
  run: WorkflowRun,
  scope: Scope,
  signal: AbortSignal,
): Promise<Map<string, JobOutcome>> {
  const { jobs } = scope.frame.workflow;
  const started = new Map<string, Promise<JobOutcome>>();
  const start = (id: string): Promise<JobOutcome> => {
    let outcome = started.get(id);
    if (outcome === undefined) {
      const job = jobs[id] as Job;
      outcome = Promise.all(job.needs.map(start)).then((needs) => {
        const named = new Map(job.needs.map((name, index) => [name, needs[index] as JobOutcome]));
        return runOne(engine, repository, run, scope, id, job, named, signal);
      });
      started.set(id, outcome);
    }
    return outcome;
  };
  // Every job is let end before a failure of one is told: nothing runs on after the run is over.
  const settled = await Promise.allSettled(Object.keys(jobs).map(start));
  for (const result of settled) if (result.status === "rejected") throw result.reason;
  return new Map(await Promise.all(Object.keys(jobs).map(async (id) => [id, await start(id)] as const)));
}

async function runOne(
  engine: Engine,
  repository: Repository,
  run: WorkflowRun,
  scope: Scope,
  id: string,
  job: Job,
  needs: Map<string, JobOutcome>,
  signal: AbortSignal,
): Promise<JobOutcome> {
  const { frame } = scope;
  const results = [...needs.values()].map((outcome) => outcome.conclusion);
  const status: Status = {
    success: !signal.aborted && results.every((result) => result === "success"),
    failure: results.some((result) => result === "failure" || result === "timed_out"),
    cancelled: signal.aborted,
  };
  const needed = Object.fromEntries(
    [...needs].map(([name, { conclusion, outputs }]) => [name, { result: conclusion === "timed_out" ? "failure" : conclusion, outputs }]),
  );
  const contexts: Contexts = { github: scope.github, inputs: scope.inputs, needs: needed, vars: {} };
  const key = scope.key === "" ? id : `${scope.key}/${id}`;
  const title = job.name === undefined ? id : toText(interpolate(job.name, contexts, status));
  const name = scope.name === "" ? title : `${scope.name} / ${title}`;
  const makeRecord = (): WorkflowJob =>
    createJob(engine.core, repository, run, { key, name, calledRef: frame.ref, calledSha: frame.sha }, engine.settings.app.id);
  // A job that ends because the forge ends is left as it is: the next start calls it lost.
  const finish = (record: WorkflowJob, outcome: JobOutcome): JobOutcome =>
    signal.reason === CLOSING ? outcome : finishJob(engine.core, repository, run, record, outcome);
  if (!condition(job.if, contexts, status))
    return finish(makeRecord(), { conclusion: signal.aborted ? "cancelled" : "skipped", outputs: {} });

  const callee = frame.calls.get(id);
  if (callee !== undefined) {
    const given = Object.fromEntries(Object.entries(job.with ?? {}).map(([input, text]) => [input, interpolate(text, contexts, status)]));
    const inner: Scope = { frame: callee, key, name, inputs: calledInputs(callee, given), github: scope.github };
    return calledOutcome(callee, inner, await runJobs(engine, repository, run, inner, signal), status);
  }
  const record = makeRecord();
  const release = await engine.takeSlot(signal);
  if (release === undefined) return finish(record, { conclusion: "cancelled", outputs: {} });
  try {
    beginJob(engine.core, repository, run, record);
    const plan = { repository, run, record, job, id, env: frame.workflow.env, contexts, permissions: jobPermissions(frame, id, job) };
    const outcome = await runJob(engine.core, engine.settings, plan, signal);
    return finish(record, outcome);
  } catch (error) {
    finish(record, { conclusion: "failure", outputs: {} });
    throw error;
  } finally {
    release();
  }
}

function calledOutcome(callee: Frame, inner: Scope, results: Map<string, JobOutcome>, status: Status): JobOutcome {
  const jobs = Object.fromEntries([...results].map(([name, { conclusion, outputs }]) => [name, { result: conclusion, outputs }]));
  const contexts: Contexts = { github: inner.github, inputs: inner.inputs, jobs };
  const outputs = Object.entries(callee.workflow.called?.outputs ?? {}).map(
    ([name, text]) => [name, toText(interpolate(text, contexts, status))] as const,
  );
  return { conclusion: overall(results.values()), outputs: Object.fromEntries(outputs) };
}

function calledInputs(callee: Frame, given: Record<string, Value>): Record<string, Value> {
  const declared = callee.workflow.called?.inputs ?? {};
  const unknown = Object.keys(given).find((name) => declared[name] === undefined);
  if (unknown !== undefined) throw new WorkflowError(`${callee.ref}: the input "${unknown}" is not defined in the called workflow.`);
  for (const [name, input] of Object.entries(declared)) {
    if (input.required && given[name] === undefined)
      throw new WorkflowError(`${callee.ref}: the input "${name}" is required, but was not given.`);
  }
  return typedInputs(declared, given);
}

function typedInputs(declared: Record<string, Input>, given: Record<string, Value>): Record<string, Value> {
  return Object.fromEntries(
    Object.entries(declared).map(([name, input]) => {
      const value = given[name] ?? input.default ?? (input.type === "boolean" ? false : "");
      if (input.type === "boolean") return [name, String(value) === "true"];
      return [name, input.type === "number" ? Number(value) : toText(value)];
    }),
  );
}

function githubContext(core: ForgeCore, repository: Repository, run: WorkflowRun, frame: Frame): Record<string, Value> {
  const actor = core.state.account(run.actorId);
  const workflow = core.state.workflow(run.workflowId);
  const event = {
    inputs: run.inputs,
    ref: run.headRef,
    workflow: workflow?.path ?? "",
    repository: repositoryJson(core, repository),
    sender: userById(core, actor.id),
  };
  return {
    repository: repository.fullName,
    repository_id: String(repository.id),
    repository_owner: repository.owner,
    repository_owner_id: String(repository.ownerId),
    repositoryurl: `${core.url}/${repository.fullName}.git`,
    run_id: String(run.id),
    run_number: String(run.number),
    run_attempt: String(run.attempt),
    actor: actor.login,
    actor_id: String(actor.id),
    triggering_actor: actor.login,
    event_name: run.event,
    event: JSON.parse(JSON.stringify(event)) as Value,
    ref: run.headRef,
    ref_name: run.headRef.replace(/^refs\/(heads|tags)\//, ""),
    ref_type: run.headRef.startsWith("refs/tags/") ? "tag" : "branch",
    ref_protected: "false",
    base_ref: "",
    head_ref: "",
    sha: run.headSha,
    workflow: workflow?.name ?? "",
    workflow_ref: frame.ref,
    workflow_sha: frame.sha,
    server_url: core.url,
    api_url: apiUrl(core),
    graphql_url: `${core.url}/api/graphql`,
    secret_source: "None",
  };
}

function createJob(
  core: ForgeCore,
  repository: Repository,
  run: WorkflowRun,
  fields: Pick<WorkflowJob, "key" | "name" | "calledRef" | "calledSha">,
  appId: number,
): WorkflowJob {
  return core.db.transaction(() => {
    const now = timestamp();
    const checkRunId = core.db.insert("checkRuns", {
      repositoryId: repository.id,
      headSha: run.headSha,
      name: fields.name,
      appId,
      externalId: "",
      status: "queued",
      startedAt: now,
    });
    const id = core.db.insert("workflowJobs", {
      ...fields,
      runId: run.id,
      attempt: run.attempt,
      status: "queued",
      steps: [],
      checkRunId,
      createdAt: now,
    });
    const job = core.state.job(id) as WorkflowJob;
    core.db.update("checkRuns", checkRunId, { detailsUrl: `${runPage(core, repository, run)}/job/${id}` });
    announceCheckRun(core, repository, checkRunId, "created");
    announceJob(core, repository, run, job, "queued");
    return job;
  });
}

function beginJob(core: ForgeCore, repository: Repository, run: WorkflowRun, record: WorkflowJob): void {
  core.db.transaction(() => {
    const now = timestamp();
    core.db.update("workflowJobs", record.id, { status: "in_progress", startedAt: now });
    if (record.checkRunId !== null) {
      core.db.update("checkRuns", record.checkRunId, { status: "in_progress", startedAt: now });
      announceCheckRun(core, repository, record.checkRunId, undefined);
    }
    const isFirst =
      core.db.run(
        "update workflowRuns set status = 'in_progress', startedAt = ?, updatedAt = ? where id = ? and status = 'queued'",
        now,
        now,
        run.id,
      ) === 1;
    const current = core.state.workflowRun(run.id) as WorkflowRun;
    if (isFirst) announceRun(core, repository, current, "in_progress");
    announceJob(core, repository, current, core.state.job(record.id) as WorkflowJob, "in_progress");
  });
}

/** Records how a job ended, and its check run. */
export function finishJob(core: ForgeCore, repository: Repository, run: WorkflowRun, record: WorkflowJob, outcome: JobOutcome): JobOutcome {
  core.db.transaction(() => {
    const now = timestamp();
    const before = core.state.job(record.id);
    if (before === undefined) return; // its repository was deleted meanwhile
    const steps = before.steps.map((step) =>
      step.status === "completed" ? step : { ...step, status: "completed", conclusion: "cancelled", completedAt: now },
    );
    core.db.update("workflowJobs", record.id, {
      status: "completed",
      conclusion: outcome.conclusion,
      completedAt: now,
      process: null,
      steps,
    });
    if (record.checkRunId !== null) {
      core.db.update("checkRuns", record.checkRunId, { status: "completed", conclusion: outcome.conclusion, completedAt: now });
      announceCheckRun(core, repository, record.checkRunId, "completed");
    }
    announceJob(core, repository, run, core.state.job(record.id) as WorkflowJob, "completed");
  });
  return outcome;
}

/** Records how a run ended. */
export function finishRun(
  core: ForgeCore,
  repository: Repository,
  run: WorkflowRun,
  conclusion: RunConclusion,
  message: string | null,
): void {
  core.db.transaction(() => {
    core.db.update("workflowRuns", run.id, { status: "completed", conclusion, message, updatedAt: timestamp() });
    announceRun(core, repository, core.state.workflowRun(run.id) as WorkflowRun, "completed");
    const runner = core.state.appBySlug(RUNNER_APP);
    if (runner !== undefined) tellCompleted(core, repository, runner.id, run.headSha, core.state.account(runner.botId));
  });
}
