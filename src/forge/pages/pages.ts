/** The forge's pages: to read, comment, merge and revert in. Every form works without script; script only refreshes what changed. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Hono, type Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { endSession, findSession, redeemLoginLink, type Session } from "../accounts.ts";
import { findRun } from "../actions/dispatch.ts";
import { readLog } from "../actions/logs.ts";
import type { ForgeCore } from "../core.ts";
import { Fault } from "../faults.ts";
import type { Repository } from "../records.ts";
import { errorAnswer } from "../rest/http.ts";
import { changesStream } from "./changes.ts";
import { formRoutes } from "./forms.ts";
import { ruleForms } from "./rules.ts";
import { sender, type PageEnv } from "./visit.ts";
import { readPlace } from "./code.ts";
import { homeBody } from "./home.ts";
import { page, type Frame, type Section, type Theme } from "./layout.ts";
import { repositoryRoutes } from "./places.ts";
import { problemBody } from "./problem.ts";
import { isProgram, refusal } from "./refusals.ts";

const COOKIE = "forge_session";
const THEME_COOKIE = "forge_theme";
const THEME_SECONDS = 365 * 24 * 3600;
const STATIC: Record<string, [path: string, type: string]> = {
  "forge.css": [fileURLToPath(new URL("./static/forge.css", import.meta.url)), "text/css; charset=utf-8"],
  "page.js": [fileURLToPath(new URL("./static/page.js", import.meta.url)), "text/javascript; charset=utf-8"],
  "live.js": [fileURLToPath(new URL("./static/live.js", import.meta.url)), "text/javascript; charset=utf-8"],
  "icon.svg": [fileURLToPath(new URL("./static/icon.svg", import.meta.url)), "image/svg+xml"],
  "idiomorph.js": [fileURLToPath(import.meta.resolve("idiomorph")).replace(/[^/]+$/, "idiomorph.esm.js"), "text/javascript; charset=utf-8"],
  "geist.woff2": [fileURLToPath(import.meta.resolve("@fontsource-variable/geist/files/geist-latin-wght-normal.woff2")), "font/woff2"],
};
/** Nothing inline, nothing from elsewhere but pictures: evidence lies at the control plane's address. */
const POLICY =
  "default-src 'self'; img-src 'self' http: https:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";
const MAX_FORM_BYTES = 1024 * 1024;
const SESSION_SECONDS = 14 * 24 * 3600;

