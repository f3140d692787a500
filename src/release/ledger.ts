/** Reading the release ledger: what is live, what a tree restores, and which moment the data of a release is. */
import { createHash } from "node:crypto";
import { AdorableError } from "../core/errors.ts";
import { canonicalJson } from "../core/plan.ts";
import type { Checkpoint } from "../database/database.ts";
import { LEDGER_ROOT, ledgerHash } from "../store/releases.ts";
import type { ReleaseRow } from "../store/rows.ts";

export function digestOf(value: unknown): string {
  return `sha256:${createHash("sha256").update(canonicalJson(value)).digest("hex")}`;
}

export function liveRelease(ledger: readonly ReleaseRow[]): ReleaseRow | undefined {
  return ledger.at(-1);
}

/** The newest release with these released paths that is not live; such a merge is a rollback to it. */
export function releaseRestoredBy(ledger: readonly ReleaseRow[], releasedTree: string): ReleaseRow | undefined {
  const live = liveRelease(ledger);
  if (live === undefined || live.released_tree === releasedTree) return undefined;
  return ledger.findLast((row) => row.released_tree === releasedTree);
}

/** The moment at which the release last stopped being live. Throws `release-live` (author) for the live one, whose data goes on. */
export function dataOfRelease(ledger: readonly ReleaseRow[], number: number): Checkpoint {
  const next = ledger.find((row) => row.number === number + 1);
  if (!next?.checkpoint) {
    throw new AdorableError({
      code: "release-live",
      remedy: "author",
      message: `Release ${number} is live: there is no past of it to go back to.`,
    });
  }
  return next.checkpoint;
}

/** The migrations of every release after `number` that is on the way to the live one. */
export function migrationsSince(ledger: readonly ReleaseRow[], number: number): string[] {
  return ledger.filter((row) => row.number > number).flatMap((row) => row.migrations);
}

/** The number of the first row whose hash does not follow, or undefined where the chain holds. */
export function brokenLink(ledger: readonly ReleaseRow[]): number | undefined {
  let previous = LEDGER_ROOT;
  for (const row of ledger) {
    const { hash, ...rest } = row;
    if (row.previous_hash !== previous || ledgerHash(rest) !== hash) return row.number;
    previous = hash;
  }
  return undefined;
}
