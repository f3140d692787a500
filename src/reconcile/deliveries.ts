/** Acts on one stored delivery. Everything it does may be repeated: a redelivery or a crash half-way changes nothing more. */
import { authorise } from "../command/authorise.ts";
import { toAdorableError } from "../core/errors.ts";
import { GATES } from "../core/evidence.ts";
import { newId, type CommitId, type ProjectId } from "../core/ids.ts";
import type { Delivery, DeliveryOf } from "../github/delivery.ts";
import type { PullRequest } from "../github/github.ts";
import { findChangeByIssue, findChangeByPull, listChanges, saveChange, updateChange } from "../store/changes.ts";
import { findDelivery, finishDelivery } from "../store/deliveries.ts";
import { findProjectByRepository, isDeleted, saveProject } from "../store/projects.ts";
import { enqueueReconcile } from "../store/queue.ts";
import type { ChangeRow, ProjectRow } from "../store/rows.ts";
import { checkName, sayChecksAgain } from "../change/checks.ts";
import type { Platform } from "../change/platform.ts";
import { rerunGates } from "../change/rerun.ts";
import { hearMention, type Heard } from "./mentions.ts";

export async function handleDelivery(platform: Platform, id: string): Promise<void> {
  const row = await findDelivery(platform.store, id);
  if (row?.state !== "received") return;
  try {
    const note = await act(platform, row.payload as Delivery);
    await finishDelivery(platform.store, id, note === undefined ? "processed" : "ignored", note ?? "");
  } catch (thrown) {
    const error = toAdorableError(thrown);
    // Time may heal these: the queue tries again, with growing pauses.
    if (error.remedy === "wait" || error.remedy === "bug") throw thrown;
    platform.log.error({ delivery: id, code: error.code }, error.message);
    await finishDelivery(platform.store, id, "failed", `${error.code}: ${error.message}`);
  }
}

const SPOKEN: readonly string[] = ["issues", "issue_comment", "pull_request_review", "pull_request_review_comment"];

/** Why it was ignored, or undefined when it was acted on. */
async function act(platform: Platform, delivery: Delivery): Promise<string | undefined> {
  switch (delivery.event) {
    case "ignored":
      return `the event "${delivery.name}" is not acted on`;
    case "installation":
    case "installation_repositories": {
      const names = delivery.event === "installation" ? delivery.repositories : delivery.added;
      if (delivery.action === "deleted" || delivery.action === "removed")
        return "projects are deleted by their operator, not by an uninstallation";
      for (const { fullName } of names) await enqueueReconcile(platform.store, (await ensureProject(platform, fullName)).id);
      return undefined;
    }
    default:
      return actOnRepository(platform, delivery);
  }
}

async function actOnRepository(platform: Platform, delivery: Exclude<Delivery, { event: "ignored" }>): Promise<string | undefined> {
  if (!delivery.repository) return "it names no repository";
  const known = await findProjectByRepository(platform.store, delivery.repository.id);
  if (known?.state === "deleting") return "the project is being deleted";
  // What a deleted project did is still being reported; only somebody who speaks starts a new one.
  if (!known && !SPOKEN.includes(delivery.event) && (await isDeleted(platform.store, delivery.repository.fullName)))
    return "the project was deleted";
  // A repository whose installation was not heard of: GitHub says whether the App is installed there.
  const project = known ?? (await ensureProject(platform, delivery.repository.fullName));

  switch (delivery.event) {
    case "issues":
    case "issue_comment":
    case "pull_request_review":
    case "pull_request_review_comment": {
      const heard = hear(delivery);
      return heard === undefined ? `the action "${delivery.action}" is not acted on` : hearMention(platform, project, heard);
    }
    case "pull_request":
      await observePullRequest(platform, project, delivery.pullRequest.number);
      break;
    case "push":
      if (delivery.ref === `refs/heads/${project.default_branch}` && !delivery.isDeleted) await observeMerges(platform, project);
      break;
    case "merge_group":
      break;
    case "workflow_run":
      if (delivery.action !== "completed") return "the workflow run has not ended";
      break;
    case "check_run":
    case "check_suite": {
      // The rest is the echo of what we write.
      if (delivery.action !== "rerequested") return `the action "${delivery.action}" is not acted on`;
      const refusal = await rerun(platform, project, delivery);
      // GitHub lets them wait until they are written anew, whether or not something runs.
      sayChecksAgain(platform);
      await enqueueReconcile(platform.store, project.id);
      return refusal;
    }
    default:
      return `the event "${delivery.event}" is not acted on`;
  }
  await enqueueReconcile(platform.store, project.id);
  return undefined;
}

/** Why no gate runs anew, or undefined. Only a gate's own check is one, and only writers may ask. */
async function rerun(
  platform: Platform,
  project: ProjectRow,
  delivery: DeliveryOf<"check_run"> | DeliveryOf<"check_suite">,
): Promise<string | undefined> {
  const gates = delivery.event === "check_suite" ? GATES : GATES.filter((gate) => checkName(gate) === delivery.checkRun.name);
  if (gates.length === 0) return "the check is not one of a gate";
  const { login, type } = delivery.sender;
  const repository = await platform.github.forInstallation(project.full_name);
  const permission = type === "User" ? await repository.permission(login) : "none";
  const verdict = authorise({ login, senderType: type, permission, allowedBots: platform.settings.allowedBots });
  if (!verdict.allowed) return verdict.reason;
  const head = delivery.event === "check_suite" ? delivery.checkSuite.headSha : delivery.checkRun.headSha;
  return rerunGates(platform, project, await platform.mirrors.open(project.id), head as CommitId, gates);
}

