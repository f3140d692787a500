/** Statements on what was verified and built, by git tree, and on checkpoints. */
import type { Digest, ProjectId, RunId, TreeId } from "../core/ids.ts";
import type { Evidence, GateName } from "../core/evidence.ts";
import type { Checkpoint } from "../database/database.ts";
import type { RunState } from "./rows.ts";
import { oneRow, type Sql } from "./store.ts";

/** Replaces what this gate said of this tree. */
export async function saveEvidence(sql: Sql, project: ProjectId, tree: TreeId, evidence: Evidence): Promise<void> {
  await sql.rows(
    `insert into evidence (project_id, tree, gate, evidence) values ($1, $2, $3, $4)
     on conflict (project_id, tree, gate) do update set evidence = excluded.evidence, created_at = now()`,
    [project, tree, evidence.gate, JSON.stringify(evidence)],
  );
}

export async function listEvidence(sql: Sql, project: ProjectId, tree: TreeId): Promise<Evidence[]> {
  const rows = await sql.rows<{ evidence: Evidence }>(
    "select evidence from evidence where project_id = $1 and tree = $2 order by created_at, gate",
    [project, tree],
  );
  return rows.map((row) => row.evidence);
}

export async function forgetEvidence(sql: Sql, project: ProjectId, tree: TreeId, gates: readonly GateName[]): Promise<void> {
  await sql.rows("delete from evidence where project_id = $1 and tree = $2 and gate = any($3)", [project, tree, gates]);
}

export async function saveArtifact(sql: Sql, project: ProjectId, tree: TreeId, app: string, digest: Digest): Promise<void> {
  await sql.rows(
    `insert into artifacts (project_id, tree, app, digest) values ($1, $2, $3, $4)
     on conflict (project_id, tree, app) do update set digest = excluded.digest`,
    [project, tree, app, digest],
  );
}

/** The built apps of a tree, by slug. */
export async function findArtifacts(sql: Sql, project: ProjectId, tree: TreeId): Promise<Record<string, Digest>> {
  const rows = await sql.rows<{ app: string; digest: Digest }>("select app, digest from artifacts where project_id = $1 and tree = $2", [
    project,
    tree,
  ]);
  return Object.fromEntries(rows.map((row) => [row.app, row.digest]));
}

export interface CheckpointRow extends Checkpoint {
  id: string;
  git_commit: string | null;
  run_id: RunId | null;
  note: string;
  /** Apps that had their first rows by then; of a change's data only. */
  seeded: string[];
  /** Since when nobody may return to it any more. */
  released_at: Date | null;
}

export async function saveCheckpoint(
  sql: Sql,
  project: ProjectId,
  checkpoint: Omit<CheckpointRow, "seeded" | "released_at"> & { seeded?: readonly string[] },
): Promise<void> {
  const { id, timeline, lsn, git_commit, run_id, note, seeded = [] } = checkpoint;
  await sql.rows(
    `insert into checkpoints (id, project_id, timeline, lsn, git_commit, run_id, note, seeded) values ($1, $2, $3, $4, $5, $6, $7, $8)
     on conflict (id) do nothing`,
    [id, project, timeline, lsn, git_commit, run_id, note, seeded],
  );
}

export function findCheckpoint(sql: Sql, project: ProjectId, id: string): Promise<CheckpointRow | undefined> {
  return oneRow<CheckpointRow>(sql, "select * from checkpoints where project_id = $1 and id = $2", [project, id]);
}

/** Snapshots of runs that their run may still return to. */
export function listSnapshots(sql: Sql, project: ProjectId): Promise<(CheckpointRow & { run_state: RunState })[]> {
  return sql.rows(
    `select checkpoints.*, runs.state as run_state from checkpoints join runs on runs.id = checkpoints.run_id
     where checkpoints.project_id = $1 and checkpoints.released_at is null order by checkpoints.created_at, checkpoints.id`,
    [project],
  );
}

export async function releaseSnapshot(sql: Sql, id: string): Promise<void> {
  await sql.rows("update checkpoints set released_at = now() where id = $1 and released_at is null", [id]);
}

/** Of timelines whose data may not be returned to: another policy holds now, or they were made anew. */
export async function releaseSnapshotsOn(sql: Sql, project: ProjectId, timelines: readonly string[]): Promise<void> {
  await sql.rows(
    "update checkpoints set released_at = now() where project_id = $1 and timeline = any($2) and run_id is not null and released_at is null",
    [project, timelines],
  );
}
