/** The gate `migrations`: what is pending runs on a private fork of production; names of the tree, rounded times and counts are all that leaves it. */
import { toAdorableError } from "../core/errors.ts";
import type { Evidence } from "../core/evidence.ts";
import type { TreeId } from "../core/ids.ts";
import { endpointName } from "../core/names.ts";
import { lintMigrations } from "../database/migrations/lint/lint.ts";
import { parseMigrations } from "../database/migrations/migrations.ts";
import { bucket, rehearse } from "../database/migrations/rehearse.ts";
import { ensureRoles } from "../database/migrations/roles.ts";
import { checkMigration } from "../database/migrations/statements.ts";
import { findEnvironment } from "../store/releases.ts";
import type { ProjectRow } from "../store/rows.ts";
import { withFork } from "./forks.ts";
import { maskWarning } from "./masked-copy.ts";
import { pauseProblem, reportFirst, reportRehearsal } from "./migrations-report.ts";
import type { Mirror } from "./mirror.ts";
import type { Platform } from "./platform.ts";
import { allowedData } from "./preview-data.ts";

/** The evidence for the tree. What time alone can end (`wait`) is thrown: the gate is asked again. */
export async function migrationsEvidence(platform: Platform, project: ProjectRow, mirror: Mirror, tree: TreeId): Promise<Evidence> {
  const startedAt = performance.now();
  let masking = "";
  const evidence = (conclusion: "success" | "failure", found: Pick<Evidence, "title" | "summary"> & Partial<Evidence>): Evidence => ({
    gate: "migrations",
    conclusion,
    annotations: [],
    files: [],
    ...found,
    summary: `${found.summary}${masking}`,
    // To the millisecond it would tell what was met on the way.
    durationMs: bucket(performance.now() - startedAt),
  });
  try {
    const migrations = parseMigrations(await mirror.migrations(tree));
    const spec = await mirror.spec(tree);
    const production = await findEnvironment(platform.store, project.id, endpointName(project.id, { kind: "production" }));
    if (!production) {
      for (const { path, sql } of migrations) await checkMigration(path, sql);
      return evidence("success", reportFirst(migrations.length, await lintMigrations(migrations)));
    }
    const from = { timeline: production.timeline, lsn: await platform.database.head(production.timeline) };
    const rehearsal = await withFork(platform, project.id, `gate_${project.id}_${tree.slice(0, 16)}`, from, async (fork) => {
      for (const app of spec.apps) await ensureRoles(fork.dsn, app);
      const rehearsed = await rehearse(fork.dsn, migrations);
      if (allowedData(platform, project) === "masked") masking = await maskWarning(mirror, tree, fork.dsn);
      return rehearsed;
    });
    if (rehearsal.files.length === 0)
      return evidence("success", { title: "No pending migration", summary: "Production's schema is already the one of this change." });
    const report = reportRehearsal(rehearsal);
    // The release would be refused for the same reason, when it is too late to say so on the pull request.
    const problem = pauseProblem(rehearsal, platform.settings.holdBudgetMs);
    if (problem === undefined) return evidence("success", report);
    return evidence("failure", {
      ...report,
      title: "Clients would wait for too long",
      summary: `${problem.message} ${problem.hint ?? ""}\n\n${report.summary}`,
    });
  } catch (thrown) {
    const error = toAdorableError(thrown);
    if (error.remedy === "wait") throw thrown;
    const { path, line } = error.details as { path?: string; line?: number };
    return evidence("failure", {
      title: "The rehearsal failed",
      summary: `${error.message}\n\n${error.hint ?? ""}`,
      annotations: path === undefined ? [] : [{ path, line: line ?? 1, message: [error.message, error.hint].join(" ").trim() }],
    });
  }
}
