/** Turning what a `work` run brought into commits on a branch and an open pull request. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { pullRequestText } from "../command/texts.ts";
import { AdorableError, toAdorableError } from "../core/errors.ts";
import type { CommitId, RunId } from "../core/ids.ts";
import type { WorkAssignment, WorkResult } from "../core/runner-protocol.ts";
import { findChange, updateChange } from "../store/changes.ts";
import { advanceRequest, findPlan } from "../store/requests.ts";
import type { ChangeRow, ProjectRow, RequestRow, RunRow } from "../store/rows.ts";
import { importBundle } from "./bundle.ts";
import type { Mirror } from "./mirror.ts";
import type { Platform } from "./platform.ts";
import { planRun } from "./dispatch.ts";
import { ensureChangeTimeline } from "./timeline.ts";

/** Where the runner API keeps the bundle of a run. */
export function bundlePath(platform: Platform, run: RunId): string {
  return join(platform.settings.dataDir, "bundles", `${run}.bundle`);
}

/** Makes the run that a request asks for: on its change's branch and timeline, both made if they are not there. */
export async function planWork(
  platform: Platform,
  project: ProjectRow,
  mirror: Mirror,
  request: RequestRow,
  change: ChangeRow,
): Promise<void> {
  const repository = await platform.github.forInstallation(project.full_name);
  const base = await mirror.branch(project.default_branch);
  if (!base)
    throw new AdorableError({
      code: "repository-empty",
      remedy: "author",
      message: `"${project.full_name}" has no commit on ${project.default_branch}.`,
      hint: "Push a first commit, then ask again.",
    });
  const start = (await mirror.branch(change.git_branch)) ?? base;
  const issue = await repository.getIssue(change.issue_number ?? change.pull_number ?? request.item_number);
  await ensureChangeTimeline(platform, mirror, change, start);
  const approved = request.plan_hash === null ? undefined : await findPlan(platform.store, request.id, request.plan_hash);
  const approval: WorkAssignment["approval"] =
    approved?.approved_by != null
      ? { mode: "approved", plan: approved.plan }
      : { mode: request.verb === "plan" || platform.settings.approval === "plan" ? "plan" : "auto" };
  await planRun(platform, project, { kind: "work", request_id: request.id, change_id: change.id }, (runId) => ({
    kind: "work",
    runId,
    repository: { fullName: project.full_name, cloneUrl: project.clone_url, defaultBranch: project.default_branch },
    startCommit: start,
    gitBranch: change.git_branch,
    prompt: request.prompt ?? "",
    requester: request.requester,
    issue: { number: issue.number, title: issue.title.slice(0, 300), body: issue.body.slice(0, 20_000) },
    approval,
    budget: platform.settings.budget,
  }));
}

/** What a finished work run means for its request. Idempotent: a repeat finds the branch and the pull request there. */
export async function finishWork(platform: Platform, project: ProjectRow, mirror: Mirror, request: RequestRow, run: RunRow): Promise<void> {
  const { store } = platform;
  if (run.state !== "done") {
    const state = run.state === "timed-out" ? "timed-out" : run.state === "cancelled" ? "cancelled" : "failed";
    await advanceRequest(store, request.id, request.state, state, { error: run.error });
    return;
  }
  const result = run.result as WorkResult;
  switch (result.outcome) {
    case "planned":
      await advanceRequest(store, request.id, request.state, "awaiting-approval");
      return;
    case "answered":
      await advanceRequest(store, request.id, request.state, "answered", { answer: result.answer });
      return;
    case "failed":
      await advanceRequest(store, request.id, request.state, "failed", {
        error: {
          code: result.code,
          remedy: "author",
          message: result.message,
          ...(result.hint === undefined ? {} : { hint: result.hint }),
        },
      });
      return;
    case "changed":
      try {
        await openChange(platform, project, mirror, request, run, result);
        await advanceRequest(store, request.id, request.state, "verifying", { title: result.title, answer: result.summary });
      } catch (thrown) {
        const error = toAdorableError(thrown);
        if (error.remedy !== "author") throw thrown;
        await advanceRequest(store, request.id, request.state, "failed", { error: error.toJSON() });
      }
      await rm(bundlePath(platform, run.id), { force: true });
  }
}

async function openChange(
  platform: Platform,
  project: ProjectRow,
  mirror: Mirror,
  request: RequestRow,
  run: RunRow,
  result: Extract<WorkResult, { outcome: "changed" }>,
): Promise<void> {
  const change = run.change_id === null ? undefined : await findChange(platform.store, run.change_id);
  if (!change) throw new AdorableError({ code: "change-unknown", remedy: "bug", message: `The run "${run.id}" has no change.` });
  const assignment = run.assignment as WorkAssignment;
  const repository = await platform.github.forInstallation(project.full_name);
  const commit = result.commit as CommitId;
  if (!(await mirror.has(commit)) || (await mirror.branch(change.git_branch)) !== commit) {
    await importBundle(mirror, bundlePath(platform, run.id), assignment.startCommit, commit);
    await mirror.push(await repository.gitRemote(), commit, change.git_branch);
  }
  if (change.pull_number !== null) return;
  const pull = await repository.createPullRequest({
    head: change.git_branch,
    base: project.default_branch,
    title: result.title,
    body: pullRequestText({
      botName: platform.settings.botName,
      requester: request.requester,
      issue: change.issue_number ?? undefined,
      summary: result.summary,
      plan: undefined,
    }),
  });
  await repository.requestReviewer(pull.number, request.requester);
  await updateChange(platform.store, change.id, { pull_number: pull.number });
}
