/** The runner's side of the runner protocol (`core/runner-protocol.ts`): one method per call, typed refusals, retries where a repeat is safe. */
import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { AdorableError, type ErrorData } from "../core/errors.ts";
import type { Plan } from "../core/plan.ts";
import {
  databaseAnswerSchema,
  migrationsAnswerSchema,
  planAnswerSchema,
  restoreAnswerSchema,
  sessionSchema,
  type DatabaseAnswer,
  type RunEvent,
  type Session,
  type VerifyResult,
  type WorkResult,
} from "../core/runner-protocol.ts";
import type { ModelTransport } from "../models/relay/relay-model.ts";
import type { TunnelTarget } from "./sql-tunnel.ts";

export interface MigrationFile {
  /** Relative to the repository. */
  path: string;
  sql: string;
}

export interface RunnerClient extends ModelTransport {
  /** Where the SQL tunnel connects, and with which header. */
  readonly sql: TunnelTarget;
  events(events: RunEvent[]): Promise<void>;
  plan(plan: Plan): Promise<z.infer<typeof planAnswerSchema>>;
  migrations(app: string, files: MigrationFile[]): Promise<z.infer<typeof migrationsAnswerSchema>>;
  snapshot(note: string): Promise<{ id: string }>;
  restore(id: string): Promise<z.infer<typeof restoreAnswerSchema>>;
  /** `fork` (default): a throwaway copy. `timeline`: the run's own timeline, for a work run. */
  database(apps: string[], of?: "fork" | "timeline"): Promise<DatabaseAnswer>;
  putBundle(bytes: Uint8Array): Promise<void>;
  putFile(bytes: Uint8Array, contentType: string): Promise<{ digest: string }>;
  /** Ends the session: nothing may be called after it. */
  result(result: WorkResult | VerifyResult): Promise<void>;
}

/** Half a minute in all: a control plane that is started again needs seconds, on a busy machine more. */
const RETRY_DELAYS_MS = [100, 200, 500, 1000, ...Array.from({ length: 14 }, () => 2000)];
const MODEL_TIMEOUT_MS = 10 * 60_000;
const CALL_TIMEOUT_MS = 5 * 60_000;

interface Call {
  method: "POST" | "PUT";
  path: string;
  body: Uint8Array | string;
  contentType: string;
  token?: string;
  timeoutMs?: number;
  signal?: AbortSignal | undefined;
}

/**
 * Exchanges the run's OIDC token for a session. The token's `jti` is good once; the nonce proves that a repeat after a lost answer is ours.
 * Throws what the control plane refused with, or `control-plane-unreachable` (wait).
 */
export async function openSession(
  controlPlane: string,
  request: { oidcToken: string; runId: string },
): Promise<{ session: Session; client: RunnerClient }> {
  const base = runnerBase(controlPlane);
  const nonce = randomBytes(24).toString("base64url");
  const answer = await send(base, {
    method: "POST",
    path: "/session",
    body: JSON.stringify({ ...request, nonce }),
    contentType: "application/json",
  });
  const session = parse(sessionSchema, answer, "/session");
  return { session, client: createRunnerClient(controlPlane, session.token) };
}

export function createRunnerClient(controlPlane: string, token: string): RunnerClient {
  const base = runnerBase(controlPlane);
  const post = (path: string, body: unknown, options: Partial<Call> = {}): Promise<unknown> =>
    send(base, { method: "POST", path, body: JSON.stringify(body), contentType: "application/json", token, ...options });
  const put = (path: string, body: Uint8Array, contentType: string): Promise<unknown> =>
    send(base, { method: "PUT", path, body, contentType, token });
  return {
    sql: { url: `${base.replace(/^http/, "ws")}/sql`, authorization: `Bearer ${token}` },
    async events(events) {
      if (events.length > 0) await post("/events", events);
    },
    async plan(plan) {
      return parse(planAnswerSchema, await post("/plan", { plan }), "/plan");
    },
    callModel(role, options, signal) {
      return post(`/model/${role}`, { options }, { timeoutMs: MODEL_TIMEOUT_MS, signal });
    },
    async migrations(app, files) {
      return parse(migrationsAnswerSchema, await post("/migrations", { app, files }), "/migrations");
    },
    async snapshot(note) {
      return parse(z.object({ id: z.string() }), await post("/snapshots", { note }), "/snapshots");
    },
    async restore(id) {
      const path = `/snapshots/${encodeURIComponent(id)}/restore`;
      return parse(restoreAnswerSchema, await post(path, {}), path);
    },
    async database(apps, of = "fork") {
      return parse(databaseAnswerSchema, await post("/databases", { apps, of }), "/databases");
    },
    async putBundle(bytes) {
      await put("/bundle", bytes, "application/octet-stream");
    },
    async putFile(bytes, contentType) {
      return parse(z.object({ digest: z.string() }), await put("/files", bytes, contentType), "/files");
    },
    async result(result) {
      await post("/result", result);
    },
  };
}

