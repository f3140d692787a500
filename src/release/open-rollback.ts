/** Opens the pull requests that `rollback` asks for: exactly the released paths of an earlier release, on top of the default branch. */
import { pullRequestText } from "../command/texts.ts";
import { eachAlone } from "../core/each-alone.ts";
import { AdorableError, toAdorableError } from "../core/errors.ts";
import { findChange, updateChange } from "../store/changes.ts";
import { listReleases } from "../store/releases.ts";
import { advanceRequest, listRequests } from "../store/requests.ts";
import type { ChangeRow, ProjectRow, ReleaseRow, RequestRow } from "../store/rows.ts";
import type { Mirror } from "../change/mirror.ts";
import type { Platform } from "../change/platform.ts";
import { findTarget, liveRelease, type Target } from "./ledger.ts";

/**
 * The release that `number` names; without a number the one that was live before the present one.
 * Throws `nothing-released`, `no-such-release`, `already-live` (author).
 */
export function rollbackTarget(ledger: readonly ReleaseRow[], number: number | undefined): Target {
  const live = liveRelease(ledger);
  if (!live)
    throw refusal("nothing-released", "Nothing has been released yet, so nothing can be rolled back.", "Merge a pull request first.");
  const target = findTarget(ledger, number ?? ledger.at(-2)?.number ?? 0);
  if (!target)
    throw refusal("no-such-release", `There is no release ${number ?? ""}: the newest is ${live.number}.`, "Name one of 0 to that.");
  if (target.released_tree === live.released_tree)
    throw refusal(
      "already-live",
      target.number === live.number
        ? `Release ${live.number} is live.`
        : `Release ${live.number}, which is live, has exactly the code of release ${target.number}.`,
      "Name another release.",
    );
  return target;
}

/** One pass over the requests for a rollback that have no pull request yet. Idempotent: a repeat finds the branch and the pull request. */
export async function driveRollbackRequests(platform: Platform, project: ProjectRow, mirror: Mirror): Promise<void> {
  const due = (await listRequests(platform.store, project.id)).filter((one) => one.verb === "rollback" && one.state === "received");
  await eachAlone(due, async (request) => {
    const change = request.change_id === null ? undefined : await findChange(platform.store, request.change_id);
    if (!change) return;
    try {
      const title = await openRollback(platform, project, mirror, request, change);
      await advanceRequest(platform.store, request.id, "received", "verifying", { title });
    } catch (thrown) {
      const error = toAdorableError(thrown);
      if (error.remedy !== "author") throw thrown;
      await advanceRequest(platform.store, request.id, "received", "failed", { error: error.toJSON() });
    }
  });
}

/** Returns the pull request's title. */
async function openRollback(
  platform: Platform,
  project: ProjectRow,
  mirror: Mirror,
  request: RequestRow,
  change: ChangeRow,
): Promise<string> {
  const target = rollbackTarget(await listReleases(platform.store, project.id), Number(request.argument));
  const title = target.number === 0 ? "Roll back to the empty project" : `Roll back to release ${target.number}`;
  if (change.pull_number !== null) return title;
  const repository = await platform.github.forInstallation(project.full_name);
  if (!(await mirror.branch(change.git_branch))) {
    const base = await mirror.branch(project.default_branch);
    if (!base)
      throw refusal("repository-empty", `"${project.full_name}" has no commit on ${project.default_branch}.`, "Push a first commit.");
    const message = `${title}\n\nThe apps are exactly those of release ${target.number}. Asked for by @${request.requester}.`;
    const author = await platform.github.botLogin();
    const commit = await mirror.commitReleased(base, target.git_commit, { message, author, at: request.created_at });
    await mirror.push(await repository.gitRemote(), commit, change.git_branch);
  }
  const pull = await repository.createPullRequest({
    head: change.git_branch,
    base: project.default_branch,
    title,
    body: pullRequestText({
      botName: platform.settings.botName,
      requester: request.requester,
      issue: undefined,
      summary: `The apps become exactly what they were in release ${target.number}. What happens to the data is said below, and chosen there.`,
      plan: undefined,
    }),
  });
  await repository.requestReviewer(pull.number, request.requester);
  await updateChange(platform.store, change.id, { pull_number: pull.number });
  return title;
}

function refusal(code: string, message: string, hint: string): AdorableError {
  return new AdorableError({ code, remedy: "author", message, hint });
}
