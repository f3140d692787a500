/** The forge's records: what its tables hold, as its rooms and pages see them. Times are ISO 8601 in UTC, to the second. */

export interface Account {
  id: number;
  login: string;
  type: "User" | "Bot" | "Organization";
  name: string;
  createdAt: string;
}

export type Role = "none" | "read" | "triage" | "write" | "maintain" | "admin";
/** What an App or a job may do, by GitHub's names: `{ contents: "write" }`. */
export type Permissions = Record<string, "read" | "write" | "admin">;

export interface App {
  id: number;
  slug: string;
  name: string;
  ownerId: number;
  /** The account `<slug>[bot]` in whose name the App acts. */
  botId: number;
  privateKey: string;
  publicKey: string;
  webhookUrl: string | null;
  webhookSecret: string | null;
  permissions: Permissions;
  events: string[];
  createdAt: string;
}

export interface Installation {
  id: number;
  appId: number;
  accountId: number;
  repositorySelection: "all" | "selected";
  createdAt: string;
  updatedAt: string;
}

export interface Repository {
  id: number;
  ownerId: number;
  /** The owner's login. */
  owner: string;
  name: string;
  /** `owner/name`. */
  fullName: string;
  isPrivate: boolean;
  description: string | null;
  defaultBranch: string;
  lastPusherId: number | null;
  createdAt: string;
  updatedAt: string;
  pushedAt: string;
}

export interface Issue {
  id: number;
  repositoryId: number;
  number: number;
  isPull: boolean;
  title: string;
  body: string | null;
  state: "open" | "closed";
  stateReason: "completed" | "not_planned" | "reopened" | null;
  userId: number;
  isLocked: boolean;
  createdAt: string;
  updatedAt: string;
  closedAt: string | null;
  closedById: number | null;
  commentCount: number;
}

export type MergeMethod = "merge" | "squash" | "rebase";

export interface PullRequest extends Issue {
  isPull: true;
  headRef: string;
  headSha: string;
  baseRef: string;
  /** The base branch's commit when the head was last compared with it; after a merge, the commit merged onto. */
  baseSha: string;
  isDraft: boolean;
  isMerged: boolean;
  mergedAt: string | null;
  mergedById: number | null;
  mergeCommitSha: string | null;
  mergeMethod: MergeMethod | null;
  /** Null until it is known. */
  isMergeable: boolean | null;
  /** The commit of `refs/pull/<n>/merge`. */
  testMergeSha: string | null;
  commits: number;
  additions: number;
  deletions: number;
  changedFiles: number;
  /** The pull request that this one reverts. */
  revertsNumber: number | null;
}

export interface Label {
  id: number;
  name: string;
  color: string;
  description: string | null;
}

export interface Comment {
  id: number;
  issueId: number;
  userId: number;
  appId: number | null;
  body: string;
  createdAt: string;
  updatedAt: string;
}

export type TimelineKind =
  | "closed"
  | "reopened"
  | "merged"
  | "renamed"
  | "labeled"
  | "unlabeled"
  | "review_requested"
  | "head_pushed"
  | "head_deleted"
  | "reverted_by"
  | "ready_for_review"
  | "converted_to_draft"
  | "added_to_merge_queue"
  | "removed_from_merge_queue";

export interface TimelineEntry {
  id: number;
  issueId: number;
  kind: TimelineKind;
  actorId: number;
  /** By kind: `{ sha }`, `{ before, after }`, `{ from, to }`, `{ label }`, `{ reviewer }`, `{ number }`, `{ reason }`. */
  detail: Record<string, string | number>;
  createdAt: string;
}

export const REACTIONS = ["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"] as const;
export type ReactionContent = (typeof REACTIONS)[number];
export type ReactionSubject = "issue" | "comment" | "review_comment";

export interface Reaction {
  id: number;
  subjectType: ReactionSubject;
  subjectId: number;
  userId: number;
  content: ReactionContent;
  createdAt: string;
}

export interface Review {
  id: number;
  issueId: number;
  userId: number;
  body: string;
  state: "APPROVED" | "CHANGES_REQUESTED" | "COMMENTED" | "DISMISSED" | "PENDING";
  commitSha: string;
  submittedAt: string | null;
}

export interface ReviewComment {
  id: number;
  issueId: number;
  reviewId: number;
  userId: number;
  body: string;
  path: string;
  line: number | null;
  side: "LEFT" | "RIGHT";
  commitSha: string;
  diffHunk: string;
  inReplyToId: number | null;
  createdAt: string;
  updatedAt: string;
}

export type CheckStatus = "queued" | "in_progress" | "completed";
export type Conclusion = "success" | "failure" | "neutral" | "cancelled" | "skipped" | "timed_out" | "action_required" | "stale";

