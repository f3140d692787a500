/** Which page of a repository is where. */
import type { Context } from "hono";
import type { Session } from "../accounts.ts";
import { findRun } from "../actions/dispatch.ts";
import type { ForgeCore } from "../core.ts";
import { Fault } from "../faults.ts";
import type { Repository } from "../records.ts";
import { commitBody, fileBody, readPlace } from "./code.ts";
import { issueBody } from "./conversation.ts";
import type { Html, Section } from "./layout.ts";
import { pullBody, type PullTab } from "./pull.ts";
import { listBody, newIssueBody, releasesBody, repositoryBody, runsBody } from "./repository.ts";
import { runBody } from "./run.ts";

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
  add("", "code", async ({ repository }) => ({ body: await repositoryBody(core, repository) }));
  add("/issues", "issues", ({ repository, session }) => ({ title: "Issues", body: listBody(core, repository, false, session) }));
  add("/pulls", "pulls", ({ repository, session }) => ({ title: "Pull requests", body: listBody(core, repository, true, session) }));
  add("/actions", "actions", ({ repository }) => ({ title: "Actions", body: runsBody(core, repository) }));
  add("/releases", "releases", ({ repository }) => ({ title: "Releases", body: releasesBody(core, repository) }));
  add("/releases/tag/:tag{.+}", "releases", ({ c, repository }) => {
    const release = core.state.releaseByTag(repository.id, c.req.param("tag") ?? "");
    if (release === undefined) throw new Fault(404, "There is no such release.");
    return { title: release.name ?? release.tagName, body: releasesBody(core, repository, release.id) };
  });
  add("/issues/new", "issues", ({ repository, session }) => {
    if (session === undefined) throw new Fault(401, "You are not logged in. Log in with a one-time link to open an issue.");
    return { title: "New issue", body: newIssueBody(repository, session) };
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
    return { title: `${pull.title} #${pull.number}`, body: await pullBody(core, repository, pull, tab, session) };
  };
  add("/pull/:number{[0-9]+}", "pulls", (visitor) => pullView(visitor, "conversation"));
  add("/pull/:number{[0-9]+}/checks", "pulls", (visitor) => pullView(visitor, "checks"));
  add("/pull/:number{[0-9]+}/files", "pulls", (visitor) => pullView(visitor, "changes"));
  add("/actions/runs/:id{[0-9]+}", "actions", async ({ c, repository }) => {
    const run = findRun(core, repository, Number(c.req.param("id")));
    return { title: `${run.title} #${run.number}`, body: await runBody(core, repository, run), changes: `_changes?run=${run.id}` };
  });
  add("/commit/:sha", "code", ({ c, repository }) => commitBody(core, repository, c.req.param("sha") ?? ""));
  add("/blob/:place{.+}", "code", async ({ c, repository }) => {
    const file = await readPlace(core, repository, c.req.param("place") ?? "");
    return { title: file.path, body: fileBody(repository, file) };
  });
}
