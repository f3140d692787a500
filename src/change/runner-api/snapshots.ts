/** The run's own undo: snapshots of its change's data, before every migration and whenever it asks, and the way back to them. */
import { AdorableError } from "../../core/errors.ts";
import { newId } from "../../core/ids.ts";
import { ADMIN_ROLE, type Checkpoint } from "../../database/database.ts";
import { withConnection } from "../../database/migrations/connection.ts";
import { findingText, lintMigrations } from "../../database/migrations/lint/lint.ts";
import { applyMigrations, parseMigrations } from "../../database/migrations/migrations.ts";
import { ensureRoles } from "../../database/migrations/roles.ts";
import { adoptTimeline, findChange } from "../../store/changes.ts";
import { findCheckpoint, saveCheckpoint, type CheckpointRow } from "../../store/evidence.ts";
import { enqueueReconcile } from "../../store/queue.ts";
import type { Platform } from "../platform.ts";
import { abandonTimeline, changeEndpoint, chooseTimeline, pointEndpoint, type ChangeWithData } from "../timeline.ts";
import { takeTurn } from "../turns.ts";
import type { Caller } from "./identity.ts";

/** Runs `work` while nobody else makes or restores the data of the run's change. Throws `change-without-data` (bug), `change-closed` (author). */
export async function onChange<T>(platform: Platform, caller: Caller, work: (change: ChangeWithData) => Promise<T>): Promise<T> {
  const { run } = caller;
  const without = new AdorableError({ code: "change-without-data", remedy: "bug", message: `The run "${run.id}" has no timeline.` });
  if (run.change_id === null) throw without;
  return takeTurn(run.change_id, async () => {
    const change = await findChange(platform.store, run.change_id ?? "");
    if (!change || change.timeline === null) throw without;
    if (change.state !== "open")
      throw new AdorableError({
        code: "change-closed",
        remedy: "author",
        message: `The change of the run "${run.id}" was ${change.state} meanwhile; its data is no longer worked on.`,
      });
    const present = change as ChangeWithData;
    // A restore that was interrupted after it had happened is finished by whoever comes next.
    await pointEndpoint(platform, present);
    return work(present);
  });
}

const MAX_FINDINGS = 30;

/** The safety net of `apply_migrations`: a snapshot first, then the migrations that are pending. What it throws names the snapshot. */
export async function migrateChange(
  platform: Platform,
  caller: Caller,
  request: { app: string; files: { path: string; sql: string }[] },
): Promise<{ snapshot: string; applied: string[]; findings: string[] }> {
  return onChange(platform, caller, async (change) => {
    const { dsn } = await platform.database.credential(changeEndpoint(caller.project.id, change), ADMIN_ROLE);
    // Whoever returns to the snapshot finds the app's role there.
    await ensureRoles(dsn, { slug: request.app });
    const migrations = parseMigrations(request.files.map((file) => ({ app: request.app, ...file })));
    const snapshot = await snapshotOf(platform, caller, change, "before migrations");
    try {
      const { applied } = await applyMigrations(dsn, migrations);
      const isNew = ({ path }: { path: string }): boolean => applied.includes(path);
      const findings = await lintMigrations(
        migrations.filter(isNew),
        migrations.filter((migration) => !isNew(migration)),
      );
      return { snapshot, applied, findings: findings.slice(0, MAX_FINDINGS).map(findingText) };
    } catch (thrown) {
      if (!AdorableError.isInstance(thrown) || thrown.remedy !== "author") throw thrown;
      const { code, remedy, message, hint, details } = thrown;
      // Those before it stay applied.
      const undo = `\`restore_data\` with "${snapshot}" goes back to before these migrations.`;
      throw new AdorableError({
        code,
        remedy,
        message,
        hint: hint === undefined ? undo : `${hint} ${undo}`,
        details: { ...details, snapshot },
        cause: thrown,
      });
    }
  });
}

/** A `(timeline, lsn)` row, protected for as long as the run lives; returns its id. */
export function takeSnapshot(platform: Platform, caller: Caller, note: string): Promise<string> {
  return onChange(platform, caller, (change) => snapshotOf(platform, caller, change, note));
}

async function snapshotOf(platform: Platform, caller: Caller, change: ChangeWithData, note: string): Promise<string> {
  const checkpoint: Checkpoint = { timeline: change.timeline, lsn: await platform.database.head(change.timeline) };
  const id = newId<string>("ckp");
  const { seeded } = change;
  await saveCheckpoint(platform.store, caller.project.id, { id, ...checkpoint, git_commit: null, run_id: caller.run.id, note, seeded });
  await platform.database.protect(checkpoint, id);
  return id;
}

/**
 * Puts the data back to a snapshot of the same run: same endpoint, same connection string, sessions are closed at a transaction's end and connect again.
 * Returns a snapshot of the data as it was before, with everything that was acknowledged. A repeat restores once more.
 * Throws `snapshot-foreign`, `snapshot-gone` (author).
 */
export async function restoreSnapshot(platform: Platform, caller: Caller, id: string): Promise<string> {
  const { store, database, settings } = platform;
  return onChange(platform, caller, async (change) => {
    const snapshot = await findCheckpoint(store, caller.project.id, id);
    if (snapshot?.run_id !== caller.run.id) {
      throw new AdorableError({
        code: "snapshot-foreign",
        remedy: "author",
        message: `"${id}" is not a snapshot of this run.`,
        hint: `Going back further is a person's decision: they comment \`@${settings.botName} rollback <release>\` on an issue and merge the pull request that it opens.`,
      });
    }
    refuseGone(change, snapshot);
    const endpoint = changeEndpoint(caller.project.id, change);
    const { dsn } = await database.credential(endpoint, ADMIN_ROLE);
    const apps = await appsOn(dsn);
    const timeline = await chooseTimeline(platform, change);
    try {
      await database.branch(timeline, { timeline: snapshot.timeline, lsn: snapshot.lsn });
    } catch (thrown) {
      if (AdorableError.isInstance(thrown) && thrown.remedy === "author") await abandonTimeline(platform, change, timeline);
      throw thrown;
    }
    const restored = (await adoptTimeline(store, change.id, {
      timeline,
      seeded: snapshot.seeded,
      madeFrom: change.made_from,
    })) as ChangeWithData;
    await pointEndpoint(platform, restored);
    // The preview was made for other data.
    await enqueueReconcile(store, caller.project.id);
    // An app that came after the snapshot goes on with a role, as it does before its first migration.
    for (const slug of apps) await ensureRoles(dsn, { slug });
    // Nobody reaches the old one any more: its end is what was there.
    return snapshotOf(platform, caller, change, `before restoring ${id}`);
  });
}

function refuseGone(change: ChangeWithData, snapshot: CheckpointRow): void {
  const isThere = snapshot.timeline === change.timeline || change.old_timelines.includes(snapshot.timeline);
  if (snapshot.released_at === null && isThere) return;
  throw new AdorableError({
    code: "snapshot-gone",
    remedy: "author",
    message: `The data that "${snapshot.id}" is a snapshot of was made anew meanwhile.`,
    hint: "Take a new snapshot; the data is that of the branch's migrations and seeds.",
  });
}

/** Apps with roles there, by the name of their schema, which as a slug means the same app. */
async function appsOn(dsn: string): Promise<string[]> {
  return withConnection(dsn, async (client) => {
    const { rows } = await client.query<{ app: string }>(
      "select substr(rolname, 5) as app from pg_roles where rolname like 'app\\_%' order by 1",
    );
    return rows.map(({ app }) => app);
  });
}
