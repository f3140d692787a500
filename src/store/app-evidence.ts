/** Statements on what gates found of single apps, by what decided it. */
import type { CommitId, Digest, ProjectId } from "../core/ids.ts";
import type { Evidence, GateName } from "../core/evidence.ts";
import type { Sql } from "./store.ts";

/** Older ones are found out again: tests may mean the present day. */
export const KEPT_EVIDENCE_DAYS = 30;

export interface AppEvidenceRow {
  project_id: ProjectId;
  app: string;
  gate: GateName;
  key: string;
  judge: string;
  beside: Record<string, string>;
  evidence: Evidence;
  artifact: Digest | null;
  git_commit: CommitId;
  created_at: Date;
}

/** The newest result under these keys counts. */
export async function saveAppEvidence(sql: Sql, row: Omit<AppEvidenceRow, "created_at">): Promise<void> {
  await sql.rows(
    `insert into app_evidence (project_id, app, gate, key, judge, beside, evidence, artifact, git_commit) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
     on conflict (project_id, app, gate, key, judge) do update set beside = excluded.beside, evidence = excluded.evidence,
       artifact = excluded.artifact, git_commit = excluded.git_commit, created_at = now()`,
    [
      row.project_id,
      row.app,
      row.gate,
      row.key,
      row.judge,
      JSON.stringify(row.beside),
      JSON.stringify(row.evidence),
      row.artifact,
      row.git_commit,
    ],
  );
}

/** What is kept under any of the keys, of any judge. */
export function findAppEvidence(sql: Sql, project: ProjectId, keys: readonly string[]): Promise<AppEvidenceRow[]> {
  return sql.rows<AppEvidenceRow>(
    "select * from app_evidence where project_id = $1 and key = any($2) and created_at > now() - $3 * interval '1 day' order by app, gate, judge",
    [project, keys, KEPT_EVIDENCE_DAYS],
  );
}

/** What a gate found under these keys, whoever judged. */
export async function forgetAppEvidence(sql: Sql, project: ProjectId, gate: GateName, keys: readonly string[]): Promise<void> {
  await sql.rows("delete from app_evidence where project_id = $1 and gate = $2 and key = any($3)", [project, gate, keys]);
}

export async function pruneAppEvidence(sql: Sql): Promise<void> {
  await sql.rows("delete from app_evidence where created_at <= now() - $1 * interval '1 day'", [KEPT_EVIDENCE_DAYS]);
}
