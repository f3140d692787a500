/** Stops storms: machines that answer each other, and anyone who makes the platform talk without end. Pure; the store counts. */

/** Of requests on one issue or pull request, whoever makes them: two bots cannot take turns. */
export const REQUESTS_PER_HOUR = 30;

/** `refuse`: say so, once. `silent`: that was said, and a further answer would feed the loop. */
export type LoopVerdict = "go" | "refuse" | "silent";

/** `recentRequests`: of the last hour, without the one in hand, the refused ones included. */
export function breakLoop(recentRequests: number): LoopVerdict {
  if (recentRequests < REQUESTS_PER_HOUR) return "go";
  return recentRequests === REQUESTS_PER_HOUR ? "refuse" : "silent";
}
