/** What a rollback would do to code and data, counted on forks before anybody decides. */
import { AdorableError } from "../core/errors.ts";
import type { TimelineId } from "../core/ids.ts";
import type { ProjectRow, Impact, ReleaseRow } from "../store/rows.ts";
import type { Platform } from "../change/platform.ts";
import type { Mirror } from "../change/mirror.ts";
import { withFork } from "../change/forks.ts";
import type { Checkpoint } from "../database/database.ts";
import { compareTimelines } from "../database/migrations/compare.ts";
import { requiredColumnsAddedBetween, schemaHash } from "../database/migrations/schema.ts";
import { dataOfRelease, liveRelease, migrationsSince } from "./ledger.ts";

/**
 * Compares production as it stands (or stood, at `present`) with the moment to which the rollback goes back, by primary key, on two
 * throwaway forks. `key` names the forks, `production` is the timeline that is live.
 */
export async function countImpact(
  platform: Platform,
  project: ProjectRow,
  mirror: Mirror,
  ledger: readonly ReleaseRow[],
  target: ReleaseRow,
  key: string,
  production: TimelineId,
  present?: Checkpoint,
): Promise<Impact> {
  const live = liveRelease(ledger);
  if (!live)
    throw new AdorableError({
      code: "nothing-released",
      remedy: "author",
      message: "Nothing has been released yet, so nothing can be rolled back.",
    });
  const past = dataOfRelease(ledger, target.number);
  const now = present ?? { timeline: production, lsn: await platform.database.head(production) };
  return withFork(platform, project.id, `past_${key}`, past, (before) =>
    withFork(platform, project.id, `now_${key}`, now, async (after) => {
      const tables = await compareTimelines(before.dsn, after.dsn);
      const stranded = await requiredColumnsAddedBetween(before.dsn, after.dsn);
      const [targetSpec, liveSpec] = [await mirror.spec(target.git_commit), await mirror.spec(live.git_commit)];
      const slugs = (spec: typeof targetSpec): string[] => spec.apps.map((app) => app.slug);
      return {
        live: live.number,
        target: target.number,
        past,
        present: now,
        tables: tables.map(({ app, table, inserted, deleted, updated }) => ({ app, table, inserted, deleted, updated })),
        migrationsUndone: migrationsSince(ledger, target.number),
        appsRemoved: slugs(liveSpec).filter((slug) => !slugs(targetSpec).includes(slug)),
        appsRestored: slugs(targetSpec).filter((slug) => !slugs(liveSpec).includes(slug)),
        codeOnlyRefused:
          stranded.length === 0 ? null : `the old code does not fill ${stranded.join(", ")}, which the present schema requires`,
        schemaHash: await schemaHash(after.dsn),
        countedAt: platform.clock.now().toISOString(),
      };
    }),
  );
}

/** True where going back would lose a row or a value. */
export function losesData(impact: Impact): boolean {
  return impact.tables.some((table) => table.inserted + table.deleted + table.updated > 0);
}
