/** Runs one job: its workspace, its token, its steps one after another, and what they leave behind. */
import { randomUUID } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { issueToken, revokeJobTokens } from "../accounts.ts";
import { timestamp, type ForgeCore } from "../core.ts";
import { permissionsOfJob } from "../permissions.ts";
import type { App, JobStep, Permissions, Repository, RunConclusion, WorkflowJob, WorkflowRun } from "../records.ts";
import { apiUrl } from "../serialize/common.ts";
import { checkOut, locate } from "./called.ts";
import { condition, interpolate, toText, WorkflowError, type Contexts, type Status, type Value } from "./expressions.ts";
import { openLog, type JobLog } from "./logs.ts";
import { killTracked, runProcess, TRACKING_VARIABLE, type StepProcess } from "./process.ts";
import { makeStepFiles } from "./step-files.ts";
import { parseAction, type Job, type Step } from "./workflow.ts";

export interface RunnerSettings {
  /** The Node that runs JavaScript actions. */
  nodePath: string;
  /** Added to every job's environment. */
  env: Record<string, string>;
  /** Where jobs have their workspaces; each is removed with its job. */
  workDir: string;
  timeoutMinutes: number;
  maxConcurrentJobs: number;
  /** The App in whose name jobs act: `github-actions`. */
  app: App;
}

export interface JobPlan {
  repository: Repository;
  run: WorkflowRun;
  record: WorkflowJob;
  job: Job;
  id: string;
  /** Of the whole file, before the job's own. */
  env: Record<string, string>;
  contexts: Contexts;
  permissions: Permissions;
}

export interface JobOutcome {
  conclusion: RunConclusion;
  outputs: Record<string, string>;
}

const TOKEN_LIFETIME_MS = 6 * 60 * 60 * 1000;

interface JobState {
  core: ForgeCore;
  settings: RunnerSettings;
  plan: JobPlan;
  log: JobLog;
  root: string;
  steps: JobStep[];
  env: Record<string, string>;
  paths: string[];
  contexts: Contexts;
  status: Status;
  posts: { name: string; process: StepProcess }[];
}

/** Runs the steps. An abort of `stop` cancels it; its own timeout fails it. Whatever happens, no process of it is left. */
export async function runJob(core: ForgeCore, settings: RunnerSettings, plan: JobPlan, stop: AbortSignal): Promise<JobOutcome> {
  const { record } = plan;
  const root = join(settings.workDir, `job-${record.id}`);
  const tracking = `forge-${randomUUID()}`;
  core.db.update("workflowJobs", record.id, { process: tracking });
  const timeoutMinutes = Number(plan.job["timeout-minutes"] ?? settings.timeoutMinutes);
  const timeout = AbortSignal.timeout(timeoutMinutes * 60_000);
  const signal = AbortSignal.any([stop, timeout]);
  const log = await openLog(core, record, (annotation) => {
    if (record.checkRunId === null) return;
    const { level, message, title, path, line } = annotation;
    core.db.insert("annotations", { checkRunId: record.checkRunId, path, startLine: line, endLine: line, level, message, title });
  });
  const state = await prepare(core, settings, plan, log, root, tracking);
  try {
    for (const [index, step] of (plan.job.steps ?? []).entries()) await runStep(state, step, index, signal);
    for (const post of state.posts.reverse()) await runPost(state, post, stop);
    if (timeout.aborted && !stop.aborted) {
      const message = `The job has exceeded the maximum execution time of ${timeoutMinutes} minutes.`;
      log.line(`::error::${message}`);
      return { conclusion: "timed_out", outputs: {} };
    }
    const outputs = Object.fromEntries(
      Object.entries(plan.job.outputs ?? {}).map(([name, text]) => [name, toText(interpolate(text, state.contexts, state.status))]),
    );
    return { conclusion: stop.aborted ? "cancelled" : state.status.success ? "success" : "failure", outputs };
  } catch (error) {
    if (!(error instanceof WorkflowError)) throw error;
    log.line(`::error::${error.message}`);
    return { conclusion: "failure", outputs: {} };
  } finally {
    revokeJobTokens(core, record.id);
    await killTracked(new Set([tracking]));
    await log.close();
    await rm(root, { recursive: true, force: true });
  }
}

