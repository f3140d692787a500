/**
 * What releases and rollbacks have in common: the steps around their commit point.
 *
 * | state        | invariant                                                                   | exits                       |
 * |--------------|-----------------------------------------------------------------------------|-----------------------------|
 * | pinned       | release: commit and tree are fixed, production untouched                    | verified, refused           |
 * | verified     | every gate passed for the tree                                              | archived                    |
 * | archived     | the tree is in the artifact store                                           | rehearsed, aborted          |
 * | planned      | rollback: target and its past are fixed                                     | awaiting-choice, chosen, aborting |
 * | awaiting-choice | a person has to choose; production keeps serving                         | chosen, aborting (the branch went on) |
 * | chosen       | rollback: code-only or code+data                                            | rehearsed, aborted          |
 * | rehearsed    | the candidate ran on a fork of the data that it will get                    | held                        |
 * | held         | no session and no request reaches production; nothing changed yet           | checkpointed, planned (rows came that nobody was asked about), aborting |
 * | checkpointed | the data as it stood under the hold has a protected checkpoint              | migrated, aborting          |
 * | migrated     | release: the data has the new schema; rollback: its timeline stands aside   | started, aborting           |
 * | started      | the candidate runs beside the old one and nobody reaches it                 | flipped, aborting           |
 * | flipped      | commit point passed: environment row and ledger row are written             | resumed                     |
 * | resumed      | clients reach the new release                                               | live                        |
 * | live         | the old one is gone, GitHub has been told                                   | (end)                       |
 * | aborting     | commit point not passed and will not be                                     | aborted                     |
 * | aborted      | production is as it was, no write lost                                      | (end)                       |
 * | refused      | production was never touched                                                | (end)                       |
 */
import type { Digest, EnvironmentId, HoldId, TimelineId } from "../core/ids.ts";
import type { Checkpoint } from "../database/database.ts";
import type { Rehearsal } from "../database/migrations/rehearse.ts";
import type { RolloutRow } from "../store/releases.ts";
import type { ImpactTable } from "../store/rows.ts";

/** What a rollout knows so far; every id in it was chosen when it was created. */
export interface RolloutData {
  approver: string;
  planHash: string | null;
  pull: number | null;
  releasedTree: string;
  /** Of the next environment. */
  epoch: number;
  holdId: HoldId;
  /** Its environments begin with this name, and each app's slug follows. */
  environment: EnvironmentId;
  /** Where each app runs once it is live: started by this rollout, or going on where it was. */
  apps?: Record<string, EnvironmentId>;
  /** The timeline that production will have afterwards. */
  timeline: TimelineId;
  /** The fork that an abort restores to, where migrations had run. */
  abortTimeline: TimelineId;
  /** What is live now; null before the first release. */
  previous: { timeline: TimelineId; apps: Record<string, EnvironmentId>; epoch: number; release: number } | null;
  /** First release: the change's data, which production starts with; null: it starts empty, with its migrations and seeds. Rollback of data: the past that comes back, null for an empty one. */
  source: Checkpoint | null;
  artifacts: Record<string, Digest>;
  archive?: Digest;
  /** What the gates had found when it was decided, as JSON: the same tree may be judged again later. */
  evidenceArchive?: Digest;
  /** What was measured on the fork; nothing but names of the tree, rounded times and counts. */
  rehearsal?: Rehearsal;
  checkpoint?: Checkpoint;
  applied?: string[];
  schemaHash?: string;
  heldAt?: string;
  /** The state whose step failed, once it is being aborted. */
  stoppedAt?: string;
  /** Milliseconds for which clients waited. */
  heldMs?: number;
  /** Rollback of data: what left production, counted again at the moment at which it was held. */
  lost?: ImpactTable[];
  release?: number;
  /** Rollback only. */
  target?: number;
  choice?: "code-only" | "code+data" | null;
  /** Who made the choice; absent where nothing had to be chosen. */
  chosenBy?: string;
}

export type Rollout = RolloutRow<RolloutData>;

/** Where to go next, or when to look again. */
export type Step = { to: string; data?: Partial<RolloutData> } | { waitMs: number };

/** States from which a failure restores production rather than leaving it alone. */
export const UNDER_HOLD: readonly string[] = ["rehearsed", "held", "checkpointed", "migrated", "started"];
/** States after the commit point: only converging is allowed. */
export const COMMITTED: readonly string[] = ["flipped", "resumed"];
