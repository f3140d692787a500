/** Removes rows that nobody asks for any more, so that the store does not grow without bound. */
import { pruneAppEvidence } from "./app-evidence.ts";
import type { Sql } from "./store.ts";

/** For how long deliveries and the events of ended runs can be looked at, in days. */
const KEPT_DAYS = 30;

/** Idempotent. OIDC tokens live for minutes; a day later none of them can be used a second time. */
export async function prune(sql: Sql): Promise<void> {
  await pruneAppEvidence(sql);
  await sql.rows("delete from oidc_tokens where used_at < now() - interval '1 day'");
  await sql.rows("delete from deliveries where state <> 'received' and received_at < now() - $1 * interval '1 day'", [KEPT_DAYS]);
  await sql.rows(
    "delete from run_events using runs where runs.id = run_events.run_id and runs.finished_at is not null and run_events.at < now() - $1 * interval '1 day'",
    [KEPT_DAYS],
  );
}
