/** Claims: a step states what must hold, and stops the story where it does not. */
import { setTimeout as delay } from "node:timers/promises";

/** Throws an error with the claim and what was found instead. */
export function claim(holds: boolean, what: string, found?: unknown): void {
  if (!holds) throw new Error(`${what}${found === undefined ? "" : `; found: ${JSON.stringify(found)}`}`);
}

const PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 500;
/** A pause is at most this part of the wait so far: to ask costs the machine that works on the answer. */
const PAUSE_SHARE = 1 / 40;

/** Asks again until there is an answer, the less often the longer it takes. Throws with the last thing seen when it takes longer than `timeoutMs`. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined>,
  options: { timeoutMs?: number; seen?: () => string } = {},
): Promise<T> {
  const { timeoutMs = 180_000, seen } = options;
  const begin = performance.now();
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    const waitedMs = performance.now() - begin;
    if (waitedMs > timeoutMs)
      throw new Error(`It took longer than ${timeoutMs / 1000} s until ${what}${seen ? ` (last seen: ${seen()})` : ""}`);
    await delay(Math.min(LONGEST_PAUSE_MS, Math.max(PAUSE_MS, waitedMs * PAUSE_SHARE)));
  }
}
