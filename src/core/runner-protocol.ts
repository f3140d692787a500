/**
 * What a runner and the control plane say to each other over HTTP, below `<controlPlane>/runner/v1`.
 *
 * Every call but `POST /session` carries `Authorization: Bearer <session token>`; a session is one job of one run and dies with it.
 * Refusals are `{ error: ErrorData }` with 401 (who), 403 (scope), 409 (state), 413 (size), 422 (shape).
 *
 * | call                          | body → answer                                                                     |
 * |-------------------------------|-----------------------------------------------------------------------------------|
 * | POST /session                 | `SessionRequest` → `Session`; the OIDC token's `jti` is good once, but for whoever knows the nonce |
 * | POST /events                  | `RunEvent[]` → 204; progress for the comment and the log                           |
 * | POST /plan                    | `{ plan }` → `PlanAnswer`; work only                                               |
 * | POST /model/:role             | `{ options }` (LanguageModelV4CallOptions as JSON) → LanguageModelV4GenerateResult as JSON |
 * | POST /migrations              | `MigrationsRequest` → `MigrationsAnswer`; snapshots first, then applies to the run's timeline |
 * | POST /snapshots               | `{ note }` → `{ id }`                                                              |
 * | POST /snapshots/:id/restore   | → `RestoreAnswer`; only a snapshot of this run                                     |
 * | POST /databases               | `DatabaseRequest` → `DatabaseAnswer`; a throwaway fork of the run's timeline, gone with the run, or (work) the timeline itself |
 * | GET /sql?database=<name> (WebSocket, binary) | the PostgreSQL wire protocol to that database of this run, byte for byte |
 * | PUT /bundle                   | git bundle bytes → 204; work only, ≤ 64 MiB                                        |
 * | PUT /files                    | bytes of an artifact or a screenshot → `{ digest }`; ≤ 256 MiB                      |
 * | POST /result                  | `WorkResult` or `VerifyResult` → 204; ends the session; the same result once more is 204 as well |
 */
import { z } from "zod";
import { evidenceSchema, GATES } from "./evidence.ts";
import { planSchema } from "./plan.ts";
import { slugSchema } from "./spec.ts";

/** `nonce`: a secret that the runner chose; a repeat with the same token and nonce gets a new session in place of the one whose answer was lost. */
export const sessionRequestSchema = z.strictObject({
  oidcToken: z.string(),
  runId: z.string(),
  nonce: z.string().min(20).max(200).optional(),
});

const repositorySchema = z.strictObject({ fullName: z.string(), cloneUrl: z.string(), defaultBranch: z.string() });

/** One database that this run may open: connect through the tunnel with these. */
export const databaseAnswerSchema = z.strictObject({
  database: z.string(),
  /** Per app: the app's own role and its password. */
  apps: z.record(z.string(), z.strictObject({ user: z.string(), password: z.string() })),
});
export type DatabaseAnswer = z.infer<typeof databaseAnswerSchema>;
/** `apps`: those that the runner will connect as; their schema and roles are made if they are not there. */
export const databaseRequestSchema = z.strictObject({
  apps: z.array(z.string()).max(20),
  /** `fork` (the default): a throwaway copy. `timeline`: the run's own timeline itself, where the agent's SQL goes; work only. */
  of: z.enum(["fork", "timeline"]).default("fork"),
});

export const workAssignmentSchema = z.strictObject({
  kind: z.literal("work"),
  runId: z.string(),
  repository: repositorySchema,
  /** Where the work starts: the head of the change's git branch, or of the default branch for a new change. */
  startCommit: z.string(),
  gitBranch: z.string(),
  /** What the person asked for: the text after the mention. */
  prompt: z.string(),
  requester: z.string(),
  /** Quoted data, never instructions. */
  issue: z.strictObject({ number: z.number(), title: z.string(), body: z.string() }),
  /** `plan`: stop after the plan. `approved`: build exactly this plan. */
  approval: z.discriminatedUnion("mode", [
    z.strictObject({ mode: z.literal("auto") }),
    z.strictObject({ mode: z.literal("plan") }),
    z.strictObject({ mode: z.literal("approved"), plan: planSchema }),
  ]),
  budget: z.strictObject({ steps: z.number(), minutes: z.number(), tokens: z.number() }),
});
export type WorkAssignment = z.infer<typeof workAssignmentSchema>;

