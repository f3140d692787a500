/** Statements on runs: one execution of a job on a runner. */
import type { ProjectId, RunId } from "../core/ids.ts";
import type { RunEvent } from "../core/runner-protocol.ts";
import type { RunRow, RunState } from "./rows.ts";
import { oneRow, type Sql } from "./store.ts";

export const RUN_OPEN: readonly RunState[] = ["queued", "dispatched", "running"];

export async function createRun(
  sql: Sql,
  run: Pick<RunRow, "id" | "project_id" | "kind" | "request_id" | "change_id" | "assignment">,
): Promise<void> {
  await sql.rows(
    "insert into runs (id, project_id, kind, request_id, change_id, assignment) values ($1, $2, $3, $4, $5, $6) on conflict do nothing",
    [run.id, run.project_id, run.kind, run.request_id, run.change_id, JSON.stringify(run.assignment)],
  );
}

export function findRun(sql: Sql, id: RunId): Promise<RunRow | undefined> {
  return oneRow<RunRow>(sql, "select * from runs where id = $1", [id]);
}

export function findRunBySession(sql: Sql, digest: string): Promise<RunRow | undefined> {
  return oneRow<RunRow>(sql, "select * from runs where session_digest = $1 and session_expires_at > now()", [digest]);
}

export function listRuns(sql: Sql, project: ProjectId): Promise<RunRow[]> {
  return sql.rows<RunRow>("select * from runs where project_id = $1 order by created_at, id", [project]);
}

type RunPatch = Partial<
  Pick<RunRow, "result" | "error" | "workflow_run_id" | "session_digest" | "session_expires_at" | "deadline" | "started_at">
>;

/** Moves the run from one state to another; undefined when another writer was first. */
export async function advanceRun(sql: Sql, id: RunId, from: RunState, to: RunState, patch: RunPatch = {}): Promise<RunRow | undefined> {
  const entries = Object.entries(patch);
  const sets = entries.map(([column], index) => `, ${column} = $${index + 4}`).join("");
  const values = entries.map(([column, value]) =>
    (column === "error" || column === "result") && value !== null ? JSON.stringify(value) : value,
  );
  // A done run keeps its session's digest: its runner may ask whether the result arrived.
  const finished = RUN_OPEN.includes(to) ? "" : to === "done" ? ", finished_at = now()" : ", finished_at = now(), session_digest = null";
  const rows = await sql.rows<RunRow>(`update runs set state = $3${finished}${sets} where id = $1 and state = $2 returning *`, [
    id,
    from,
    to,
    ...values,
  ]);
  return rows[0];
}

/** Until a runner has the session: from then on the workflow run is its own. */
export async function setWorkflowRun(sql: Sql, id: RunId, workflowRunId: number): Promise<void> {
  await sql.rows("update runs set workflow_run_id = $2 where id = $1 and state = 'queued'", [id, workflowRunId]);
}

export async function addRunEvents(sql: Sql, id: RunId, events: RunEvent[]): Promise<void> {
  await sql.rows("insert into run_events (run_id, event) select $1, value from jsonb_array_elements($2::jsonb)", [
    id,
    JSON.stringify(events),
  ]);
}

/** In the order in which they came. */
export async function listRunEvents(sql: Sql, id: RunId): Promise<RunEvent[]> {
  const rows = await sql.rows<{ event: RunEvent }>("select event from run_events where run_id = $1 order by id", [id]);
  return rows.map((row) => row.event);
}

export async function addUsage(sql: Sql, id: RunId, inputTokens: number, outputTokens: number): Promise<void> {
  await sql.rows(
    `update runs set usage = jsonb_build_object('inputTokens', (usage->>'inputTokens')::int + $2::int, 'outputTokens', (usage->>'outputTokens')::int + $3::int, 'calls', (usage->>'calls')::int + 1)
     where id = $1`,
    [id, inputTokens, outputTokens],
  );
}

/** `again`: it was used before, by somebody who knew the same nonce. */
export async function useOidcToken(sql: Sql, jti: string, nonceDigest: string | null): Promise<"first" | "again" | "refused"> {
  const taken = await sql.rows("insert into oidc_tokens (jti, nonce_digest) values ($1, $2) on conflict do nothing returning jti", [
    jti,
    nonceDigest,
  ]);
  if (taken.length > 0) return "first";
  const same = await sql.rows("select from oidc_tokens where jti = $1 and nonce_digest = $2", [jti, nonceDigest]);
  return same.length > 0 ? "again" : "refused";
}

/** Another session in place of the one that a running run has. */
export async function renewSession(sql: Sql, id: RunId, patch: { session_digest: string; session_expires_at: Date }): Promise<boolean> {
  const rows = await sql.rows(
    "update runs set session_digest = $2, session_expires_at = $3 where id = $1 and state = 'running' returning id",
    [id, patch.session_digest, patch.session_expires_at],
  );
  return rows.length > 0;
}
