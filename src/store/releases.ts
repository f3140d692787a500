/** Statements on the release ledger, on environments and on the rollouts that lead to them. */
import { createHash } from "node:crypto";
import { canonicalJson } from "../core/plan.ts";
import type { CommitId, ProjectId, TreeId } from "../core/ids.ts";
import type { ErrorData } from "../core/errors.ts";
import type { EnvironmentRow, ReleaseRow } from "./rows.ts";
import { oneRow, type Sql } from "./store.ts";

/** The hash that the first ledger row of every project builds on. */
export const LEDGER_ROOT = "0".repeat(64);

/** SHA-256 over the row's canonical JSON with the previous row's hash in it. */
export function ledgerHash(row: Omit<ReleaseRow, "hash">): string {
  return createHash("sha256")
    .update(canonicalJson({ ...row, created_at: row.created_at.toISOString() }))
    .digest("hex");
}

/** By number, the oldest first. */
export function listReleases(sql: Sql, project: ProjectId): Promise<ReleaseRow[]> {
  return sql.rows<ReleaseRow>("select * from releases where project_id = $1 order by number", [project]);
}

/** Adds the next row to the chain. Called inside the transaction that changes the environment: the commit point. */
export async function appendRelease(sql: Sql, row: Omit<ReleaseRow, "number" | "previous_hash" | "hash">): Promise<ReleaseRow> {
  const last = await oneRow<ReleaseRow>(sql, "select * from releases where project_id = $1 order by number desc limit 1", [row.project_id]);
  const chained = { ...row, number: (last?.number ?? 0) + 1, previous_hash: last?.hash ?? LEDGER_ROOT };
  const full: ReleaseRow = { ...chained, hash: ledgerHash(chained) };
  await sql.rows(
    `insert into releases (project_id, number, kind, git_commit, tree, released_tree, plan_hash, approver, migrations, timeline, checkpoint, artifacts,
       schema_hash, evidence, restores, choice, epoch, created_at, previous_hash, hash)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)`,
    [
      full.project_id,
      full.number,
      full.kind,
      full.git_commit,
      full.tree,
      full.released_tree,
      full.plan_hash,
      full.approver,
      JSON.stringify(full.migrations),
      full.timeline,
      full.checkpoint === null ? null : JSON.stringify(full.checkpoint),
      JSON.stringify(full.artifacts),
      full.schema_hash,
      JSON.stringify(full.evidence),
      full.restores,
      full.choice,
      full.epoch,
      full.created_at,
      full.previous_hash,
      full.hash,
    ],
  );
  return full;
}

export function findEnvironment(sql: Sql, project: ProjectId, place: string): Promise<EnvironmentRow | undefined> {
  return oneRow<EnvironmentRow>(sql, "select * from environments where project_id = $1 and place = $2", [project, place]);
}

/** Writes the row if its epoch is newer than the present one; false when it is not. */
export async function saveEnvironment(sql: Sql, row: EnvironmentRow): Promise<boolean> {
  const rows = await sql.rows(
    `insert into environments (project_id, place, timeline, apps, epoch, release_number) values ($1, $2, $3, $4, $5, $6)
     on conflict (project_id, place) do update set timeline = excluded.timeline, apps = excluded.apps,
       epoch = excluded.epoch, release_number = excluded.release_number
     where environments.epoch < excluded.epoch returning epoch`,
    [row.project_id, row.place, row.timeline, JSON.stringify(row.apps), row.epoch, row.release_number],
  );
  return rows.length > 0;
}

export interface RolloutRow<Data = unknown> {
  id: string;
  project_id: ProjectId;
  kind: "release" | "rollback";
  change_id: string | null;
  git_commit: CommitId;
  tree: TreeId;
  state: string;
  data: Data;
  error: ErrorData | null;
  attempts: number;
  created_at: Date;
  finished_at: Date | null;
}

const ENDED = "('live', 'aborted', 'refused')";

/** Starts a rollout; undefined when one is under way. */
export async function createRollout(
  sql: Sql,
  row: Pick<RolloutRow, "id" | "project_id" | "kind" | "change_id" | "git_commit" | "tree" | "state" | "data">,
): Promise<boolean> {
  const rows = await sql.rows(
    `insert into rollouts (id, project_id, kind, change_id, git_commit, tree, state, data) values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing returning id`,
    [row.id, row.project_id, row.kind, row.change_id, row.git_commit, row.tree, row.state, JSON.stringify(row.data)],
  );
  return rows.length > 0;
}

export function findOpenRollout(sql: Sql, project: ProjectId): Promise<RolloutRow | undefined> {
  return oneRow<RolloutRow>(sql, `select * from rollouts where project_id = $1 and state not in ${ENDED}`, [project]);
}

export function listRollouts(sql: Sql, project: ProjectId): Promise<RolloutRow[]> {
  return sql.rows<RolloutRow>("select * from rollouts where project_id = $1 order by created_at, id", [project]);
}

/** Moves the rollout from one state to another with new data; undefined when another writer was first. */
export async function advanceRollout(
  sql: Sql,
  row: Pick<RolloutRow, "id" | "state">,
  to: string,
  data: unknown,
  error: ErrorData | null = null,
): Promise<RolloutRow | undefined> {
  const rows = await sql.rows<RolloutRow>(
    `update rollouts set state = $3, data = $4, error = coalesce($5, error), attempts = 0, finished_at = case when $3 in ${ENDED} then now() end
     where id = $1 and state = $2 returning *`,
    [row.id, row.state, to, JSON.stringify(data), error === null ? null : JSON.stringify(error)],
  );
  return rows[0];
}

/** Counts a failed attempt at the present state. */
export async function countAttempt(sql: Sql, id: string): Promise<number> {
  const rows = await sql.rows<{ attempts: number }>("update rollouts set attempts = attempts + 1 where id = $1 returning attempts", [id]);
  return rows[0]?.attempts ?? 0;
}
