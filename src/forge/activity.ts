/** Keeps how branches moved and who moved them, as GitHub's list of a repository's activities has it. */
import type { ForgeCore } from "./core.ts";
import { timestamp } from "./core.ts";
import type { Account } from "./records.ts";
import type { Listed, Page } from "./state.ts";

export const ACTIVITY_KINDS = ["push", "force_push", "branch_creation", "branch_deletion", "pr_merge", "merge_queue_merge"] as const;
export type ActivityKind = (typeof ACTIVITY_KINDS)[number];

export interface Activity {
  id: number;
  repositoryId: number;
  /** Full: `refs/heads/main`. */
  ref: string;
  beforeSha: string;
  afterSha: string;
  kind: ActivityKind;
  actorId: number;
  createdAt: string;
}

/** Call it inside the transaction that announces the movement. */
export function recordActivity(
  core: ForgeCore,
  actor: Account,
  moved: Pick<Activity, "repositoryId" | "ref" | "beforeSha" | "afterSha" | "kind">,
): void {
  core.db.insert("activities", { ...moved, actorId: actor.id, createdAt: timestamp() });
}

export interface ActivityFilter {
  /** Full. */
  ref?: string | undefined;
  kind?: ActivityKind | undefined;
  actor?: string | undefined;
  direction?: "asc" | "desc" | undefined;
}

export function listActivities(core: ForgeCore, repositoryId: number, filter: ActivityFilter, page: Page): Listed<Activity> {
  const { ref = null, kind = null, actor = null, direction = "desc" } = filter;
  const from = `from activities a where repositoryId = ? and (? is null or ref = ?) and (? is null or kind = ?)
    and (? is null or actorId in (select id from accounts where login = ?))`;
  const params = [repositoryId, ref, ref, kind, kind, actor, actor];
  const total = core.db.get<{ total: number }>(`select count(*) as total ${from}`, ...params)?.total ?? 0;
  const items = core.db.all<Activity>(
    `select * ${from} order by id ${direction} limit ? offset ?`,
    ...params,
    page.perPage,
    (page.page - 1) * page.perPage,
  );
  return { items, total };
}
