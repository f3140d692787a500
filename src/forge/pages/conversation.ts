/** The pages of an issue and of a pull request: what was said, what was checked, and what can be done. */
import { html, raw } from "hono/html";
import type { Session } from "../accounts.ts";
import type { ForgeCore } from "../core.ts";
import type { CheckRun, Issue, PullRequest, Repository } from "../records.ts";
import { renderDiff } from "./diff.ts";
import type { Html } from "./layout.ts";
import { markdown } from "./markdown.ts";
import { composer, dot, form, login, said, stateBadge, time, toneOf } from "./parts.ts";

export function issueBody(core: ForgeCore, repository: Repository, issue: Issue, session: Session | undefined): Html {
  return html`${title(core, issue, html`opened by ${login(core, issue.userId)}`)} ${conversation(core, issue)}
  ${composer(session, `/${repository.fullName}/issues/${issue.number}/comments`)}`;
}

export type PullTab = "conversation" | "checks" | "changes";

export async function pullBody(
  core: ForgeCore,
  repository: Repository,
  pull: PullRequest,
  tab: PullTab,
  session: Session | undefined,
): Promise<Html> {
  const checks = core.state.checkRuns(repository.id, pull.headSha).items;
  const base = `/${repository.fullName}/pull/${pull.number}`;
  const tabs: [PullTab, string, string][] = [
    ["conversation", "Conversation", base],
    ["checks", `Checks ${checks.length}`, `${base}/checks`],
    ["changes", `Changes ${pull.changedFiles}`, `${base}/files`],
  ];
  return html`${title(core, pull, html`${login(core, pull.userId)} wants <code>${pull.headRef}</code> in <code>${pull.baseRef}</code>`)}
    <nav class="tabs inner" aria-label="Pull request">
      ${tabs.map(([key, label, href]) => html`<a href="${href}" ${key === tab ? raw('aria-current="page"') : ""}>${label}</a>`)}
    </nav>
    ${tab === "checks" ? checksTab(core, checks) : tab === "changes" ? await changesTab(core, repository, pull) : html`${conversation(core, pull)} ${mergeBox(repository, pull, checks, session)} ${composer(session, `/${repository.fullName}/issues/${pull.number}/comments`)}`}`;
}

function title(core: ForgeCore, issue: Issue | PullRequest, line: Html): Html {
  return html`<h1>${issue.title} <span class="muted">#${issue.number}</span></h1>
    <p class="sub">${stateBadge(issue)} <span class="muted">${line}, ${time(issue.createdAt)}</span></p>`;
}

function conversation(core: ForgeCore, issue: Issue): Html {
  const comments = core.state
    .comments(issue.id)
    .items.map((comment) => ({ at: comment.createdAt, order: comment.id, view: said(core, comment, "comment", `comment-${comment.id}`) }));
  const events = core.state.timeline(issue.id).map((entry) => ({
    at: entry.createdAt,
    order: 0,
    view: html`<p class="event">
      ${login(core, entry.actorId)} ${EVENT_TEXT[entry.kind] ?? entry.kind}
      ${"number" in entry.detail ? html`#${entry.detail["number"]}` : "after" in entry.detail ? html`<code>${String(entry.detail["after"]).slice(0, 7)}</code>` : ""}
      <span class="muted">${time(entry.createdAt)}</span>
    </p>`,
  }));
  const all = [...comments, ...events].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.order - b.order));
  return html`<section aria-label="Conversation" class="stack">
    ${said(core, { ...issue, body: issue.body ?? "" }, "issue", `issue-${issue.number}`)} ${all.map((one) => one.view)}
  </section>`;
}

const EVENT_TEXT: Record<string, string> = {
  closed: "closed this",
  reopened: "opened this again",
  merged: "merged this",
  renamed: "renamed this",
  labeled: "added a label",
  unlabeled: "removed a label",
  review_requested: "asked for a review",
  head_pushed: "pushed",
  head_deleted: "deleted the branch",
  reverted_by: "reverted this in",
};

function mergeBox(repository: Repository, pull: PullRequest, checks: CheckRun[], session: Session | undefined): Html {
  const action = `/${repository.fullName}/pull/${pull.number}`;
  if (pull.isMerged) {
    return html`<section class="card pad merge">
      <p>Merged. ${pull.revertsNumber === null ? "Reverting it opens a pull request that takes it back." : ""}</p>
      ${session === undefined ? "" : form(session, `${action}/revert`, html`<button type="submit">Revert</button>`)}
    </section>`;
  }
  if (pull.state === "closed") return html``;
  const counts = { good: checks.filter((check) => toneOf(check.status, check.conclusion) === "good").length, all: checks.length };
  const conflict = pull.isMergeable === false;
  return html`<section class="card pad merge">
    <ul class="checks">
      ${checks.map((check) => html`<li>${dot(toneOf(check.status, check.conclusion), check.conclusion ?? check.status)} <a href="${action}/checks#check-${check.id}">${check.name}</a> <span class="muted">${check.title ?? ""}</span></li>`)}
    </ul>
    <p>
      ${conflict ? "The branch conflicts with its base." : checks.length === 0 ? "No check has begun." : html`${counts.good} of ${counts.all} checks are green.`}
    </p>
    ${session === undefined ? html`<p class="muted">Log in to merge.</p>` : form(session, `${action}/merge`, html`<button class="primary" type="submit" ${conflict ? raw("disabled") : ""}>Merge pull request</button>`)}
  </section>`;
}

function checksTab(core: ForgeCore, checks: CheckRun[]): Html {
  if (checks.length === 0) return html`<p class="card pad muted">No check has begun.</p>`;
  return html`<section class="stack">
    ${checks.map((check) => {
      const tone = toneOf(check.status, check.conclusion);
      const annotations = core.state.annotations(check.id).items;
      return html`<details class="card check" id="check-${check.id}" ${tone === "bad" || check.name.endsWith("browse") ? raw("open") : ""}>
        <summary>
          ${dot(tone, check.conclusion ?? check.status)} <strong>${check.name}</strong> <span class="muted">${check.title ?? ""}</span>
        </summary>
        <div class="prose pad">
          ${annotations.map((annotation) => html`<p class="annotation"><code>${annotation.path}:${annotation.startLine}</code> ${annotation.message}</p>`)}
          ${markdown(check.summary)}
        </div>
      </details>`;
    })}
  </section>`;
}

async function changesTab(core: ForgeCore, repository: Repository, pull: PullRequest): Promise<Html> {
  const text = await core.git.text(repository.id, [
    "diff",
    "--no-color",
    "--no-ext-diff",
    "--no-renames",
    pull.isMerged ? pull.baseSha : `${pull.baseSha}...${pull.headSha}`,
    ...(pull.isMerged ? [pull.headSha] : []),
  ]);
  return renderDiff(text);
}
