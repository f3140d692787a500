/** Check runs, their annotations, and commit statuses. */
import { authorizeWrite, type Actor } from "./auth.ts";
import { timestamp, type ForgeCore } from "./core.ts";
import { Fault, invalid, notFound, notByIntegration } from "./faults.ts";
import { objectsOf } from "./objects.ts";
import type { Annotation, CheckRun, CheckStatus, CommitStatus, Conclusion, Repository } from "./records.ts";
import { ensureSuite, suiteMoved } from "./check-suites.ts";
import { checkRunEventJson } from "./serialize/check-suites.ts";
import { commitJson } from "./serialize/repositories.ts";
import { emit } from "./webhooks.ts";

const MAX_OUTPUT_CHARACTERS = 65_535;
const MAX_ANNOTATIONS_PER_CALL = 50;
const CONCLUSIONS: Conclusion[] = ["success", "failure", "neutral", "cancelled", "skipped", "timed_out", "action_required", "stale"];

export interface CheckChange {
  name?: string | undefined;
  status?: CheckStatus | undefined;
  conclusion?: Conclusion | undefined;
  detailsUrl?: string | undefined;
  externalId?: string | undefined;
  startedAt?: string | undefined;
  completedAt?: string | undefined;
  output?:
    | {
        title?: string | undefined;
        summary?: string | undefined;
        text?: string | undefined;
        annotations?: Omit<Annotation, "id" | "checkRunId">[] | undefined;
      }
    | undefined;
}

function validate(change: CheckChange): void {
  const { conclusion, status, output } = change;
  if (conclusion !== undefined && !CONCLUSIONS.includes(conclusion))
    throw invalid({ resource: "CheckRun", field: "conclusion", code: "invalid", value: conclusion });
  if (status !== undefined && !["queued", "in_progress", "completed"].includes(status))
    throw invalid({ resource: "CheckRun", field: "status", code: "invalid", value: status });
  if (status === "completed" && conclusion === undefined)
    throw new Fault(422, 'Invalid request.\n\nNo subschema in "anyOf" matched.\n"conclusion" wasn\'t supplied.');
  if (output === undefined) return;
  if (output.title === undefined || output.summary === undefined)
    throw new Fault(422, 'Invalid request.\n\n"title", "summary" weren\'t supplied.');
  for (const field of ["summary", "text"] as const) {
    if ((output[field] ?? "").length > MAX_OUTPUT_CHARACTERS) {
      throw invalid({
        resource: "CheckRun",
        field,
        code: "custom",
        message: `${field} exceeds a maximum bytesize of ${MAX_OUTPUT_CHARACTERS}`,
      });
    }
  }
  if ((output.annotations ?? []).length > MAX_ANNOTATIONS_PER_CALL) {
    throw new Fault(
      422,
      `Invalid request.\n\nNo more than ${MAX_ANNOTATIONS_PER_CALL} items are allowed; ${output.annotations?.length} were supplied.`,
    );
  }
}

/** Only Apps make check runs, as on GitHub. Throws 422 for a commit that is not there. */
export async function createCheckRun(
  core: ForgeCore,
  actor: Actor,
  repository: Repository,
  headSha: string,
  change: CheckChange,
): Promise<CheckRun> {
  authorizeWrite(core, actor, repository, "checks", "write");
  if (actor.kind !== "integration") throw new Fault(403, "You must authenticate via a GitHub App.");
  validate(change);
  if ((change.name ?? "") === "") throw new Fault(422, 'Invalid request.\n\n"name" wasn\'t supplied.');
  await checkCommit(core, repository, headSha);
  await ensureSuite(core, repository, actor.app, headSha);
  return core.db.transaction(() => {
    const status = change.conclusion === undefined ? (change.status ?? "queued") : "completed";
    const record = { repositoryId: repository.id, headSha, name: change.name, appId: actor.app.id, externalId: change.externalId ?? "" };
    const id = core.db.insert("checkRuns", { ...record, status, startedAt: change.startedAt ?? timestamp() });
    return applyChange(core, repository, id, change, "created");
  });
}

/** The App's suite on a commit; made when it is not there. */
export async function createSuite(core: ForgeCore, actor: Actor, repository: Repository, headSha: string) {
  authorizeWrite(core, actor, repository, "checks", "write");
  if (actor.kind !== "integration") throw new Fault(403, "You must authenticate via a GitHub App.");
  await checkCommit(core, repository, headSha);
  return ensureSuite(core, repository, actor.app, headSha);
}

async function checkCommit(core: ForgeCore, repository: Repository, sha: string): Promise<void> {
  if (!/^[0-9a-f]{40}$/.test(sha) || (await objectsOf(core.git, repository.id).type(sha)) !== "commit")
    throw new Fault(422, `No commit found for SHA: ${sha}`);
}

