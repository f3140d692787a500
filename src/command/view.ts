/** What the comment texts are rendered from: plain data, filled from the store's rows. Text in it may come from anyone; the templates escape it. */

export type RequestPhase =
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

export interface TaskView {
  title: string;
  /** The app's slug. */
  app: string;
  state: "waiting" | "started" | "done" | "failed";
}

export interface PlanView {
  hash: string;
  title: string;
  summary: string;
  /** Display names of the apps that it creates. */
  createsApps: string[];
  tasks: TaskView[];
}

export interface GateView {
  gate: string;
  state: "waiting" | "started" | "success" | "failure" | "timed_out" | "cancelled";
  /** What was found, in one line. */
  title?: string | undefined;
  /** The check run. */
  url?: string | undefined;
}

export interface ErrorView {
  code: string;
  /** `bug`: people get `reference` only. */
  remedy: "author" | "operator" | "wait" | "bug";
  message: string;
  hint?: string | undefined;
}

export interface LinkView {
  text: string;
  url: string;
}

export interface UsageView {
  inputTokens: number;
  outputTokens: number;
  calls: number;
  /** US dollars; undefined where the model has no known price. The built-in model costs 0. */
  cost: number | undefined;
}

/** The sticky comment of one request. */
export interface RequestView {
  botName: string;
  /** The request's id: named where the platform itself failed. */
  reference: string;
  requester: string;
  /** The plan's title, or the first line of what was asked. */
  title: string;
  phase: RequestPhase;
  elapsedMs: number;
  usage: UsageView | undefined;
  plan: PlanView | undefined;
  gates: GateView[];
  pullRequest: { number: number; url: string } | undefined;
  previews: LinkView[];
  /** The workflow run. */
  run: LinkView | undefined;
  /** Of `answered`: Markdown, in the model's or the platform's words; quoted. */
  answer: string | undefined;
  /** Of `refused`, `failed` and `timed-out`. */
  error: ErrorView | undefined;
}

export interface PullRequestView {
  botName: string;
  requester: string;
  /** Closed by the merge. */
  issue: number | undefined;
  /** Markdown in the model's words; quoted. */
  summary: string;
  plan: PlanView | undefined;
}

export interface ImpactTableView {
  app: string;
  table: string;
  inserted: number;
  updated: number;
  deleted: number;
}

/** What merging a revert would do. Counts are of what was written since the moment to which it goes back. */
export interface ImpactView {
  botName: string;
  live: number;
  target: number;
  /** ISO 8601. */
  countedAt: string;
  /** LSNs: where the data goes back to (undefined: to an empty database), and what it was compared with. */
  past: string | undefined;
  present: string;
  tables: ImpactTableView[];
  migrationsUndone: string[];
  appsRemoved: string[];
  appsRestored: string[];
  /** Why the choice is refused; null where it is free. */
  codeOnlyRefused: string | null;
  codeAndDataRefused: string | null;
  choice: "code-only" | "code+data" | null;
  chosenBy: string | null;
  /** The pull request is merged and waits for the choice: main is ahead of production. */
  isMerged: boolean;
  /** The release in which it happened; undefined while it has not. */
  happened: number | undefined;
  /** The rolled-back apps on their past data. */
  previews: LinkView[];
}

/** A revert whose result is the tree of no release: partial, or with something else. */
export interface OrdinaryRevertView {
  botName: string;
  /** The release of which it takes something back, and the one before that. */
  reverts: number;
  before: number;
  conflicts: boolean;
}

export interface RehearsedMigrationView {
  path: string;
  tookMs: number;
  /** Rows written. */
  rows: number;
  /** What others could not do meanwhile: "blog.post not written for 20 ms". */
  locks: string[];
  destructive: string[];
}

/** A release or a rollback that is live: text of the GitHub Release and of the comment on the pull request. */
export interface ReleaseView {
  number: number;
  kind: "release" | "rollback";
  commit: string;
  tree: string;
  /** Who merged. */
  approver: string;
  pullRequest: { number: number; url: string } | undefined;
  planHash: string | undefined;
  apps: LinkView[];
  migrations: string[];
  /** What they cost on a fork of production, rounded up. */
  rehearsal: RehearsedMigrationView[];
  /** LSN of the checkpoint before it; undefined for the first. */
  checkpoint: string | undefined;
  /** For how long clients waited. */
  holdMs: number | undefined;
  schemaHash: string;
  ledgerHash: string;
  gates: GateView[];
  /** Of a rollback. */
  rollback:
    | {
        restores: number;
        choice: "code-only" | "code+data";
        snapshot: string | undefined;
        /** What left production with the data, as counted when it was held. */
        lost: ImpactTableView[];
      }
    | undefined;
}

/** A release or rollback that was refused or stopped. */
export interface OvertakenView {
  /** Commits. */
  commit: string;
  by: string;
}

export interface ReleaseProblemView {
  reference: string;
  kind: "release" | "rollback";
  number: number;
  /** The step at which it stopped: `rehearsed`. */
  step: string;
  /** What goes on serving; undefined where nothing was live. */
  serving: number | undefined;
  error: ErrorView;
}
