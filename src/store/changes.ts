/** Statements on changes: a git branch with its pull request, its timeline and its preview. */
import type { ProjectId } from "../core/ids.ts";
import type { ChangeRow } from "./rows.ts";
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

/** Sets the given columns. The pass over a project is the only writer, so no state is raced for. */
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
