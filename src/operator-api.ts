/** What the operator asks of a control plane that is up, under a token of their own: projects, their deletion, proofs of releases, looks at past data. */
import { timingSafeEqual } from "node:crypto";
import { Hono, type Context } from "hono";
import type { Platform } from "./change/platform.ts";
import { AdorableError, toAdorableError } from "./core/errors.ts";
import { brokenLink } from "./release/ledger.ts";
import { openLook, type Look } from "./release/look.ts";
import { parseMoment } from "./release/moments.ts";
import { verifyRelease } from "./release/verify-release.ts";
import { listChanges } from "./store/changes.ts";
import { findProjectByName, listProjects, listResources, markProjectDeleting } from "./store/projects.ts";
import { enqueueReconcile } from "./store/queue.ts";
import { listReleases, listRollouts } from "./store/releases.ts";
import type { ProjectRow } from "./store/rows.ts";

/** Keeps a look's answer from being taken for a dead connection, and notices a dead one. */
const HEARTBEAT_MS = 20_000;
const STATUS = { author: 409, operator: 400, wait: 503, bug: 500 } as const;

export function createOperatorApi(platform: Platform, operatorToken: string): Hono {
  const { store } = platform;
  const api = new Hono();
  api.use(async (context, next) => {
    const given = Buffer.from(context.req.header("authorization") ?? "");
    const expected = Buffer.from(`Bearer ${operatorToken}`);
    if (given.length !== expected.length || !timingSafeEqual(given, expected))
      return context.json({ error: "The operator's token is missing or wrong." }, 401);
    return next();
  });
  api.onError((thrown, context) => {
    const error = toAdorableError(thrown);
    if (error.remedy === "bug") platform.log.error({ err: thrown }, error.message);
    return context.json({ error: error.message, ...error.toJSON() }, error.code === "project-unknown" ? 404 : STATUS[error.remedy]);
  });

  api.get("/projects", async (context) => context.json(await listProjects(store)));
  api.get("/projects/:owner/:name", async (context) => {
    const project = await projectOf(platform, context);
    const releases = await listReleases(store, project.id);
    return context.json({
      project,
      releases,
      ledgerBroken: brokenLink(releases) ?? null,
      rollouts: await listRollouts(store, project.id),
      changes: await listChanges(store, project.id),
      resources: await listResources(store, project.id),
    });
  });
  api.get("/tombstones", async (context) => context.json(await store.rows("select * from tombstones order by deleted_at")));
  api.delete("/projects/:owner/:name", async (context) => {
    const project = await projectOf(platform, context);
    await store.transaction(async (sql) => {
      await markProjectDeleting(sql, project.id);
      await enqueueReconcile(sql, project.id);
    });
    return context.json({ id: project.id, state: "deleting" }, 202);
  });
  api.post("/projects/:owner/:name/releases/:number{[0-9]{1,9}}/verification", async (context) => {
    const project = await projectOf(platform, context);
    return context.json(await verifyRelease(platform, project, Number(context.req.param("number"))));
  });
  // Open for as long as somebody reads the answer: whoever asked may be killed at any moment.
  api.post("/projects/:owner/:name/looks", async (context) => {
    const project = await projectOf(platform, context);
    const pull = context.req.query("pull");
    const moment = parseMoment(context.req.query("at") ?? "now");
    const look = await openLook(platform, project, moment, pull === undefined ? undefined : Number(pull));
    return streamWhileOpen(platform, look);
  });
  return api;
}

/** Throws `project-unknown` (operator). */
async function projectOf({ store }: Platform, context: Context): Promise<ProjectRow> {
  const name = `${context.req.param("owner") ?? ""}/${context.req.param("name") ?? ""}`;
  const project = await findProjectByName(store, name);
  if (project) return project;
  throw new AdorableError({
    code: "project-unknown",
    remedy: "operator",
    message: `There is no project "${name}".`,
    hint: "Write it as owner/repository.",
  });
}

/** One line of JSON, then empty ones until the reader goes; the look goes with it. */
function streamWhileOpen(platform: Platform, look: Look): Response {
  let timer: NodeJS.Timeout | undefined;
  const end = async (): Promise<void> => {
    clearInterval(timer);
    try {
      await look[Symbol.asyncDispose]();
    } catch (error) {
      platform.log.error({ err: error }, "a look at past data is left to the sweep");
    }
  };
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      const say = (text: string): void => controller.enqueue(new TextEncoder().encode(text));
      const { host, port, database, user, password } = look.credential;
      say(`${JSON.stringify({ checkpoint: look.checkpoint, host, port, database, user, password })}\n`);
      timer = setInterval(() => say("\n"), HEARTBEAT_MS);
    },
    cancel: end,
  });
  return new Response(body, { headers: { "content-type": "application/x-ndjson", "cache-control": "no-store" } });
}
