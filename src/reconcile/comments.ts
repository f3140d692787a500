/** Keeps what people read in step with the store: the sticky comment of every request, and the impact statement of every revert. */
import { createHash } from "node:crypto";
import { impactText, ordinaryRevertText, requestText } from "../command/texts.ts";
import type { GateView, LinkView, PlanView, RequestView, TaskView } from "../command/view.ts";
import type { GateName } from "../core/evidence.ts";
import { GATES } from "../core/evidence.ts";
import type { Repository } from "../github/github.ts";
import { findChange, listChanges, updateChange } from "../store/changes.ts";
import { listEvidence } from "../store/evidence.ts";
import { listRollouts } from "../store/releases.ts";
import { findPlan, listRequests, REQUEST_ENDED, updateRequest } from "../store/requests.ts";
import type { ChangeRow, ProjectRow, RequestRow, RunRow } from "../store/rows.ts";
import { listRunEvents, listRuns } from "../store/runs.ts";
import type { Mirror } from "../change/mirror.ts";
import type { Platform } from "../change/platform.ts";
import { previewUrl } from "../change/preview.ts";
import type { Rollout } from "../release/rollout.ts";

const ENDED = "ended:";

/** Writes what has changed since it was written last; an ended request is written once more and then left alone. */
export async function publishComments(platform: Platform, project: ProjectRow, mirror: Mirror): Promise<void> {
  const repository = await platform.github.forInstallation(project.full_name);
  const runs = await listRuns(platform.store, project.id);
  for (const request of await listRequests(platform.store, project.id)) {
    if (request.comment_digest?.startsWith(ENDED)) continue;
    const view = await requestView(platform, project, mirror, request, runs);
    const text = requestText(view);
    // The clock alone is no news.
    const isEnded = REQUEST_ENDED.includes(request.state);
    const digest = `${isEnded ? ENDED : ""}${sha256(requestText({ ...view, elapsedMs: 0 }))}`;
    if (digest === request.comment_digest) continue;
    const comment = await repository.upsertStickyComment(
      request.item_number,
      `adorable:request:${request.id}`,
      text,
      request.comment_id ?? undefined,
    );
    await updateRequest(platform.store, request.id, { comment_id: comment.id, comment_digest: digest });
  }
  const rollouts = await listRollouts(platform.store, project.id);
  for (const change of await listChanges(platform.store, project.id)) {
    const rollout = rollouts.findLast((one) => one.change_id === change.id) as Rollout | undefined;
    await publishImpact(platform, repository, change, rollout);
  }
}

async function publishImpact(platform: Platform, repository: Repository, change: ChangeRow, rollout: Rollout | undefined): Promise<void> {
  const text = impactStatement(platform, change, rollout);
  if (text === undefined || change.pull_number === null) return;
  const comment = await repository.upsertStickyComment(
    change.pull_number,
    `adorable:impact:${change.id}`,
    text,
    change.impact_comment_id ?? undefined,
  );
  if (comment.id !== change.impact_comment_id) await updateChange(platform.store, change.id, { impact_comment_id: comment.id });
}

function impactStatement(platform: Platform, change: ChangeRow, rollout: Rollout | undefined): string | undefined {
  const { impact, reverts_release: reverts } = change;
  if (impact === null) {
    if (reverts === null) return undefined;
    return ordinaryRevertText({ botName: platform.settings.botName, reverts, before: reverts - 1, conflicts: change.tree === null });
  }
  return impactText({
    botName: platform.settings.botName,
    live: impact.live,
    target: impact.target,
    countedAt: impact.countedAt,
    past: impact.past?.lsn,
    present: impact.present.lsn,
    tables: impact.tables,
    migrationsUndone: impact.migrationsUndone,
    appsRemoved: impact.appsRemoved,
    appsRestored: impact.appsRestored,
    codeOnlyRefused: impact.codeOnlyRefused,
    codeAndDataRefused: null,
    choice: change.choice,
    chosenBy: change.chosen_by,
    isMerged: rollout?.state === "awaiting-choice",
    happened: rollout?.data.release,
    previews: [],
  });
}

async function requestView(
  platform: Platform,
  project: ProjectRow,
  mirror: Mirror,
  request: RequestRow,
  runs: readonly RunRow[],
): Promise<RequestView> {
  const change = request.change_id === null ? undefined : await findChange(platform.store, request.change_id);
  const run = runs.findLast((one) => one.request_id === request.id);
  const end = request.finished_at ?? platform.clock.now();
  const web = project.clone_url.replace(/\.git$/, "");
  const plan = await planView(platform, request, run);
  const shown = request.state === "verifying" || request.state === "opened";
  return {
    botName: platform.settings.botName,
    reference: request.id,
    requester: request.requester,
    title: request.title ?? request.prompt?.split("\n")[0]?.slice(0, 120) ?? request.verb,
    phase: request.state,
    elapsedMs: end.getTime() - request.created_at.getTime(),
    usage:
      run === undefined
        ? undefined
        : { ...run.usage, cost: Object.values(platform.settings.models).every((model) => model === "blueprint") ? 0 : undefined },
    plan,
    gates: shown && change?.tree ? await gateViews(platform, project, change, `${web}/pull/${change.pull_number ?? 0}/checks`) : [],
    pullRequest: change?.pull_number == null ? undefined : { number: change.pull_number, url: `${web}/pull/${change.pull_number}` },
    previews: shown && change ? await previewLinks(platform, mirror, change) : [],
    run: run?.workflow_run_id == null ? undefined : { text: "workflow run", url: `${web}/actions/runs/${run.workflow_run_id}` },
    // What a finished change did stands in its plan and its pull request.
    answer: request.state === "answered" ? (request.answer ?? undefined) : undefined,
    error: request.error ?? undefined,
  };
}

async function planView(platform: Platform, request: RequestRow, run: RunRow | undefined): Promise<PlanView | undefined> {
  const row = request.plan_hash === null ? undefined : await findPlan(platform.store, request.id, request.plan_hash);
  if (!row) return undefined;
  const events = run === undefined ? [] : await listRunEvents(platform.store, run.id);
  const stateOf = (id: string): TaskView["state"] => {
    const event = events.findLast((one) => one.type === "task" && one.id === id);
    return event?.type === "task" ? event.state : "waiting";
  };
  const { plan, hash } = row;
  return {
    hash,
    title: plan.title,
    summary: plan.summary,
    createsApps: plan.createsApps.map((app) => app.name),
    tasks: plan.tasks.map((task) => ({ title: task.title, app: task.app, state: stateOf(task.id) })),
  };
}

async function gateViews(platform: Platform, project: ProjectRow, change: ChangeRow, url: string): Promise<GateView[]> {
  const evidence = await listEvidence(platform.store, project.id, change.tree as NonNullable<ChangeRow["tree"]>);
  return GATES.map((gate: GateName): GateView => {
    const found = evidence.find((one) => one.gate === gate);
    return found ? { gate, state: found.conclusion, title: found.title, url } : { gate, state: "waiting" };
  });
}

async function previewLinks(platform: Platform, mirror: Mirror, change: ChangeRow): Promise<LinkView[]> {
  if (change.preview_environment === null || change.tree === null) return [];
  return (await mirror.spec(change.tree)).apps.map((app) => ({ text: app.name, url: previewUrl(platform, change, app.slug) }));
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
