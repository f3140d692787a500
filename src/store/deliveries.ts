/** Statements on webhook deliveries. */
import type { DeliveryRow } from "./rows.ts";
import { oneRow, type Sql } from "./store.ts";

/** Stores the delivery; false when this id is already there: a duplicate or a redelivery changes nothing. */
export async function saveDelivery(
  sql: Sql,
  delivery: Pick<DeliveryRow, "id" | "event" | "action" | "repository_id" | "payload">,
): Promise<boolean> {
  const rows = await sql.rows(
    "insert into deliveries (id, event, action, repository_id, payload) values ($1, $2, $3, $4, $5) on conflict (id) do nothing returning id",
    [delivery.id, delivery.event, delivery.action, delivery.repository_id, JSON.stringify(delivery.payload)],
  );
  return rows.length > 0;
}

export function findDelivery(sql: Sql, id: string): Promise<DeliveryRow | undefined> {
  return oneRow<DeliveryRow>(sql, "select * from deliveries where id = $1", [id]);
}

/** Who pushed the commit to the branch, as GitHub told it; undefined where it did not. */
export async function findPusher(sql: Sql, repositoryId: number, branch: string, commit: string): Promise<string | undefined> {
  const row = await oneRow<{ login: string }>(
    sql,
    `select payload->'sender'->>'login' as login from deliveries
     where repository_id = $1 and event = 'push' and payload->>'ref' = $2 and payload->>'after' = $3 order by received_at desc limit 1`,
    [repositoryId, `refs/heads/${branch}`, commit],
  );
  return row?.login;
}

/** Those of the ids that are stored. */
export async function knownDeliveries(sql: Sql, ids: string[]): Promise<Set<string>> {
  return new Set((await sql.rows<{ id: string }>("select id from deliveries where id = any($1)", [ids])).map((row) => row.id));
}

/** When the newest delivery came; undefined before the first. */
export async function newestDelivery(sql: Sql): Promise<Date | undefined> {
  return (await oneRow<{ at: Date | null }>(sql, "select max(received_at) as at from deliveries"))?.at ?? undefined;
}

/** Leaves `received` once. */
export async function finishDelivery(sql: Sql, id: string, state: "processed" | "ignored" | "failed", note: string): Promise<void> {
  await sql.rows("update deliveries set state = $2, note = $3 where id = $1 and state = 'received'", [id, state, note]);
}
