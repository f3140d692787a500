/** The control plane's HTTP surface beside webhooks: the runner API, evidence, health, and the operator's calls. */
import { Readable } from "node:stream";
import { Hono } from "hono";
import { createRunnerApi } from "./change/runner-api/routes.ts";
import type { Platform } from "./change/platform.ts";
import type { Digest } from "./core/ids.ts";
import { createOperatorApi } from "./operator-api.ts";
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

  app.route("/operator/v1", createOperatorApi(platform, operatorToken));
  return app;
}
