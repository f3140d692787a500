/** What a rollback would do to code and data, counted on forks before anybody decides. */
import { AdorableError } from "../core/errors.ts";
import type { TimelineId } from "../core/ids.ts";
import type { Impact, ImpactTable, ProjectRow, ReleaseRow } from "../store/rows.ts";
import type { Platform } from "../change/platform.ts";
import type { Mirror } from "../change/mirror.ts";
import { withFork } from "../change/forks.ts";
import type { Checkpoint } from "../database/database.ts";
import { compareTimelines } from "../database/migrations/compare.ts";
import { requiredColumnsAddedBetween, schemaHash } from "../database/migrations/schema.ts";
import { dataOfRelease, liveRelease, migrationsSince, specOf, type Target } from "./ledger.ts";

/**
 * Compares production as it stands (or stood, at `present`) with the moment to which the rollback goes back, by primary key, on two
 * throwaway forks. `key` names the forks, `production` is the timeline that is live.
 */
export async function countImpact(
  platform: Platform,
  project: ProjectRow,
  mirror: Mirror,
  ledger: readonly ReleaseRow[],
  target: Target,
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
      const stranded = await requiredColumnsAddedBetween(before.dsn, after.dsn);
      const [targetSpec, liveSpec] = [await specOf(mirror, target), await mirror.spec(live.git_commit)];
      const slugs = (spec: typeof targetSpec): string[] => spec.apps.map((app) => app.slug);
      return {
        live: live.number,
        target: target.number,
        past,
        present: now,
        tables: await countsOf(before.dsn, after.dsn),
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

/** The rows between two moments, counted on throwaway forks that `key` names. */
export async function countRows(
  platform: Platform,
  project: ProjectRow,
  key: string,
  past: Checkpoint | null,
  present: Checkpoint,
): Promise<ImpactTable[]> {
  return withFork(platform, project.id, `past_${key}`, past, (before) =>
    withFork(platform, project.id, `now_${key}`, present, (after) => countsOf(before.dsn, after.dsn)),
  );
}

async function countsOf(beforeDsn: string, afterDsn: string): Promise<ImpactTable[]> {
  const tables = await compareTimelines(beforeDsn, afterDsn);
  return tables.map(({ app, table, inserted, deleted, updated }) => ({ app, table, inserted, deleted, updated }));
}

/** True where going back would lose a row or a value. */
export function losesData(tables: readonly ImpactTable[]): boolean {
  return tables.some((table) => table.inserted + table.deleted + table.updated > 0);
}