/** An App changes its own check runs only. */
export function updateCheckRun(core: ForgeCore, actor: Actor, repository: Repository, id: number, change: CheckChange): CheckRun {
  authorizeWrite(core, actor, repository, "checks", "write");
  const run = findCheckRun(core, repository, id);
  if (actor.kind !== "integration") throw new Fault(403, "You must authenticate via a GitHub App.");
  if (run.appId !== actor.app.id) throw notByIntegration();
  validate(change);
  const isCompleting = run.status !== "completed" && (change.conclusion !== undefined || change.status === "completed");
  return core.db.transaction(() => applyChange(core, repository, id, change, isCompleting ? "completed" : undefined));
}

export function findCheckRun(core: ForgeCore, repository: Repository, id: number): CheckRun {
  const run = core.state.checkRun(id);
  if (run?.repositoryId !== repository.id) throw notFound();
  return run;
}

function applyChange(core: ForgeCore, repository: Repository, id: number, change: CheckChange, action: string | undefined): CheckRun {
  const { output, conclusion } = change;
  const isReopened = change.status !== undefined && change.status !== "completed" && conclusion === undefined;
  core.db.update("checkRuns", id, {
    name: change.name,
    detailsUrl: change.detailsUrl,
    externalId: change.externalId,
    startedAt: change.startedAt,
    status: conclusion === undefined ? change.status : "completed",
    conclusion: isReopened ? null : conclusion,
    completedAt: isReopened ? null : conclusion === undefined ? change.completedAt : (change.completedAt ?? timestamp()),
    title: output?.title,
    summary: output?.summary,
    text: output?.text,
  });
  for (const annotation of output?.annotations ?? []) core.db.insert("annotations", { ...annotation, checkRunId: id });
  return announceCheckRun(core, repository, id, action);
}

/** Tells Apps and pages what a check run has come to; `action` undefined: only that it changed. Inside the transaction that changes it. */
export function announceCheckRun(core: ForgeCore, repository: Repository, id: number, action: string | undefined): CheckRun {
  const run = findCheckRun(core, repository, id);
  const app = core.state.app(run.appId);
  if (app !== undefined) {
    const sender = core.state.account(app.botId);
    const actions = action === "created" && run.status === "completed" ? ["created", "completed"] : action === undefined ? [] : [action];
    for (const one of actions)
      emit(core, repository, "check_run", sender, { action: one, check_run: checkRunEventJson(core, repository, run) });
    suiteMoved(core, repository, run, sender);
  }
  core.db.afterCommit(() => core.changes.publish({ repositoryId: repository.id, subject: "checks" }));
  return run;
}

export interface NewStatus {
  state: CommitStatus["state"];
  context: string;
  description: string | null;
  targetUrl: string | null;
}

export async function createStatus(
  core: ForgeCore,
  actor: Actor,
  repository: Repository,
  sha: string,
  wanted: NewStatus,
): Promise<CommitStatus> {
  const user = authorizeWrite(core, actor, repository, "statuses", "write");
  if (!["error", "failure", "pending", "success"].includes(wanted.state))
    throw invalid({ resource: "Status", field: "state", code: "custom", message: "state is not included in the list" });
  if ((wanted.description ?? "").length > 140)
    throw invalid({
      resource: "Status",
      field: "description",
      code: "custom",
      message: "description is too long (maximum is 140 characters)",
    });
  const commit = commitJson(core, repository, await objectsOf(core.git, repository.id).commit(sha));
  return core.db.transaction(() => {
    const now = timestamp();
    const record = { repositoryId: repository.id, sha, ...wanted, creatorId: user.id, createdAt: now, updatedAt: now };
    const id = core.db.insert("statuses", record);
    const branches = core.state.branches(repository.id).filter((branch) => branch.sha === sha);
    emit(core, repository, "status", user, {
      id,
      sha,
      name: repository.fullName,
      avatar_url: null,
      state: wanted.state,
      context: wanted.context,
      description: wanted.description,
      target_url: wanted.targetUrl,
      commit,
      branches: branches.map(({ name }) => ({ name, commit: { sha, url: commit["url"] }, protected: false })),
      created_at: now,
      updated_at: now,
    });
    core.db.afterCommit(() => core.changes.publish({ repositoryId: repository.id, subject: "checks" }));
    return core.db.get<CommitStatus>("select * from statuses where id = ?", id) as CommitStatus;
  });
}

/** The newest status of each context, and what they say together. */
export function combinedStatus(core: ForgeCore, repository: Repository, sha: string): { state: string; statuses: CommitStatus[] } {
  const newest = new Map<string, CommitStatus>();
  for (const status of core.state.statuses(repository.id, sha).items) if (!newest.has(status.context)) newest.set(status.context, status);
  const statuses = [...newest.values()];
  const has = (...states: string[]): boolean => statuses.some((status) => states.includes(status.state));
  const state = has("error", "failure") ? "failure" : statuses.length === 0 || has("pending") ? "pending" : "success";
  return { state, statuses };
}
