/** GitHub delivers once and never asks twice: what was sent while nobody listened is asked for again. */
import type { Platform } from "../change/platform.ts";
import { knownDeliveries } from "../store/deliveries.ts";

/** A delivery that was refused so often is refused for what is in it. */
const ATTEMPTS = 5;

/**
 * Asks for every delivery since then that was not taken and is not stored. They come as deliveries of their own, with the ids that they had.
 * Idempotent: what is stored already changes nothing. Throws what GitHub answers.
 */
export async function fetchMissedDeliveries(platform: Platform, since: Date): Promise<void> {
  const attempts = await platform.github.hookAttempts(since);
  const known = await knownDeliveries(platform.store, [...new Set(attempts.map((one) => one.delivery))]);
  const missed = Map.groupBy(
    attempts.filter((one) => !known.has(one.delivery)),
    (one) => one.delivery,
  );
  // In the order in which they were sent.
  for (const [delivery, tries] of [...missed].toReversed()) {
    const [newest] = tries;
    if (!newest || tries.some((one) => one.outcome !== "lost") || tries.length >= ATTEMPTS) continue;
    platform.log.info({ delivery, attempts: tries.length }, "a delivery was missed and is asked for again");
    await platform.github.redeliver(newest.id);
  }
}