export function createPages(core: ForgeCore): Hono<PageEnv> {
  const app = new Hono<PageEnv>();
  const sessionOf = (c: Context): Session | undefined => {
    const cookie = getCookie(c, COOKIE);
    return cookie === undefined ? undefined : findSession(core, cookie);
  };
  const visible = (c: Context, session: Session | undefined): Repository | undefined => {
    const [, owner = "", name = ""] = c.req.path.split("/");
    const repository = core.state.repository(decode(owner), decode(name));
    return repository === undefined || core.state.role(repository, session?.account ?? null) === "none" ? undefined : repository;
  };
  /** What may not be seen is not there. */
  const repositoryOf = (c: Context, session: Session | undefined): Repository => {
    const repository = visible(c, session);
    if (repository === undefined) throw new Fault(404, "Not Found");
    return repository;
  };
  const show = async (c: Context, frame: Omit<Frame, "theme" | "counts" | "isAdmin">, status = 200): Promise<Response> => {
    const { repository, session } = frame;
    const about = repository === undefined ? {} : aboutRepository(core, repository, session);
    return c.html(await page({ ...frame, ...about, theme: themeOf(getCookie(c, THEME_COOKIE)) }), status as 200);
  };
  const refuse = async (c: Context<PageEnv>, error: unknown): Promise<Response> => {
    const { status, heading, text, advice } = refusal(error);
    const session = sessionOf(c);
    const repository = visible(c, session);
    const from = c.req.method === "POST" ? pageBefore(c) : undefined;
    const back = from ?? `/${repository?.fullName ?? ""}`;
    const backLabel = from !== undefined ? "Back" : repository === undefined ? "To the repositories" : `To ${repository.fullName}`;
    const body = problemBody({ status, heading, text, advice, back, backLabel, typed: c.get("typed") ?? "" });
    return show(c, { title: heading, session, repository, body }, status);
  };

  app.use(async (c, next) => {
    await next();
    c.header("content-security-policy", c.get("policy") ?? POLICY);
    c.header("x-content-type-options", "nosniff");
    c.header("referrer-policy", "same-origin");
  });
  const tooLarge = (c: Context<PageEnv>): Promise<Response> => {
    c.header("connection", "close"); // the rest of the body is not read
    return refuse(c, new Fault(413, "That is more than a form may hold."));
  };
  app.use(bodyLimit({ maxSize: MAX_FORM_BYTES, onError: tooLarge }));
  app.onError((error, c) => {
    if (isProgram(c)) return errorAnswer(core, c, error);
    if (!(error instanceof Fault)) core.log(`${c.req.method} ${c.req.path} failed: ${error.stack ?? error.message}`);
    return refuse(c, error);
  });
  app.notFound((c) => {
    const fault = new Fault(404, "Not Found");
    return isProgram(c) ? errorAnswer(core, c, fault) : refuse(c, fault);
  });

  app.get("/_static/:file", async (c) => {
    const known = STATIC[c.req.param("file")];
    if (known === undefined) return c.notFound();
    return c.body(new Uint8Array(await readFile(known[0])), 200, { "content-type": known[1], "cache-control": "max-age=300" });
  });
  app.get("/login", (c) => {
    const redeemed = redeemLoginLink(core, c.req.query("link") ?? "");
    if (redeemed === undefined) throw new Fault(401, "This link was used or has expired. Make a new one.");
    setCookie(c, COOKIE, redeemed.cookie, { httpOnly: true, sameSite: "Lax", path: "/", maxAge: SESSION_SECONDS });
    return c.redirect(ownPath(c.req.query("next") ?? "/"), 303);
  });
  /** Changes nothing but how pages look to whoever sends it, so it takes no session. */
  app.post("/theme", async (c) => {
    const theme = themeOf(String((await c.req.parseBody())["theme"]));
    if (theme === undefined) throw new Fault(422, "The colours are light or dark.");
    setCookie(c, THEME_COOKIE, theme, { httpOnly: true, sameSite: "Lax", path: "/", maxAge: THEME_SECONDS });
    return c.redirect(pageBefore(c) ?? "/", 303);
  });
  app.post("/logout", async (c) => {
    await sender(c, sessionOf(c));
    endSession(core, getCookie(c, COOKIE) ?? "");
    deleteCookie(c, COOKIE, { path: "/" });
    return c.redirect("/", 303);
  });
  app.get("/", (c) => {
    const session = sessionOf(c);
    return show(c, { title: "Repositories", session, body: homeBody(core, session) });
  });
  app.get("/:owner", (c) => {
    const session = sessionOf(c);
    const owner = core.state.accountByLogin(c.req.param("owner"));
    if (owner === undefined) throw new Fault(404, "Not Found");
    return show(c, { title: owner.login, session, body: homeBody(core, session, owner) });
  });

  repositoryRoutes(core, async (path, section, view) => {
    app.get(`/:owner/:name${path}`, async (c) => {
      const session = sessionOf(c);
      const repository = repositoryOf(c, session);
      const { title, body, changes = "_changes" } = await view({ c, repository, session });
      const whole = title === undefined ? repository.fullName : `${title} · ${repository.fullName}`;
      return show(c, { title: whole, session, repository, section, changes: `/${repository.fullName}/${changes}`, body: await body });
    });
  });
  /** A file as it is. It can do nothing here: scripts in it do not run, and only pictures are shown as what they are. */
  app.get("/:owner/:name/raw/:place{.+}", async (c) => {
    const { path, content } = await readPlace(core, repositoryOf(c, sessionOf(c)), c.req.param("place"));
    const picture = PICTURES[/\.(\w+)$/.exec(path)?.[1]?.toLowerCase() ?? ""];
    const isBinary = content.subarray(0, 8000).includes(0);
    const type = picture ?? (isBinary ? "application/octet-stream" : "text/plain; charset=utf-8");
    c.set("policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox");
    return c.body(new Uint8Array(content), 200, { "content-type": type });
  });
  /** Where the API says that check runs are. */
  app.get("/:owner/:name/runs/:id{[0-9]+}", (c) => {
    const repository = repositoryOf(c, sessionOf(c));
    const check = core.state.checkRun(Number(c.req.param("id")));
    if (check?.repositoryId !== repository.id) throw new Fault(404, "Not Found");
    const pull = core.state.pulls(repository.id, { state: "all" }).items.find((one) => one.headSha === check.headSha);
    const place = pull === undefined ? `commit/${check.headSha}` : `pull/${pull.number}/checks`;
    return c.redirect(`/${repository.fullName}/${place}#check-${check.id}`, 302);
  });
  app.get("/:owner/:name/actions/runs/:run{[0-9]+}/job/:id{[0-9]+}", (c) => {
    const { repository, run, job } = jobOf(core, c, repositoryOf(c, sessionOf(c)));
    return c.redirect(`/${repository.fullName}/actions/runs/${run.id}#job-${job.id}`, 302);
  });
  app.get("/:owner/:name/actions/runs/:run{[0-9]+}/job/:id{[0-9]+}/log", async (c) => {
    const { job } = jobOf(core, c, repositoryOf(c, sessionOf(c)));
    return c.text(await readLog(core, job));
  });
  app.get("/:owner/:name/_changes", (c) => {
    const repository = repositoryOf(c, sessionOf(c));
    const run = c.req.query("run");
    return changesStream(core, c, repository, run === undefined ? undefined : findRun(core, repository, Number(run)));
  });
  formRoutes(core, app, { sessionOf, repositoryOf });
  ruleForms(core, app, { sessionOf, repositoryOf });
  return app;
}

const PICTURES: Record<string, string> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  svg: "image/svg+xml",
  ico: "image/x-icon",
};

function themeOf(text: string | undefined): Theme | undefined {
  return text === "light" || text === "dark" ? text : undefined;
}

function aboutRepository(core: ForgeCore, repository: Repository, session: Session | undefined) {
  const open = (isPull: boolean): number => core.state.issues(repository.id, { isPull, state: "open" }, { page: 1, perPage: 1 }).total;
  const counts: Partial<Record<Section, number>> = { issues: open(false), pulls: open(true) };
  return { counts, isAdmin: core.state.role(repository, session?.account ?? null) === "admin" };
}

/** The page of this site that led here. */
function pageBefore(c: Context): string | undefined {
  const from = URL.parse(c.req.header("referer") ?? "");
  return from?.origin === new URL(c.req.url).origin ? `${from.pathname}${from.search}` : undefined;
}

function jobOf(core: ForgeCore, c: Context, repository: Repository) {
  const run = findRun(core, repository, Number(c.req.param("run")));
  const job = core.state.job(Number(c.req.param("id")));
  if (job?.runId !== run.id) throw new Fault(404, "Not Found");
  return { repository, run, job };
}

/** A path of this site, or its start: never another site, however it is written. */
function ownPath(next: string): string {
  const url = URL.parse(next, "http://own.invalid");
  if (url?.origin !== "http://own.invalid" || url.pathname.startsWith("//")) return "/";
  return `${url.pathname}${url.search}${url.hash}`;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
