/** The App's webhook as GitHub remembers it: what was delivered, what was not, and asking for it again. */
import type { Octokit } from "./connection.ts";
import type { HookAttempt } from "./github.ts";

/** Newest first, back to `since`. */
export async function listHookAttempts(octokit: Octokit, since: Date): Promise<HookAttempt[]> {
  const found: HookAttempt[] = [];
  for await (const { data } of octokit.paginate.iterator(octokit.rest.apps.listWebhookDeliveries, { per_page: 100 })) {
    for (const attempt of data) {
      const at = new Date(attempt.delivered_at);
      if (at < since) return found;
      found.push({
        id: attempt.id,
        delivery: attempt.guid,
        at,
        // The forge lists what is on its way as well, without a status.
        outcome: attempt.status_code >= 200 && attempt.status_code < 300 ? "taken" : attempt.status === "pending" ? "pending" : "lost",
      });
    }
  }
  return found;
}

export async function redeliver(octokit: Octokit, attempt: number): Promise<void> {
  await octokit.rest.apps.redeliverWebhookDelivery({ delivery_id: attempt });
}