export interface CheckRun {
  id: number;
  repositoryId: number;
  headSha: string;
  name: string;
  appId: number;
  externalId: string;
  detailsUrl: string | null;
  status: CheckStatus;
  conclusion: Conclusion | null;
  title: string | null;
  summary: string | null;
  text: string | null;
  startedAt: string;
  completedAt: string | null;
}

/** What an App's check runs on a commit come to together. */
export interface CheckSuite {
  id: number;
  repositoryId: number;
  appId: number;
  headSha: string;
  headBranch: string | null;
  /** The branch's commit before the push. */
  beforeSha: string | null;
  headCommit: Record<string, unknown>;
  /** Somebody asked for it anew, and no run has begun since. */
  isReset: boolean;
  createdAt: string;
  updatedAt: string;
}

export interface Annotation {
  id: number;
  checkRunId: number;
  path: string;
  startLine: number;
  endLine: number;
  level: "notice" | "warning" | "failure";
  message: string;
  title: string | null;
  rawDetails: string | null;
}

export interface CommitStatus {
  id: number;
  repositoryId: number;
  sha: string;
  context: string;
  state: "error" | "failure" | "pending" | "success";
  description: string | null;
  targetUrl: string | null;
  creatorId: number;
  createdAt: string;
  updatedAt: string;
}

export interface Deployment {
  id: number;
  repositoryId: number;
  sha: string;
  ref: string;
  task: string;
  environment: string;
  description: string | null;
  payload: unknown;
  isTransient: boolean;
  isProduction: boolean;
  creatorId: number;
  createdAt: string;
  updatedAt: string;
}

export type DeploymentState = "error" | "failure" | "inactive" | "in_progress" | "queued" | "pending" | "success";

export interface DeploymentStatus {
  id: number;
  deploymentId: number;
  state: DeploymentState;
  description: string;
  environmentUrl: string;
  logUrl: string;
  creatorId: number;
  createdAt: string;
}

/** Whatever was deployed to is one. */
export interface Environment {
  /** Of its first deployment. */
  id: number;
  name: string;
  createdAt: string;
  updatedAt: string;
}

export interface Release {
  id: number;
  repositoryId: number;
  tagName: string;
  targetCommitish: string;
  name: string | null;
  body: string | null;
  isDraft: boolean;
  isPrerelease: boolean;
  authorId: number;
  createdAt: string;
  publishedAt: string | null;
}

export interface Workflow {
  id: number;
  repositoryId: number;
  path: string;
  name: string;
  createdAt: string;
}

export type RunStatus = "queued" | "in_progress" | "completed";
export type RunConclusion = "success" | "failure" | "cancelled" | "skipped" | "timed_out";

export interface WorkflowRun {
  id: number;
  repositoryId: number;
  workflowId: number;
  number: number;
  attempt: number;
  event: "workflow_dispatch";
  title: string;
  /** A full ref: `refs/heads/main`. */
  headRef: string;
  headSha: string;
  status: RunStatus;
  conclusion: RunConclusion | null;
  /** Why the run failed before or beside its steps. */
  message: string | null;
  actorId: number;
  inputs: Record<string, string>;
  isCancelRequested: boolean;
  /** As events show it; null for runs from before it was kept. */
  headCommit: Record<string, unknown> | null;
  createdAt: string;
  startedAt: string;
  updatedAt: string;
}

export interface JobStep {
  number: number;
  name: string;
  status: RunStatus;
  conclusion: RunConclusion | null;
  startedAt: string | null;
  completedAt: string | null;
}

export interface WorkflowJob {
  id: number;
  runId: number;
  attempt: number;
  /** The path of job ids from the caller down: `call/work`. */
  key: string;
  /** As people see it: `call / work`. */
  name: string;
  status: RunStatus;
  conclusion: RunConclusion | null;
  steps: JobStep[];
  checkRunId: number | null;
  /** `owner/repo/path@ref` of the file that defines the job. */
  calledRef: string | null;
  calledSha: string | null;
  /** Pid, start time and tracking id of the runner process, while there is one. */
  process: string | null;
  createdAt: string;
  startedAt: string | null;
  completedAt: string | null;
}

export interface Delivery {
  id: number;
  guid: string;
  appId: number;
  installationId: number | null;
  repositoryId: number | null;
  event: string;
  action: string | null;
  url: string;
  isRedelivery: boolean;
  /** The JSON text that was, or will be, signed and sent. */
  payload: string;
  state: "pending" | "done";
  statusCode: number;
  status: string;
  requestHeaders: Record<string, string> | null;
  responseHeaders: Record<string, string> | null;
  responseBody: string | null;
  durationSeconds: number | null;
  createdAt: string;
  deliveredAt: string | null;
}
