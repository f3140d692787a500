/** The permissions that Apps and jobs have by name, as GitHub names them. */
import type { Permissions } from "./records.ts";

/** Permissions that a workflow may ask for its token. */
export const JOB_PERMISSIONS = [
  "actions",
  "attestations",
  "checks",
  "contents",
  "deployments",
  "discussions",
  "id-token",
  "issues",
  "models",
  "packages",
  "pages",
  "pull-requests",
  "security-events",
  "statuses",
] as const;

/** Metadata is readable to every App. */
export function repositoryPermissionsOf(permissions: Permissions): Permissions {
  return { ...permissions, metadata: "read" };
}

/** A workflow's names use hyphens, an App's underscores. */
export function permissionsOfJob(permissions: Permissions): Permissions {
  return repositoryPermissionsOf(
    Object.fromEntries(Object.entries(permissions).map(([name, level]) => [name.replaceAll("-", "_"), level])),
  );
}
