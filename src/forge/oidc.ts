/** The issuer of job identities: signs who a job is, and publishes the key to check it with. */
import { createPublicKey, generateKeyPair, randomUUID } from "node:crypto";
import { promisify } from "node:util";
import { calculateJwkThumbprint, exportJWK, importPKCS8, SignJWT } from "jose";
import { findToken } from "./accounts.ts";
import type { ForgeCore } from "./core.ts";
import { Fault } from "./faults.ts";
import type { WorkflowJob } from "./records.ts";

const LIFETIME_SECONDS = 300;

export interface Issuer {
  /** `<forge>/oidc`. */
  url(): string;
  configuration(): Record<string, unknown>;
  jwks(): Promise<{ keys: Record<string, unknown>[] }>;
  /** The identity of the job whose request token is given. Throws 401 for another token, 403 when the job has ended. */
  sign(requestToken: string, jobId: number, audience: string | undefined): Promise<string>;
}

/** The signing key is made once and kept with the forge's state. */
export async function createIssuer(core: ForgeCore): Promise<Issuer> {
  const pem = await signingKey(core);
  const privateKey = await importPKCS8(pem, "RS256");
  const publicJwk = await exportJWK(createPublicKey(pem));
  const kid = await calculateJwkThumbprint(publicJwk);
  const issuer: Issuer = {
    url: () => `${core.url}/oidc`,
    configuration: () => ({
      issuer: issuer.url(),
      jwks_uri: `${issuer.url()}/.well-known/jwks`,
      subject_types_supported: ["public", "pairwise"],
      response_types_supported: ["id_token"],
      claims_supported: ["sub", "aud", "exp", "iat", "iss", "jti", "nbf", ...Object.keys(CLAIMS)],
      id_token_signing_alg_values_supported: ["RS256"],
      scopes_supported: ["openid"],
    }),
    jwks: async () => ({ keys: [{ ...publicJwk, kid, use: "sig", alg: "RS256" }] }),
    async sign(requestToken, jobId, audience) {
      const token = findToken(core, requestToken);
      if (token?.kind !== "job" || token.jobId !== jobId || token.permissions?.["id-token"] !== "write")
        throw new Fault(401, "Bad credentials");
      const job = core.state.job(jobId);
      if (job === undefined || job.status === "completed") throw new Fault(403, "The job is not running");
      const { subject, owner, claims } = describe(core, job);
      const now = Math.floor(Date.now() / 1000);
      return new SignJWT(claims)
        .setProtectedHeader({ alg: "RS256", kid, typ: "JWT" })
        .setIssuer(issuer.url())
        .setSubject(subject)
        .setAudience(audience ?? `${core.url}/${owner}`)
        .setJti(randomUUID())
        .setIssuedAt(now)
        .setNotBefore(now - 5)
        .setExpirationTime(now + LIFETIME_SECONDS)
        .sign(privateKey);
    },
  };
  return issuer;
}

async function signingKey(core: ForgeCore): Promise<string> {
  const known = core.db.get<{ value: string }>("select value from meta where key = 'oidc-key'");
  if (known !== undefined) return known.value;
  const { privateKey } = await promisify(generateKeyPair)("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  core.db.insert("meta", { key: "oidc-key", value: privateKey });
  return privateKey;
}

const CLAIMS = {
  repository: "",
  repository_id: "",
  repository_owner: "",
  repository_owner_id: "",
  repository_visibility: "",
  run_id: "",
  run_number: "",
  run_attempt: "",
  event_name: "",
  ref: "",
  ref_type: "",
  sha: "",
  workflow: "",
  workflow_ref: "",
  workflow_sha: "",
  job_workflow_ref: "",
  job_workflow_sha: "",
  actor: "",
  actor_id: "",
  base_ref: "",
  head_ref: "",
  runner_environment: "",
};

/** As on GitHub every claim is text, ids too. */
function describe(core: ForgeCore, job: WorkflowJob): { subject: string; owner: string; claims: Record<keyof typeof CLAIMS, string> } {
  const run = core.state.workflowRun(job.runId);
  const repository = run === undefined ? undefined : core.state.repositoryById(run.repositoryId);
  const workflow = run === undefined ? undefined : core.state.workflow(run.workflowId);
  if (run === undefined || repository === undefined || workflow === undefined) throw new Fault(404, "Not Found");
  const actor = core.state.account(run.actorId);
  const workflowRef = `${repository.fullName}/${workflow.path}@${run.headRef}`;
  return {
    subject: `repo:${repository.fullName}:ref:${run.headRef}`,
    owner: repository.owner,
    claims: {
      ...CLAIMS,
      repository: repository.fullName,
      repository_id: String(repository.id),
      repository_owner: repository.owner,
      repository_owner_id: String(repository.ownerId),
      repository_visibility: repository.isPrivate ? "private" : "public",
      run_id: String(run.id),
      run_number: String(run.number),
      run_attempt: String(run.attempt),
      event_name: run.event,
      ref: run.headRef,
      ref_type: run.headRef.startsWith("refs/tags/") ? "tag" : "branch",
      sha: run.headSha,
      workflow: workflow.name,
      workflow_ref: workflowRef,
      workflow_sha: run.headSha,
      job_workflow_ref: job.calledRef ?? workflowRef,
      job_workflow_sha: job.calledSha ?? run.headSha,
      actor: actor.login,
      actor_id: String(actor.id),
      runner_environment: "self-hosted",
    },
  };
}
