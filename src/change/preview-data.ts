/** What a change's data is made from (`previewData`), and how that is said to those who look at it. */
import { holdsMore, previewDataOf, type PreviewData } from "../core/preview-data.ts";
import { endpointName } from "../core/names.ts";
import type { TimelineId } from "../core/ids.ts";
import { ADMIN_ROLE } from "../database/database.ts";
import { findEnvironment, listReleases } from "../store/releases.ts";
import type { ChangeRow, MadeFrom, ProjectRow } from "../store/rows.ts";
import { withFork, type Fork } from "./forks.ts";
import { copyMasked } from "./masked-copy.ts";
import type { Mirror } from "./mirror.ts";
import type { Platform } from "./platform.ts";

/** The operator's configuration alone decides: nothing on a branch of the repository widens what the branch may see. */
export function allowedData(platform: Platform, project: Pick<ProjectRow, "full_name">): PreviewData {
  return previewDataOf(platform.settings.previewData, project.full_name);
}

/** Whether the change has rows that it may not have any more. */
export function isOverexposed(platform: Platform, project: Pick<ProjectRow, "full_name">, change: Pick<ChangeRow, "made_from">): boolean {
  return holdsMore(change.made_from?.policy ?? "empty", allowedData(platform, project));
}

/** Whether gates may judge on forks of it: what they find belongs to a git tree, and nobody's rows are to decide it or to be shown by it. */
export function isFromRepositoryAlone(change: Pick<ChangeRow, "made_from">): boolean {
  return (change.made_from?.policy ?? "empty") === "empty";
}

/**
 * Makes the timeline `id`, which must not be there, by the policy of the project, and says from what; apps that got production's rows need no first
 * rows. `open` gives the administrator's connection to it. Before there is a production there is nothing to copy. With a failure the caller deletes
 * what there is of it. Throws what `copyMasked` throws.
 */
export async function beginData(
  platform: Platform,
  project: ProjectRow,
  mirror: Mirror,
  change: Pick<ChangeRow, "id">,
  id: TimelineId,
  open: () => Promise<string>,
): Promise<{ madeFrom: MadeFrom; seeded: string[]; dsn: string }> {
  const { database, store } = platform;
  const policy = allowedData(platform, project);
  const production = await findEnvironment(store, project.id, endpointName(project.id, { kind: "production" }));
  const live = (await listReleases(store, project.id)).at(-1);
  if (policy === "empty" || !production || !live) {
    await database.createTimeline(id);
    return { madeFrom: { policy: "empty" }, seeded: [], dsn: await open() };
  }
  const from = { timeline: production.timeline, lsn: await database.head(production.timeline) };
  const madeFrom: MadeFrom = { policy, production: { ...from, release: live.number, at: platform.clock.now().toISOString() } };
  const seeded = (await mirror.spec(live.git_commit)).apps.map(({ slug }) => slug);
  if (policy === "full") {
    await database.branch(id, from);
    return { madeFrom, seeded, dsn: await open() };
  }
  // Copied by SQL and not branched: whatever replays, undeletes or reads files of the copy finds nothing from before the mask, for it was never there.
  const dsn = await withFork(platform, project.id, `mask_${change.id}`, from, async (fork: Fork) => {
    await database.createTimeline(id);
    const to = await open();
    const source = (await database.credential(fork.endpoint, ADMIN_ROLE)).dsn;
    await copyMasked(platform, project.id, mirror, { commit: live.git_commit, from: source, to });
    return to;
  });
  return { madeFrom, seeded, dsn };
}

/** A sentence for the evidence of a preview. */
export function describeData({ made_from: madeFrom }: Pick<ChangeRow, "made_from">): string {
  const { policy = "empty", production } = madeFrom ?? {};
  const moment = production === undefined ? "" : `as of ${production.at} (release ${production.release})`;
  if (policy === "masked") return `Data: a copy of production ${moment}, masked by the \`db/mask.sql\` of that release.`;
  if (policy === "full") return `Data: **production's own rows**, unmasked, ${moment}: whoever opens this preview reads them.`;
  return "Data: from the repository alone (migrations and seed), no row of production.";
}
