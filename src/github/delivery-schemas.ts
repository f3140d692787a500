/** The parts of GitHub's webhook payloads that the platform reads, and the shape in which it reads them. All else is dropped. */
import { z } from "zod";

const account = z
  .object({ login: z.string(), id: z.number(), type: z.string().default("User") })
  .nullish()
  .transform((user) => user ?? { login: "ghost", id: 0, type: "Ghost" });
const text = z
  .string()
  .nullish()
  .transform((value) => value ?? "");
const optionalText = z
  .string()
  .nullish()
  .transform((value) => value ?? undefined);
const sha = z.string().regex(/^[0-9a-f]{40}$/);

const repository = z
  .object({
    id: z.number(),
    full_name: z.string(),
    default_branch: z.string(),
    private: z.boolean(),
    clone_url: z.string(),
    html_url: z.string(),
  })
  .transform((data) => ({
    id: data.id,
    fullName: data.full_name,
    defaultBranch: data.default_branch,
    isPrivate: data.private,
    cloneUrl: data.clone_url,
    url: data.html_url,
  }));

export const envelopeSchema = z
  .object({
    action: z.string().optional(),
    sender: account,
    repository: repository.optional(),
    installation: z.object({ id: z.number() }).nullish(),
  })
  .transform((data) => ({
    action: data.action ?? "",
    sender: data.sender,
    repository: data.repository,
    installationId: data.installation?.id,
  }));

const issue = z
  .object({
    number: z.number(),
    title: z.string(),
    body: text,
    user: account,
    state: z.string(),
    html_url: z.string(),
    created_at: z.string(),
    updated_at: z.string(),
    pull_request: z.object({}).optional(),
  })
  .transform((data) => ({
    number: data.number,
    title: data.title,
    body: data.body,
    author: data.user,
    state: data.state,
    url: data.html_url,
    isPullRequest: data.pull_request !== undefined,
    createdAt: data.created_at,
    updatedAt: data.updated_at,
  }));

const comment = z
  .object({ id: z.number(), body: text, user: account, html_url: z.string(), created_at: z.string(), updated_at: z.string() })
  .transform((data) => ({
    id: data.id,
    body: data.body,
    author: data.user,
    url: data.html_url,
    createdAt: data.created_at,
    updatedAt: data.updated_at,
  }));

const side = z
  .object({ ref: z.string(), sha, repo: z.object({ full_name: z.string() }).nullish() })
  .transform((data) => ({ ref: data.ref, sha: data.sha, repository: data.repo?.full_name }));

const pullRequest = z
  .object({
    number: z.number(),
    title: z.string(),
    body: text,
    user: account,
    state: z.string(),
    draft: z.boolean().default(false),
    merged: z.boolean().optional(),
    merged_at: z.string().nullish(),
    merge_commit_sha: optionalText,
    merged_by: z.object({ login: z.string() }).nullish(),
    head: side,
    base: side,
    html_url: z.string(),
    created_at: z.string(),
    updated_at: z.string(),
  })
  .transform((data) => {
    // Reviews carry the short form, which has `merged_at` alone.
    const isMerged = data.merged ?? Boolean(data.merged_at);
    return {
      number: data.number,
      title: data.title,
      body: data.body,
      author: data.user,
      state: data.state,
      isDraft: data.draft,
      isMerged,
      mergeCommit: isMerged ? data.merge_commit_sha : undefined,
      mergedBy: data.merged_by?.login,
      head: data.head,
      base: data.base,
      url: data.html_url,
      createdAt: data.created_at,
      updatedAt: data.updated_at,
    };
  });

const review = z
  .object({
    id: z.number(),
    body: text,
    user: account,
    state: z.string(),
    html_url: z.string(),
    submitted_at: optionalText,
    commit_id: optionalText,
  })
  .transform((data) => ({
    id: data.id,
    body: data.body,
    author: data.user,
    state: data.state,
    url: data.html_url,
    submittedAt: data.submitted_at,
    commit: data.commit_id,
  }));

