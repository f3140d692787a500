/** JSON of workflows, runs and jobs, and of Apps' installations and deliveries, as GitHub documents them. */
import { createHmac } from "node:crypto";
import type { ForgeCore } from "../core.ts";
import type { Delivery, Installation, Repository, Workflow, WorkflowJob, WorkflowRun } from "../records.ts";
import { apiUrl, nodeId, userById, userJson, type Json } from "./common.ts";
import { repositoryJson, repositoryPage, repositoryUrl } from "./repositories.ts";

/** The App in whose name jobs act. */
export const RUNNER_APP = "github-actions";

export function workflowJson(core: ForgeCore, repository: Repository, workflow: Workflow): Json {
  return {
    id: workflow.id,
    node_id: nodeId("W", workflow.id),
    name: workflow.name,
    path: workflow.path,
    state: "active",
    created_at: workflow.createdAt,
    updated_at: workflow.createdAt,
    url: `${repositoryUrl(core, repository)}/actions/workflows/${workflow.id}`,
    html_url: `${repositoryPage(core, repository)}/blob/${repository.defaultBranch}/${workflow.path}`,
    badge_url: `${repositoryPage(core, repository)}/workflows/${encodeURIComponent(workflow.name)}/badge.svg`,
  };
}

export function runPage(core: ForgeCore, repository: Repository, run: WorkflowRun): string {
  return `${repositoryPage(core, repository)}/actions/runs/${run.id}`;
}

export function runJson(core: ForgeCore, repository: Repository, run: WorkflowRun): Json {
  const url = `${repositoryUrl(core, repository)}/actions/runs/${run.id}`;
  const workflow = core.state.workflow(run.workflowId);
  const runner = core.state.appBySlug(RUNNER_APP);
  const suiteId = (runner === undefined ? undefined : core.state.checkSuiteOf(repository.id, runner.id, run.headSha)?.id) ?? run.id;
  const called = new Map(core.state.jobs(run).flatMap((job) => (job.calledRef === null ? [] : [[job.calledRef, job.calledSha]])));
  return {
    id: run.id,
    name: workflow?.name ?? "",
    node_id: nodeId("WFR", run.id),
    head_branch: run.headRef.replace(/^refs\/(heads|tags)\//, ""),
    head_sha: run.headSha,
    path: workflow?.path ?? "",
    display_title: run.title,
    run_number: run.number,
    event: run.event,
    status: run.status,
    conclusion: run.conclusion,
    workflow_id: run.workflowId,
    check_suite_id: suiteId,
    check_suite_node_id: nodeId("CS", suiteId),
    url,
    html_url: runPage(core, repository, run),
    pull_requests: [],
    created_at: run.createdAt,
    updated_at: run.updatedAt,
    actor: userById(core, run.actorId),
    run_attempt: run.attempt,
    referenced_workflows: [...called]
      .filter(([ref]) => !ref.startsWith(`${repository.fullName}/${workflow?.path ?? ""}`))
      .map(([path, sha]) => ({ path, sha, ref: path.slice(path.indexOf("@") + 1) })),
    run_started_at: run.startedAt,
    triggering_actor: userById(core, run.actorId),
    jobs_url: `${url}/jobs`,
    logs_url: `${url}/logs`,
    check_suite_url: `${repositoryUrl(core, repository)}/check-suites/${suiteId}`,
    artifacts_url: `${url}/artifacts`,
    cancel_url: `${url}/cancel`,
    rerun_url: `${url}/rerun`,
    previous_attempt_url: null,
    workflow_url: `${repositoryUrl(core, repository)}/actions/workflows/${run.workflowId}`,
    head_commit: run.headCommit,
    repository: repositoryJson(core, repository),
    head_repository: repositoryJson(core, repository),
  };
}

export function jobJson(core: ForgeCore, repository: Repository, run: WorkflowRun, job: WorkflowJob): Json {
  const url = `${repositoryUrl(core, repository)}/actions`;
  return {
    id: job.id,
    run_id: run.id,
    workflow_name: core.state.workflow(run.workflowId)?.name ?? null,
    head_branch: run.headRef.replace(/^refs\/(heads|tags)\//, ""),
    run_url: `${url}/runs/${run.id}`,
    run_attempt: job.attempt,
    node_id: nodeId("WFJ", job.id),
    head_sha: run.headSha,
    url: `${url}/jobs/${job.id}`,
    html_url: `${runPage(core, repository, run)}/job/${job.id}`,
    status: job.status,
    conclusion: job.conclusion,
    created_at: job.createdAt,
    started_at: job.startedAt ?? job.createdAt,
    completed_at: job.completedAt,
    name: job.name,
    steps: job.steps.map((step) => ({
      name: step.name,
      status: step.status,
      conclusion: step.conclusion,
      number: step.number,
      started_at: step.startedAt,
      completed_at: step.completedAt,
    })),
    check_run_url: `${repositoryUrl(core, repository)}/check-runs/${job.checkRunId ?? job.id}`,
    labels: ["ubuntu-latest"],
    runner_id: job.startedAt === null ? null : 1,
    runner_name: job.startedAt === null ? null : "forge",
    runner_group_id: job.startedAt === null ? null : 1,
    runner_group_name: job.startedAt === null ? null : "Default",
  };
}

export function installationJson(core: ForgeCore, installation: Installation): Json {
  const app = core.state.app(installation.appId);
  const account = core.state.account(installation.accountId);
  const url = `${apiUrl(core)}/app/installations/${installation.id}`;
  return {
    id: installation.id,
    account: userJson(core, account),
    repository_selection: installation.repositorySelection,
    access_tokens_url: `${url}/access_tokens`,
    repositories_url: `${apiUrl(core)}/installation/repositories`,
    html_url: `${core.url}/settings/installations/${installation.id}`,
    app_id: installation.appId,
    app_slug: app?.slug ?? "",
    target_id: account.id,
    target_type: account.type === "Organization" ? "Organization" : "User",
    permissions: app?.permissions ?? {},
    events: app?.events ?? [],
    created_at: installation.createdAt,
    updated_at: installation.updatedAt,
    single_file_name: null,
    has_multiple_single_files: false,
    single_file_paths: [],
    suspended_by: null,
    suspended_at: null,
  };
}

export function deliveryJson(delivery: Delivery, withContent: boolean): Json {
  return {
    id: delivery.id,
    guid: delivery.guid,
    delivered_at: delivery.deliveredAt ?? delivery.createdAt,
    redelivery: delivery.isRedelivery,
    duration: delivery.durationSeconds ?? 0,
    status: delivery.state === "pending" ? "pending" : delivery.status,
    status_code: delivery.statusCode,
    event: delivery.event,
    action: delivery.action,
    installation_id: delivery.installationId,
    repository_id: delivery.repositoryId,
    throttled_at: null,
    ...(withContent
      ? {
          url: delivery.url,
          request: { headers: delivery.requestHeaders, payload: JSON.parse(delivery.payload) as unknown },
          response: { headers: delivery.responseHeaders, payload: delivery.responseBody },
        }
      : {}),
  };
}

/** As GitHub signs: `sha256=<hex>`, or the older `sha1=<hex>`. */
export function signature(algorithm: "sha256" | "sha1", secret: string, body: string): string {
  return `${algorithm}=${createHmac(algorithm, secret).update(body).digest("hex")}`;
}
