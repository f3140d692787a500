/** Claims: a step states what must hold, and stops the story where it does not. */
import { setTimeout as delay } from "node:timers/promises";

/** Throws an error with the claim and what was found instead. */
export function claim(holds: boolean, what: string, found?: unknown): void {
  if (!holds) throw new Error(`${what}${found === undefined ? "" : `; found: ${JSON.stringify(found)}`}`);
}

/** Asks again until there is an answer. Throws with the last thing seen when it takes longer than `timeoutMs`. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined>,
  options: { timeoutMs?: number; seen?: () => string } = {},
): Promise<T> {
  const { timeoutMs = 60_000, seen } = options;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline)
      throw new Error(`It took longer than ${timeoutMs / 1000} s until ${what}${seen ? ` (last seen: ${seen()})` : ""}`);
    await delay(100);
  }
}