function runnerBase(controlPlane: string): string {
  return `${controlPlane.replace(/\/+$/, "")}/runner/v1`;
}

/**
 * One call; unreachable or restarting (502, 503) is waited out. Every call may be repeated after a lost answer: a second snapshot or fork does no
 * harm and goes with the run, and a session or a result is recognised.
 */
async function send(base: string, call: Call): Promise<unknown> {
  for (const delayMs of [...RETRY_DELAYS_MS, undefined]) {
    call.signal?.throwIfAborted();
    const outcome = await attempt(base, call);
    if ("answer" in outcome) return outcome.answer;
    if (!outcome.retry || delayMs === undefined) throw outcome.error;
    await delay(delayMs, undefined, { signal: call.signal });
  }
  throw new Error("unreachable");
}

type Outcome = { answer: unknown } | { error: AdorableError; retry: boolean };

async function attempt(base: string, call: Call): Promise<Outcome> {
  const timeout = AbortSignal.timeout(call.timeoutMs ?? CALL_TIMEOUT_MS);
  let response: Response;
  let text: string;
  try {
    response = await fetch(`${base}${call.path}`, {
      method: call.method,
      headers: { "content-type": call.contentType, ...(call.token === undefined ? {} : { authorization: `Bearer ${call.token}` }) },
      body: call.body as BodyInit,
      signal: call.signal === undefined ? timeout : AbortSignal.any([call.signal, timeout]),
    });
    text = await response.text();
  } catch (cause) {
    if (call.signal?.aborted === true) throw cause;
    const error = new AdorableError({
      code: "control-plane-unreachable",
      remedy: "wait",
      message: `The control plane at "${base}" did not answer ${call.method} ${call.path}: ${reason(cause)}.`,
      hint: "Check that the control plane runs and that the runner can reach its address.",
      cause,
    });
    return { error, retry: true };
  }
  if (response.ok) return { answer: text === "" ? undefined : (JSON.parse(text) as unknown) };
  return { error: refusal(call, response.status, text), retry: response.status === 502 || response.status === 503 };
}

function refusal(call: Call, status: number, text: string): AdorableError {
  const parsed = refusalSchema.safeParse(safeJson(text));
  if (parsed.success) return AdorableError.fromJSON(parsed.data.error as ErrorData);
  return new AdorableError({
    code: "runner-call-refused",
    remedy: status >= 500 ? "wait" : "bug",
    message: `${call.method} ${call.path} was answered with ${status}: "${text.slice(0, 300)}".`,
  });
}

const refusalSchema = z.object({
  error: z.object({
    code: z.string(),
    remedy: z.enum(["author", "operator", "wait", "bug"]),
    message: z.string(),
    hint: z.string().optional(),
    details: z.record(z.string(), z.unknown()).optional(),
  }),
});

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function parse<T>(schema: z.ZodType<T>, answer: unknown, path: string): T {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw new AdorableError({
    code: "runner-answer-invalid",
    remedy: "bug",
    message: `The answer of "${path}" has the wrong shape: ${z.prettifyError(parsed.error)}`,
    cause: parsed.error,
  });
}

function reason(cause: unknown): string {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  return inner instanceof Error ? inner.message || (inner as NodeJS.ErrnoException).code || inner.name : String(inner);
}
