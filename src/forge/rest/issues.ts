/** Routes of issues, comments, labels and reactions. */
import { z } from "zod";
import type { ForgeCore } from "../core.ts";
import { notFound } from "../faults.ts";
import { findIssue } from "../issue-changes.ts";
import * as issues from "../issues.ts";
import type { Issue, ReactionSubject, Repository } from "../records.ts";
import { commentJson, issueJson, reactionJson } from "../serialize/issues.ts";
import type { IssueFilter } from "../state.ts";
import { bodyOf, listAnswer, numberParam, pageOf, repositoryOf, slice, type Api, type Call } from "./http.ts";

export const labelNames = z.array(z.union([z.string(), z.object({ name: z.string() }).transform((label) => label.name)]));
const newIssue = z.object({
  title: z.string(),
  body: z.string().nullish(),
  labels: labelNames.optional(),
  assignees: z.array(z.string()).optional(),
});
export const issueEdit = z.object({
  title: z.string().optional(),
  body: z.string().nullish(),
  state: z.enum(["open", "closed"]).optional(),
  state_reason: z.enum(["completed", "not_planned", "reopened"]).nullish(),
  labels: labelNames.optional(),
  assignees: z.array(z.string()).optional(),
});
const commentBody = z.object({ body: z.string() });

/** The filter of a listing's query. */
export function filterOf(core: ForgeCore, c: Call): IssueFilter {
  const state = c.req.query("state") ?? "open";
  const labels = c.req
    .query("labels")
    ?.split(",")
    .filter((name) => name !== "");
  const sort = c.req.query("sort");
  const creator = c.req.query("creator");
  const assignee = c.req.query("assignee");
  const since = c.req.query("since");
  return {
    state: state === "all" || state === "closed" ? state : "open",
    direction: c.req.query("direction") === "asc" ? "asc" : "desc",
    sort: sort === "updated" || sort === "comments" ? sort : "created",
    ...(labels === undefined ? {} : { labels }),
    ...(since === undefined ? {} : { since }),
    ...(creator === undefined ? {} : { creatorId: core.state.accountByLogin(creator)?.id ?? 0 }),
    ...(assignee === undefined || assignee === "*" || assignee === "none"
      ? assignee === undefined
        ? {}
        : { assignee }
      : { assignee: core.state.accountByLogin(assignee)?.id ?? 0 }),
  };
}

export function issueRoutes(core: ForgeCore, api: Api): void {
  const reading = (c: Call): Repository => {
    const repository = repositoryOf(core, c);
    issues.readIssues(core, c.get("actor"), repository);
    return repository;
  };
  const path = "/repos/:owner/:repo/issues";

  api.get(path, (c) => {
    const repository = reading(c);
    return listAnswer(core, c, core.state.issues(repository.id, filterOf(core, c), pageOf(c)), (issue) =>
      issueJson(core, repository, issue),
    );
  });
  api.post(path, async (c) => {
    const repository = repositoryOf(core, c);
    const { title, body = null, labels = [], assignees = [] } = await bodyOf(c, newIssue);
    const issue = issues.createIssue(core, c.get("actor"), repository, { title, body, labels, assignees });
    return c.json(issueJson(core, repository, issue), 201);
  });
  api.get(`${path}/comments`, (c) => {
    const repository = reading(c);
    const listed = core.state.commentsIn(repository.id, pageOf(c), c.req.query("since") ?? "");
    return listAnswer(core, c, listed, (comment) => commentJson(core, repository, core.state.issueById(comment.issueId) as Issue, comment));
  });
  api.get(`${path}/comments/:id`, (c) => {
    const repository = reading(c);
    const { comment, issue } = issues.findComment(core, repository, numberParam(c, "id"));
    return c.json(commentJson(core, repository, issue, comment));
  });
  api.patch(`${path}/comments/:id`, async (c) => {
    const repository = repositoryOf(core, c);
    const { body } = await bodyOf(c, commentBody);
    const comment = issues.editComment(core, c.get("actor"), repository, numberParam(c, "id"), body);
    return c.json(commentJson(core, repository, core.state.issueById(comment.issueId) as Issue, comment));
  });
  api.delete(`${path}/comments/:id`, (c) => {
    issues.deleteComment(core, c.get("actor"), repositoryOf(core, c), numberParam(c, "id"));
    return c.body(null, 204);
  });
  api.get(`${path}/:number`, (c) => {
    const repository = reading(c);
    return c.json(issueJson(core, repository, findIssue(core, repository, numberParam(c, "number"))));
  });
  api.patch(`${path}/:number`, async (c) => {
    const repository = repositoryOf(core, c);
    const { state_reason: stateReason, ...edit } = await bodyOf(c, issueEdit);
    return c.json(
      issueJson(core, repository, issues.editIssue(core, c.get("actor"), repository, numberParam(c, "number"), { ...edit, stateReason })),
    );
  });
  api.get(`${path}/:number/comments`, (c) => {
    const repository = reading(c);
    const issue = findIssue(core, repository, numberParam(c, "number"));
    return listAnswer(core, c, core.state.comments(issue.id, pageOf(c), c.req.query("since") ?? ""), (comment) =>
      commentJson(core, repository, issue, comment),
    );
  });
  api.post(`${path}/:number/comments`, async (c) => {
    const repository = repositoryOf(core, c);
    const number = numberParam(c, "number");
    const { body } = await bodyOf(c, commentBody);
    const comment = issues.createComment(core, c.get("actor"), repository, number, body);
    return c.json(commentJson(core, repository, findIssue(core, repository, number), comment), 201);
  });

  const subjectOf: Record<string, (c: Call, repository: Repository) => { type: ReactionSubject; id: number; issue: Issue }> = {
    [`${path}/comments/:id`]: (c, repository) => {
      const { comment, issue } = issues.findComment(core, repository, numberParam(c, "id"));
      return { type: "comment", id: comment.id, issue };
    },
    [`${path}/:id`]: (c, repository) => {
      const issue = findIssue(core, repository, numberParam(c, "id"));
      return { type: "issue", id: issue.id, issue };
    },
    "/repos/:owner/:repo/pulls/comments/:id": (c, repository) => {
      const comment = core.state.reviewComment(numberParam(c, "id"));
      const issue = comment === undefined ? undefined : core.state.issueById(comment.issueId);
      if (comment === undefined || issue?.repositoryId !== repository.id) throw notFound();
      return { type: "review_comment", id: comment.id, issue };
    },
  };
  for (const [base, find] of Object.entries(subjectOf)) {
    api.get(`${base}/reactions`, (c) => {
      const subject = find(c, reading(c));
      const content = c.req.query("content");
      const { items } = core.state.reactions(subject.type, subject.id);
      const wanted = items.filter((reaction) => content === undefined || reaction.content === content);
      return listAnswer(core, c, slice(wanted, pageOf(c)), (reaction) => reactionJson(core, reaction));
    });
    api.post(`${base}/reactions`, async (c) => {
      const repository = repositoryOf(core, c);
      const { content } = await bodyOf(c, z.object({ content: z.string() }));
      const { reaction, isNew } = issues.react(core, c.get("actor"), repository, find(c, repository), content);
      return c.json(reactionJson(core, reaction), isNew ? 201 : 200);
    });
    api.delete(`${base}/reactions/:reaction`, (c) => {
      const repository = repositoryOf(core, c);
      issues.unreact(core, c.get("actor"), repository, find(c, repository), numberParam(c, "reaction"));
      return c.body(null, 204);
    });
  }
}
