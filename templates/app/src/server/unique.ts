/** Values that must be unique: finding free ones, and saying which one is taken. */
import { brokenUniqueConstraint } from "./failures.ts";
import { taken } from "./trpc.ts";

const ATTEMPTS_MAX = 5;

/** The first of `base`, `base-2`, `base-3`… that is not used. */
export function firstFree(base: string, used: (string | null)[]): string {
  const all = new Set(used);
  if (!all.has(base)) return base;
  let suffix = 2;
  while (all.has(`${base}-${suffix}`)) suffix += 1;
  return `${base}-${suffix}`;
}

/** Writes a row, again if another one took a value that was free a moment ago. `retried` names the constraints of such values. */
export async function writeUnique<T>(
  messages: Record<string, Record<string, string>>,
  retried: string[],
  write: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await write();
    } catch (error) {
      const constraint = brokenUniqueConstraint(error);
      if (constraint === undefined || !Object.hasOwn(messages, constraint)) throw error;
      if (!retried.includes(constraint) || attempt === ATTEMPTS_MAX) throw taken(messages[constraint] ?? {});
    }
  }
}
