/** Statements on projects, their apps and the resources that they made. */
import type { CommitId, ProjectId } from "../core/ids.ts";
import type { AppSpec } from "../core/spec.ts";
import type { ProjectRow } from "./rows.ts";
import { oneRow, type Sql } from "./store.ts";

export function findProject(sql: Sql, id: ProjectId): Promise<ProjectRow | undefined> {
  return oneRow<ProjectRow>(sql, "select * from projects where id = $1", [id]);
}

export function findProjectByRepository(sql: Sql, repositoryId: number): Promise<ProjectRow | undefined> {
  return oneRow<ProjectRow>(sql, "select * from projects where repository_id = $1", [repositoryId]);
}

export function findProjectByName(sql: Sql, fullName: string): Promise<ProjectRow | undefined> {
  return oneRow<ProjectRow>(sql, "select * from projects where full_name = $1", [fullName]);
}

/** True where a project of this repository was deleted. */
export async function isDeleted(sql: Sql, fullName: string): Promise<boolean> {
  return (await sql.rows("select 1 from tombstones where full_name = $1 limit 1", [fullName])).length > 0;
}

export function listProjects(sql: Sql): Promise<ProjectRow[]> {
  return sql.rows<ProjectRow>("select * from projects order by created_at");
}

/** Creates the project of a repository, or brings the names of the present one up to date. Idempotent by repository. */
export async function saveProject(
  sql: Sql,
  project: Pick<ProjectRow, "id" | "repository_id" | "full_name" | "clone_url" | "installation_id" | "default_branch">,
): Promise<ProjectRow> {
  const rows = await sql.rows<ProjectRow>(
    `insert into projects (id, repository_id, full_name, clone_url, installation_id, default_branch) values ($1, $2, $3, $4, $5, $6)
     on conflict (repository_id) do update set full_name = excluded.full_name, clone_url = excluded.clone_url, installation_id = excluded.installation_id, default_branch = excluded.default_branch
     returning *`,
    [project.id, project.repository_id, project.full_name, project.clone_url, project.installation_id, project.default_branch],
  );
  return rows[0] as ProjectRow;
}

export async function setMainCommit(sql: Sql, id: ProjectId, commit: CommitId): Promise<void> {
  await sql.rows("update projects set main_commit = $2 where id = $1", [id, commit]);
}

export async function setDecidedCommit(sql: Sql, id: ProjectId, commit: CommitId): Promise<void> {
  await sql.rows("update projects set decided_commit = $2 where id = $1", [id, commit]);
}

/** Marks the project for deletion; the sweep does the rest. False when it already is. */
export async function markProjectDeleting(sql: Sql, id: ProjectId): Promise<boolean> {
  return (await sql.rows("update projects set state = 'deleting' where id = $1 and state = 'active' returning id", [id])).length > 0;
}

/** Removes every row of the project but its tombstone. Refused by the database while it has resources. */
export async function deleteProjectRows(sql: Sql, id: ProjectId, ledgerDigest: string): Promise<void> {
  await sql.rows("select delete_project($1, $2)", [id, ledgerDigest]);
}

/** The apps become exactly `apps`: missing ones are archived, never deleted; returning ones come back. */
export async function saveApps(sql: Sql, project: ProjectId, apps: readonly Pick<AppSpec, "slug" | "name">[]): Promise<void> {
  await sql.rows("update apps set archived_at = now() where project_id = $1 and archived_at is null and slug <> all($2)", [
    project,
    apps.map((app) => app.slug),
  ]);
  for (const app of apps) {
    await sql.rows(
      `insert into apps (project_id, slug, name) values ($1, $2, $3)
       on conflict (project_id, slug) do update set name = excluded.name, archived_at = null`,
      [project, app.slug, app.name],
    );
  }
}

export type ResourceKind = "timeline" | "endpoint" | "environment" | "routes" | "artifact" | "mirror";

/** Written before the thing itself is made, so that whatever exists is known. */
export async function recordResource(sql: Sql, project: ProjectId, kind: ResourceKind, id: string): Promise<void> {
  await sql.rows("insert into resources (project_id, kind, id) values ($1, $2, $3) on conflict do nothing", [project, kind, id]);
}

/** Written after it is gone. */
export async function forgetResource(sql: Sql, project: ProjectId, kind: ResourceKind, id: string): Promise<void> {
  await sql.rows("delete from resources where project_id = $1 and kind = $2 and id = $3", [project, kind, id]);
}

export function listResources(sql: Sql, project: ProjectId): Promise<{ kind: ResourceKind; id: string }[]> {
  return sql.rows("select kind, id from resources where project_id = $1 order by created_at, kind, id", [project]);
}
