/** Which page of a repository is where. */
import type { Context } from "hono";
import type { Session } from "../accounts.ts";
import { findRun } from "../actions/dispatch.ts";
import { isAtLeast } from "../auth.ts";
import type { ForgeCore } from "../core.ts";
import { Fault } from "../faults.ts";
import { objectsOf } from "../objects.ts";
import type { Repository } from "../records.ts";
import { branchesBody, commitBody, commitsBody, fileBody, findPlace, folderBody, readPlace } from "./code.ts";
import { issueBody } from "./conversation.ts";
import { deploymentsBody } from "./deployments.ts";
import type { Html, Section } from "./layout.ts";
import { listBody, newIssueBody, wantedOf } from "./lists.ts";
import { pullBody, type PullTab } from "./pull.ts";
import { releasesBody } from "./releases.ts";
import { readme, repositoryBody } from "./repository.ts";
import { runBody, runsBody } from "./run.ts";
import { settingsBody } from "./settings.ts";

export interface View {
  /** Default: the repository's name alone. */
  title?: string;
  body: Html;
  /** Where its changes are announced, below the repository; default `_changes`. */
  changes?: string;
}
export interface Visitor {
  c: Context;
  repository: Repository;
  session: Session | undefined;
}
type AddPage = (path: string, section: Section, view: (visitor: Visitor) => View | Promise<View>) => void;

export function repositoryRoutes(core: ForgeCore, add: AddPage): void {
  codeRoutes(core, add);
  const list = (path: string, isPull: boolean): void =>
    add(path, isPull ? "pulls" : "issues", ({ c, repository, session }) => ({
      title: isPull ? "Pull requests" : "Issues",
      body: listBody(
        core,
        repository,
        isPull,
        session,
        wantedOf((name) => c.req.query(name)),
      ),
    }));
  list("/issues", false);
  list("/pulls", true);
  add("/deployments", "deployments", ({ repository }) => ({ title: "Deployments", body: deploymentsBody(core, repository) }));
  add("/releases", "releases", ({ repository }) => ({ title: "Releases", body: releasesBody(core, repository) }));
  add("/releases/tag/:tag{.+}", "releases", ({ c, repository }) => {
    const release = core.state.releaseByTag(repository.id, c.req.param("tag") ?? "");
    if (release === undefined) throw new Fault(404, "There is no such release.");
    return { title: release.name ?? release.tagName, body: releasesBody(core, repository, release) };
  });
  add("/issues/new", "issues", ({ c, repository, session }) => {
    if (session === undefined) throw new Fault(401, "You are not logged in. Log in with a one-time link to open an issue.");
    const given = { title: c.req.query("title") ?? "", body: c.req.query("body") ?? "" };
    return { title: "New issue", body: newIssueBody(core, repository, session, given) };
  });
  add("/issues/:number{[0-9]+}", "issues", async ({ c, repository, session }) => {
    const issue = core.state.issue(repository.id, Number(c.req.param("number")));
    if (issue === undefined) throw new Fault(404, "There is no such issue.");
    if (issue.isPull) return pullView({ c, repository, session }, "conversation");
    return { title: `${issue.title} #${issue.number}`, body: issueBody(core, repository, issue, session) };
  });
  const pullView = async ({ c, repository, session }: Visitor, tab: PullTab): Promise<View> => {
    const pull = core.state.pull(repository.id, Number(c.req.param("number")));
    if (pull === undefined) throw new Fault(404, "There is no such pull request.");
    return {
      title: `${pull.title} #${pull.number}`,
      body: await pullBody(core, repository, pull, { tab, session, on: c.req.query("on") }),
    };
  };
  add("/pull/:number{[0-9]+}", "pulls", (visitor) => pullView(visitor, "conversation"));
  add("/pull/:number{[0-9]+}/checks", "pulls", (visitor) => pullView(visitor, "checks"));
  add("/pull/:number{[0-9]+}/files", "pulls", (visitor) => pullView(visitor, "changes"));
  add("/actions", "actions", ({ c, repository }) => ({ title: "Actions", body: runsBody(core, repository, pageOf(c)) }));
  add("/actions/runs/:id{[0-9]+}", "actions", async ({ c, repository, session }) => {
    const run = findRun(core, repository, Number(c.req.param("id")));
    return { title: `${run.title} #${run.number}`, body: await runBody(core, repository, run, session), changes: `_changes?run=${run.id}` };
  });
  add("/settings", "settings", ({ repository, session }) => {
    if (session === undefined) throw new Fault(401, "You are not logged in.");
    if (!isAtLeast(core.state.role(repository, session.account), "admin")) throw new Fault(403, "Must have admin rights to Repository.");
    return { title: "Settings", body: settingsBody(core, repository, session) };
  });
}

function codeRoutes(core: ForgeCore, add: AddPage): void {
  add("", "code", async ({ repository, session }) => ({ body: await repositoryBody(core, repository, session, repository.defaultBranch) }));
  add("/branches", "code", async ({ repository }) => ({ title: "Branches", body: await branchesBody(core, repository) }));
  add("/tree/:place{.+}", "code", async ({ c, repository, session }) => {
    const place = await findPlace(core, repository, c.req.param("place") ?? "");
    if (place.entry === undefined) return { title: place.ref, body: await repositoryBody(core, repository, session, place.ref) };
    if (place.entry.type !== "tree") throw new Fault(404, "There is no such folder.");
    const entries = await objectsOf(core.git, repository.id).tree(place.entry.sha);
    const rest = await readme(core, repository, place.ref, entries, place.path);
    return { title: place.path, body: folderBody(repository, place, entries, rest) };
  });
  add("/blob/:place{.+}", "code", async ({ c, repository }) => {
    const file = await readPlace(core, repository, c.req.param("place") ?? "");
    return { title: file.path, body: fileBody(repository, file, c.req.query("plain") === "1") };
  });
  add("/commits/:place{.+}", "code", async ({ c, repository }) => {
    const place = await findPlace(core, repository, c.req.param("place") ?? "");
    if (place.entry !== undefined) throw new Fault(404, "There is no such branch.");
    return { title: "Commits", body: await commitsBody(core, repository, place, c.req.query("path"), pageOf(c)) };
  });
  add("/commit/:sha", "code", ({ c, repository, session }) => commitBody(core, repository, c.req.param("sha") ?? "", session));
}

/** From 1. */
function pageOf(c: Context): number {
  const page = Number(c.req.query("page") ?? "1");
  return Number.isSafeInteger(page) && page > 0 ? page : 1;
}
