/** Routes of pull requests. */
import { z } from "zod";
import { authorize } from "../auth.ts";
import type { ForgeCore } from "../core.ts";
import { Fault, notFound } from "../faults.ts";
import { objectsOf } from "../objects.ts";
import * as pulls from "../pulls.ts";
import type { PullRequest, Repository } from "../records.ts";
import { userJson } from "../serialize/common.ts";
import { pullJson, pullSummaryJson } from "../serialize/pulls.ts";
import { commitJson, fileJson } from "../serialize/repositories.ts";
import { bodyOf, linkPages, listAnswer, numberParam, pageOf, repositoryOf, slice, type Api, type Call } from "./http.ts";
import { filterOf, issueEdit } from "./issues.ts";

const newPull = z.object({
  title: z.string().optional(),
  issue: z.number().optional(),
  body: z.string().nullish(),
  head: z.string(),
  base: z.string(),
  draft: z.boolean().optional(),
});
const merge = z.object({
  commit_title: z.string().optional(),
  commit_message: z.string().optional(),
  sha: z.string().optional(),
  merge_method: z.enum(["merge", "squash", "rebase"]).optional(),
});
const reviewers = z.object({ reviewers: z.array(z.string()).default([]), team_reviewers: z.array(z.string()).optional() });

export function pullRoutes(core: ForgeCore, api: Api): void {
  const path = "/repos/:owner/:repo/pulls";
  const reading = (c: Call): Repository => {
    const repository = repositoryOf(core, c);
    authorize(core, c.get("actor"), repository, { permission: "pull_requests", level: "read" });
    return repository;
  };
  const pullOf = (c: Call, repository: Repository): PullRequest => pulls.findPull(core, repository, numberParam(c, "number"));

  api.get(path, (c) => {
    const repository = reading(c);
    const head = c.req.query("head")?.replace(/^[^:]*:/, "");
    const base = c.req.query("base");
    const filter = {
      ...filterOf(core, c),
      ...(head === undefined ? {} : { headRef: head }),
      ...(base === undefined ? {} : { baseRef: base }),
    };
    return listAnswer(core, c, core.state.pulls(repository.id, filter, pageOf(c)), (pull) => pullSummaryJson(core, repository, pull));
  });
  api.post(path, async (c) => {
    const repository = repositoryOf(core, c);
    const { title, body = null, head, base, draft: isDraft = false } = await bodyOf(c, newPull);
    if (title === undefined) throw new Fault(422, 'Invalid request.\n\n"title" wasn\'t supplied.');
    const pull = await pulls.createPull(core, c.get("actor"), repository, { title, body, head, base, isDraft });
    return c.json(pullJson(core, repository, pull), 201);
  });
  api.get(`${path}/:number{[0-9]+}`, async (c) => {
    const repository = reading(c);
    const pull = pullOf(c, repository);
    if (/\bdiff\b/.test(c.req.header("accept") ?? "")) {
      return c.text(await core.git.text(repository.id, ["diff", "--no-color", `${pull.baseSha}...${pull.headSha}`]));
    }
    return c.json(pullJson(core, repository, pull));
  });
  api.patch(`${path}/:number{[0-9]+}`, async (c) => {
    const repository = repositoryOf(core, c);
    const { state_reason: _unused, ...edit } = await bodyOf(c, issueEdit.extend({ base: z.string().optional() }));
    return c.json(pullJson(core, repository, await pulls.editPull(core, c.get("actor"), repository, numberParam(c, "number"), edit)));
  });
  api.get(`${path}/:number{[0-9]+}/files`, async (c) => {
    const repository = reading(c);
    const pull = pullOf(c, repository);
    const objects = objectsOf(core.git, repository.id);
    const base = await baseOf(core, repository, pull);
    return listAnswer(core, c, slice(await objects.changes(base, pull.headSha), pageOf(c)), (file) =>
      fileJson(core, repository, pull.headSha, file),
    );
  });
  api.get(`${path}/:number{[0-9]+}/commits`, async (c) => {
    const repository = reading(c);
    const pull = pullOf(c, repository);
    const { page, perPage } = pageOf(c);
    const commits = await objectsOf(core.git, repository.id).log(`${await baseOf(core, repository, pull)}..${pull.headSha}`, {
      reverse: true,
    });
    linkPages(core, c, commits.length);
    return c.json(slice(commits, { page, perPage }).items.map((commit) => commitJson(core, repository, commit)));
  });
  api.get(`${path}/:number{[0-9]+}/merge`, (c) => {
    if (!pullOf(c, reading(c)).isMerged) throw notFound();
    return c.body(null, 204);
  });
  api.put(`${path}/:number{[0-9]+}/merge`, async (c) => {
    const repository = repositoryOf(core, c);
    const wanted = await bodyOf(c, merge);
    const options = {
      method: wanted.merge_method,
      commitTitle: wanted.commit_title,
      commitMessage: wanted.commit_message,
      sha: wanted.sha,
    };
    const { sha } = await pulls.mergePull(core, c.get("actor"), repository, numberParam(c, "number"), options);
    return c.json({ sha, merged: true, message: "Pull Request successfully merged" });
  });

  api.get(`${path}/:number{[0-9]+}/requested_reviewers`, (c) => {
    const pull = pullOf(c, reading(c));
    return c.json({ users: core.state.reviewers(pull.id).map((account) => userJson(core, account)), teams: [] });
  });
  api.post(`${path}/:number{[0-9]+}/requested_reviewers`, async (c) => {
    const repository = repositoryOf(core, c);
    const wanted = await bodyOf(c, reviewers);
    return c.json(
      pullSummaryJson(
        core,
        repository,
        pulls.requestReviewers(core, c.get("actor"), repository, numberParam(c, "number"), wanted.reviewers),
      ),
      201,
    );
  });
  api.delete(`${path}/:number{[0-9]+}/requested_reviewers`, async (c) => {
    const repository = repositoryOf(core, c);
    const wanted = await bodyOf(c, reviewers);
    return c.json(
      pullSummaryJson(
        core,
        repository,
        pulls.removeReviewers(core, c.get("actor"), repository, numberParam(c, "number"), wanted.reviewers),
      ),
    );
  });
}

/** What a pull request is compared with: where it left its base, or for a merged one what it was merged onto. */
async function baseOf(core: ForgeCore, repository: Repository, pull: PullRequest): Promise<string> {
  const tip = pull.isMerged ? pull.baseSha : (core.state.ref(repository.id, `refs/heads/${pull.baseRef}`) ?? pull.baseSha);
  return (await objectsOf(core.git, repository.id).mergeBase(tip, pull.headSha)) ?? tip;
}
