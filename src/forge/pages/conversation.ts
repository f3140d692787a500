/** What was said and what happened on an issue or a pull request, in order. */
import { html } from "hono/html";
import type { Session } from "../accounts.ts";
import { isAtLeast } from "../auth.ts";
import type { ForgeCore } from "../core.ts";
import type { Issue, PullRequest, Repository, Review, ReviewComment, TimelineEntry, TimelineKind } from "../records.ts";
import { icon, type IconName } from "./icons.ts";
import type { Html } from "./layout.ts";
import type { Place } from "./markdown.ts";
import { badge, composer, login, said, stateBadge, stateIcon } from "./parts.ts";
import { exact, time } from "./times.ts";

export function issueBody(core: ForgeCore, repository: Repository, issue: Issue, session: Session | undefined): Html {
  return html`${titleOf(issue, html`opened ${time(issue.createdAt)} by <strong>${login(core, issue.userId)}</strong>`)}
    <div class="columns talk">
      <aside class="rail" aria-label="About this issue">${answeredBy(core, repository, issue)} ${labelsView(core, issue)}</aside>
      <div>
        ${conversation(core, repository, issue)} ${composer(core, repository, issue, session, mayChange(core, repository, issue, session))}
      </div>
    </div>`;
}

/** Close, and open again: the author, and whoever may triage. */
export function mayChange(core: ForgeCore, repository: Repository, issue: Issue, session: Session | undefined): boolean {
  if (session === undefined) return false;
  return session.account.id === issue.userId || isAtLeast(core.state.role(repository, session.account), "triage");
}

export function titleOf(issue: Issue | PullRequest, line: Html): Html {
  return html`<h1>${issue.title} <span class="muted number">#${issue.number}</span></h1>
    <p class="sub">${stateBadge(issue)} <span class="muted">${line}</span></p>`;
}

/** The pull requests that name the issue as theirs. */
function answeredBy(core: ForgeCore, repository: Repository, issue: Issue): Html {
  const pattern = new RegExp(`(^|[^\\w/])#${issue.number}\\b`);
  const pulls = core.state.pulls(repository.id, { state: "all" }).items.filter((pull) => pattern.test(pull.body ?? ""));
  return html`<section class="side">
    <h2>Pull requests</h2>
    ${
      pulls.length === 0
        ? html`<p class="muted small">None yet.</p>`
        : html`<ul class="plain-list">
            ${pulls.map(
              (pull) =>
                html`<li class="beside">
                  ${stateIcon(pull)}
                  <a href="/${repository.fullName}/pull/${pull.number}">${pull.title} <span class="muted">#${pull.number}</span></a>
                </li>`,
            )}
          </ul>`
    }
  </section>`;
}

export function labelsView(core: ForgeCore, issue: Issue): Html {
  const labels = core.state.labelsOf(issue.id);
  if (labels.length === 0) return html``;
  return html`<section class="side">
    <h2>Labels</h2>
    <p>${labels.map((label) => html`${badge("quiet", label.name)} `)}</p>
  </section>`;
}

interface Entry {
  at: string;
  /** Among those of one second. */
  order: number;
  view: Html;
}

export function conversation(core: ForgeCore, repository: Repository, issue: Issue): Html {
  const place: Place = { repository: `/${repository.fullName}` };
  const entries: Entry[] = [
    ...core.state.comments(issue.id).items.map((comment) => ({
      at: comment.createdAt,
      order: 0,
      view: said(
        core,
        comment,
        "comment",
        `issuecomment-${comment.id}`,
        place,
        comment.updatedAt > comment.createdAt ? html`<span class="muted small" title="${exact(comment.updatedAt)}">edited</span>` : "",
      ),
    })),
    ...core.state
      .timeline(issue.id)
      // Merging closes: said once.
      .filter(
        (entry, _index, all) =>
          entry.kind !== "closed" || !all.some((other) => other.kind === "merged" && other.createdAt === entry.createdAt),
      )
      .map((entry) => ({ at: entry.createdAt, order: 1, view: eventView(core, repository, entry) })),
    ...(issue.isPull ? reviewEntries(core, repository, issue, place) : []),
  ];
  entries.sort((a, b) => (a.at === b.at ? a.order - b.order : a.at < b.at ? -1 : 1));
  return html`<section aria-label="Conversation" class="timeline">
    <h2 class="unseen">Conversation</h2>
    ${said(core, { ...issue, body: issue.body ?? "" }, "issue", `issue-${issue.number}`, place)} ${entries.map((one) => one.view)}
  </section>`;
}

