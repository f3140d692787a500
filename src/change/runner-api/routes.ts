/** The control plane's side of the runner protocol (`core/runner-protocol.ts`), as HTTP routes. */
import { createWriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { isDeepStrictEqual } from "node:util";
import { Hono, type Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import { z } from "zod";
import { AdorableError, toAdorableError } from "../../core/errors.ts";
import { planHash } from "../../core/plan.ts";
import {
  databaseRequestSchema,
  migrationsRequestSchema,
  planRequestSchema,
  runEventSchema,
  sessionRequestSchema,
  type VerifyResult,
  verifyResultSchema,
  workResultSchema,
} from "../../core/runner-protocol.ts";
import { createModel } from "../../models/models.ts";
import { decodeCall, encodeResult } from "../../models/relay/wire.ts";
import { listResources, recordResource } from "../../store/projects.ts";
import { enqueueReconcile } from "../../store/queue.ts";
import { savePlan, updateRequest } from "../../store/requests.ts";
import { addRunEvents, addUsage, advanceRun } from "../../store/runs.ts";
import type { ProjectId } from "../../core/ids.ts";
import type { Sql } from "../../store/store.ts";
import type { Platform } from "../platform.ts";
import { takeResult } from "../app-evidence.ts";
import { bundlePath } from "../work.ts";
import { openDatabase } from "./databases.ts";
import { authenticate, createTokenVerifier, denied, openSession, type Caller } from "./identity.ts";
import { migrateChange, restoreSnapshot, takeSnapshot } from "./snapshots.ts";

const BUNDLE_BYTES = 64 * 1024 * 1024;
const FILE_BYTES = 256 * 1024 * 1024;
const JSON_BYTES = 16 * 1024 * 1024;

export function createRunnerApi(platform: Platform): Hono {
  const api = new Hono();
  const verify = createTokenVerifier(platform);
  const { store, artifacts, settings } = platform;

  api.onError((thrown, context) => {
    const error = toAdorableError(thrown);
    if (error.remedy === "bug") platform.log.error({ code: error.code, err: thrown, path: context.req.path }, error.message);
    // What broke here says nothing to a runner but that it broke.
    const data =
      error.code === "unexpected" ? { ...error.toJSON(), message: "The control plane failed; its log says why." } : error.toJSON();
    return context.json({ error: data }, statusOf(error));
  });

  // Files and bundles are counted while they are stored; the rest is read into memory.
  api.on("POST", "/*", bodyLimit({ maxSize: JSON_BYTES, onError: () => Promise.reject(tooLarge(JSON_BYTES)) }));
  api.post("/session", async (context) => context.json(await openSession(platform, verify, await body(context, sessionRequestSchema))));

  api.post("/events", async (context) => {
    const caller = await authenticate(platform, context.req.header("authorization"));
    const events = await body(context, z.array(runEventSchema).max(200));
    await addRunEvents(store, caller.run.id, events);
    // Tasks stand in the comment; the rest is looked at when the run ends.
    if (events.some((event) => event.type === "task")) await enqueueReconcile(store, caller.project.id);
    return context.body(null, 204);
  });

  api.post("/plan", async (context) => {
    const caller = await workCaller(platform, context);
    const { plan } = await body(context, planRequestSchema);
    const hash = planHash(plan);
    const assignment = caller.run.assignment;
    if (assignment.kind !== "work" || caller.run.request_id === null) throw denied("only work has a plan");
    if (assignment.approval.mode === "approved" && planHash(assignment.approval.plan) !== hash)
      throw denied("this is not the plan that was approved");
    await savePlan(store, caller.run.request_id, hash, plan);
    await updateRequest(store, caller.run.request_id, { plan_hash: hash, title: plan.title });
    await enqueueReconcile(store, caller.project.id);
    return context.json({ hash, proceed: assignment.approval.mode !== "plan" });
  });

  api.post("/model/:role", async (context) => {
    const caller = await workCaller(platform, context);
    const role = context.req.param("role");
    if (role !== "architect" && role !== "producer" && role !== "analyst") throw denied(`there is no role "${role}"`);
    const { usage } = caller.run;
    if (usage.inputTokens + usage.outputTokens > settings.budget.tokens) {
      throw new AdorableError({
        code: "budget-exceeded",
        remedy: "author",
        message: `The run has used its ${settings.budget.tokens} tokens.`,
        hint: "Ask for less at once, or raise the budget in the configuration.",
      });
    }
    const { options } = await body(context, z.object({ options: z.unknown() }));
    const result = await createModel(settings.models[role], role).doGenerate(decodeCall(options));
    await addUsage(store, caller.run.id, result.usage.inputTokens.total ?? 0, result.usage.outputTokens.total ?? 0);
    return context.json(encodeResult(result) as object);
  });

  api.post("/migrations", async (context) =>
    context.json(await migrateChange(platform, await workCaller(platform, context), await body(context, migrationsRequestSchema))),
  );
  api.post("/snapshots", async (context) => {
    const caller = await workCaller(platform, context);
    const { note } = await body(context, z.strictObject({ note: z.string().max(300) }));
    return context.json({ id: await takeSnapshot(platform, caller, note) });
  });
  api.post("/snapshots/:id/restore", async (context) => {
    const snapshot = await restoreSnapshot(platform, await workCaller(platform, context), context.req.param("id"));
    return context.json({ snapshot });
  });
  api.post("/databases", async (context) => {
    const caller = await authenticate(platform, context.req.header("authorization"));
    return context.json(await openDatabase(platform, caller, await body(context, databaseRequestSchema)));
  });

  api.put("/bundle", async (context) => {
    const caller = await workCaller(platform, context);
    const path = bundlePath(platform, caller.run.id);
    await mkdir(dirname(path), { recursive: true });
    try {
      await pipeline(bytesOf(context, BUNDLE_BYTES), createWriteStream(`${path}.tmp`, { flush: true }));
      await rename(`${path}.tmp`, path);
    } finally {
      await rm(`${path}.tmp`, { force: true });
    }
    return context.body(null, 204);
  });

  api.put("/files", async (context) => {
    const caller = await authenticate(platform, context.req.header("authorization"));
    const digest = await artifacts.put(bytesOf(context, FILE_BYTES));
    await recordResource(store, caller.project.id, "artifact", digest);
    return context.json({ digest });
  });

  api.post("/result", async (context) => {
    const { run, project } = await authenticate(platform, context.req.header("authorization"), true);
    const result = await body(context, z.union([workResultSchema, verifyResultSchema]));
    // The answer to the first one was lost.
    if (run.state === "done" && isDeepStrictEqual(run.result, JSON.parse(JSON.stringify(result)))) return context.body(null, 204);
    if (run.state === "done") throw denied("the run has ended");
    if (result.kind !== run.kind) throw denied(`a ${run.kind} run has no ${result.kind} result`);
    const taken = result.kind === "verify" ? await takeVerified({ run, project }, result) : undefined;
    await store.transaction(async (sql) => {
      if (result.kind === "verify") await requireOwnFiles(sql, project.id, result);
      await taken?.save(sql);
      // The run may have been ended while this call was on its way: then nothing of it counts.
      if (!(await advanceRun(sql, run.id, "running", "done", { result }))) throw denied("the run has ended");
      await enqueueReconcile(sql, project.id);
    });
    return context.body(null, 204);
  });

  async function takeVerified({ run, project }: Caller, result: VerifyResult): ReturnType<typeof takeResult> {
    const { assignment } = run;
    if (assignment.kind !== "verify" || assignment.tree !== result.tree) throw denied("the result is of another tree");
    // These two are found out here, where production is; a runner has no say in them.
    const foreign = result.evidence.find(({ gate }) => gate === "migrations" || gate === "preview");
    if (foreign !== undefined) throw denied(`the gate "${foreign.gate}" is not a runner's`);
    return takeResult(platform, project, await platform.mirrors.open(project.id), assignment, result);
  }

  return api;
}

/** A digest names bytes of any project: only what runs of this one have brought may be named. */
async function requireOwnFiles(sql: Sql, project: ProjectId, result: VerifyResult): Promise<void> {
  const own = new Set((await listResources(sql, project)).filter((one) => one.kind === "artifact").map((one) => one.id));
  const named = [...Object.values(result.artifacts), ...result.evidence.flatMap((one) => one.files.map((file) => file.digest))];
  const foreign = named.find((digest) => !own.has(digest));
  if (foreign !== undefined) throw denied(`the file "${foreign}" was not brought by a run of this project`);
}

async function workCaller(platform: Platform, context: Context): Promise<Caller> {
  const caller = await authenticate(platform, context.req.header("authorization"));
  if (caller.run.kind !== "work") throw denied("this call is for work runs");
  return caller;
}

async function body<T>(context: Context, schema: z.ZodType<T>): Promise<T> {
  const json: unknown = await context.req.json().catch(() => undefined);
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new AdorableError({
    code: "invalid-shape",
    remedy: "bug",
    message: `The call "${context.req.path}" is malformed at "${issue?.path.join(".") ?? ""}": ${issue?.message ?? ""}`,
  });
}

function tooLarge(limit: number): AdorableError {
  return new AdorableError({ code: "too-large", remedy: "author", message: `More than ${limit} bytes were sent.` });
}

/** The request's bytes, ended with `too-large` once there are more than `limit`. */
function bytesOf(context: Context, limit: number): Readable {
  let total = 0;
  const guard = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      total += chunk.length;
      if (total > limit) done(tooLarge(limit));
      else done(null, chunk);
    },
  });
  const source = context.req.raw.body;
  const readable = source === null ? Readable.from([]) : Readable.fromWeb(source as import("node:stream/web").ReadableStream);
  readable.on("error", (error) => guard.destroy(error));
  return readable.pipe(guard);
}

function statusOf(error: AdorableError): 400 | 401 | 409 | 413 | 422 | 500 | 503 {
  if (error.code === "runner-denied") return 401;
  if (error.code === "too-large") return 413;
  if (error.code === "invalid-shape") return 422;
  if (error.remedy === "author") return 409;
  return error.remedy === "wait" ? 503 : 500;
}
