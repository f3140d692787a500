/** GitHub Actions: starting, watching and stopping workflow runs. */
import { type Connection, orUndefined } from "./connection.ts";
import { hasStatus } from "./errors.ts";
import type { Dispatched, WorkflowRun } from "./github.ts";

export async function dispatchWorkflow(
  { octokit, owner, repo }: Connection,
  workflowFile: string,
  ref: string,
  inputs: Record<string, string>,
): Promise<Dispatched> {
  const answer = await octokit.rest.actions.createWorkflowDispatch({
    owner,
    repo,
    workflow_id: workflowFile,
    ref,
    inputs,
    return_run_details: true,
  });
  // 204 without a body where the server does not know `return_run_details`.
  const details = answer.data as { workflow_run_id?: number } | undefined;
  return { runId: details?.workflow_run_id };
}

export async function getWorkflowRun({ octokit, owner, repo }: Connection, id: number): Promise<WorkflowRun | undefined> {
  const answer = await orUndefined(octokit.rest.actions.getWorkflowRun({ owner, repo, run_id: id }));
  if (answer === undefined) return undefined;
  const { data } = answer;
  return {
    id: data.id,
    attempt: data.run_attempt ?? 1,
    status: data.status ?? "queued",
    conclusion: data.conclusion ?? undefined,
    event: data.event,
    headSha: data.head_sha,
    path: data.path,
    url: data.html_url,
  };
}

export async function cancelWorkflowRun({ octokit, owner, repo }: Connection, id: number): Promise<void> {
  try {
    await octokit.rest.actions.cancelWorkflowRun({ owner, repo, run_id: id });
  } catch (error) {
    // 409: it has ended by itself.
    if (!hasStatus(error, 409)) throw error;
  }
}
