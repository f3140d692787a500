/** The page of a pull request: its conversation, its checks, its changes, and what can be done with it. */
import { html, raw } from "hono/html";
import type { Session } from "../accounts.ts";
import { issuesClosedBy } from "../closing.ts";
import type { ForgeCore } from "../core.ts";
import type { CheckRun, PullRequest, Repository } from "../records.ts";
import { checksView, tally } from "./checks.ts";
import { encodePath } from "./code.ts";
import { conversation, labelsView, mayChange, titleOf } from "./conversation.ts";
import { environmentsOf, stateWord } from "./deployments.ts";
import { diffOf, type LineTalk } from "./diff.ts";
import { icon, mark } from "./icons.ts";
import type { Html } from "./layout.ts";
import { mergeBox } from "./merge-box.ts";
import { badge, composer, form, login, plural, stateIcon } from "./parts.ts";
import { time } from "./times.ts";

export type PullTab = "conversation" | "checks" | "changes";

export interface Looking {
  tab: PullTab;
  session: Session | undefined;
  /** The line that is being commented on: `R12:path` or `L3:path`. */
  on: string | undefined;
}

export async function pullBody(core: ForgeCore, repository: Repository, pull: PullRequest, looking: Looking): Promise<Html> {
  const { tab, session } = looking;
  const checks = core.state.checkRuns(repository.id, pull.headSha).items;
  const base = `/${repository.fullName}/pull/${pull.number}`;
  const tabs: [PullTab, string, Html | string, string][] = [
    ["conversation", "Conversation", html` <span class="count">${pull.commentCount}</span>`, base],
    ["checks", "Checks", html` <span class="count">${checks.length}</span>`, `${base}/checks`],
    ["changes", "Changes", html` <span class="count">${pull.changedFiles}</span>`, `${base}/files`],
  ];
  const shown: Record<PullTab, () => Html | Promise<Html>> = {
    conversation: () => conversationTab(core, repository, pull, checks, session),
    checks: () =>
      html`<h2 class="unseen">Checks</h2>
        ${checksView(core, repository, checks, session)}`,
    changes: () => changesTab(core, repository, pull, looking),
  };
  const branch = (name: string): Html => {
    const isThere = core.state.ref(repository.id, `refs/heads/${name}`) !== undefined;
    return isThere ? html`<a href="/${repository.fullName}/tree/${encodePath(name)}"><code>${name}</code></a>` : html`<code>${name}</code>`;
  };
  const does = pull.isMerged ? "merged into" : "into";
  return html`${titleOf(pull, html`<strong>${login(core, pull.userId)}</strong> opened it ${time(pull.createdAt)}: ${branch(pull.headRef)} ${does} ${branch(pull.baseRef)}`)}
    <nav class="tabs inner" aria-label="Pull request">
      ${tabs.map(([key, label, count, href]) => html`<a href="${href}" ${key === tab ? raw('aria-current="page"') : ""}>${label}${count}</a>`)}
      <span class="amounts"><span class="plus">+${pull.additions}</span> <span class="minus">−${pull.deletions}</span></span>
    </nav>
    ${await shown[tab]()}`;
}

function conversationTab(
  core: ForgeCore,
  repository: Repository,
  pull: PullRequest,
  checks: CheckRun[],
  session: Session | undefined,
): Html {
  return html`<div class="columns talk">
    <aside class="rail" aria-label="About this pull request">
      ${previewView(core, repository, pull)} ${checksSummary(repository, pull, checks)} ${reviewersView(core, pull)}
      ${closesView(core, repository, pull)} ${revertedView(repository, pull)} ${labelsView(core, pull)}
    </aside>
    <div>
      ${conversation(core, repository, pull)} ${mergeBox(core, repository, pull, checks, session)}
      ${composer(core, repository, pull, session, mayChange(core, repository, pull, session))}
    </div>
  </div>`;
}

/** Where it can be tried. */
function previewView(core: ForgeCore, repository: Repository, pull: PullRequest): Html {
  const environments = environmentsOf(core, repository, { sha: pull.headSha });
  if (environments.length === 0 && pull.state !== "open") return html``;
  return html`<section class="side preview">
    <h2>Preview</h2>
    ${
      environments.length === 0
        ? html`<p class="muted small">None yet: it appears here when it runs.</p>`
        : environments.map(
            (one) =>
              html`<p class="with-icon">
                  ${mark(one.tone)}<span>${one.deployment.environment}</span> ${badge(one.tone, stateWord(one.status))}
                </p>
                ${
                  one.url === undefined
                    ? one.status?.description
                      ? html`<p class="muted small">${one.status.description}</p>`
                      : ""
                    : html`<p>
                        <a class="button wide" href="${one.url}" rel="noopener"
                          >Open ${appNameOf(one.deployment.environment) ?? "the preview"} ${icon("arrow")}</a
                        >
                      </p>`
                }`,
          )
    }
  </section>`;
}

