/** The rows of the store, as TypeScript sees them. */
import type { CommitId, Digest, EnvironmentId, ProjectId, RequestId, RunId, TimelineId, TreeId } from "../core/ids.ts";
import type { ErrorData } from "../core/errors.ts";
import type { PreviewData } from "../core/preview-data.ts";
import type { Checkpoint } from "../database/database.ts";
import type { VerifyAssignment, VerifyResult, WorkAssignment, WorkResult } from "../core/runner-protocol.ts";

export interface DeliveryRow {
  id: string;
  event: string;
  action: string | null;
  repository_id: number | null;
  payload: unknown;
  state: "received" | "processed" | "ignored" | "failed";
  note: string | null;
}

export interface ProjectRow {
  id: ProjectId;
  repository_id: number;
  full_name: string;
  clone_url: string;
  installation_id: number;
  default_branch: string;
  state: "active" | "deleting";
  main_commit: CommitId | null;
  decided_commit: CommitId | null;
}

export interface ImpactTable {
  app: string;
  table: string;
  /** Rows that stand now and did not then. */
  inserted: number;
  deleted: number;
  updated: number;
}

/** What a rollback would do, as counted at a stated moment; stored with the change and shown on its pull request. */
export interface Impact {
  /** The live release when it was counted, and the one that comes back. */
  live: number;
  target: number;
  /** Where the data goes back to; null: to an empty database. */
  past: Checkpoint | null;
  /** Where it was compared with it. */
  present: Checkpoint;
  tables: ImpactTable[];
  migrationsUndone: string[];
  appsRemoved: string[];
  appsRestored: string[];
  /** Why `code-only` is refused, where it is. */
  codeOnlyRefused: string | null;
  schemaHash: string;
  countedAt: string;
}

/** What the rows of a change's timeline were made from. */
export interface MadeFrom {
  policy: PreviewData;
  /** Of a copy: the release that was live and where its data stood, as ISO 8601. */
  production?: Checkpoint & { release: number; at: string };
}

export interface ChangeRow {
  id: string;
  project_id: ProjectId;
  kind: "generated" | "pull-request";
  issue_number: number | null;
  pull_number: number | null;
  git_branch: string;
  state: "open" | "merged" | "closed";
  head_commit: CommitId | null;
  merge_commit: CommitId | null;
  merged_by: string | null;
  base_commit: CommitId | null;
  tree: TreeId | null;
  timeline: TimelineId | null;
  /** In the making; nobody reads it. */
  next_timeline: TimelineId | null;
  /** Its own once; the sweep takes those that no snapshot of a run and no release refers to. */
  old_timelines: TimelineId[];
  /** Null while there is no timeline. */
  made_from: MadeFrom | null;
  seeded: string[];
  base_ledger: string | null;
  restores_release: number | null;
  /** Of which it takes back only a part, or with something else. */
  reverts_release: number | null;
  choice: "code-only" | "code+data" | null;
  chosen_by: string | null;
  impact: Impact | null;
  preview_tree: TreeId | null;
  preview_environment: EnvironmentId | null;
  preview_epoch: number;
  /** At GitHub, of the preview: by app. */
  deployments: Record<string, number>;
  impact_comment_id: number | null;
  /** Set by the database while the change is not open. */
  closed_at: Date | null;
}

export type RequestState =
  | "received"
  | "refused"
  | "planning"
  | "awaiting-approval"
  | "running"
  | "verifying"
  | "opened"
  | "answered"
  | "failed"
  | "cancelled"
  | "timed-out";

export interface RequestRow {
  id: RequestId;
  project_id: ProjectId;
  change_id: string | null;
  source: string;
  item_number: number;
  verb: string;
  argument: string | null;
  prompt: string | null;
  requester: string;
  state: RequestState;
  plan_hash: string | null;
  title: string | null;
  answer: string | null;
  error: ErrorData | null;
  comment_id: number | null;
  comment_digest: string | null;
  created_at: Date;
  finished_at: Date | null;
}

export type RunState = "queued" | "dispatched" | "running" | "done" | "failed" | "cancelled" | "timed-out";

export interface RunRow {
  id: RunId;
  project_id: ProjectId;
  kind: "work" | "verify";
  request_id: RequestId | null;
  change_id: string | null;
  state: RunState;
  assignment: WorkAssignment | VerifyAssignment;
  result: WorkResult | VerifyResult | null;
  error: ErrorData | null;
  workflow_run_id: number | null;
  session_digest: string | null;
  session_expires_at: Date | null;
  deadline: Date | null;
  usage: { inputTokens: number; outputTokens: number; calls: number };
  created_at: Date;
  started_at: Date | null;
  finished_at: Date | null;
}

export interface EnvironmentRow {
  project_id: ProjectId;
  place: string;
  timeline: TimelineId;
  /** Where each app runs, by slug. */
  apps: Record<string, EnvironmentId>;
  epoch: number;
  release_number: number | null;
}

export interface ReleaseRow {
  project_id: ProjectId;
  number: number;
  kind: "release" | "rollback";
  git_commit: CommitId;
  tree: TreeId;
  released_tree: string;
  plan_hash: string | null;
  approver: string;
  migrations: string[];
  timeline: TimelineId;
  checkpoint: Checkpoint | null;
  artifacts: Record<string, Digest>;
  schema_hash: string;
  evidence: Record<string, string>;
  restores: number | null;
  choice: "code-only" | "code+data" | null;
  epoch: number;
  created_at: Date;
  previous_hash: string;
  hash: string;
}
