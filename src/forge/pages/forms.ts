/** What can be sent from the pages: each form changes one thing and answers 303 to where it shows. */
import type { Context, Hono } from "hono";
import { setCollaborator } from "../accounts.ts";
import { cancelRun, rerun } from "../actions/dispatch.ts";
import { authorizeWrite } from "../auth.ts";
import { findSuite, rerequestCheckRun, rerequestSuite } from "../check-suites.ts";
import { findCheckRun } from "../checks.ts";
import { deleteBranch, restoreBranch } from "../branches.ts";
import type { ForgeCore } from "../core.ts";
import { Fault } from "../faults.ts";
import { checkBody, createComment, createIssue, editIssue } from "../issues.ts";
import { dequeue } from "../merge-queue.ts";
import { editPull, findPull, mergePull, setDraft } from "../pulls.ts";
import { enqueue } from "../queue-entries.ts";
import { editRepository } from "../repositories.ts";
import { revertPull } from "../revert.ts";
import { createReview, createReviewComment } from "../reviews.ts";
import { GIVEN_ROLES } from "./settings.ts";
import { sender, type PageEnv, type Visit } from "./visit.ts";

const STATES = ["open", "closed"] as const;
const METHODS = ["merge", "squash", "rebase"] as const;
const VERDICTS = ["APPROVE", "REQUEST_CHANGES", "COMMENT"] as const;