/** Of `preview/pr-1/blog`: the app. */
function appNameOf(environment: string): string | undefined {
  return /^preview\/pr-\d+\/(.+)$/.exec(environment)?.[1];
}

function checksSummary(repository: Repository, pull: PullRequest, checks: CheckRun[]): Html {
  if (checks.length === 0) return html``;
  const { tone, heading, text } = tally(checks);
  return html`<section class="side">
    <h2>Checks</h2>
    <p class="with-icon">${mark(tone)}<a href="/${repository.fullName}/pull/${pull.number}/checks">${heading}</a></p>
    <p class="muted small">${text}</p>
  </section>`;
}

function reviewersView(core: ForgeCore, pull: PullRequest): Html {
  const asked = core.state.reviewers(pull.id);
  const latest = new Map(
    core.state
      .reviews(pull.id)
      .items.filter((review) => review.state === "APPROVED" || review.state === "CHANGES_REQUESTED")
      .map((review) => [review.userId, review.state]),
  );
  if (asked.length === 0 && latest.size === 0) return html``;
  return html`<section class="side">
    <h2>Reviews</h2>
    <ul class="plain-list">
      ${[...latest].map(([id, state]) => html`<li class="with-icon">${mark(state === "APPROVED" ? "good" : "bad")}<span>${login(core, id)} ${state === "APPROVED" ? "approved" : "asked for changes"}</span></li>`)}
      ${asked.filter(({ id }) => !latest.has(id)).map((person) => html`<li class="with-icon">${mark("quiet")}<span>${person.login} was asked</span></li>`)}
    </ul>
  </section>`;
}

function revertedView(repository: Repository, pull: PullRequest): Html {
  if (pull.revertsNumber === null) return html``;
  return html`<section class="side">
    <h2>Reverts</h2>
    <p class="with-icon">${icon("revert")}<a href="/${repository.fullName}/pull/${pull.revertsNumber}">#${pull.revertsNumber}</a></p>
  </section>`;
}

/** The issues that its text says it closes. */
function closesView(core: ForgeCore, repository: Repository, pull: PullRequest): Html {
  const issues = issuesClosedBy(core, repository, pull);
  if (issues.length === 0) return html``;
  const isPending = pull.state === "open" && issues.some((issue) => issue.state === "open");
  return html`<section class="side">
    <h2>${isPending ? "Closes when merged" : "Closes"}</h2>
    <ul class="plain-list">
      ${issues.map(
        (issue) =>
          html`<li class="beside">
            ${stateIcon(issue)}
            <a href="/${repository.fullName}/issues/${issue.number}">${issue.title} <span class="muted">#${issue.number}</span></a>
          </li>`,
      )}
    </ul>
  </section>`;
}

/** Of a merged one: what it changed when it was merged. */
async function changesTab(core: ForgeCore, repository: Repository, pull: PullRequest, { session, on }: Looking): Promise<Html> {
  const base = await core.git.run(repository.id, ["merge-base", pull.baseSha, pull.headSha], { codes: [0, 1] });
  const from = base.stdout.toString("utf8").trim();
  const talk: LineTalk = {
    core,
    place: { repository: `/${repository.fullName}` },
    comments: core.state.reviewComments(pull.id).items,
    page: `/${repository.fullName}/pull/${pull.number}/files`,
    session,
    on,
  };
  return html`<h2 class="unseen">Changes</h2>
    ${await diffOf(core, repository, from === "" ? undefined : from, pull.headSha, talk)}
    ${session === undefined ? "" : reviewForm(repository, pull, session)}`;
}

function reviewForm(repository: Repository, pull: PullRequest, session: Session): Html {
  const isOwn = pull.userId === session.account.id;
  const choices = [
    ["COMMENT", "Comment", "Say something about the whole"],
    ...(isOwn
      ? []
      : [
          ["APPROVE", "Approve", "It may be merged"] as const,
          ["REQUEST_CHANGES", "Ask for changes", "It should not be merged as it is"] as const,
        ]),
  ] as const;
  return html`<section class="card pad review" aria-labelledby="review">
    <h2 id="review">Your review</h2>
    ${form(
      session,
      `/${repository.fullName}/pull/${pull.number}/reviews`,
      html`<label for="review-body">What you found</label>
        <textarea id="review-body" name="body" rows="3" maxlength="65536" autocomplete="off"></textarea>
        <fieldset class="choices">
          <legend class="unseen">Verdict</legend>
          ${choices.map(
            ([value, name, text]) =>
              html`<label
                ><input type="radio" name="event" value="${value}" ${value === "COMMENT" ? raw("checked") : ""} /><span
                  ><strong>${name}</strong> <span class="muted small">${text}</span></span
                ></label
              >`,
          )}
        </fieldset>
        <p class="actions"><button class="primary" type="submit" data-default>Send the review</button></p>`,
      "composer",
    )}
    <p class="muted small">${plural(pull.changedFiles, "file")} changed. A line's number opens a comment on that line.</p>
  </section>`;
}
