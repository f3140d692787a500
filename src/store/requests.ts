/** Statements on requests: what people asked for, and the plans that answer them. */
import type { Plan } from "../core/plan.ts";
import type { ProjectId, RequestId } from "../core/ids.ts";
import type { RequestRow, RequestState } from "./rows.ts";
import { oneRow, type Sql } from "./store.ts";

export const REQUEST_ENDED: readonly RequestState[] = ["refused", "opened", "answered", "failed", "cancelled", "timed-out"];

/** Stores the request; undefined when this comment has one already. */
export async function saveRequest(
  sql: Sql,
  request: Pick<RequestRow, "id" | "project_id" | "change_id" | "source" | "item_number" | "verb" | "argument" | "prompt" | "requester">,
): Promise<RequestRow | undefined> {
  const rows = await sql.rows<RequestRow>(
    `insert into requests (id, project_id, change_id, source, item_number, verb, argument, prompt, requester)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (project_id, source) do nothing returning *`,
    [
      request.id,
      request.project_id,
      request.change_id,
      request.source,
      request.item_number,
      request.verb,
      request.argument,
      request.prompt,
      request.requester,
    ],
  );
  return rows[0];
}

export function findRequest(sql: Sql, id: RequestId): Promise<RequestRow | undefined> {
  return oneRow<RequestRow>(sql, "select * from requests where id = $1", [id]);
}

/** In the order in which they were asked. */
export function listRequests(sql: Sql, project: ProjectId): Promise<RequestRow[]> {
  return sql.rows<RequestRow>("select * from requests where project_id = $1 order by created_at, id", [project]);
}

/** Requests of the last hour on one issue or pull request but the one in hand, for the loop breaker. */
export async function countRecentRequests(sql: Sql, project: ProjectId, item: number, source: string): Promise<number> {
  const row = await oneRow<{ count: number }>(
    sql,
    "select count(*)::int as count from requests where project_id = $1 and item_number = $2 and source <> $3 and created_at > now() - interval '1 hour'",
    [project, item, source],
  );
  return row?.count ?? 0;
}

type RequestPatch = Partial<Pick<RequestRow, "change_id" | "plan_hash" | "title" | "answer" | "error" | "comment_id" | "comment_digest">>;

/** Moves the request from one state to another; undefined when another writer was first. */
export async function advanceRequest(
  sql: Sql,
  id: RequestId,
  from: RequestState,
  to: RequestState,
  patch: RequestPatch = {},
): Promise<RequestRow | undefined> {
  const { sets, values } = assignments(patch, 4);
  const finished = REQUEST_ENDED.includes(to) ? ", finished_at = now()" : "";
  const rows = await sql.rows<RequestRow>(`update requests set state = $3${finished}${sets} where id = $1 and state = $2 returning *`, [
    id,
    from,
    to,
    ...values,
  ]);
  return rows[0];
}

export async function updateRequest(sql: Sql, id: RequestId, patch: RequestPatch): Promise<void> {
  const { sets, values } = assignments(patch, 2);
  await sql.rows(`update requests set id = id${sets} where id = $1`, [id, ...values]);
}

function assignments(patch: RequestPatch, first: number): { sets: string; values: unknown[] } {
  const entries = Object.entries(patch);
  return {
    sets: entries.map(([column], index) => `, ${column} = $${index + first}`).join(""),
    values: entries.map(([column, value]) => (column === "error" && value !== null ? JSON.stringify(value) : value)),
  };
}

export async function savePlan(sql: Sql, request: RequestId, hash: string, plan: Plan): Promise<void> {
  await sql.rows("insert into plans (request_id, hash, plan) values ($1, $2, $3) on conflict do nothing", [
    request,
    hash,
    JSON.stringify(plan),
  ]);
}

export interface PlanRow {
  request_id: RequestId;
  hash: string;
  plan: Plan;
  approved_by: string | null;
}

export function findPlan(sql: Sql, request: RequestId, hash: string): Promise<PlanRow | undefined> {
  return oneRow<PlanRow>(sql, "select * from plans where request_id = $1 and hash = $2", [request, hash]);
}

export async function approvePlan(sql: Sql, request: RequestId, hash: string, approver: string): Promise<void> {
  await sql.rows("update plans set approved_by = $3 where request_id = $1 and hash = $2 and approved_by is null", [
    request,
    hash,
    approver,
  ]);
}
