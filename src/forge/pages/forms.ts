/** What can be sent from the pages: each form changes one thing and answers 303 to where it shows. */
import type { Context, Hono } from "hono";
import { isSameSecret, type Session } from "../accounts.ts";
import type { Actor } from "../auth.ts";
import type { ForgeCore } from "../core.ts";
import { Fault } from "../faults.ts";
import { createComment, createIssue } from "../issues.ts";
import { mergePull } from "../pulls.ts";
import type { Repository } from "../records.ts";
import { revertPull } from "../revert.ts";

export interface PageEnv {
  /** What was typed into the form that is being handled: shown again when it is refused. */
  Variables: { typed: string };
}

export interface Visit {
  sessionOf(c: Context): Session | undefined;
  repositoryOf(c: Context, session: Session | undefined): Repository;
}

/** The sender of a form of one of our pages. Throws 401 without a session, 403 for a form that is not of it. */
export async function sender(
  c: Context<PageEnv>,
  session: Session | undefined,
): Promise<{ session: Session; actor: Actor; fields: Record<string, string> }> {
  const sent = Object.entries(await c.req.parseBody());
  const fields = Object.fromEntries(sent.map(([key, value]) => [key, typeof value === "string" ? value : ""]));
  c.set("typed", [fields["title"], fields["body"]].filter(Boolean).join("\n\n"));
  if (session === undefined) throw new Fault(401, "You are not logged in, or not any more. Log in with a new link and send it again.");
  if (!isSameSecret(fields["csrf"] ?? "", session.csrf))
    throw new Fault(403, "This form is not of your session. Open its page again and send it from there.");
  return { session, actor: { kind: "user", account: session.account }, fields };
}

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
  app.post("/:owner/:name/issues/:number{[0-9]+}/comments", async (c) => {
    const { actor, fields, repository } = await sentBy(c);
    const comment = createComment(core, actor, repository, numberOf(c), lines(fields["body"]));
    const path = core.state.issue(repository.id, numberOf(c))?.isPull ? "pull" : "issues";
    return c.redirect(`/${repository.fullName}/${path}/${numberOf(c)}#issuecomment-${comment.id}`, 303);
  });
  /** `sha`: the head that was on the page; another one is refused. */
  app.post("/:owner/:name/pull/:number{[0-9]+}/merge", async (c) => {
    const { actor, fields, repository } = await sentBy(c);
    await mergePull(core, actor, repository, numberOf(c), { sha: fields["sha"] || undefined });
    return c.redirect(`/${repository.fullName}/pull/${numberOf(c)}`, 303);
  });
  app.post("/:owner/:name/pull/:number{[0-9]+}/revert", async (c) => {
    const { actor, repository } = await sentBy(c);
    const revert = await revertPull(core, actor, repository, numberOf(c));
    return c.redirect(`/${repository.fullName}/pull/${revert.number}`, 303);
  });
}

/** Forms send line ends as CR LF. */
function lines(text = ""): string {
  return text.replaceAll("\r\n", "\n");
}
