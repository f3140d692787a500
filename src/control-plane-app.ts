/** The control plane's HTTP surface beside webhooks: the runner API, evidence, health, and the operator's calls. */
import { timingSafeEqual } from "node:crypto";
import { Readable } from "node:stream";
import { Hono } from "hono";
import { createRunnerApi } from "./change/runner-api/routes.ts";
import type { Platform } from "./change/platform.ts";
import type { Digest } from "./core/ids.ts";
import { brokenLink } from "./release/ledger.ts";
import { listChanges } from "./store/changes.ts";
import { findProjectByName, listProjects, listResources, markProjectDeleting } from "./store/projects.ts";
import { enqueueReconcile } from "./store/queue.ts";
import { listReleases, listRollouts } from "./store/releases.ts";
import { oneRow } from "./store/store.ts";

export function createControlPlaneApp(platform: Platform, operatorToken: string): Hono {
  const app = new Hono();
  const { store } = platform;

  app.get("/health", async (context) => {
    await store.rows("select 1");
    return context.json({ ok: true });
  });
  app.route("/runner/v1", createRunnerApi(platform));

  // A digest is unguessable; only files that a gate attached are served, with the type that it stated.
  app.get("/evidence/:digest{[0-9a-f]{64}}", async (context) => {
    const digest = `sha256:${context.req.param("digest")}` as Digest;
    const file = await oneRow<{ content_type: string }>(
      store,
      `select file->>'contentType' as content_type from evidence, jsonb_array_elements(evidence->'files') as file where file->>'digest' = $1 limit 1`,
      [digest],
    );
    if (!file?.content_type.startsWith("image/")) return context.text("There is no such evidence.", 404);
    return new Response(Readable.toWeb(await platform.artifacts.get(digest)) as ReadableStream, {
      headers: {
        "content-type": file.content_type,
        "cache-control": "public, max-age=31536000, immutable",
        "x-content-type-options": "nosniff",
        // A picture may be a document with scripts in it, and was made where generated code ran.
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
      },
    });
  });

  const operator = new Hono();
  operator.use(async (context, next) => {
    const given = Buffer.from(context.req.header("authorization") ?? "");
    const expected = Buffer.from(`Bearer ${operatorToken}`);
    if (given.length !== expected.length || !timingSafeEqual(given, expected))
      return context.json({ error: "The operator's token is missing or wrong." }, 401);
    return next();
  });
  operator.get("/projects", async (context) => context.json(await listProjects(store)));
  operator.get("/projects/:owner/:name", async (context) => {
    const project = await findProjectByName(store, `${context.req.param("owner")}/${context.req.param("name")}`);
    if (!project) return context.json({ error: "There is no such project." }, 404);
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
  operator.get("/tombstones", async (context) => context.json(await store.rows("select * from tombstones order by deleted_at")));
  operator.delete("/projects/:owner/:name", async (context) => {
    const project = await findProjectByName(store, `${context.req.param("owner")}/${context.req.param("name")}`);
    if (!project) return context.json({ error: "There is no such project." }, 404);
    await store.transaction(async (sql) => {
      await markProjectDeleting(sql, project.id);
      await enqueueReconcile(sql, project.id);
    });
    return context.json({ id: project.id, state: "deleting" }, 202);
  });
  app.route("/operator/v1", operator);
  return app;
}
