/** What GitHub says around every answer: request id, media type, rate limit, and a validator by which a later request is told that nothing changed. */
import { createHash } from "node:crypto";
import type { Context, MiddlewareHandler } from "hono";
import { authenticate, type Actor } from "../auth.ts";
import type { ForgeCore } from "../core.ts";
import { Fault } from "../faults.ts";
import type { ApiEnv } from "./http.ts";

export function around(core: ForgeCore): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    c.header("x-github-media-type", "github.v3; format=json");
    c.header("x-github-request-id", crypto.randomUUID());
    const nobody: Actor = { kind: "anonymous", account: null };
    tellRate(core, c, nobody);
    const actor = await authenticate(core, c.req.header("authorization"));
    c.set("actor", actor);
    // Asking for the limit costs nothing.
    if (!c.req.path.endsWith("/rate_limit") && !core.rates.take(actor.account)) {
      tellRate(core, c, actor);
      const who = actor.account === null ? "your address" : `user ID ${actor.account.id}`;
      throw new Fault(403, `API rate limit exceeded for ${who}.`);
    }
    tellRate(core, c, actor);
    await next();
    await validate(core, c, actor);
  };
}

function tellRate(core: ForgeCore, c: Context, actor: Actor): void {
  for (const [name, value] of Object.entries(core.rates.rate(actor.account))) c.header(`x-ratelimit-${name}`, String(value));
  c.header("x-ratelimit-resource", "core");
}

/** An answer that the caller has already is 304 without a body, and does not count. */
async function validate(core: ForgeCore, c: Context, actor: Actor): Promise<void> {
  if (c.req.method !== "GET" || c.res.status !== 200) return;
  const body = Buffer.from(await c.res.clone().arrayBuffer());
  const etag = `W/"${createHash("sha256").update(body).digest("hex")}"`;
  c.header("etag", etag);
  c.header("cache-control", "private, max-age=60, s-maxage=60");
  c.header("vary", "Accept, Authorization, Cookie");
  const known = (c.req.header("if-none-match") ?? "").split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  if (!known.includes(etag.slice(2)) && !known.includes("*")) return;
  core.rates.giveBack(actor.account);
  tellRate(core, c, actor);
  const headers = new Headers(c.res.headers);
  headers.delete("content-type");
  headers.delete("content-length");
  c.res = undefined;
  c.res = new Response(null, { status: 304, headers });
}
