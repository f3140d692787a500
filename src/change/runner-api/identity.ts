/** Who is calling: GitHub's OIDC token proves the job, once; after that a session token stands for it until the job ends. */
import { createHash, randomBytes } from "node:crypto";
import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload } from "jose";
import { AdorableError } from "../../core/errors.ts";
import type { RunId } from "../../core/ids.ts";
import type { Session } from "../../core/runner-protocol.ts";
import { enqueueReconcile } from "../../store/queue.ts";
import { findProject } from "../../store/projects.ts";
import { advanceRequest } from "../../store/requests.ts";
import type { ProjectRow, RunRow } from "../../store/rows.ts";
import { advanceRun, findRun, findRunBySession, renewSession, useOidcToken } from "../../store/runs.ts";
import type { Platform } from "../platform.ts";

export interface Caller {
  run: RunRow;
  project: ProjectRow;
}

/** Keys of the issuer, fetched when first needed and again when an unknown one turns up. */
export function createTokenVerifier(platform: Platform): (token: string) => Promise<JWTPayload> {
  const { issuer, audience } = platform.settings.oidc;
  const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks`), { cooldownDuration: 5000 });
  return async (token) => {
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        audience,
        algorithms: ["RS256"],
        clockTolerance: 30,
        maxTokenAge: "10m",
        requiredClaims: ["jti", "repository_id", "run_id", "job_workflow_ref"],
      });
      return payload;
    } catch (cause) {
      const code = cause instanceof errors.JOSEError ? cause.code : "unknown";
      throw denied(`the OIDC token was refused (${code})`, cause);
    }
  };
}

/**
 * Opens the one session of a run. Throws `runner-denied` (author): wrong issuer, audience, signature or expiry, another repository, another
 * workflow run, another branch or event, a workflow that is not ours, a token that was used before, a run that has a session already.
 */
export async function openSession(
  platform: Platform,
  verify: (token: string) => Promise<JWTPayload>,
  request: { oidcToken: string; runId: string; nonce?: string | undefined },
): Promise<Session> {
  const { store, settings, clock } = platform;
  const claims = await verify(request.oidcToken);
  const run = await findRun(store, request.runId as RunId);
  const project = run && (await findProject(store, run.project_id));
  if (!run || !project) throw denied(`there is no run "${request.runId}"`);
  const expected: Record<string, string> = {
    repository_id: String(project.repository_id),
    event_name: "workflow_dispatch",
    ref: `refs/heads/${project.default_branch}`,
  };
  for (const [claim, value] of Object.entries(expected)) {
    if (String(claims[claim]) !== value) throw denied(`the claim ${claim} is "${String(claims[claim])}", not "${value}"`);
  }
  if (!String(claims["job_workflow_ref"]).startsWith(`${settings.oidc.workflow}@`))
    throw denied(`the workflow "${String(claims["job_workflow_ref"])}" is not the platform's`);
  if (!settings.oidc.allowedWorkflowShas.includes(String(claims["job_workflow_sha"])))
    throw denied(`the workflow's commit "${String(claims["job_workflow_sha"])}" is not in the list of allowed ones`);
  const workflowRun = Number(claims["run_id"]);
  if (run.workflow_run_id !== null && run.workflow_run_id !== workflowRun)
    throw denied(`the workflow run ${workflowRun} is not the one that was dispatched`);
  const token = `adr_${randomBytes(32).toString("base64url")}`;
  // A run that is at its limit has a minute to say so.
  const expiresAt = new Date(clock.now().getTime() + settings.budget.minutes * 60_000 + 60_000);
  const patch = {
    session_digest: digest(token),
    session_expires_at: expiresAt,
    started_at: clock.now(),
    workflow_run_id: workflowRun,
    deadline: expiresAt,
  };
  const nonceDigest = request.nonce === undefined ? null : digest(request.nonce);
  const started = await store.transaction(async (sql) => {
    const use = await useOidcToken(sql, String(claims.jti), nonceDigest);
    if (use === "refused") throw denied("the OIDC token was used before");
    // The answer was lost on its way, and with it the session: the job that proves that it is the same one gets another.
    if (use === "again") return run.workflow_run_id === workflowRun && (await renewSession(sql, run.id, patch));
    return (await advanceRun(sql, run.id, "dispatched", "running", patch)) ?? (await advanceRun(sql, run.id, "queued", "running", patch));
  });
  if (!started) throw denied(`the run "${run.id}" is ${run.state}: it has its session, or has ended`);
  if (run.request_id !== null && run.kind === "work") await advanceRequest(store, run.request_id, "planning", "running");
  await enqueueReconcile(store, project.id);
  return { token, expiresAt: expiresAt.toISOString(), assignment: run.assignment };
}

/**
 * The run whose session this is; `mayBeDone` also after it has brought its result. Throws `runner-denied` (author): no token, an unknown or ended
 * session.
 */
export async function authenticate(platform: Platform, authorization: string | undefined, mayBeDone = false): Promise<Caller> {
  const token = /^Bearer (adr_[\w-]{20,})$/.exec(authorization ?? "")?.[1];
  if (token === undefined) throw denied("there is no session token");
  const run = await findRunBySession(platform.store, digest(token));
  if (!run || (run.state !== "running" && !(mayBeDone && run.state === "done"))) throw denied("the session is unknown or has ended");
  const project = await findProject(platform.store, run.project_id);
  if (!project) throw denied("the project of the session is gone");
  return { run, project };
}

export function denied(why: string, cause?: unknown): AdorableError {
  return new AdorableError({
    code: "runner-denied",
    remedy: "author",
    message: `The runner was refused: ${why}.`,
    hint: "Start the job anew with `@adorable retry`.",
    cause,
  });
}

function digest(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
