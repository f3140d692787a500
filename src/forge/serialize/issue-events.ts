/** JSON of what happened to an issue or a pull request: its events, and its timeline with what was said between them. */
import type { ForgeCore } from "../core.ts";
import type { Issue, Repository, TimelineEntry, TimelineKind } from "../records.ts";
import { nodeId, userById, userJson, type Json } from "./common.ts";
import { commentJson, reviewJson } from "./issues.ts";
import { repositoryUrl } from "./repositories.ts";

/** GitHub's names; what it tells in another way has none. */
const NAMES: Record<TimelineKind, string | undefined> = {
  closed: "closed",
  reopened: "reopened",
  merged: "merged",
  renamed: "renamed",
  labeled: "labeled",
  unlabeled: "unlabeled",
  review_requested: "review_requested",
  head_pushed: undefined,
  head_deleted: "head_ref_deleted",
  reverted_by: undefined,
  ready_for_review: "ready_for_review",
  converted_to_draft: "convert_to_draft",
  added_to_merge_queue: "added_to_merge_queue",
  removed_from_merge_queue: "removed_from_merge_queue",
};

export function issueEventsJson(core: ForgeCore, repository: Repository, issue: Issue): Json[] {
  return core.state.timeline(issue.id).flatMap<Json>((entry) => eventJson(core, repository, entry) ?? []);
}

export function timelineJson(core: ForgeCore, repository: Repository, issue: Issue): Json[] {
  const comments = core.state.comments(issue.id).items.map((comment) => ({
    ...commentJson(core, repository, issue, comment),
    event: "commented",
    actor: userById(core, comment.userId),
  }));
  const reviews = core.state
    .reviews(issue.id)
    .items.filter((review) => review.state !== "PENDING")
    .map((review) => ({ ...reviewJson(core, repository, issue, review), event: "reviewed", state: review.state.toLowerCase() }));
  const at = (item: Json): string => String(item["created_at"] ?? item["submitted_at"]);
  return [...issueEventsJson(core, repository, issue), ...comments, ...reviews].sort((a, b) =>
    at(a) < at(b) ? -1 : at(a) > at(b) ? 1 : 0,
  );
}

function eventJson(core: ForgeCore, repository: Repository, entry: TimelineEntry): Json | undefined {
  const event = NAMES[entry.kind];
  if (event === undefined) return undefined;
  const { detail } = entry;
  const isByCommit = (entry.kind === "merged" || entry.kind === "closed") && detail["sha"] !== undefined;
  const sha = isByCommit ? String(detail["sha"]) : null;
  return {
    id: entry.id,
    node_id: nodeId("EV", entry.id),
    url: `${repositoryUrl(core, repository)}/issues/events/${entry.id}`,
    actor: userById(core, entry.actorId),
    event,
    commit_id: sha,
    commit_url: sha === null ? null : `${repositoryUrl(core, repository)}/commits/${sha}`,
    created_at: entry.createdAt,
    performed_via_github_app: null,
    ...detailJson(core, repository, entry),
  };
}

function detailJson(core: ForgeCore, repository: Repository, { kind, detail, actorId }: TimelineEntry): Json {
  if (kind === "renamed") return { rename: { from: String(detail["from"]), to: String(detail["to"]) } };
  if (kind === "labeled" || kind === "unlabeled") {
    const name = String(detail["label"]);
    return { label: { name, color: core.state.label(repository.id, name)?.color ?? "ededed" } };
  }
  if (kind === "review_requested") {
    const reviewer = core.state.accountByLogin(String(detail["reviewer"]));
    return {
      review_requester: userById(core, actorId),
      ...(reviewer === undefined ? {} : { requested_reviewer: userJson(core, reviewer) }),
    };
  }
  return kind === "closed" ? { state_reason: detail["reason"] === "not_planned" ? "not_planned" : null } : {};
}