const reviewComment = z
  .object({
    id: z.number(),
    body: text,
    user: account,
    path: z.string(),
    line: z.number().nullish(),
    html_url: z.string(),
    created_at: z.string(),
    updated_at: z.string(),
  })
  .transform((data) => ({
    id: data.id,
    body: data.body,
    author: data.user,
    path: data.path,
    line: data.line ?? undefined,
    url: data.html_url,
    createdAt: data.created_at,
    updatedAt: data.updated_at,
  }));

/** What an edit replaced, under `edited`. */
const changes = z
  .object({ body: z.object({ from: text }).optional(), title: z.object({ from: text }).optional() })
  .optional()
  .transform((data) => ({ bodyBefore: data?.body?.from, titleBefore: data?.title?.from }));

const repositoryNames = z
  .array(z.object({ id: z.number(), full_name: z.string() }))
  .nullish()
  .transform((list) => (list ?? []).map((each) => ({ id: each.id, fullName: each.full_name })));

const workflowRun = z
  .object({
    id: z.number(),
    run_attempt: z.number().default(1),
    path: z.string().default(""),
    event: z.string(),
    status: optionalText,
    conclusion: optionalText,
    head_sha: sha,
    head_branch: optionalText,
    html_url: z.string(),
  })
  .transform((data) => ({
    id: data.id,
    attempt: data.run_attempt,
    path: data.path,
    trigger: data.event,
    status: data.status,
    conclusion: data.conclusion,
    headSha: data.head_sha,
    headBranch: data.head_branch,
    url: data.html_url,
  }));

/** By GitHub's event name. */
export const EVENTS = {
  ping: z.object({}).transform(() => ({})),
  issues: z.object({ issue, changes }),
  issue_comment: z.object({ issue, comment, changes }),
  pull_request: z
    .object({ pull_request: pullRequest, changes, before: optionalText, after: optionalText })
    .transform(({ pull_request, ...rest }) => ({ pullRequest: pull_request, ...rest })),
  pull_request_review: z
    .object({ pull_request: pullRequest, review, changes })
    .transform(({ pull_request, ...rest }) => ({ pullRequest: pull_request, ...rest })),
  pull_request_review_comment: z
    .object({ pull_request: pullRequest, comment: reviewComment, changes })
    .transform(({ pull_request, ...rest }) => ({ pullRequest: pull_request, ...rest })),
  push: z
    .object({ ref: z.string(), before: sha, after: sha, created: z.boolean(), deleted: z.boolean(), forced: z.boolean() })
    .transform(({ created, deleted, forced, ...rest }) => ({ ...rest, isCreated: created, isDeleted: deleted, isForced: forced })),
  installation: z.object({ repositories: repositoryNames }),
  installation_repositories: z
    .object({ repositories_added: repositoryNames, repositories_removed: repositoryNames })
    .transform((data) => ({ added: data.repositories_added, removed: data.repositories_removed })),
  repository: z.object({}).transform(() => ({})),
  check_run: z
    .object({
      check_run: z
        .object({ id: z.number(), name: z.string(), external_id: text, head_sha: sha, status: z.string(), conclusion: optionalText })
        .transform((data) => ({
          id: data.id,
          name: data.name,
          externalId: data.external_id,
          headSha: data.head_sha,
          status: data.status,
          conclusion: data.conclusion,
        })),
      requested_action: z.object({ identifier: z.string() }).optional(),
    })
    .transform((data) => ({ checkRun: data.check_run, requestedAction: data.requested_action?.identifier })),
  check_suite: z
    .object({ check_suite: z.object({ id: z.number(), head_sha: sha }) })
    .transform(({ check_suite: suite }) => ({ checkSuite: { id: suite.id, headSha: suite.head_sha } })),
  workflow_run: z.object({ workflow_run: workflowRun }).transform((data) => ({ workflowRun: data.workflow_run })),
  merge_group: z
    .object({ merge_group: z.object({ head_sha: sha, head_ref: z.string(), base_sha: sha, base_ref: z.string() }) })
    .transform(({ merge_group: group }) => ({
      mergeGroup: { headSha: group.head_sha, headRef: group.head_ref, baseSha: group.base_sha, baseRef: group.base_ref },
    })),
} as const;