export const verifyAssignmentSchema = z.strictObject({
  kind: z.literal("verify"),
  runId: z.string(),
  repository: repositorySchema,
  baseCommit: z.string(),
  headCommit: z.string(),
  /** Of the merge of both; the runner makes it again and must get the same. */
  tree: z.string(),
  /** What need not be found out again by a runner whose own digest is `judge`. */
  known: z.array(z.strictObject({ app: slugSchema, gate: z.enum(GATES), judge: z.string() })).optional(),
});
export type VerifyAssignment = z.infer<typeof verifyAssignmentSchema>;

export const sessionSchema = z.strictObject({
  token: z.string(),
  expiresAt: z.string(),
  assignment: z.discriminatedUnion("kind", [workAssignmentSchema, verifyAssignmentSchema]),
});
export type Session = z.infer<typeof sessionSchema>;

export const runEventSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("phase"), phase: z.enum(["plan", "work", "verify"]) }),
  z.strictObject({ type: z.literal("task"), id: z.string(), state: z.enum(["started", "done", "failed"]) }),
  z.strictObject({ type: z.literal("gate"), gate: z.string(), state: z.enum(["started", "success", "failure"]) }),
  z.strictObject({ type: z.literal("step"), tool: z.string().max(60), note: z.string().max(300) }),
  z.strictObject({ type: z.literal("usage"), role: z.string(), inputTokens: z.number(), outputTokens: z.number() }),
]);
export type RunEvent = z.infer<typeof runEventSchema>;

export const planRequestSchema = z.strictObject({ plan: planSchema });
export const planAnswerSchema = z.strictObject({ hash: z.string(), proceed: z.boolean() });

export const migrationsRequestSchema = z.strictObject({
  /** Every migration file of the app, in any order: applied ones must be unchanged. Paths relative to the repository. */
  app: z.string(),
  files: z.array(z.strictObject({ path: z.string(), sql: z.string().max(200_000) })).max(500),
});
export const migrationsAnswerSchema = z.strictObject({
  snapshot: z.string(),
  applied: z.array(z.string()),
  /** What the rules say of those: a line each, with the safe form. */
  findings: z.array(z.string()).optional(),
});

/** `snapshot`: of the data as it was before, to return to. */
export const restoreAnswerSchema = z.strictObject({ snapshot: z.string() });

export const workResultSchema = z.discriminatedUnion("outcome", [
  /** `commit` is the tip in the bundle that was put before. */
  z.strictObject({
    kind: z.literal("work"),
    outcome: z.literal("changed"),
    commit: z.string(),
    title: z.string().max(120),
    summary: z.string().max(20_000),
  }),
  /** Nothing to change, a question answered, or a request beyond the model: the answer is posted. */
  z.strictObject({ kind: z.literal("work"), outcome: z.literal("answered"), answer: z.string().max(20_000) }),
  /** Stopped after the plan. */
  z.strictObject({ kind: z.literal("work"), outcome: z.literal("planned") }),
  z.strictObject({
    kind: z.literal("work"),
    outcome: z.literal("failed"),
    code: z.string(),
    message: z.string().max(20_000),
    hint: z.string().max(2000).optional(),
  }),
]);
export type WorkResult = z.infer<typeof workResultSchema>;

export const verifyResultSchema = z.strictObject({
  kind: z.literal("verify"),
  tree: z.string(),
  /** One for each gate and app; without an app where the tree has none, or where no gate could run. */
  evidence: z.array(evidenceSchema),
  /** Of all that takes part in a gate's result and is the runner's: the gates' own code, their tools, packages and isolation. */
  judge: z.string().optional(),
  /** Of `known`: what was not found out again. */
  reused: z.array(z.strictObject({ app: slugSchema, gate: z.enum(GATES) })).optional(),
  /** The built apps: gzipped tars of each app's folder without node_modules, put before. */
  artifacts: z.record(z.string(), z.string()),
});
export type VerifyResult = z.infer<typeof verifyResultSchema>;
