/**
 * What the platform says to GitHub and reads from it: github.com, GitHub Enterprise Server and the forge look the same from here.
 *
 * Everything is asked as the App's installation on one repository. Text that is posted passes `outgoing` first. Writing twice makes
 * one: each writer finds what it wrote before by an id that the caller chose. Errors of every method: `github-unreachable`,
 * `github-rate-limited` (wait; details: retryAfterMs), `github-forbidden` (operator), `github-not-found` (operator),
 * `github-refused` (bug; details: status). What may be absent comes back as `undefined`, and only for that reason.
 */

/** `owner/name`. */
export type RepositoryName = string;

export interface GitHub {
  /** The App itself. */
  app(): Promise<AppIdentity>;
  /** The App's own account, `<slug>[bot]`: what it wrote is recognised by it. */
  botLogin(): Promise<string>;
  /** Acts on one repository. Throws `not-installed` (operator) where the App is not installed on it. */
  forInstallation(repository: RepositoryName): Promise<Repository>;
  /** Every repository that some installation covers. */
  listRepositories(): Promise<RepositoryInfo[]>;
  /** Every attempt to deliver to the App's webhook since then, newest first. GitHub remembers three days. */
  hookAttempts(since: Date): Promise<HookAttempt[]>;
  /** Has the delivery of this attempt sent once more, with the same delivery id. */
  redeliver(attempt: number): Promise<void>;
}

export interface HookAttempt {
  id: number;
  /** The delivery's GUID: the same for each attempt. */
  delivery: string;
  at: Date;
  outcome: "taken" | "lost" | "pending";
}

export interface AppIdentity {
  id: number;
  slug: string;
  name: string;
  permissions: Record<string, string>;
  events: string[];
}

export interface RepositoryInfo {
  id: number;
  fullName: RepositoryName;
  installationId: number;
  defaultBranch: string;
  isPrivate: boolean;
  url: string;
  cloneUrl: string;
}

/** In the order of what they allow. */
export const PERMISSIONS = ["none", "read", "triage", "write", "maintain", "admin"] as const;
export type Permission = (typeof PERMISSIONS)[number];

export type Posted = "created" | "updated" | "unchanged";

export interface CommentRef {
  id: number;
  url: string;
  outcome: Posted;
}

/** What can carry a reaction. GitHub has none for reviews: react to the pull request instead. */
export type ReactionTarget = { kind: "issue"; number: number } | { kind: "comment"; id: number } | { kind: "review-comment"; id: number };

export interface Account {
  login: string;
  id: number;
  /** `User`, `Bot`, `Organization`… as GitHub says it. */
  type: string;
}

export interface Issue {
  number: number;
  title: string;
  body: string;
  author: Account;
  state: "open" | "closed";
  isPullRequest: boolean;
  url: string;
  /** ISO 8601. What was written after the trigger is not to be read. */
  createdAt: string;
  updatedAt: string;
}

export interface PullRequest {
  number: number;
  title: string;
  body: string;
  author: Account;
  state: "open" | "closed";
  isDraft: boolean;
  isMerged: boolean;
  /** Of the merge, squash or last rebased commit; only once merged. */
  mergeCommit: string | undefined;
  mergedBy: string | undefined;
  /** Undefined while GitHub has not computed it. */
  isMergeable: boolean | undefined;
  headRef: string;
  headSha: string;
  /** Undefined when the fork is gone. */
  headRepository: RepositoryName | undefined;
  baseRef: string;
  baseSha: string;
  url: string;
  createdAt: string;
  updatedAt: string;
}

export interface PullRequestFile {
  path: string;
  status: "added" | "removed" | "modified" | "renamed" | "copied" | "changed" | "unchanged";
  previousPath?: string;
}

export interface Dispatched {
  /** Undefined where the server does not say which run it started: wait for the `workflow_run` delivery, or for the runner's session. */
  runId: number | undefined;
}

export interface WorkflowRun {
  id: number;
  attempt: number;
  status: string;
  /** Set once it is completed. */
  conclusion: string | undefined;
  event: string;
  headSha: string;
  /** Of the workflow file. */
  path: string;
  url: string;
}

export interface CheckRunInput {
  /** Ours; the same id on the same commit is the same check run. */
  externalId: string;
  name: string;
  headSha: string;
  status: "queued" | "in_progress" | "completed";
  /** With `completed` only. There is no "neutral" and no "skipped": both satisfy a required check. */
  conclusion?: "success" | "failure" | "cancelled" | "timed_out" | "action_required";
  title: string;
  /** Markdown. */
  summary: string;
  annotations?: { path: string; line: number; message: string }[];
  detailsUrl?: string;
}

export interface DeploymentInput {
  environment: string;
  sha: string;
  /** Ours; kept in the deployment's payload. */
  payloadId: string;
  description: string;
  isProduction: boolean;
}

export interface DeploymentStatusInput {
  state: "queued" | "in_progress" | "success" | "failure" | "error" | "inactive";
  description: string;
  environmentUrl?: string;
  logUrl?: string;
}

