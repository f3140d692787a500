/** Turns one mention into a stored request, or into an answer: no mention that is recognised stays without one. */
import { AdorableError } from "../core/errors.ts";
import { newId, type RequestId } from "../core/ids.ts";
import { changeBranch } from "../core/names.ts";
import { helpText } from "../command/texts.ts";
import { authorise } from "../command/authorise.ts";
import { breakLoop, REQUESTS_PER_HOUR } from "../command/loop-breaker.ts";
import { parseMention, type Mention } from "../command/mention.ts";
import type { Account, ReactionTarget } from "../github/github.ts";
import { findChangeByIssue, findChangeByPull, saveChange, updateChange } from "../store/changes.ts";
import { enqueueReconcile } from "../store/queue.ts";
import { listReleases } from "../store/releases.ts";
import { advanceRequest, approvePlan, countRecentRequests, findPlan, listRequests, REQUEST_ENDED, saveRequest } from "../store/requests.ts";
import { advanceRun, listRuns, RUN_OPEN } from "../store/runs.ts";
import type { ChangeRow, ProjectRow, RequestRow } from "../store/rows.ts";
import type { Platform } from "../change/platform.ts";
import { rollbackTarget } from "../release/open-rollback.ts";

export interface Heard {
  /** What was written, with its kind: one request each. */
  source: string;
  /** Of the issue or pull request. */
  item: number;
  isPullRequest: boolean;
  text: string;
  /** What an edit replaced. */
  before: string | undefined;
  /** Where a review comment stands. */
  context?: string;
  sender: Account;
  reaction: ReactionTarget;
}

/** Why it was ignored, or undefined when there is a request for it now. */
export async function hearMention(platform: Platform, project: ProjectRow, heard: Heard): Promise<string | undefined> {
  const { settings, store, github } = platform;
  const mention = parseMention(heard.text, settings.botName);
  if (!mention) return "nobody was spoken to";
  if (heard.sender.login === (await github.botLogin())) return "it is our own text";
  if (heard.before !== undefined && parseMention(heard.before, settings.botName)) return "the mention stood there before the edit";
  // Whoever stops a storm must be heard in it.
  const loop = mention.verb === "stop" ? "go" : breakLoop(await countRecentRequests(store, project.id, heard.item, heard.source));
  if (loop === "silent") return "the loop breaker: too many requests in an hour";

  const repository = await github.forInstallation(project.full_name);
  await repository.react(heard.reaction, "eyes");
  const request = await saveRequest(store, {
    id: newId<RequestId>("req"),
    project_id: project.id,
    change_id: null,
    source: heard.source,
    item_number: heard.item,
    verb: mention.verb,
    argument: argumentOf(mention),
    prompt: "prompt" in mention ? `${mention.prompt}${heard.context ?? ""}`.trim() : null,
    requester: heard.sender.login,
  });
  const row = request ?? (await listRequests(store, project.id)).find((one) => one.source === heard.source);
  if (row?.state === "received" && row.change_id === null) {
    try {
      if (loop === "refuse")
        throw refusal(
          "too-many-requests",
          `There were ${REQUESTS_PER_HOUR} requests here in an hour, which looks like machines that answer each other.`,
          "Wait an hour, or ask in another issue. Further requests here get no answer until then.",
        );
      if (heard.before !== undefined)
        throw refusal(
          "edited-comment",
          "A mention that is edited into a comment is not acted on: what was approved and what stands there could differ.",
          "Write a new comment.",
        );
      // Asked now, not remembered; an error of the API refuses.
      const permission = heard.sender.type === "User" ? await repository.permission(heard.sender.login) : "none";
      const verdict = authorise({
        login: heard.sender.login,
        senderType: heard.sender.type,
        permission,
        allowedBots: settings.allowedBots,
      });
      if (!verdict.allowed) throw refusal("not-authorised", verdict.reason, "Ask somebody with write access to the repository.");
      await obey(platform, project, heard, mention, row);
    } catch (error) {
      if (!AdorableError.isInstance(error) || error.remedy === "bug" || error.remedy === "wait") throw error;
      await advanceRequest(store, row.id, "received", "refused", { error: error.toJSON() });
    }
  }
  await enqueueReconcile(store, project.id);
  return undefined;
}

