/** How much of production a change's data may hold, from nothing to everything. */

/**
 * - `empty`: what the repository makes (migrations and seed), no row of production.
 * - `masked`: production's rows as each released app's `db/mask.sql` leaves them.
 * - `full`: production's rows as they are.
 */
export const PREVIEW_DATA = ["empty", "masked", "full"] as const;
export type PreviewData = (typeof PREVIEW_DATA)[number];

/** What holds for a project: its own setting, or the one for all. Names of repositories are compared as GitHub does. */
export interface PreviewDataPolicy {
  default: PreviewData;
  /** By full name: `owner/repository`. */
  projects: Readonly<Record<string, PreviewData>>;
}

export function previewDataOf(policy: PreviewDataPolicy, fullName: string): PreviewData {
  const own = Object.entries(policy.projects).find(([name]) => name.toLowerCase() === fullName.toLowerCase());
  return own?.[1] ?? policy.default;
}

/** Whether data of `held` has rows that `allowed` does not allow. */
export function holdsMore(held: PreviewData, allowed: PreviewData): boolean {
  return PREVIEW_DATA.indexOf(held) > PREVIEW_DATA.indexOf(allowed);
}
