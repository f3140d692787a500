/** Production's rows as a preview may show them: masked on a private fork, then copied row by row into a timeline with a history of its own. */
import { AdorableError } from "../core/errors.ts";
import type { ProjectId } from "../core/ids.ts";
import { schemaName } from "../core/names.ts";
import { withConnection } from "../database/migrations/connection.ts";
import { copyRows } from "../database/migrations/copy-rows.ts";
import { maskRows, unmaskedColumns } from "../database/migrations/mask.ts";
import { readLedger } from "../database/migrations/ledger.ts";
import { applyMigrations, parseMigrations, type AppliedMigration, type Migration } from "../database/migrations/migrations.ts";
import { ensureRoles } from "../database/migrations/roles.ts";
import { schemaHash } from "../database/migrations/schema.ts";
import { listReleases } from "../store/releases.ts";
import type { Mirror } from "./mirror.ts";
import type { Platform } from "./platform.ts";

export function maskPath(app: string): string {
  return `apps/${app}/db/mask.sql`;
}

/**
 * Runs the mask of every app of `treeish` on a private fork of production. Throws `mask-missing` (author) where an app has columns and no script, and
 * what `maskRows` throws.
 */
export async function maskFork(mirror: Mirror, treeish: string, dsn: string): Promise<void> {
  for (const { slug } of (await mirror.spec(treeish)).apps) {
    const path = maskPath(slug);
    const sql = await mirror.readFile(treeish, path);
    if (sql !== undefined) {
      await maskRows(dsn, { app: slug, path, sql });
      continue;
    }
    const [column] = await unmaskedColumns(dsn, slug);
    if (column === undefined) continue;
    throw new AdorableError({
      code: "mask-missing",
      remedy: "author",
      message: `There is no "${path}" to say what of "${slug}" a preview may show, such as "${column}".`,
      hint: "Merge one first: UPDATEs that overwrite what is secret, and a line `-- keep table.column` for what is not.",
      details: { app: slug, path },
    });
  }
}

/** What to say on a pull request with which the masks of `treeish` no longer fit what is in production; nothing where they do. On a private fork. */
export async function maskWarning(mirror: Mirror, treeish: string, dsn: string): Promise<string> {
  try {
    await maskFork(mirror, treeish, dsn);
    return "";
  } catch (thrown) {
    if (!AdorableError.isInstance(thrown) || thrown.remedy !== "author") throw thrown;
    return `\n\n**Once this is released, no preview can be made.** ${thrown.message} ${thrown.hint ?? ""}`;
  }
}

/**
 * Fills the empty database of `to` with the rows of `from`, a private fork of production that this masks by the scripts of `commit`, the live release: a
 * change's own branch has no say in what it may see. Not a byte of `from` comes along but the rows that are read after the mask.
 * Throws what `maskFork` throws, `mask-schema-differs` (author), `migration-lost` (author).
 */
export async function copyMasked(
  platform: Platform,
  project: ProjectId,
  mirror: Mirror,
  live: { commit: string; from: string; to: string },
): Promise<void> {
  const { commit, from, to } = live;
  await maskFork(mirror, commit, from);
  const applied = await withConnection(from, async (client) => {
    const order = await client.query<{ key: string }>(
      "select app || '/' || id as key from adorable.migrations order by applied_at, id, app",
    );
    const rank = new Map(order.rows.map(({ key }, index) => [key, index]));
    return (await readLedger(client)).toSorted((a, b) => (rank.get(`${a.app}/${a.id}`) ?? 0) - (rank.get(`${b.app}/${b.id}`) ?? 0));
  });
  const apps = (await mirror.spec(commit)).apps.map(({ slug }) => slug);
  for (const slug of new Set([...apps, ...applied.map(({ app }) => app)])) await ensureRoles(to, { slug });
  await applyMigrations(to, await findMigrations(platform, project, mirror, applied));
  if ((await schemaHash(from)) !== (await schemaHash(to))) {
    throw new AdorableError({
      code: "mask-schema-differs",
      remedy: "author",
      message: "Production's schema is not what its migrations make, so that its rows cannot be copied for a preview.",
      hint: "Let whoever runs the platform find out by `adorable release verify`; bring what was changed by hand into a migration.",
    });
  }
  await copyRows(from, to, apps.map(schemaName));
}

/** The text of every row of production's ledger: as the ledger kept it, else from whichever release had the file, for one may have been rolled back with its code alone. */
async function findMigrations(
  platform: Platform,
  project: ProjectId,
  mirror: Mirror,
  applied: readonly AppliedMigration[],
): Promise<Migration[]> {
  const found = new Map<string, Migration>();
  const keyOf = ({ app, id, checksum }: AppliedMigration): string => `${app}/${id}/${checksum}`;
  const kept = applied.flatMap(({ app, id, name, sql }) =>
    sql == null ? [] : [{ app, path: `apps/${app}/db/migrations/${id}_${name}.sql`, sql }],
  );
  for (const migration of parseMigrations(kept)) found.set(keyOf(migration), migration);
  for (const release of (await listReleases(platform.store, project)).toReversed()) {
    if (applied.every((one) => found.has(keyOf(one)))) break;
    for (const migration of parseMigrations(await mirror.migrations(release.git_commit))) found.set(keyOf(migration), migration);
  }
  return applied.map((one) => {
    const migration = found.get(keyOf(one));
    if (migration !== undefined) return migration;
    throw new AdorableError({
      code: "migration-lost",
      remedy: "author",
      message: `No release has the file of "${one.app}/${one.id}_${one.name}", which was applied to production, so that its rows cannot be copied for a preview.`,
      hint: "Let whoever runs the platform find out by `adorable release verify`, or let previews be empty (previewData).",
    });
  });
}
