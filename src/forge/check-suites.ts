/**
 * Check suites: what an App's check runs on a commit come to together, and how somebody asks that they run anew.
 *
 * | state       | invariant                                          | exits                                  |
 * |-------------|----------------------------------------------------|----------------------------------------|
 * | queued      | no run yet, or all wait, or somebody asked anew    | a run begins or ends                   |
 * | in_progress | a run has begun and not all have ended             | the last one ends                      |
 * | completed   | every run of the newest of each name has ended     | a run begins again, or is asked for    |
 */
import { authorizeWrite, type Actor } from "./auth.ts";
import { timestamp, type ForgeCore } from "./core.ts";
import { Fault, notFound } from "./faults.ts";
import { objectsOf, type CommitObject } from "./objects.ts";
import type { Account, App, CheckRun, CheckSuite, CheckStatus, Conclusion, Repository } from "./records.ts";
import { checkRunEventJson, checkSuiteJson } from "./serialize/check-suites.ts";
import { briefCommitJson } from "./serialize/repositories.ts";
import { RUNNER_APP } from "./serialize/actions.ts";
import type { Json } from "./serialize/common.ts";
import { emit, emitTo } from "./webhooks.ts";

/** The worst first; what is not among them is as good as nothing. */
const WORST: Conclusion[] = ["failure", "timed_out", "cancelled", "action_required", "stale", "success"];

export function suiteState(core: ForgeCore, suite: CheckSuite): { status: CheckStatus; conclusion: Conclusion | null } {
  const { items } = core.state.checkRuns(suite.repositoryId, suite.headSha, { appId: suite.appId });
  if (suite.isReset || items.every((run) => run.status === "queued")) return { status: "queued", conclusion: null };
  if (items.some((run) => run.status !== "completed") || hasOpenRun(core, suite)) return { status: "in_progress", conclusion: null };
  const conclusion = WORST.find((worst) => items.some((run) => run.conclusion === worst)) ?? "neutral";
  return { status: "completed", conclusion };
}

/** A workflow run makes the check runs of its jobs one after another: between two of them nothing is complete. */
function hasOpenRun(core: ForgeCore, { repositoryId, headSha, appId }: CheckSuite): boolean {
  if (core.state.app(appId)?.slug !== RUNNER_APP) return false;
  const open = "select 1 from workflowRuns where repositoryId = ? and headSha = ? and status <> 'completed' limit 1";
  return core.db.get(open, repositoryId, headSha) !== undefined;
}

/** The suite of an App on a commit. Made when it is not there; `isNew` then. */
export async function ensureSuite(
  core: ForgeCore,
  repository: Repository,
  app: App,
  headSha: string,
  push?: { branch: string; before: string; commit: CommitObject | undefined },
): Promise<{ suite: CheckSuite; isNew: boolean }> {
  const there = core.state.checkSuiteOf(repository.id, app.id, headSha);
  if (there !== undefined) return { suite: there, isNew: false };
  const headCommit = briefCommitJson(push?.commit ?? (await objectsOf(core.git, repository.id).commit(headSha)));
  return core.db.transaction(() => {
    const known = core.state.checkSuiteOf(repository.id, app.id, headSha);
    if (known !== undefined) return { suite: known, isNew: false };
    const now = timestamp();
    const id = core.db.insert("checkSuites", {
      repositoryId: repository.id,
      appId: app.id,
      headSha,
      headBranch: push?.branch ?? core.state.branches(repository.id).find((branch) => branch.sha === headSha)?.name ?? null,
      beforeSha: push?.before ?? null,
      headCommit,
      isReset: false,
      createdAt: now,
      updatedAt: now,
    });
    return { suite: core.state.checkSuite(id) as CheckSuite, isNew: true };
  });
}

