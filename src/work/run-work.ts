/** The work job: plan, build task by task, commit, hand over. It always ends in a result; what went wrong is in it. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { LanguageModelV4 } from "@ai-sdk/provider";
import { AdorableError, toAdorableError } from "../core/errors.ts";
import type { Evidence } from "../core/evidence.ts";
import type { Plan, Task } from "../core/plan.ts";
import type { WorkAssignment, WorkResult } from "../core/runner-protocol.ts";
import { SPEC_PATH, type ProjectSpec } from "../core/spec.ts";
import { createRelayModel } from "../models/relay/relay-model.ts";
import { makePlan, type Request } from "../plan/architect.ts";
import { appFolder, readAppState, readProjectState, type ProjectState } from "../plan/project-state.ts";
import { checkPlan, specAfter } from "../plan/resolve-plan.ts";
import type { VerifyTools } from "../verify/gate.ts";
import { quickCheck } from "../verify/quick-check.ts";
import type { RunnerClient } from "../verify/runner-client.ts";
import { startBudget, type Budget } from "./budget.ts";
import { produce } from "./producer.ts";
import { createProgress, shorten, type Progress } from "./progress.ts";
import { createReporter, type Reporter } from "./reporter.ts";
import { checkOut, commitWork, makeBundle, type Repository } from "./repository.ts";
import type { SpiralLimits } from "./spiral.ts";
import { createSqlAccess, type SqlAccess } from "./sql-access.ts";
import { createTools, type CheckOutcome } from "./tools.ts";
import { openWorkspace } from "./workspace.ts";

export interface RunWorkOptions {
  assignment: WorkAssignment;
  client: RunnerClient;
  /** An empty folder for the checkout; the caller removes it. */
  workDir: string;
  /** What the quick gates are done with. */
  tools: VerifyTools;
  /** Reads a private repository. */
  gitToken?: string | undefined;
  startedAt?: Date;
  /** Gets what the run failed with, before people get their part of it: for the job's log. */
  onFailure?: (error: AdorableError) => void;
  spiral?: SpiralLimits;
  maxContextCharacters?: number;
}

interface Run {
  options: RunWorkOptions;
  repository: Repository;
  project: ProjectState;
  request: Request;
  startedAt: Date;
  models: { architect: LanguageModelV4; producer: LanguageModelV4 };
  budget: Budget;
  reporter: Reporter;
  sql: SqlAccess;
  snapshots: Set<string>;
}

/** Carries out the assignment, posts the result and returns it. Throws only when the result cannot be posted. */
export async function runWork(options: RunWorkOptions): Promise<WorkResult> {
  const result = await work(options).catch((thrown: unknown) => {
    const error = toAdorableError(thrown);
    options.onFailure?.(error);
    return failed(error);
  });
  await options.client.result(result);
  return result;
}

async function work(options: RunWorkOptions): Promise<WorkResult> {
  const { assignment, client } = options;
  const budget = startBudget(assignment.budget);
  const reporter = createReporter(client);
  const sql = createSqlAccess(client);
  try {
    const repository = await checkOut({
      dir: options.workDir,
      cloneUrl: assignment.repository.cloneUrl,
      startCommit: assignment.startCommit,
      gitBranch: assignment.gitBranch,
      token: options.gitToken,
      signal: budget.signal,
    });
    const run: Run = {
      options,
      repository,
      project: await readProjectState(repository.dir),
      request: { text: assignment.prompt, requester: assignment.requester, issue: assignment.issue },
      startedAt: options.startedAt ?? new Date(),
      models: { architect: createRelayModel(client, "architect"), producer: createRelayModel(client, "producer") },
      budget,
      reporter,
      sql,
      snapshots: new Set(),
    };
    const result = await planAndBuild(run);
    await reporter.flush();
    return result;
  } finally {
    budget.end();
    await sql.close();
    // A failure to report is said by `flush` above; here it must not hide why the run ended.
    await reporter.flush().catch(() => undefined);
  }
}

async function planAndBuild(run: Run): Promise<WorkResult> {
  const { assignment, client } = run.options;
  run.reporter.report({ type: "phase", phase: "plan" });
  const planned = await decidePlan(run);
  if (planned.outcome === "answer") return { kind: "work", outcome: "answered", answer: planned.answer };
  const { plan } = planned;
  await run.reporter.flush();
  const { proceed } = await client.plan(plan);
  if (!proceed) return { kind: "work", outcome: "planned" };
  run.reporter.report({ type: "phase", phase: "work" });
  const built: Built = { summaries: [], answers: [] };
  try {
    for (const task of plan.tasks) await buildTask(run, plan, task, built);
  } catch (error) {
    await keepWork(run, plan, built).catch((cause: unknown) => run.reporter.step("keep work", toAdorableError(cause).message));
    throw error;
  }
  if (built.summaries.length === 0) return { kind: "work", outcome: "answered", answer: shorten(built.answers.join("\n\n"), 20_000) };
  const summary = [...built.summaries, ...built.answers].join("\n\n");
  await writeSpec(run, plan);
  const commit = await commitWork(run.repository, { apps: appsOf(plan), title: plan.title, summary, requester: assignment.requester });
  if (commit === undefined) return { kind: "work", outcome: "answered", answer: shorten(`Nothing had to be changed. ${summary}`, 20_000) };
  await client.putBundle(await makeBundle(run.repository));
  return { kind: "work", outcome: "changed", commit, title: plan.title, summary: shorten(summary, 20_000) };
}

