/** The forge's pages: to read, comment, merge and revert in. Every form works without script; script only refreshes what changed. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Hono, type Context } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { streamSSE } from "hono/streaming";
import { findSession, isSameSecret, redeemLoginLink, type Session } from "../accounts.ts";
import type { Actor } from "../auth.ts";
import { findRun } from "../actions/dispatch.ts";
import type { ForgeCore } from "../core.ts";
import { Fault } from "../faults.ts";
import { createComment, createIssue } from "../issues.ts";
import { mergePull } from "../pulls.ts";
import type { Repository } from "../records.ts";
import { revertPull } from "../revert.ts";
import { issueBody, pullBody, type PullTab } from "./conversation.ts";
import { page, type Frame, type Html } from "./layout.ts";
import { homeBody, listBody, newIssueBody, releasesBody, repositoryBody, runsBody } from "./repository.ts";
import { runBody } from "./run.ts";

const COOKIE = "forge_session";
const STATIC: Record<string, [path: string, type: string]> = {
  "forge.css": [fileURLToPath(new URL("./static/forge.css", import.meta.url)), "text/css; charset=utf-8"],
  "live.js": [fileURLToPath(new URL("./static/live.js", import.meta.url)), "text/javascript; charset=utf-8"],
  "idiomorph.js": [fileURLToPath(import.meta.resolve("idiomorph")).replace(/[^/]+$/, "idiomorph.esm.js"), "text/javascript; charset=utf-8"],
  "geist.woff2": [fileURLToPath(import.meta.resolve("@fontsource-variable/geist/files/geist-latin-wght-normal.woff2")), "font/woff2"],
};
const PING_MS = 15_000;

export function createPages(core: ForgeCore): Hono {
  const app = new Hono();
  const sessionOf = (c: Context): Session | undefined => {
    const cookie = getCookie(c, COOKIE);
    return cookie === undefined ? undefined : findSession(core, cookie);
  };
  /** What may not be seen is not there. */
  const repositoryOf = (c: Context, session: Session | undefined): Repository => {
    const repository = core.state.repository(c.req.param("owner") ?? "", c.req.param("name") ?? "");
    if (repository === undefined || core.state.role(repository, session?.account ?? null) === "none")
      throw new Fault(404, "There is no such page");
    return repository;
  };
  const show = async (
    c: Context,
    frame: Omit<Frame, "session" | "body"> & { session: Session | undefined; body: Html | Promise<Html> },
  ): Promise<Response> =>
    c.html(await page({ ...frame, body: await frame.body }), 200, {
      "content-security-policy":
        "default-src 'self'; img-src 'self' http: https: data:; style-src 'self'; frame-ancestors 'none'; form-action 'self'",
    });
  /** The session of a form that was sent from one of our pages. */
  const sentBy = async (c: Context): Promise<{ session: Session; actor: Actor; fields: Record<string, string> }> => {
    const session = sessionOf(c);
    if (session === undefined) throw new Fault(401, "Log in first");
    const fields = Object.fromEntries(
      Object.entries(await c.req.parseBody()).map(([key, value]) => [key, typeof value === "string" ? value : ""]),
    );
    if (!isSameSecret(fields["csrf"] ?? "", session.csrf)) throw new Fault(403, "This form is not of your session: open the page again");
    return { session, actor: { kind: "user", account: session.account }, fields };
  };

  app.onError(async (error, c) => {
    if (!(error instanceof Fault)) core.log(`a page failed: ${error.stack ?? error.message}`);
    const [status, text] =
      error instanceof Fault ? [error.status, error.message] : [500, "Something failed here; the forge's log says what"];
    const body = await page({ title: text, session: sessionOf(c), problem: text, body: "" as never });
    return c.html(body, status as 404);
  });
  app.notFound(async (c) =>
    c.html(await page({ title: "Not found", session: sessionOf(c), problem: "There is no such page.", body: "" as never }), 404),
  );

  app.get("/_static/:file", async (c) => {
    const known = STATIC[c.req.param("file")];
    if (known === undefined) return c.notFound();
    return c.body(new Uint8Array(await readFile(known[0])), 200, { "content-type": known[1], "cache-control": "max-age=3600" });
  });
  app.get("/login", (c) => {
    const redeemed = redeemLoginLink(core, c.req.query("link") ?? "");
    if (redeemed === undefined) throw new Fault(401, "This link was used or has expired: make a new one");
    setCookie(c, COOKIE, redeemed.cookie, { httpOnly: true, sameSite: "Lax", path: "/", maxAge: 30 * 24 * 3600 });
    const next = c.req.query("next") ?? "/";
    return c.redirect(/^\/(?!\/)/.test(next) ? next : "/", 303);
  });
  app.get("/", (c) => {
    const session = sessionOf(c);
    return show(c, { title: "Repositories", session, body: homeBody(core, session) });
  });

  const repositoryPage = (
    path: string,
    section: NonNullable<Frame["section"]>,
    body: (repository: Repository, session: Session | undefined, c: Context) => Html | Promise<Html>,
  ): void => {
    app.get(`/:owner/:name${path}`, (c) => {
      const session = sessionOf(c);
      const repository = repositoryOf(c, session);
      return show(c, { title: repository.fullName, session, repository, section, body: body(repository, session, c) });
    });
  };
  repositoryPage("", "code", (repository) => repositoryBody(core, repository));
  repositoryPage("/issues", "issues", (repository, session) => listBody(core, repository, false, session));
  repositoryPage("/pulls", "pulls", (repository, session) => listBody(core, repository, true, session));
  repositoryPage("/releases", "releases", (repository) => releasesBody(core, repository));
  repositoryPage("/actions", "actions", (repository) => runsBody(core, repository));
  repositoryPage("/issues/new", "issues", (repository, session) => {
    if (session === undefined) throw new Fault(401, "Log in to open an issue");
    return newIssueBody(repository, session);
  });
  repositoryPage("/actions/runs/:id{[0-9]+}", "actions", (repository, _session, c) =>
    runBody(core, repository, findRun(core, repository, Number(c.req.param("id")))),
  );
  repositoryPage("/issues/:number{[0-9]+}", "issues", (repository, session, c) => {
    const issue = core.state.issue(repository.id, Number(c.req.param("number")));
    if (issue === undefined) throw new Fault(404, "There is no such issue");
    return issueBody(core, repository, issue, session);
  });
  const pullPage = (path: string, tab: PullTab): void =>
    repositoryPage(`/pull/:number{[0-9]+}${path}`, "pulls", (repository, session, c) => {
      const pull = core.state.pull(repository.id, Number(c.req.param("number")));
      if (pull === undefined) throw new Fault(404, "There is no such pull request");
      return pullBody(core, repository, pull, tab, session);
    });
  pullPage("", "conversation");
  pullPage("/checks", "checks");
  pullPage("/files", "changes");

  app.post("/:owner/:name/issues/new", async (c) => {
    const { session, actor, fields } = await sentBy(c);
    const repository = repositoryOf(c, session);
    const issue = createIssue(core, actor, repository, { title: fields["title"] ?? "", body: fields["body"] ?? "" });
    return c.redirect(`/${repository.fullName}/issues/${issue.number}`, 303);
  });
  app.post("/:owner/:name/issues/:number{[0-9]+}/comments", async (c) => {
    const { session, actor, fields } = await sentBy(c);
    const repository = repositoryOf(c, session);
    const number = Number(c.req.param("number"));
    const comment = createComment(core, actor, repository, number, fields["body"] ?? "");
    const path = core.state.issue(repository.id, number)?.isPull ? "pull" : "issues";
    return c.redirect(`/${repository.fullName}/${path}/${number}#comment-${comment.id}`, 303);
  });
  app.post("/:owner/:name/pull/:number{[0-9]+}/merge", async (c) => {
    const { session, actor } = await sentBy(c);
    const repository = repositoryOf(c, session);
    await mergePull(core, actor, repository, Number(c.req.param("number")));
    return c.redirect(`/${repository.fullName}/pull/${c.req.param("number")}`, 303);
  });
  app.post("/:owner/:name/pull/:number{[0-9]+}/revert", async (c) => {
    const { session, actor } = await sentBy(c);
    const repository = repositoryOf(c, session);
    const revert = await revertPull(core, actor, repository, Number(c.req.param("number")));
    return c.redirect(`/${repository.fullName}/pull/${revert.number}`, 303);
  });

  /** Says that something of the repository changed, and nothing else: the page asks for itself again. */
  app.get("/:owner/:name/_changes", (c) => {
    const repository = repositoryOf(c, sessionOf(c));
    return streamSSE(c, async (stream) => {
      const changed = core.changes.subscribe((change) => {
        if (change.repositoryId === repository.id) void stream.writeSSE({ event: "changed", data: "" });
      });
      stream.onAbort(changed);
      while (!stream.aborted) {
        await stream.writeSSE({ event: "ping", data: "" });
        await stream.sleep(PING_MS);
      }
      changed();
    });
  });
  return app;
}
