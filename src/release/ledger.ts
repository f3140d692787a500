/** Reading the release ledger: what is live, what a tree restores, and which moment the data of a release is. */
import { createHash } from "node:crypto";
import { AdorableError } from "../core/errors.ts";
import type { CommitId } from "../core/ids.ts";
import { EMPTY_RELEASED_TREE } from "../core/names.ts";
import { canonicalJson } from "../core/plan.ts";
import { EMPTY_SPEC, type ProjectSpec } from "../core/spec.ts";
import type { Mirror } from "../change/mirror.ts";
import type { Checkpoint } from "../database/database.ts";
import { LEDGER_ROOT, ledgerHash } from "../store/releases.ts";
import type { ReleaseRow } from "../store/rows.ts";

export function digestOf(value: unknown): string {
  return `sha256:${createHash("sha256").update(canonicalJson(value)).digest("hex")}`;
}

export function liveRelease(ledger: readonly ReleaseRow[]): ReleaseRow | undefined {
  return ledger.at(-1);
}

/** What a rollback may go back to: a release, or 0, the empty project that stood before the first one. */
export type Target = Pick<ReleaseRow, "number" | "released_tree" | "artifacts" | "evidence"> & { git_commit: CommitId | null };

const RELEASE_ZERO: Target = { number: 0, git_commit: null, released_tree: EMPTY_RELEASED_TREE, artifacts: {}, evidence: {} };

/** Release `number`, or undefined where there is none. */
export function findTarget(ledger: readonly ReleaseRow[], number: number | undefined): Target | undefined {
  return number === 0 ? RELEASE_ZERO : ledger.find((row) => row.number === number);
}

/** The newest release with these released paths that is not live; such a merge is a rollback to it. */
export function releaseRestoredBy(ledger: readonly ReleaseRow[], releasedTree: string): Target | undefined {
  const live = liveRelease(ledger);
  if (live === undefined || live.released_tree === releasedTree) return undefined;
  return ledger.findLast((row) => row.released_tree === releasedTree) ?? (releasedTree === EMPTY_RELEASED_TREE ? RELEASE_ZERO : undefined);
}

export async function specOf(mirror: Mirror, target: Target): Promise<ProjectSpec> {
  return target.git_commit === null ? EMPTY_SPEC : mirror.spec(target.git_commit);
}

/**
 * The moment at which the release last stopped being live; null for release 0, which has no data.
 * Throws `release-live` (author) for the live one, whose data goes on.
 */
export function dataOfRelease(ledger: readonly ReleaseRow[], number: number): Checkpoint | null {
  if (number === 0) return null;
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

/** The migrations that the live release has and release `number` did not: what going back to its data undoes. */
export function migrationsSince(ledger: readonly ReleaseRow[], number: number): string[] {
  const live = liveRelease(ledger);
  if (live === undefined) return [];
  const past = new Set(migrationsOf(ledger, number));
  return migrationsOf(ledger, live.number).filter((path) => !past.has(path));
}

/** In the order in which they ran. A rollback of the data goes on from the release that it restored; one of the code alone keeps the data. */
function migrationsOf(ledger: readonly ReleaseRow[], number: number): string[] {
  const ran: string[][] = [];
  for (let row = ledger.find((one) => one.number === number); row !== undefined;) {
    ran.unshift(row.migrations);
    const before: number = row.choice === "code+data" && row.restores !== null ? row.restores : row.number - 1;
    row = ledger.find((one) => one.number === before);
  }
  return ran.flat();
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
