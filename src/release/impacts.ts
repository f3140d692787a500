/** Recognises the open pull requests that restore a release, and counts what merging them would do. */
import { eachAlone } from "../core/each-alone.ts";
import { endpointName } from "../core/names.ts";
import { listChanges, updateChange } from "../store/changes.ts";
import { findEnvironment, listReleases } from "../store/releases.ts";
import type { ProjectRow } from "../store/rows.ts";
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
    if (change.state !== "open" || change.tree === null || change.pull_number === null) return;
    const target = releaseRestoredBy(ledger, await mirror.releasedTree(change.tree));
    if (target === undefined) {
      if (change.impact !== null)
        await updateChange(platform.store, change.id, { impact: null, restores_release: null, choice: null, chosen_by: null });
      return;
    }
    if (change.impact?.live === live.number && change.impact.target === target.number) return;
    const impact = await countImpact(platform, project, mirror, ledger, target, change.id, production.timeline);
    // A choice was made about what was shown; what is shown now is something else.
    await updateChange(platform.store, change.id, { impact, restores_release: target.number, choice: null, chosen_by: null });
  });
}
