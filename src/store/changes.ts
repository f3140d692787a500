/** Statements on changes: a git branch with its pull request, its timeline and its preview. */
import type { ProjectId, TimelineId, TreeId } from "../core/ids.ts";
import type { ChangeRow, MadeFrom } from "./rows.ts";
import { oneRow, type Sql } from "./store.ts";

export function findChange(sql: Sql, id: string): Promise<ChangeRow | undefined> {
  return oneRow<ChangeRow>(sql, "select * from changes where id = $1", [id]);
}

/** The open change that an issue asked for. */
export function findChangeByIssue(sql: Sql, project: ProjectId, issue: number): Promise<ChangeRow | undefined> {
  return oneRow<ChangeRow>(sql, "select * from changes where project_id = $1 and issue_number = $2 and state = 'open'", [project, issue]);
}

export function findChangeByPull(sql: Sql, project: ProjectId, pull: number): Promise<ChangeRow | undefined> {
  return oneRow<ChangeRow>(sql, "select * from changes where project_id = $1 and pull_number = $2", [project, pull]);
}

export function listChanges(sql: Sql, project: ProjectId): Promise<ChangeRow[]> {
  return sql.rows<ChangeRow>("select * from changes where project_id = $1 order by created_at", [project]);
}

/** Creates the change; an open one of the same issue or pull request is returned instead. */
export async function saveChange(
  sql: Sql,
  change: Pick<ChangeRow, "id" | "project_id" | "kind" | "issue_number" | "pull_number" | "git_branch">,
): Promise<ChangeRow> {
  const created = await sql.rows<ChangeRow>(
    `insert into changes (id, project_id, kind, issue_number, pull_number, git_branch) values ($1, $2, $3, $4, $5, $6) on conflict do nothing returning *`,
    [change.id, change.project_id, change.kind, change.issue_number, change.pull_number, change.git_branch],
  );
  const found =
    created[0] ??
    (change.pull_number === null ? undefined : await findChangeByPull(sql, change.project_id, change.pull_number)) ??
    (change.issue_number === null ? undefined : await findChangeByIssue(sql, change.project_id, change.issue_number));
  return found as ChangeRow;
}

type ChangePatch = Partial<Omit<ChangeRow, "id" | "project_id" | "kind">>;

/** Sets the given columns. The pass over a project is their only writer, but for what a restore of its data sets: see `adoptTimeline`. */
export async function updateChange(sql: Sql, id: string, patch: ChangePatch): Promise<ChangeRow> {
  const columns = Object.keys(patch);
  const values = Object.values(patch).map((value) => (isJson(value) ? JSON.stringify(value) : value));
  const sets = columns.map((column, index) => `${column} = $${index + 2}`).join(", ");
  const rows = await sql.rows<ChangeRow>(`update changes set ${sets} where id = $1 returning *`, [id, ...values]);
  return rows[0] as ChangeRow;
}

function isJson(value: unknown): boolean {
  return typeof value === "object" && value !== null && !(value instanceof Date) && !Array.isArray(value);
}

/**
 * The timeline that was in the making (or none) becomes the change's; the one before joins the old ones, and the preview has to be looked at again. One
 * statement: whoever dies next leaves a change with the old data or with the new.
 */
export async function adoptTimeline(
  sql: Sql,
  id: string,
  next: { timeline: TimelineId | null; seeded: readonly string[]; madeFrom: MadeFrom | null },
): Promise<ChangeRow> {
  const rows = await sql.rows<ChangeRow>(
    `update changes set timeline = $2, next_timeline = null, seeded = $3, made_from = $4, preview_tree = null,
       old_timelines = case when timeline is null then old_timelines else array_append(old_timelines, timeline) end
     where id = $1 returning *`,
    [id, next.timeline, next.seeded, next.madeFrom === null ? null : JSON.stringify(next.madeFrom)],
  );
  return rows[0] as ChangeRow;
}

export async function forgetOldTimeline(sql: Sql, id: string, timeline: TimelineId): Promise<void> {
  await sql.rows("update changes set old_timelines = array_remove(old_timelines, $2) where id = $1", [id, timeline]);
}

/** The preview of this tree is settled, unless the data that it was made for has been replaced meanwhile. */
export async function settlePreview(sql: Sql, id: string, tree: TreeId, timeline: TimelineId | null): Promise<ChangeRow> {
  const rows = await sql.rows<ChangeRow>(
    "update changes set preview_tree = case when timeline is not distinct from $3 then $2 end where id = $1 returning *",
    [id, tree, timeline],
  );
  return rows[0] as ChangeRow;
}