async function obey(platform: Platform, project: ProjectRow, heard: Heard, mention: Mention, request: RequestRow): Promise<void> {
  const { store } = platform;
  const answer = (text: string): Promise<unknown> => advanceRequest(store, request.id, "received", "answered", { answer: text });
  switch (mention.verb) {
    case "prompt":
    case "plan": {
      if (mention.verb === "plan" && mention.prompt === "" && (await issueText(platform, project, heard)) === "")
        throw refusal(
          "empty-prompt",
          "There is nothing to plan.",
          `Write what to build: \`@${platform.settings.botName} plan a guestbook\`.`,
        );
      const change = await changeFor(platform, project, heard);
      const prompt = request.prompt === null || request.prompt === "" ? await issueText(platform, project, heard) : request.prompt;
      await store.rows("update requests set change_id = $2, prompt = $3 where id = $1 and state = 'received'", [
        request.id,
        change.id,
        prompt,
      ]);
      return;
    }
    case "approve": {
      const waiting = (await openRequests(platform, project, heard)).find((one) => one.state === "awaiting-approval");
      if (!waiting)
        throw refusal("nothing-to-approve", "No plan is waiting for approval here.", "Ask for one with `plan` and a description.");
      if (waiting.plan_hash !== mention.planHash || !(await findPlan(store, waiting.id, mention.planHash))) {
        throw refusal(
          "plan-hash-mismatch",
          `The plan that waits here is \`${waiting.plan_hash ?? ""}\`, not \`${mention.planHash}\`.`,
          "Read the present plan and approve its hash.",
        );
      }
      await store.transaction(async (sql) => {
        await approvePlan(sql, waiting.id, mention.planHash, heard.sender.login);
        await advanceRequest(sql, waiting.id, "awaiting-approval", "received");
        await advanceRequest(sql, request.id, "received", "answered", {
          answer: `Plan \`${mention.planHash}\` is approved and is being built.`,
        });
      });
      return;
    }
    case "stop": {
      const stopped = await stopRequests(platform, project, await openRequests(platform, project, heard));
      await answer(stopped === 0 ? "Nothing was running here." : "Stopped. What was done so far is kept on its branch.");
      return;
    }
    case "retry": {
      const failed = (await listRequests(store, project.id)).findLast(
        (one) => one.item_number === heard.item && one.prompt !== null && ["failed", "timed-out", "cancelled"].includes(one.state),
      );
      if (!failed) throw refusal("nothing-to-retry", "Nothing has failed here.", "Write what you want instead.");
      const change = await changeFor(platform, project, heard);
      await store.rows("update requests set change_id = $2, prompt = $3, verb = $4 where id = $1 and state = 'received'", [
        request.id,
        change.id,
        failed.prompt,
        failed.verb,
      ]);
      return;
    }
    case "code-only":
    case "code+data": {
      const change = heard.isPullRequest ? await findChangeByPull(store, project.id, heard.item) : undefined;
      if (!change?.impact)
        throw refusal(
          "not-a-rollback",
          "This is not a pull request that restores a release, so there is nothing to choose.",
          "`code+data` is for the revert of a whole release: `rollback <release>` opens one.",
        );
      if (mention.verb === "code-only" && change.impact.codeOnlyRefused !== null)
        throw refusal(
          "code-only-refused",
          `\`code-only\` is refused: ${change.impact.codeOnlyRefused}.`,
          "Choose `code+data`, or bring the schema along in a change of its own.",
        );
      await updateChange(store, change.id, { choice: mention.verb, chosen_by: heard.sender.login });
      await answer(`\`${mention.verb}\` it is, chosen by @${heard.sender.login}. It happens when this pull request is merged.`);
      return;
    }
    case "rollback": {
      const target = rollbackTarget(await listReleases(store, project.id), mention.release);
      const change = await saveChange(store, {
        // Of the request: a repeat after a crash makes no second one.
        id: `chg_${request.id}`,
        project_id: project.id,
        kind: "generated",
        issue_number: null,
        pull_number: null,
        git_branch: `adorable/rollback-to-${target.number}-${request.id.replace(/^.*_/, "")}`,
      });
      await store.rows("update requests set change_id = $2, argument = $3 where id = $1 and state = 'received'", [
        request.id,
        change.id,
        String(target.number),
      ]);
      return;
    }
    case "status": {
      const requests = (await listRequests(store, project.id)).filter(
        (one) => one.item_number === heard.item && one.id !== request.id && one.prompt !== null,
      );
      await answer(
        requests.length === 0
          ? "Nothing was asked for here yet."
          : requests.map((one) => `- ${one.title ?? one.prompt?.split("\n")[0]?.slice(0, 100) ?? ""}: ${one.state}`).join("\n"),
      );
      return;
    }
    case "help":
      await answer(helpText(platform.settings.botName));
      return;
    case "empty":
      throw refusal(
        "empty-prompt",
        "The mention stands alone: it says nothing to do.",
        `Write it behind the mention: \`@${platform.settings.botName} add a guestbook\`.`,
      );
    case "malformed":
      throw refusal(
        "malformed-command",
        `\`${mention.name}\` is not written like that.`,
        `Write \`@${platform.settings.botName} ${mention.usage}\`.`,
      );
    case "too-long":
      throw refusal(
        "too-long",
        `The text has ${mention.length} characters; 65,536 are read.`,
        "Shorten it, or split it into several requests.",
      );
    default:
      throw refusal("verb-not-available", `\`${mention.verb}\` is not available in this version.`, "`help` lists what is.");
  }
}

