/** Recognises the open pull requests that restore a release, and counts what merging them would do. */
import { eachAlone } from "../core/each-alone.ts";
import type { CommitId } from "../core/ids.ts";
import { endpointName } from "../core/names.ts";
import { listChanges, updateChange } from "../store/changes.ts";
import { findEnvironment, listReleases } from "../store/releases.ts";
import type { ChangeRow, ProjectRow, ReleaseRow } from "../store/rows.ts";
import type { Platform } from "../change/platform.ts";
import type { Mirror } from "../change/mirror.ts";
import { countImpact } from "./impact.ts";
import { liveRelease, releaseRestoredBy } from "./ledger.ts";
import { PRODUCTION } from "./steps.ts";

/** One pass: a statement is made once for a pair of live release and target, and made anew when the pair changes. */
export async function driveImpacts(platform: Platform, project: ProjectRow, mirror: Mirror): Promise<void> {
  const ledger = await listReleases(platform.store, project.id);
  const live = liveRelease(ledger);
  const production = await findEnvironment(platform.store, project.id, endpointName(project.id, PRODUCTION));
  if (!live || !production) return;
  await eachAlone(await listChanges(platform.store, project.id), async (change) => {
    if (change.state !== "open" || change.head_commit === null || change.pull_number === null) return;
    const target = change.tree === null ? undefined : releaseRestoredBy(ledger, await mirror.releasedTree(change.tree));
    if (target === undefined) {
      const reverts = await revertedRelease(mirror, ledger, await mirror.branch(project.default_branch), change);
      if (change.impact !== null || change.reverts_release !== reverts)
        await updateChange(platform.store, change.id, {
          impact: null,
          restores_release: null,
          reverts_release: reverts,
          choice: null,
          chosen_by: null,
        });
      return;
    }
    if (change.impact?.live === live.number && change.impact.target === target.number) return;
    const impact = await countImpact(platform, project, mirror, ledger, target, change.id, production.timeline);
    // A choice was made about what was shown; what is shown now is something else.
    await updateChange(platform.store, change.id, {
      impact,
      restores_release: target.number,
      reverts_release: null,
      choice: null,
      chosen_by: null,
    });
  });
}

/**
 * The release that a commit of the change says to revert, though the result is the tree of none. What git and GitHub write is read:
 * `This reverts commit <id>`.
 */
async function revertedRelease(
  mirror: Mirror,
  ledger: readonly ReleaseRow[],
  base: CommitId | undefined,
  change: ChangeRow,
): Promise<number | null> {
  if (base === undefined || change.head_commit === null || !(await mirror.has(change.head_commit))) return null;
  for (const { message } of (await mirror.log(base, change.head_commit)).toReversed()) {
    for (const [, commit = ""] of message.matchAll(/\bThis reverts commit ([0-9a-f]{40})\b/g)) {
      if (!(await mirror.has(commit))) continue;
      for (const release of ledger) if (await mirror.isAncestor(commit, release.git_commit)) return release.number;
    }
  }
  return null;
}
