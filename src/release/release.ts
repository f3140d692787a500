/** The steps of a release: a merged tree whose gates passed becomes production, on production's own data. */
import { Readable } from "node:stream";
import { endpointName } from "../core/names.ts";
import type { CommitId, EnvironmentId } from "../core/ids.ts";
import type { ProjectSpec } from "../core/spec.ts";
import type { ProjectRow } from "../store/rows.ts";
import type { Platform } from "../change/platform.ts";
import type { Mirror } from "../change/mirror.ts";
import { beginTimeline, withFork } from "../change/forks.ts";
import { pauseProblem } from "../change/migrations-report.ts";
import { ensureVerified } from "../change/verification.ts";
import { pendingOf } from "../database/migrations/ledger.ts";
import { appliedMigrations, applyMigrations, parseMigrations } from "../database/migrations/migrations.ts";
import { bucket, rehearse } from "../database/migrations/rehearse.ts";
import { ensureRoles } from "../database/migrations/roles.ts";
import { runSeed } from "../database/migrations/seed.ts";
import { schemaHash } from "../database/migrations/schema.ts";
import { findArtifacts, listEvidence } from "../store/evidence.ts";
import { recordResource } from "../store/projects.ts";
import { listReleases } from "../store/releases.ts";
import { requireApprovers } from "./approver.ts";
import { digestOf, liveRelease } from "./ledger.ts";
import { isJudgedHere, publishGatesOf } from "./publish.ts";
import { rehearseCandidate } from "./candidate.ts";
import { checkpointProduction, flip, holdProduction, PRODUCTION, resumeProduction, startCandidates } from "./steps.ts";
import type { Rollout, Step } from "./rollout.ts";

/** Times the budget that the gate has judged by: what passed there is not refused for a machine that is busier now, nor ended for being a little slower. */
const PAUSE_SLACK = 2;
/** Of a production that nobody uses yet: as in the rehearsal. */
const FIRST_STATEMENT_MS = 600_000;