export function formRoutes(core: ForgeCore, app: Hono<PageEnv>, { sessionOf, repositoryOf }: Visit): void {
  const sentBy = async (c: Context<PageEnv>) => {
    const sent = await sender(c, sessionOf(c));
    return { ...sent, repository: repositoryOf(c, sent.session) };
  };
  const numberOf = (c: Context): number => Number(c.req.param("number"));

  app.post("/:owner/:name/issues/new", async (c) => {
    const { actor, fields, repository } = await sentBy(c);
    const issue = createIssue(core, actor, repository, { title: fields["title"] ?? "", body: lines(fields["body"]) });
    return c.redirect(`/${repository.fullName}/issues/${issue.number}`, 303);
  });
  /** `state`: what it shall be after the comment, which may then be empty. */
  app.post("/:owner/:name/issues/:number{[0-9]+}/comments", async (c) => {
    const { actor, fields, repository } = await sentBy(c);
    const number = numberOf(c);
    const body = lines(fields["body"]);
    const state = STATES.find((one) => one === fields["state"]);
    const comment = state !== undefined && body.trim() === "" ? undefined : createComment(core, actor, repository, number, body);
    const isPull = core.state.issue(repository.id, number)?.isPull === true;
    if (state !== undefined) await (isPull ? editPull : editIssue)(core, actor, repository, number, { state });
    const anchor = comment === undefined ? "" : `#issuecomment-${comment.id}`;
    return c.redirect(`/${repository.fullName}/${isPull ? "pull" : "issues"}/${number}${anchor}`, 303);
  });
  /** `sha`: the head that was on the page; another one is refused. */
  app.post("/:owner/:name/pull/:number{[0-9]+}/merge", async (c) => {
    const { actor, fields, repository } = await sentBy(c);
    const method = METHODS.find((one) => one === fields["method"]);
    await mergePull(core, actor, repository, numberOf(c), { sha: fields["sha"] || undefined, method });
    return c.redirect(`/${repository.fullName}/pull/${numberOf(c)}`, 303);
  });
  app.post("/:owner/:name/pull/:number{[0-9]+}/queue", async (c) => {
    const { actor, fields, repository } = await sentBy(c);
    if (fields["do"] === "leave") await dequeue(core, actor, repository, numberOf(c));
    else enqueue(core, actor, repository, numberOf(c), fields["sha"] || undefined);
    return c.redirect(`/${repository.fullName}/pull/${numberOf(c)}`, 303);
  });
  app.post("/:owner/:name/pull/:number{[0-9]+}/draft", async (c) => {
    const { actor, fields, repository } = await sentBy(c);
    setDraft(core, actor, repository, numberOf(c), fields["draft"] === "yes");
    return c.redirect(`/${repository.fullName}/pull/${numberOf(c)}`, 303);
  });
  app.post("/:owner/:name/runs/:number{[0-9]+}/rerun", async (c) => {
    const { actor, repository } = await sentBy(c);
    const run = findCheckRun(core, repository, numberOf(c));
    rerequestCheckRun(core, actor, repository, run);
    return c.redirect(`/${repository.fullName}/runs/${run.id}`, 303);
  });
  app.post("/:owner/:name/suites/:number{[0-9]+}/rerun", async (c) => {
    const { actor, repository } = await sentBy(c);
    const suite = findSuite(core, repository, numberOf(c));
    rerequestSuite(core, actor, repository, suite);
    const [first] = core.state.checkRuns(repository.id, suite.headSha, { appId: suite.appId }).items;
    return c.redirect(`/${repository.fullName}/${first === undefined ? `commit/${suite.headSha}` : `runs/${first.id}`}`, 303);
  });
  app.post("/:owner/:name/pull/:number{[0-9]+}/revert", async (c) => {
    const { actor, repository } = await sentBy(c);
    const revert = await revertPull(core, actor, repository, numberOf(c));
    return c.redirect(`/${repository.fullName}/pull/${revert.number}`, 303);
  });
  app.post("/:owner/:name/pull/:number{[0-9]+}/branch", async (c) => {
    const { actor, fields, repository } = await sentBy(c);
    const { headRef } = findPull(core, repository, numberOf(c));
    if (fields["do"] === "restore") await restoreBranch(core, actor, repository, numberOf(c));
    else await deleteBranch(core, actor, repository, `refs/heads/${headRef}`);
    return c.redirect(`/${repository.fullName}/pull/${numberOf(c)}`, 303);
  });
  app.post("/:owner/:name/pull/:number{[0-9]+}/reviews", async (c) => {
    const { actor, fields, repository } = await sentBy(c);
    const event = VERDICTS.find((one) => one === fields["event"]) ?? "COMMENT";
    const body = lines(fields["body"]);
    if (event === "COMMENT") checkBody("PullRequestReview", body, true);
    const review = await createReview(core, actor, repository, numberOf(c), { event, body, comments: [] });
    return c.redirect(`/${repository.fullName}/pull/${numberOf(c)}#pullrequestreview-${review.id}`, 303);
  });
  app.post("/:owner/:name/pull/:number{[0-9]+}/lines", async (c) => {
    const { actor, fields, repository } = await sentBy(c);
    const line = Number(fields["line"]);
    const comment = await createReviewComment(core, actor, repository, numberOf(c), {
      path: fields["path"] ?? "",
      line: Number.isSafeInteger(line) && line > 0 ? line : null,
      side: fields["side"] === "LEFT" ? "LEFT" : "RIGHT",
      body: lines(fields["body"]),
    });
    return c.redirect(`/${repository.fullName}/pull/${numberOf(c)}/files#r${comment.id}`, 303);
  });
  app.post("/:owner/:name/actions/runs/:number{[0-9]+}/:what{cancel|rerun}", async (c) => {
    const { actor, repository } = await sentBy(c);
    const change = c.req.param("what") === "cancel" ? cancelRun : rerun;
    change(core, actor, repository, numberOf(c));
    return c.redirect(`/${repository.fullName}/actions/runs/${numberOf(c)}`, 303);
  });
  app.post("/:owner/:name/settings", async (c) => {
    const { actor, fields, repository } = await sentBy(c);
    await editRepository(core, actor, repository, {
      description: fields["description"]?.trim() || null,
      defaultBranch: fields["default"] || undefined,
      isPrivate: fields["visibility"] === undefined ? undefined : fields["visibility"] === "private",
    });
    return c.redirect(`/${repository.fullName}/settings`, 303);
  });
  app.post("/:owner/:name/settings/people", async (c) => {
    const { actor, fields, repository } = await sentBy(c);
    authorizeWrite(core, actor, repository, "administration", "admin");
    const account = core.state.accountByLogin((fields["login"] ?? "").trim());
    if (account === undefined || account.id === repository.ownerId)
      throw new Fault(422, account === undefined ? "There is nobody of that name here." : "The owner may do everything already.");
    const role = GIVEN_ROLES.map(([one]) => one).find((one) => one === fields["role"]) ?? "none";
    setCollaborator(core, repository, account, role);
    core.changes.publish({ repositoryId: repository.id, subject: "repository" });
    return c.redirect(`/${repository.fullName}/settings#people`, 303);
  });
}

/** Forms send line ends as CR LF. */
function lines(text = ""): string {
  return text.replaceAll("\r\n", "\n");
}