async function prepare(
  core: ForgeCore,
  settings: RunnerSettings,
  plan: JobPlan,
  log: JobLog,
  root: string,
  tracking: string,
): Promise<JobState> {
  const { repository, record, id } = plan;
  const workspace = join(root, "workspace");
  const temp = join(root, "temp");
  await Promise.all([workspace, temp, join(root, "home"), join(root, "tools")].map((folder) => mkdir(folder, { recursive: true })));
  const repositoryIds = [repository.id];
  const { token } = issueToken(
    core,
    "ghs_",
    { kind: "job", accountId: settings.app.botId, jobId: record.id, permissions: permissionsOfJob(plan.permissions), repositoryIds },
    TOKEN_LIFETIME_MS,
  );
  log.mask(token);
  const github = { ...(plan.contexts["github"] as Record<string, Value>), job: id, token, workspace };
  const { event, ...facts } = github as Record<string, Value>;
  const eventPath = join(temp, "event.json");
  await writeFile(eventPath, JSON.stringify(event ?? {}));
  const oidc: Record<string, string> = {};
  if (plan.permissions["id-token"] === "write") {
    const requestToken = issueToken(
      core,
      "oidc_",
      { kind: "job", accountId: settings.app.botId, jobId: record.id, permissions: { "id-token": "write" }, repositoryIds: [] },
      TOKEN_LIFETIME_MS,
    ).token;
    log.mask(requestToken);
    oidc["ACTIONS_ID_TOKEN_REQUEST_URL"] = `${core.url}/_actions/token?job=${record.id}`;
    oidc["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = requestToken;
  }
  const variables = Object.fromEntries(
    Object.entries(facts)
      .filter(([key]) => key !== "token")
      .map(([key, value]) => [`GITHUB_${key.toUpperCase()}`, toText(value ?? "")]),
  );
  const env: Record<string, string> = {
    LANG: "C.UTF-8",
    HOME: join(root, "home"),
    ...settings.env,
    ...oidc,
    ...variables,
    CI: "true",
    GITHUB_ACTIONS: "true",
    GITHUB_EVENT_PATH: eventPath,
    GITHUB_API_URL: apiUrl(core),
    GITHUB_GRAPHQL_URL: `${core.url}/api/graphql`,
    GITHUB_SERVER_URL: core.url,
    GITHUB_RETENTION_DAYS: "90",
    RUNNER_TEMP: temp,
    RUNNER_TOOL_CACHE: join(root, "tools"),
    RUNNER_WORKSPACE: dirname(workspace),
    RUNNER_OS: process.platform === "darwin" ? "macOS" : "Linux",
    RUNNER_ARCH: process.arch === "arm64" ? "ARM64" : "X64",
    RUNNER_NAME: "forge",
    RUNNER_ENVIRONMENT: "self-hosted",
    [TRACKING_VARIABLE]: tracking,
  };
  const runner = { os: env["RUNNER_OS"] ?? "", arch: env["RUNNER_ARCH"] ?? "", name: "forge", temp, tool_cache: join(root, "tools") };
  const contexts: Contexts = { ...plan.contexts, github, runner, steps: {}, env: {}, job: { status: "success" } };
  const steps = (plan.job.steps ?? []).map((step, index) => ({
    number: index + 1,
    name: step.name ?? (step.uses === undefined ? `Run ${(step.run ?? "").split("\n", 1)[0]}` : `Run ${step.uses}`),
    status: "queued" as const,
    conclusion: null,
    startedAt: null,
    completedAt: null,
  }));
  const state: JobState = {
    core,
    settings,
    plan,
    log,
    root,
    steps,
    env,
    paths: [],
    contexts,
    status: { success: true, failure: false, cancelled: false },
    posts: [],
  };
  for (const written of [plan.env, plan.job.env ?? {}]) addEnv(state, written);
  saveSteps(state);
  return state;
}

function addEnv(state: JobState, written: Record<string, string>): void {
  for (const [name, text] of Object.entries(written)) state.env[name] = toText(interpolate(text, state.contexts, state.status));
  state.contexts["env"] = {
    ...(state.contexts["env"] as Record<string, Value>),
    ...Object.fromEntries(Object.keys(written).map((name) => [name, state.env[name] ?? ""])),
  };
}

function saveSteps(state: JobState): void {
  state.core.db.update("workflowJobs", state.plan.record.id, { steps: state.steps });
  state.core.changes.publish({ repositoryId: state.plan.repository.id, subject: "run", number: state.plan.run.id });
}

async function runStep(state: JobState, step: Step, index: number, signal: AbortSignal): Promise<void> {
  const shown = state.steps[index] as JobStep;
  state.status = { ...state.status, cancelled: signal.aborted, success: state.status.success && !signal.aborted };
  if (!condition(step.if, state.contexts, state.status)) {
    Object.assign(shown, { status: "completed", conclusion: signal.aborted ? "cancelled" : "skipped" });
    remember(state, step, "skipped", {});
    return saveSteps(state);
  }
  Object.assign(shown, {
    name: toText(interpolate(shown.name, state.contexts, state.status)),
    status: "in_progress",
    startedAt: timestamp(),
  });
  saveSteps(state);
  state.log.line(`##[group]${shown.name}`);
  // A step that runs although the job is being cancelled (`always()`) is not stopped by that again.
  const conclusion = await performStep(state, step, index, signal.aborted ? new AbortController().signal : signal);
  state.log.line("##[endgroup]");
  Object.assign(shown, { status: "completed", conclusion, completedAt: timestamp() });
  if (conclusion === "failure" && step["continue-on-error"] !== true) state.status = { ...state.status, success: false, failure: true };
  state.contexts["job"] = { status: signal.aborted ? "cancelled" : state.status.success ? "success" : "failure" };
  saveSteps(state);
}

function remember(state: JobState, step: Step, outcome: string, outputs: Record<string, string>): void {
  if (step.id === undefined) return;
  const conclusion = outcome === "failure" && step["continue-on-error"] === true ? "success" : outcome;
  state.contexts["steps"] = { ...(state.contexts["steps"] as Record<string, Value>), [step.id]: { outcome, conclusion, outputs } };
}

async function performStep(state: JobState, step: Step, index: number, signal: AbortSignal): Promise<RunConclusion> {
  const { log } = state;
  const files = await makeStepFiles(join(state.root, "temp", `_files_${index}`));
  const env: Record<string, string> = { ...state.env, ...files.env, PATH: pathOf(state), GITHUB_ACTION: step.id ?? `__step_${index}` };
  for (const [name, text] of Object.entries(step.env ?? {})) env[name] = toText(interpolate(text, state.contexts, state.status));
  const prepared = step.uses === undefined ? await shellProcess(state, step, index, env) : await actionProcess(state, step, index, env);
  const limited =
    step["timeout-minutes"] === undefined ? signal : AbortSignal.any([signal, AbortSignal.timeout(step["timeout-minutes"] * 60_000)]);
  const exit = await runProcess(prepared.process, limited, (child) => {
    if (child.stdout !== null) log.stream(child.stdout);
    if (child.stderr !== null) log.stream(child.stderr);
  });
  const left = await files.read();
  Object.assign(state.env, left.env);
  state.contexts["env"] = { ...(state.contexts["env"] as Record<string, Value>), ...left.env };
  state.paths.unshift(...left.paths);
  if (prepared.post !== undefined) {
    const kept = Object.fromEntries(Object.entries(left.state).map(([name, value]) => [`STATE_${name}`, value]));
    state.posts.push({ name: step.uses ?? "", process: { ...prepared.process, args: [prepared.post], env: { ...env, ...kept } } });
  }
  if (left.summary !== "") appendSummary(state, left.summary);
  const conclusion: RunConclusion =
    exit.kind === "exit" && exit.code === 0 ? "success" : exit.kind === "stopped" && signal.aborted ? "cancelled" : "failure";
  if (exit.kind === "unstartable") log.line(`::error::The step could not be started: ${exit.message}`);
  else if (exit.kind === "exit" && exit.code !== 0) log.line(`##[error]Process completed with exit code ${exit.code}.`);
  else if (exit.kind === "stopped")
    log.line(
      signal.aborted ? "##[error]The operation was canceled." : `::error::The step has timed out after ${step["timeout-minutes"]} minutes.`,
    );
  remember(state, step, conclusion, left.outputs);
  return conclusion;
}

function appendSummary(state: JobState, summary: string): void {
  const { checkRunId } = state.plan.record;
  if (checkRunId === null) return;
  const before = state.core.state.checkRun(checkRunId)?.summary ?? "";
  state.core.db.update("checkRuns", checkRunId, { title: "Summary", summary: (before + summary).slice(0, 65_535) });
}

function pathOf(state: JobState): string {
  return [...state.paths, dirname(state.settings.nodePath), state.settings.env["PATH"] ?? process.env["PATH"] ?? "/usr/bin:/bin"].join(":");
}

async function shellProcess(
  state: JobState,
  step: Step,
  index: number,
  env: Record<string, string>,
): Promise<{ process: StepProcess; post: undefined }> {
  const script = join(state.root, "temp", `step-${index}.sh`);
  await writeFile(script, `${toText(interpolate(step.run ?? "", state.contexts, state.status))}\n`);
  const cwd = join(state.root, "workspace", step["working-directory"] ?? "");
  return { process: { command: "bash", args: ["--noprofile", "--norc", "-e", "-o", "pipefail", script], cwd, env }, post: undefined };
}

async function actionProcess(
  state: JobState,
  step: Step,
  index: number,
  env: Record<string, string>,
): Promise<{ process: StepProcess; post: string | undefined }> {
  const uses = step.uses ?? "";
  const workspace = join(state.root, "workspace");
  let folder = join(workspace, uses);
  if (!uses.startsWith("./")) {
    const located = await locate(state.core, state.plan.repository, uses);
    folder = join(state.root, "actions", String(index));
    await checkOut(state.core, located, folder);
    Object.assign(env, { GITHUB_ACTION_REPOSITORY: located.repository.fullName, GITHUB_ACTION_REF: uses.slice(uses.lastIndexOf("@") + 1) });
  }
  const [yml, yaml] = await Promise.all(
    ["action.yml", "action.yaml"].map((name) => readFile(join(folder, name), "utf8").catch(() => undefined)),
  );
  const text = yml ?? yaml;
  if (text === undefined) throw new WorkflowError(`Can't find "action.yml" or "action.yaml" for the action "${uses}".`);
  const action = parseAction(`${uses}: action.yml`, text);
  const given = Object.fromEntries(
    Object.entries(step.with ?? {}).map(([name, value]) => [name.toLowerCase(), toText(interpolate(value, state.contexts, state.status))]),
  );
  const known = new Set(Object.keys(action.inputs).map((name) => name.toLowerCase()));
  const unexpected = Object.keys(given).filter((name) => !known.has(name));
  if (unexpected.length > 0)
    state.log.line(`::warning::Unexpected input(s) '${unexpected.join("', '")}', valid inputs are ['${[...known].join("', '")}']`);
  const values = { ...given };
  for (const [name, fallback] of Object.entries(action.inputs))
    values[name.toLowerCase()] ??= toText(interpolate(fallback ?? "", state.contexts, state.status));
  for (const [name, value] of Object.entries(values)) env[`INPUT_${name.replaceAll(" ", "_").toUpperCase()}`] = value;
  Object.assign(env, { GITHUB_ACTION_PATH: folder });
  const start = { command: state.settings.nodePath, args: [join(folder, action.main)], cwd: workspace, env };
  return { process: start, post: action.post === undefined ? undefined : join(folder, action.post) };
}

async function runPost(state: JobState, post: { name: string; process: StepProcess }, stop: AbortSignal): Promise<void> {
  state.log.line(`##[group]Post ${post.name}`);
  const signal = stop.aborted ? AbortSignal.timeout(60_000) : stop;
  const exit = await runProcess(post.process, signal, (child) => {
    if (child.stdout !== null) state.log.stream(child.stdout);
    if (child.stderr !== null) state.log.stream(child.stderr);
  });
  state.log.line("##[endgroup]");
  if (exit.kind !== "exit" || exit.code !== 0) state.status = { ...state.status, success: false, failure: true };
}