/** The change that work here belongs to: the pull request's, or the issue's, made if it is not there. */
async function changeFor(platform: Platform, project: ProjectRow, heard: Heard): Promise<ChangeRow> {
  const { store } = platform;
  if (heard.isPullRequest) {
    const change = await findChangeByPull(store, project.id, heard.item);
    if (change?.state !== "open") throw refusal("pull-request-closed", "This pull request is not open.", "Ask in an issue instead.");
    if (!change.git_branch.startsWith("adorable/"))
      throw refusal(
        "branch-of-a-person",
        `\`${change.git_branch}\` is a person's branch, and pushing to it is theirs.`,
        "Ask in an issue: the work comes as a pull request of its own.",
      );
    return change;
  }
  const present = await findChangeByIssue(store, project.id, heard.item);
  return (
    present ??
    saveChange(store, {
      id: newId("chg"),
      project_id: project.id,
      kind: "generated",
      issue_number: heard.item,
      pull_number: null,
      git_branch: changeBranch(heard.item),
    })
  );
}

async function openRequests(platform: Platform, project: ProjectRow, heard: Heard): Promise<RequestRow[]> {
  const change = heard.isPullRequest
    ? await findChangeByPull(platform.store, project.id, heard.item)
    : await findChangeByIssue(platform.store, project.id, heard.item);
  return (await listRequests(platform.store, project.id)).filter(
    (one) =>
      !REQUEST_ENDED.includes(one.state) &&
      one.prompt !== null &&
      (one.item_number === heard.item || (change !== undefined && one.change_id === change.id)),
  );
}

async function stopRequests(platform: Platform, project: ProjectRow, requests: RequestRow[]): Promise<number> {
  const repository = await platform.github.forInstallation(project.full_name);
  const runs = await listRuns(platform.store, project.id);
  for (const request of requests) {
    for (const run of runs.filter((one) => one.request_id === request.id && RUN_OPEN.includes(one.state))) {
      await advanceRun(platform.store, run.id, run.state, "cancelled");
      if (run.workflow_run_id !== null) await repository.cancelWorkflowRun(run.workflow_run_id);
    }
    await advanceRequest(platform.store, request.id, request.state, "cancelled");
  }
  return requests.length;
}

async function issueText(platform: Platform, project: ProjectRow, heard: Heard): Promise<string> {
  const issue = await (await platform.github.forInstallation(project.full_name)).getIssue(heard.item);
  return `${issue.title}\n\n${issue.body}`.trim();
}

function argumentOf(mention: Mention): string | null {
  if (mention.verb === "approve") return mention.planHash;
  if (mention.verb === "restore") return mention.id;
  if (mention.verb === "confirm") return mention.token;
  if (mention.verb === "rollback") return mention.release === undefined ? null : String(mention.release);
  return null;
}

function refusal(code: string, message: string, hint: string): AdorableError {
  return new AdorableError({ code, remedy: "author", message, hint });
}
