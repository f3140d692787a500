/** What was said and what happened on an issue or a pull request, in order. */
import { html } from "hono/html";
import type { Session } from "../accounts.ts";
import type { ForgeCore } from "../core.ts";
import type { Issue, PullRequest, Repository, Review, TimelineEntry } from "../records.ts";
import type { Html } from "./layout.ts";
import { composer, login, said, stateBadge, time } from "./parts.ts";

export function issueBody(core: ForgeCore, repository: Repository, issue: Issue, session: Session | undefined): Html {
  return html`${titleOf(issue, html`opened by ${login(core, issue.userId)}`)} ${conversation(core, repository, issue)}
  ${composer(session, `/${repository.fullName}/issues/${issue.number}/comments`)}`;
}

export function titleOf(issue: Issue | PullRequest, line: Html): Html {
  return html`<h1>${issue.title} <span class="muted">#${issue.number}</span></h1>
    <p class="sub">${stateBadge(issue)} <span class="muted">${line}, ${time(issue.createdAt)}</span></p>`;
}

interface Entry {
  at: string;
  /** Among those of one second. */
  order: number;
  view: Html;
}

export function conversation(core: ForgeCore, repository: Repository, issue: Issue): Html {
  const entries: Entry[] = [
    ...core.state.comments(issue.id).items.map((comment) => ({
      at: comment.createdAt,
      order: 0,
      view: said(
        core,
        comment,
        "comment",
        `issuecomment-${comment.id}`,
        comment.updatedAt > comment.createdAt ? html`<span class="muted small">edited</span>` : "",
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
    ...(issue.isPull ? reviewEntries(core, issue) : []),
  ];
  entries.sort((a, b) => (a.at === b.at ? a.order - b.order : a.at < b.at ? -1 : 1));
  return html`<section aria-label="Conversation" class="stack">
    ${said(core, { ...issue, body: issue.body ?? "" }, "issue", `issue-${issue.number}`)} ${entries.map((one) => one.view)}
  </section>`;
}

function reviewEntries(core: ForgeCore, issue: Issue): Entry[] {
  const comments = core.state.reviewComments(issue.id).items;
  return core.state.reviews(issue.id).items.flatMap((review) => {
    if (review.submittedAt === null) return [];
    const own = comments.filter((comment) => comment.reviewId === review.id);
    const view = html`${
      review.body.trim() === "" && own.length > 0
        ? html`<p class="event" id="pullrequestreview-${review.id}">
            ${login(core, review.userId)} ${REVIEW_TEXT[review.state]} <span class="muted">${time(review.submittedAt)}</span>
          </p>`
        : said(core, { ...review, createdAt: review.submittedAt }, null, `pullrequestreview-${review.id}`, REVIEW_TEXT[review.state])
    }
    ${own.map((comment) => said(core, comment, "review_comment", `discussion_r${comment.id}`, html`on <code>${comment.path}${comment.line === null ? "" : `:${comment.line}`}</code>`))}`;
    return [{ at: review.submittedAt, order: 0, view }];
  });
}

const REVIEW_TEXT: Record<Review["state"], string> = {
  APPROVED: "approved this",
  CHANGES_REQUESTED: "asked for changes",
  COMMENTED: "reviewed this",
  DISMISSED: "reviewed this; the review was dismissed",
  PENDING: "is reviewing this",
};

function eventView(core: ForgeCore, repository: Repository, entry: TimelineEntry): Html {
  return html`<p class="event">
    <strong>${login(core, entry.actorId)}</strong> ${eventText(repository, entry)} <span class="muted">${time(entry.createdAt)}</span>
  </p>`;
}

function eventText(repository: Repository, { kind, detail }: TimelineEntry): Html | string {
  const commit = (sha: unknown): Html => html`<a href="/${repository.fullName}/commit/${sha}"><code>${String(sha).slice(0, 7)}</code></a>`;
  switch (kind) {
    case "closed":
      return "closed this";
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
      return html`reverts this in <a href="/${repository.fullName}/pull/${detail["number"]}">#${detail["number"]}</a>`;
  }
}