/** What was said, where, by whom; an edit counts as said now. */
function hear(
  delivery:
    | DeliveryOf<"issues">
    | DeliveryOf<"issue_comment">
    | DeliveryOf<"pull_request_review">
    | DeliveryOf<"pull_request_review_comment">,
): Heard | undefined {
  const { sender, action } = delivery;
  const isEdit = action === "edited";
  switch (delivery.event) {
    case "issues":
      if (action !== "opened" && !isEdit) return undefined;
      return {
        source: `issue:${delivery.issue.number}`,
        item: delivery.issue.number,
        isPullRequest: false,
        text: delivery.issue.body,
        before: isEdit ? (delivery.changes.bodyBefore ?? delivery.issue.body) : undefined,
        sender,
        reaction: { kind: "issue", number: delivery.issue.number },
      };
    case "issue_comment":
      if (action !== "created" && !isEdit) return undefined;
      return {
        source: `comment:${delivery.comment.id}`,
        item: delivery.issue.number,
        isPullRequest: delivery.issue.isPullRequest,
        text: delivery.comment.body,
        before: isEdit ? (delivery.changes.bodyBefore ?? delivery.comment.body) : undefined,
        sender,
        reaction: { kind: "comment", id: delivery.comment.id },
      };
    case "pull_request_review":
      if (action !== "submitted") return undefined;
      return {
        source: `review:${delivery.review.id}`,
        item: delivery.pullRequest.number,
        isPullRequest: true,
        text: delivery.review.body,
        before: undefined,
        sender,
        reaction: { kind: "issue", number: delivery.pullRequest.number },
      };
    case "pull_request_review_comment": {
      if (action !== "created") return undefined;
      const { comment } = delivery;
      const place = `\n\n(On ${comment.path}${comment.line === undefined ? "" : `, line ${comment.line}`}.)`;
      return {
        source: `review-comment:${comment.id}`,
        item: delivery.pullRequest.number,
        isPullRequest: true,
        text: comment.body,
        before: undefined,
        context: place,
        sender,
        reaction: { kind: "review-comment", id: comment.id },
      };
    }
  }
}

/** The project of a repository on which the App is installed. Throws `not-installed` (operator) where it is not. */
export async function ensureProject(platform: Platform, fullName: string): Promise<ProjectRow> {
  const repository = await platform.github.forInstallation(fullName);
  const info = await repository.info();
  return saveProject(platform.store, {
    id: newId<ProjectId>("prj"),
    repository_id: info.id,
    full_name: info.fullName,
    clone_url: info.cloneUrl,
    installation_id: info.installationId,
    default_branch: info.defaultBranch,
  });
}

async function observePullRequest(platform: Platform, project: ProjectRow, number: number): Promise<void> {
  // Asked, not taken from the delivery: deliveries come late and out of their order.
  const pull = await (await platform.github.forInstallation(project.full_name)).getPullRequest(number);
  if (pull.baseRef !== project.default_branch) return;
  const isOurs = pull.headRepository === project.full_name;
  // Code from elsewhere gets its gates once a writer asks for them; until then nothing of it runs.
  if (!isOurs) return;
  const present =
    (await findChangeByPull(platform.store, project.id, pull.number)) ??
    (await listChanges(platform.store, project.id)).find(
      (change) => change.state === "open" && change.pull_number === null && change.git_branch === pull.headRef,
    );
  const change =
    present ??
    (await saveChange(platform.store, {
      id: newId("chg"),
      project_id: project.id,
      kind: "pull-request",
      issue_number: null,
      pull_number: pull.number,
      git_branch: pull.headRef,
    }));
  // An old pull request that is opened again: its issue has another change by now, and further requests there belong to that one.
  const isReplaced =
    change.issue_number !== null &&
    change.state !== "open" &&
    (await findChangeByIssue(platform.store, project.id, change.issue_number)) !== undefined;
  await updateChange(platform.store, change.id, {
    ...stateOf(pull),
    pull_number: pull.number,
    ...(isReplaced ? { issue_number: null } : {}),
  });
}

/** What a change takes over from its pull request. */
function stateOf(pull: PullRequest): Partial<Pick<ChangeRow, "state" | "merge_commit" | "merged_by">> {
  if (!pull.isMerged) return { state: pull.state };
  return { state: "merged", merge_commit: (pull.mergeCommit ?? null) as CommitId | null, merged_by: pull.mergedBy ?? null };
}

/** Looks at GitHub for what became of the open pull requests: the push of a merge may be heard of before the merge itself. */
export async function observeMerges(platform: Platform, project: ProjectRow): Promise<void> {
  const repository = await platform.github.forInstallation(project.full_name);
  for (const change of await listChanges(platform.store, project.id)) {
    if (change.state !== "open" || change.pull_number === null) continue;
    await updateChange(platform.store, change.id, stateOf(await repository.getPullRequest(change.pull_number)));
  }
}