/** As GitHub: a push to a branch makes a suite for each App that writes checks, and tells it. Idempotent by commit. */
export async function requestSuites(
  core: ForgeCore,
  repository: Repository,
  pusher: Account,
  pushes: { branch: string; before: string; after: string; commit: CommitObject | undefined }[],
): Promise<void> {
  for (const { id } of core.state.installationsOn(repository.id)) {
    const installation = core.state.installation(id);
    const app = installation === undefined ? undefined : core.state.app(installation.appId);
    if (app?.permissions["checks"] !== "write") continue;
    for (const { branch, before, after, commit } of pushes) {
      const { suite, isNew } = await ensureSuite(core, repository, app, after, { branch, before, commit });
      if (isNew) core.db.transaction(() => tellSuite(core, repository, suite, "requested", pusher));
    }
  }
}

export function findSuite(core: ForgeCore, repository: Repository, id: number): CheckSuite {
  const suite = core.state.checkSuite(id);
  if (suite?.repositoryId !== repository.id) throw notFound();
  return suite;
}

/** A run has changed: what was asked anew has begun. Inside the run's transaction; tells when the last one has ended. */
export function suiteMoved(core: ForgeCore, repository: Repository, run: CheckRun, sender: Account): void {
  const suite = core.state.checkSuiteOf(repository.id, run.appId, run.headSha);
  if (suite === undefined) return;
  core.db.update("checkSuites", suite.id, { isReset: false, updatedAt: timestamp() });
  if (run.status === "completed") tellCompleted(core, repository, run.appId, run.headSha, sender);
}

/** Says that a suite has come to its end, where it has. Inside a transaction. */
export function tellCompleted(core: ForgeCore, repository: Repository, appId: number, headSha: string, sender: Account): void {
  const suite = core.state.checkSuiteOf(repository.id, appId, headSha);
  if (suite !== undefined && suiteState(core, suite).status === "completed") tellSuite(core, repository, suite, "completed", sender);
}

/** Tells the App of a check run that somebody wants it anew; what becomes of it is the App's to say. Throws 422 where no App would hear. */
export function rerequestCheckRun(core: ForgeCore, actor: Actor, repository: Repository, run: CheckRun): void {
  const user = authorizeWrite(core, actor, repository, "checks", "write");
  const suite = rerequestable(core, repository, run.appId, run.headSha, "This check run is not rerequestable");
  core.db.transaction(() => {
    core.db.update("checkSuites", suite.id, { isReset: true, updatedAt: timestamp() });
    const body = { action: "rerequested", check_run: checkRunEventJson(core, repository, run) };
    emitTo(core, repository, run.appId, "check_run", user, body);
  });
  core.changes.publish({ repositoryId: repository.id, subject: "checks" });
}

/** As for a single run, of all that the App has on the commit. */
export function rerequestSuite(core: ForgeCore, actor: Actor, repository: Repository, found: CheckSuite): void {
  const user = authorizeWrite(core, actor, repository, "checks", "write");
  const suite = rerequestable(core, repository, found.appId, found.headSha, "This check suite is not rerequestable");
  core.db.transaction(() => {
    core.db.update("checkSuites", suite.id, { isReset: true, updatedAt: timestamp() });
    tellSuite(core, repository, core.state.checkSuite(suite.id) as CheckSuite, "rerequested", user);
  });
  core.changes.publish({ repositoryId: repository.id, subject: "checks" });
}

function rerequestable(core: ForgeCore, repository: Repository, appId: number, headSha: string, refusal: string): CheckSuite {
  const suite = core.state.checkSuiteOf(repository.id, appId, headSha);
  if (suite === undefined || core.state.installationOf(appId, repository.id) === undefined) throw new Fault(422, refusal);
  return suite;
}

function tellSuite(core: ForgeCore, repository: Repository, suite: CheckSuite, action: string, sender: Account): void {
  const { repository: _repeated, ...json } = checkSuiteJson(core, repository, suite, suiteState(core, suite)) as Json;
  const body = { action, check_suite: json };
  // What is asked of an App is told to that one alone; what it came to, to all.
  if (action === "completed") emit(core, repository, "check_suite", sender, body);
  else emitTo(core, repository, suite.appId, "check_suite", sender, body);
}