interface Built {
  summaries: string[];
  answers: string[];
}

async function decidePlan(run: Run): ReturnType<typeof makePlan> {
  const { approval } = run.options.assignment;
  if (approval.mode === "approved") return { outcome: "plan", plan: checkPlan(approval.plan, run.project.spec) };
  return makePlan({
    model: run.models.architect,
    request: run.request,
    project: run.project,
    startedAt: run.startedAt,
    abortSignal: run.budget.signal,
    onUsage: (usage) => {
      run.budget.spend(usage);
      run.reporter.report({ type: "usage", role: "architect", ...usage });
    },
  }).catch((error: unknown) => {
    throw run.budget.signal.aborted ? run.budget.signal.reason : error;
  });
}

async function buildTask(run: Run, plan: Plan, task: Task, built: Built): Promise<void> {
  const { options } = run;
  const { client } = options;
  const known = run.project.apps.find((app) => app.slug === task.app) ?? plan.createsApps.find((app) => app.slug === task.app);
  const contract = plan.contracts[task.app];
  if (known === undefined || contract === undefined) {
    throw new AdorableError({
      code: "task-app-unresolved",
      remedy: "bug",
      message: `The task "${task.id}" belongs to the app "${task.app}", which is neither there nor created by the plan.`,
    });
  }
  run.reporter.report({ type: "task", id: task.id, state: "started" });
  const root = appFolder(run.repository.dir, task.app);
  const workspace = await openWorkspace(root, task.scope);
  const progress: Progress = createProgress();
  const spec: ProjectSpec = { version: 1, apps: [{ slug: task.app, name: known.name, contract }] };
  let checked: { version: number; outcome: CheckOutcome } | undefined;
  const check = async (): Promise<CheckOutcome> => {
    const version = workspace.version();
    // What was checked and not touched since need not be checked again.
    if (checked?.version !== version) checked = { version, outcome: outcomeOf(await quickCheck(run.repository.dir, spec, options.tools)) };
    return checked.outcome;
  };
  try {
    const claim = await produce({
      model: run.models.producer,
      request: run.request,
      plan,
      task,
      app: await readAppState(run.repository.dir, { slug: task.app, name: known.name, contract }),
      startedAt: run.startedAt,
      budget: run.budget,
      progress,
      reporter: run.reporter,
      check,
      tools: (hooks) =>
        createTools({
          app: task.app,
          workspace,
          client,
          sql: run.sql,
          check,
          progress,
          reporter: run.reporter,
          snapshots: run.snapshots,
          ...hooks,
        }),
      ...(options.spiral === undefined ? {} : { spiral: options.spiral }),
      ...(options.maxContextCharacters === undefined ? {} : { maxContextCharacters: options.maxContextCharacters }),
    });
    if (claim.kind === "done") built.summaries.push(claim.summary);
    else built.answers.push(claim.answer);
    run.reporter.report({ type: "task", id: task.id, state: "done" });
  } catch (error) {
    run.reporter.report({ type: "task", id: task.id, state: "failed" });
    throw error;
  }
}

/** What was built before a failure is handed over all the same: nobody pays twice for it. */
async function keepWork(run: Run, plan: Plan, built: Built): Promise<void> {
  await writeSpec(run, plan);
  const commit = await commitWork(run.repository, {
    apps: appsOf(plan),
    title: `Unfinished: ${shorten(plan.title, 100)}`,
    summary: ["The run stopped before its tasks were done.", ...built.summaries].join("\n\n"),
    requester: run.options.assignment.requester,
  });
  if (commit !== undefined) await run.options.client.putBundle(await makeBundle(run.repository));
}

async function writeSpec(run: Run, plan: Plan): Promise<void> {
  const file = join(run.repository.dir, SPEC_PATH);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(specAfter(plan, run.project.spec), null, 2)}\n`);
}

/** What the gates found, one line per fault. A gate that did not succeed without saying where has its title for a fault. */
function outcomeOf(evidence: Evidence[]): CheckOutcome {
  const faults = evidence.flatMap(({ gate, conclusion, title, summary, annotations }) => {
    if (conclusion === "success") return [];
    if (annotations.length === 0) return [`${gate}: ${title}. ${shorten(summary, 2000)}`];
    return annotations.map(({ path, line, message }) => `${gate}: ${path}:${line} ${message}`);
  });
  return { ok: faults.length === 0, faults };
}

function appsOf(plan: Plan): string[] {
  return [...new Set(plan.tasks.map((task) => task.app))];
}

function failed(error: AdorableError): WorkResult {
  return {
    kind: "work",
    outcome: "failed",
    code: error.code,
    message: shorten(
      // What a bug says may name what is nobody's business; it stands in the job's log.
      error.remedy === "bug" ? `Something went wrong inside the platform ("${error.code}"). The job's log says more.` : error.message,
      20_000,
    ),
    ...(error.hint === undefined ? {} : { hint: shorten(error.hint, 2000) }),
  };
}