function reviewEntries(core: ForgeCore, repository: Repository, issue: Issue, place: Place): Entry[] {
  const comments = core.state.reviewComments(issue.id).items;
  return core.state.reviews(issue.id).items.flatMap((review) => {
    if (review.submittedAt === null) return [];
    const own = comments.filter((comment) => comment.reviewId === review.id);
    const view = html`${
      review.body.trim() === ""
        ? eventLine(
            "comment",
            `pullrequestreview-${review.id}`,
            html`<strong>${login(core, review.userId)}</strong> ${REVIEW_TEXT[review.state]} ${time(review.submittedAt)}`,
          )
        : said(core, { ...review, createdAt: review.submittedAt }, null, `pullrequestreview-${review.id}`, place, REVIEW_TEXT[review.state])
    }
    ${own.map((comment) => lineComment(core, repository, issue, comment, place))}`;
    return [{ at: review.submittedAt, order: 0, view }];
  });
}

function lineComment(core: ForgeCore, repository: Repository, issue: Issue, comment: ReviewComment, place: Place): Html {
  const where = `${comment.path}${comment.line === null ? "" : `:${comment.line}`}`;
  const address = `/${repository.fullName}/pull/${issue.number}/files#r${comment.id}`;
  const line = html`<span class="muted">on</span> <a href="${address}"><code>${where}</code></a>`;
  return said(core, comment, "review_comment", `discussion_r${comment.id}`, place, line);
}

const REVIEW_TEXT: Record<Review["state"], string> = {
  APPROVED: "approved this",
  CHANGES_REQUESTED: "asked for changes",
  COMMENTED: "reviewed this",
  DISMISSED: "reviewed this; the review was dismissed",
  PENDING: "is reviewing this",
};

function eventLine(picture: IconName, anchor: string, text: Html, tone = ""): Html {
  return html`<p class="event" id="${anchor}"><span class="event-icon ${tone}">${icon(picture)}</span><span>${text}</span></p>`;
}

const PICTURES: Record<TimelineKind, [picture: IconName, tone: string]> = {
  closed: ["cross", "bad"],
  reopened: ["issue", "good"],
  merged: ["merge", "merged"],
  renamed: ["tag", ""],
  labeled: ["tag", ""],
  unlabeled: ["tag", ""],
  review_requested: ["eyes", ""],
  head_pushed: ["commit", ""],
  head_deleted: ["branch", ""],
  reverted_by: ["revert", ""],
  ready_for_review: ["eyes", ""],
  converted_to_draft: ["pull", ""],
  added_to_merge_queue: ["clock", ""],
  removed_from_merge_queue: ["clock", ""],
};

const DEQUEUED: Record<string, string> = {
  MERGE: ": it is merged",
  CI_FAILURE: ": a required check failed",
  CI_TIMEOUT: ": its required checks did not answer in time",
  MERGE_CONFLICT: ": it conflicts with what was before it",
};

function eventView(core: ForgeCore, repository: Repository, entry: TimelineEntry): Html {
  const [picture, tone] = PICTURES[entry.kind] ?? ["commit", ""];
  const text = html`<strong>${login(core, entry.actorId)}</strong> ${eventText(repository, entry)}
    <span class="muted">${time(entry.createdAt)}</span>`;
  return eventLine(picture, `event-${entry.id}`, text, tone);
}

function eventText(repository: Repository, { kind, detail }: TimelineEntry): Html | string {
  const commit = (sha: unknown): Html => html`<a href="/${repository.fullName}/commit/${sha}"><code>${String(sha).slice(0, 7)}</code></a>`;
  const pull = (number: unknown): Html => html`<a href="/${repository.fullName}/pull/${number}">#${number}</a>`;
  switch (kind) {
    case "closed":
      if (detail["sha"] !== undefined) return html`closed this as done in ${commit(detail["sha"])}`;
      if (detail["number"] !== undefined) return html`closed this as done in ${pull(detail["number"])}`;
      return detail["reason"] === "not_planned" ? "closed this as not planned" : "closed this";
    case "reopened":
      return "opened this again";
    case "merged":
      return detail["sha"] === undefined ? "merged this" : html`merged this as ${commit(detail["sha"])}`;
    case "renamed":
      return html`renamed this from “${detail["from"]}”`;
    case "labeled":
      return html`added the label ${detail["label"]}`;
    case "unlabeled":
      return html`removed the label ${detail["label"]}`;
    case "review_requested":
      return html`asked ${detail["reviewer"]} for a review`;
    case "head_pushed":
      return html`pushed ${commit(detail["after"])}`;
    case "head_deleted":
      return "deleted the branch";
    case "reverted_by":
      return html`reverts this in ${pull(detail["number"])}`;
    case "ready_for_review":
      return "marked this as ready for review";
    case "converted_to_draft":
      return "made this a draft";
    case "added_to_merge_queue":
      return "added this to the merge queue";
    case "removed_from_merge_queue":
      return `took this out of the merge queue${DEQUEUED[String(detail["reason"])] ?? ""}`;
  }
}
