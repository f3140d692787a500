/** The names that several parts must agree on: endpoints, hosts, schemas, roles, git branches. Pure functions of ids. */
import type { EndpointName, ProjectId } from "./ids.ts";

/** What a host, an endpoint and an environment belong to: production or the change of one pull request (by its number). */
export type Place = { kind: "production" } | { kind: "change"; number: number };

/** The project id without its prefix: the part that stands in host and database names. */
export function projectKey(project: ProjectId): string {
  return project.replace(/^prj_/, "");
}

/** The database name of a place: `proj_<key>` or `proj_<key>_pr_<n>`. */
export function endpointName(project: ProjectId, place: Place): EndpointName {
  const base = `proj_${projectKey(project)}`;
  return (place.kind === "production" ? base : `${base}_pr_${place.number}`) as EndpointName;
}

/** One label deep, so that one wildcard certificate covers all: `<app>--<key>` or `<app>--<key>--pr-<n>`, before `.<domain>`. */
export function hostLabel(app: string, project: ProjectId, place: Place): string {
  const base = `${app}--${projectKey(project)}`;
  return place.kind === "production" ? base : `${base}--pr-${place.number}`;
}

/** The PostgreSQL schema of an app. */
export function schemaName(app: string): string {
  return app.replaceAll("-", "_");
}

/** The login role as which an app runs: it reads and writes rows of its own schema, and defines nothing. */
export function appRole(app: string): string {
  return `app_${schemaName(app)}`;
}

/** The role that owns an app's schema and as which its migrations run; nobody logs in with it. */
export function migratorRole(app: string): string {
  return `migrator_${schemaName(app)}`;
}

/** The git branch of the change that an issue asked for. */
export function changeBranch(issue: number): string {
  return `adorable/issue-${issue}`;
}

/** Paths that a release is made of; nothing else counts when trees are compared. */
export const RELEASED_PATHS = ["apps", ".adorable"] as const;

/** The released paths of a tree as one text: equal for trees that release the same. `find` gives the object at a path. */
export async function releasedTreeOf(find: (path: string) => Promise<string | undefined>): Promise<string> {
  const entries = await Promise.all(RELEASED_PATHS.map(async (path) => `${path}=${(await find(path)) ?? "none"}`));
  return entries.join(" ");
}

/** Of a repository in which nothing is to be released. */
export const EMPTY_RELEASED_TREE = RELEASED_PATHS.map((path) => `${path}=none`).join(" ");