export async function stepRelease(platform: Platform, project: ProjectRow, mirror: Mirror, rollout: Rollout): Promise<Step> {
  const { store, database, artifacts } = platform;
  const { data } = rollout;
  const spec = await mirror.spec(rollout.git_commit);
  const migrations = async () => parseMigrations(await mirror.migrations(rollout.git_commit));

  switch (rollout.state) {
    case "pinned": {
      const commit = rollout.git_commit;
      const live = liveRelease(await listReleases(store, project.id))?.git_commit;
      // What it is compared with: whether a test is gone can only be seen against what is live.
      const base = live !== undefined && (await mirror.has(live)) && (await mirror.isAncestor(live, commit)) ? live : commit;
      const wasSeen = await isJudgedHere(platform, rollout);
      const verdict = await ensureVerified(platform, project, mirror, {
        base,
        head: commit,
        tree: rollout.tree,
        changeId: rollout.change_id,
      });
      // Of a tree that is known the gates stand where it was judged. What is under way is said once.
      if ((await isJudgedHere(platform, rollout)) && (verdict !== "pending" || !wasSeen)) await publishGatesOf(platform, project, rollout);
      if (verdict === "pending") return { waitMs: 1000 };
      return verdict === "passed" ? { to: "verified" } : { to: "refused" };
    }
    case "verified": {
      const built = await findArtifacts(store, project.id, rollout.tree);
      const archive = await artifacts.put(await mirror.archive(rollout.git_commit));
      await recordResource(store, project.id, "artifact", archive);
      const evidence = await listEvidence(store, project.id, rollout.tree);
      const evidenceArchive = await artifacts.put(Readable.from([Buffer.from(JSON.stringify(evidence))]));
      await recordResource(store, project.id, "artifact", evidenceArchive);
      return { to: "archived", data: { archive, evidenceArchive, artifacts: built } };
    }
    case "archived": {
      // A first release that comes from no change begins with an empty database.
      const from = data.previous ? { timeline: data.timeline, lsn: await database.head(data.timeline) } : data.source;
      const parsed = await migrations();
      const rehearsal = await withFork(platform, project.id, `rehearsal_${rollout.id}`, from, async (fork) => {
        for (const app of spec.apps) await ensureRoles(fork.dsn, app);
        const report = await rehearse(fork.dsn, parsed);
        if (from === null) await seedApps(mirror, rollout.git_commit, spec, fork.dsn);
        await rehearseCandidate(
          platform,
          project.id,
          { id: `rehearsal_${rollout.id}` as EnvironmentId, spec, artifacts: data.artifacts },
          fork,
        );
        return report;
      });
      // Clients would wait for as long as the migrations take; production has not been touched. Before the first release there are none.
      const problem = data.previous ? pauseProblem(rehearsal, platform.settings.holdBudgetMs, PAUSE_SLACK) : undefined;
      if (problem !== undefined) throw problem;
      return { to: "rehearsed", data: { rehearsal: { ...rehearsal, takesMs: bucket(rehearsal.takesMs) } } };
    }
    case "rehearsed": {
      await requireApprovers(platform, project, data);
      if (!data.previous) {
        // Before the first release nobody has production's address: its timeline and endpoint come into being here.
        await recordResource(store, project.id, "timeline", data.timeline);
        await beginTimeline(platform, data.timeline, data.source);
        await recordResource(store, project.id, "endpoint", endpointName(project.id, PRODUCTION));
        await database.endpoint(endpointName(project.id, PRODUCTION), data.timeline, data.epoch);
      }
      const heldAt = platform.clock.now().toISOString();
      try {
        await holdProduction(platform, project.id, data, "abort");
      } catch (thrown) {
        // Sessions did not come to a boundary and were let on: requests are not to wait for the next attempt.
        await resumeProduction(platform, data);
        throw thrown;
      }
      return { to: "held", data: { heldAt } };
    }
    case "held": {
      const checkpoint = await checkpointProduction(platform, rollout, `before release of ${rollout.git_commit.slice(0, 12)}`);
      // Written down before they run: a repeat after a crash finds some of them applied, and they are this release's all the same.
      const hold = await holdProduction(platform, project.id, data, "abort");
      const pending = pendingOf(await appliedMigrations(hold.dsn), await migrations());
      return { to: "checkpointed", data: { checkpoint, applied: pending.map((migration) => migration.path) } };
    }
    case "checkpointed": {
      const hold = await holdProduction(platform, project.id, data, "abort");
      for (const app of spec.apps) await ensureRoles(hold.dsn, app);
      // The rehearsal fitted into the budget; production is given back to its users when the real thing takes far longer.
      const statementTimeoutMs = data.previous ? PAUSE_SLACK * platform.settings.holdBudgetMs : FIRST_STATEMENT_MS;
      await applyMigrations(hold.dsn, await migrations(), { statementTimeoutMs });
      if (!data.previous && data.source === null) await seedApps(mirror, rollout.git_commit, spec, hold.dsn);
      return { to: "migrated", data: { schemaHash: await schemaHash(hold.dsn) } };
    }
    case "migrated":
      return startCandidates(platform, rollout, spec);
    case "started": {
      const evidence = await listEvidence(store, project.id, rollout.tree);
      return flip(platform, rollout, spec, {
        kind: "release",
        checkpoint: data.previous ? (data.checkpoint ?? null) : null,
        schema_hash: data.schemaHash ?? "",
        evidence: Object.fromEntries(evidence.map((one) => [one.gate, digestOf(one)])),
        restores: null,
        choice: null,
        migrations: data.applied ?? [],
      });
    }
    default:
      throw new Error(`a release has no step from "${rollout.state}"`);
  }
}

/** First rows, for a production that begins empty. A repeat adds nothing. */
async function seedApps(mirror: Mirror, commit: CommitId, spec: ProjectSpec, dsn: string): Promise<void> {
  for (const { slug } of spec.apps) {
    const sql = await mirror.readFile(commit, `apps/${slug}/db/seed.sql`);
    if (sql !== undefined) await runSeed(dsn, slug, sql);
  }
}
