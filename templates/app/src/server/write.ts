/** Writing and deleting rows: finding free values, and saying which constraint does not allow it. */
import { TRPCError } from "@trpc/server";
import { brokenConstraint } from "./failures.ts";
import { refused } from "./trpc.ts";

const ATTEMPTS_MAX = 5;

/** The first of `base`, `base-2`, `base-3`… that is not used. */
export function firstFree(base: string, used: (string | null)[]): string {
  const all = new Set(used);
  if (!all.has(base)) return base;
  let suffix = 2;
  while (all.has(`${base}-${suffix}`)) suffix += 1;
  return `${base}-${suffix}`;
}

/**
 * Writes a row, again if another one took a value that was free a moment ago: `retried` names the constraints of such values.
 * `messages` has, by constraint, what to say at which field.
 */
export async function writeRow<T>(
  messages: Record<string, Record<string, string>>,
  retried: string[],
  write: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await write();
    } catch (error) {
      const constraint = brokenConstraint(error);
      if (constraint === undefined || !Object.hasOwn(messages, constraint)) throw error;
      if (!retried.includes(constraint) || attempt === ATTEMPTS_MAX) throw refused(messages[constraint] ?? {});
    }
  }
}

/** Deletes a row, or says with `held` that others refer to it. */
export async function deleteRow<T>(held: string, remove: () => Promise<T>): Promise<T> {
  try {
    return await remove();
  } catch (error) {
    if (brokenConstraint(error) === undefined) throw error;
    throw new TRPCError({ code: "CONFLICT", message: held, cause: error });
  }
}