export interface ReleaseInput {
  tag: string;
  sha: string;
  /** Of the annotated tag: the ledger's head hash stands in it. */
  tagMessage: string;
  title: string;
  body: string;
}

export interface Commit {
  sha: string;
  tree: string;
  parents: string[];
  message: string;
}

export interface Comparison {
  status: "ahead" | "behind" | "identical" | "diverged";
  mergeBase: string;
  aheadBy: number;
  behindBy: number;
  files: PullRequestFile[];
}

/** One movement of a branch, and who moved it. */
export interface Activity {
  /** What it pointed at then and since; all zeros where it was made or removed. */
  before: string;
  after: string;
  /** `push`, `force_push`, `branch_creation`, `branch_deletion`, `pr_merge`, `merge_queue_merge`, as GitHub says it. */
  kind: string;
  /** Undefined where the account is gone. */
  actor: string | undefined;
  /** ISO 8601. */
  at: string;
}

/** Where git reads and writes. The token lives for an hour at most: ask again, never store it. */
export interface GitRemote {
  url: string;
  username: "x-access-token";
  token: string;
  /** The value of an `Authorization` header, for `http.extraHeader`: it stays out of URLs and of `.git/config`. */
  authorization: string;
}

export interface Repository {
  readonly name: RepositoryName;
  readonly installationId: number;
  info(): Promise<RepositoryInfo>;

  /** What the user may do, by the permission API. Every error is thrown: callers refuse then. Never cached. */
  permission(login: string): Promise<Permission>;
  /** Idempotent. */
  react(target: ReactionTarget, content: "eyes" | "rocket" | "confused"): Promise<void>;
  /**
   * The one comment of ours on the issue or pull request that carries `marker` (hidden), with this body: written, rewritten or left.
   * `knownId` saves the search; a comment that was deleted is written again.
   */
  upsertStickyComment(issue: number, marker: string, body: string, knownId?: number): Promise<CommentRef>;
  /** As above, but what stands is left as it is. */
  createComment(issue: number, marker: string, body: string): Promise<CommentRef>;
  getIssue(issue: number): Promise<Issue>;

  getPullRequest(number: number): Promise<PullRequest>;
  listPullRequestFiles(number: number): Promise<PullRequestFile[]>;
  /** Those that the commit came in with, forks' included: as their merge commit, or as one of their commits. */
  pullRequestsOf(commit: string): Promise<number[]>;
  /** Who put the pull request into the merge queue last; undefined where nobody did. */
  queuedBy(pull: number): Promise<string | undefined>;
  /** The newest one from this branch of the same repository, in that state. */
  findPullRequestByHead(branch: string, state: "open" | "all"): Promise<PullRequest | undefined>;
  /** The open one from `head` if there is one, else a new one. */
  createPullRequest(input: { head: string; base: string; title: string; body: string; isDraft?: boolean }): Promise<PullRequest>;
  updatePullRequest(number: number, change: { title?: string; body?: string; state?: "open" | "closed" }): Promise<PullRequest>;
  /** False where GitHub refuses that reviewer (the author, a stranger). Idempotent. */
  requestReviewer(number: number, login: string): Promise<boolean>;
  /** Idempotent. Throws `merge-conflict` (author), `head-moved` (author) when the head is no longer `headSha`. */
  mergePullRequest(number: number, headSha: string, method: "merge" | "squash" | "rebase"): Promise<{ sha: string }>;

  /** Not idempotent: GitHub cannot find a run by its inputs. The caller puts its own run id in and lets the first runner with it win. */
  dispatchWorkflow(workflowFile: string, ref: string, inputs: Record<string, string>): Promise<Dispatched>;
  getWorkflowRun(id: number): Promise<WorkflowRun | undefined>;
  /** Idempotent: a run that has ended stays as it ended. */
  cancelWorkflowRun(id: number): Promise<void>;

  /** Idempotent by `externalId` and commit, annotations included; a completed one that starts again gets a successor of the same name. */
  upsertCheckRun(input: CheckRunInput): Promise<{ id: number; url: string }>;
  /** Idempotent by environment, commit and payload id. */
  createDeployment(input: DeploymentInput): Promise<{ id: number }>;
  /** Adds the status unless the newest one says the same. */
  createDeploymentStatus(deployment: number, input: DeploymentStatusInput): Promise<void>;
  /** An annotated tag and a GitHub Release on it. Idempotent; throws `tag-taken` (operator) when the tag stands on another commit. */
  createTagAndRelease(input: ReleaseInput): Promise<{ url: string }>;

  /** UTF-8 text, or undefined where there is no such file. */
  getFile(path: string, ref: string): Promise<string | undefined>;
  /** The commit of `heads/<branch>` or `tags/<tag>` (for annotated tags: the tag object). */
  getRef(ref: string): Promise<string | undefined>;
  getCommit(sha: string): Promise<Commit>;
  /** How the branch moved, the newest first: at most its last hundred movements. Empty on a server that does not tell. */
  listActivity(branch: string): Promise<Activity[]>;
  compareCommits(base: string, head: string): Promise<Comparison>;
  gitRemote(): Promise<GitRemote>;
}
