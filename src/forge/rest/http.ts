/** What every route of the API shares: the caller, the repository, bodies, pages, and errors in GitHub's shape. */
import type { Context, Hono } from "hono";
import { matchedRoutes } from "hono/route";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { z } from "zod";
import { isVisible, type Actor } from "../auth.ts";
import type { ForgeCore } from "../core.ts";
import { Fault, notFound, requiresAuthentication } from "../faults.ts";
import type { Account, Repository } from "../records.ts";
import type { Listed, Page } from "../state.ts";
import { around } from "./around.ts";

export interface ApiEnv {
  Variables: { actor: Actor };
}
export type Api = Hono<ApiEnv>;
export type Call = Context<ApiEnv>;

const DOCUMENTATION = "https://docs.github.com/rest";
const MAX_BODY_BYTES = 48 * 1024 * 1024;

/** Lets the observer hear every answer, whatever made it. */
export function observe(core: ForgeCore, api: Api): void {
  const { observer } = core;
  if (observer === undefined) return;
  api.use("*", async (c, next) => {
    await next();
    const matched = matchedRoutes(c).find((route) => route.method !== "ALL")?.path;
    const { status, headers } = c.res;
    const body = await c.res.clone().text();
    observer.answered({
      method: c.req.method,
      route: matched?.replace(/^\/api(\/v3)?(?=\/)/, ""),
      path: c.req.path,
      sent: await c.req.text(),
      status,
      headers,
      body,
    });
  });
}

export function installBasics(core: ForgeCore, api: Api): void {
  api.use("*", around(core));
  api.onError((error, c) => errorAnswer(core, c, error));
}

/** What a thrown value answers: a Fault as it says, anything else 500 with a line in the log. */
export function errorAnswer(core: ForgeCore, c: Context, error: unknown): Response {
  const fault = error instanceof Fault ? error : new Fault(500, "Server Error");
  if (!(error instanceof Fault))
    core.log(`${c.req.method} ${c.req.path} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  const body = {
    message: fault.message,
    ...(fault.errors === undefined ? {} : { errors: fault.errors }),
    documentation_url: DOCUMENTATION,
    status: String(fault.status),
  };
  return c.json(body, fault.status as ContentfulStatusCode);
}

/** The repository of the path; 404 when the caller may not see it. */
export function repositoryOf(core: ForgeCore, c: Call): Repository {
  const repository = core.state.repository(c.req.param("owner") ?? "", c.req.param("repo") ?? "");
  if (repository === undefined || !isVisible(core, c.get("actor"), repository)) throw notFound();
  return repository;
}

export function numberParam(c: Call, name: string): number {
  const value = Number(c.req.param(name));
  if (!Number.isSafeInteger(value) || value < 1) throw notFound();
  return value;
}

export function textParam(c: Call, name: string): string {
  return c.req.param(name) ?? "";
}

/** The user or bot who calls; 401 for nobody. */
export function accountOf(c: Call): Account {
  const { account } = c.get("actor");
  if (account === null) throw requiresAuthentication();
  return account;
}

/** The JSON body as `schema` says; 400 for what is not JSON, 422 for what does not fit. An absent body is `{}`. */
export async function bodyOf<T>(c: Call, schema: z.ZodType<T>): Promise<T> {
  if (Number(c.req.header("content-length") ?? 0) > MAX_BODY_BYTES) throw new Fault(413, "Payload too large");
  const text = await c.req.text();
  let json: unknown;
  try {
    json = text.trim() === "" ? {} : JSON.parse(text);
  } catch {
    throw new Fault(400, "Problems parsing JSON");
  }
  if (typeof json !== "object" || json === null) throw new Fault(400, "Body should be a JSON object");
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => {
    const name = issue.path.join(".");
    return issue.code === "invalid_type" && issue.message.includes("received undefined")
      ? `"${name}" wasn't supplied.`
      : `For '${name}', ${issue.message}.`;
  });
  throw new Fault(422, `Invalid request.\n\n${problems.join("\n")}`);
}

export function pageOf(c: Call): Page {
  const perPage = Number(c.req.query("per_page") ?? 30);
  const page = Number(c.req.query("page") ?? 1);
  return { perPage: Math.min(100, Math.max(1, Math.trunc(perPage) || 30)), page: Math.max(1, Math.trunc(page) || 1) };
}

/** Sets the `Link` header that leads through the pages. */
export function linkPages(core: ForgeCore, c: Call, total: number): void {
  const { page, perPage } = pageOf(c);
  const last = Math.max(1, Math.ceil(total / perPage));
  const to = (target: number, rel: string): string => {
    const url = new URL(c.req.url);
    url.searchParams.set("page", String(target));
    return `<${core.url}${url.pathname}${url.search}>; rel="${rel}"`;
  };
  const links: string[] = [];
  if (page > 1) links.push(to(Math.min(page - 1, last), "prev"));
  if (page < last) links.push(to(page + 1, "next"), to(last, "last"));
  if (page > 1) links.push(to(1, "first"));
  if (links.length > 0) c.header("link", links.join(", "));
}

/** A page of a listing as a JSON array, or under `key` beside `total_count`. */
export function listAnswer<T>(core: ForgeCore, c: Call, listed: Listed<T>, shape: (item: T) => unknown, key?: string): Response {
  linkPages(core, c, listed.total);
  const items = listed.items.map(shape);
  return c.json(key === undefined ? items : { total_count: listed.total, [key]: items });
}

/** A page of what is held in memory. */
export function slice<T>(items: T[], { page, perPage }: Page): Listed<T> {
  return { items: items.slice((page - 1) * perPage, page * perPage), total: items.length };
}
