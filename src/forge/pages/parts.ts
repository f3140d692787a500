/** Small pieces that several pages show alike. */
import { html } from "hono/html";
import type { Session } from "../accounts.ts";
import type { ForgeCore } from "../core.ts";
import type { App, Comment, Issue, PullRequest, ReactionSubject, Repository } from "../records.ts";
import { icon, type IconName, type Tone } from "./icons.ts";
import { avatar, type Html } from "./layout.ts";
import { markdown, type Place } from "./markdown.ts";
import { time } from "./times.ts";

export function badge(tone: Tone, text: string, picture?: IconName): Html {
  return html`<span class="badge ${tone}">${picture === undefined ? "" : icon(picture)}${text}</span>`;
}

/** How an issue or a pull request stands. */
function standing(issue: Issue | PullRequest): { tone: Tone; text: string; picture: IconName } {
  if ("isMerged" in issue && issue.isMerged) return { tone: "merged", text: "Merged", picture: "merge" };
  if ("isDraft" in issue && issue.isDraft && issue.state === "open") return { tone: "quiet", text: "Draft", picture: "pull" };
  const picture = issue.isPull ? "pull" : "issue";
  if (issue.state === "open") return { tone: "good", text: "Open", picture };
  return issue.isPull ? { tone: "bad", text: "Closed", picture } : { tone: "merged", text: "Closed", picture: "check" };
}

export function stateBadge(issue: Issue | PullRequest): Html {
  const { tone, text, picture } = standing(issue);
  return badge(tone, text, picture);
}

/** As `stateBadge`, where there is no room for words. */
export function stateIcon(issue: Issue | PullRequest): Html {
  const { tone, text, picture } = standing(issue);
  return html`<span class="state ${tone}" title="${text}">${icon(picture)}<span class="unseen">${text}</span></span>`;
}

/** A check, a job or a run: how it stands. */
export function toneOf(status: string, conclusion: string | null): Tone {
  if (status !== "completed") return status === "queued" ? "quiet" : "busy";
  if (conclusion === "success") return "good";
  return conclusion === "skipped" || conclusion === "neutral" || conclusion === "stale" ? "quiet" : "bad";
}

const WORDS: Record<string, string> = {
  queued: "waits",
  pending: "waits",
  in_progress: "running",
  success: "passed",
  failure: "failed",
  error: "failed",
  timed_out: "timed out",
  action_required: "needs you",
};

/** A status or a conclusion, as people say it. */
export function word(status: string, conclusion: string | null): string {
  const said = status === "completed" ? (conclusion ?? "ended") : status;
  return WORDS[said] ?? said;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString("en-US")} ${count === 1 ? one : many}`;
}

/** Bots without their mark, which is shown as a badge where it matters. */
export function login(core: ForgeCore, id: number): string {
  return core.state.account(id).login.replace(/\[bot\]$/, "");
}

/** The App that answers comments here, if one is installed. */
export function appOf(core: ForgeCore, repository: Repository): App | undefined {
  const apps = core.state.installationsOn(repository.id).map((installation) => core.state.app(installation.appId));
  return apps.find((app) => app !== undefined && app.slug !== "github-actions");
}

/** What comes here, and what to do for it. */
export function empty(picture: IconName, title: string, text: Html | string, action: Html | string = ""): Html {
  return html`<div class="card empty">
    ${icon(picture)}
    <p class="empty-title">${title}</p>
    <p class="muted">${text}</p>
    ${action}
  </div>`;
}

/** What was written, with its writer and the reactions to it. `line`: what the writer did, besides. */
export function said(
  core: ForgeCore,
  item: Pick<Comment, "userId" | "body" | "createdAt"> & { id: number },
  subject: ReactionSubject | null,
  anchor: string,
  place: Place,
  line: Html | string = "",
): Html {
  const writer = core.state.account(item.userId);
  const reactions = subject === null ? [] : core.state.reactions(subject, item.id).items;
  const name = writer.login.replace(/\[bot\]$/, "");
  return html`<article class="said" id="${anchor}" aria-label="Written by ${name}">
    ${avatar(writer)}
    <div class="card bubble">
      <header class="said-by">
        <strong>${name}</strong> ${writer.type === "Bot" ? badge("quiet", "bot") : ""} ${line}
        <a class="muted when" href="#${anchor}">${time(item.createdAt)}</a>
      </header>
      ${item.body.trim() === "" ? html`<p class="prose muted">Nothing was written.</p>` : markdown(item.body, place)}
      ${reactions.length === 0 ? "" : reactionsView(core, reactions)}
    </div>
  </article>`;
}

function reactionsView(core: ForgeCore, reactions: { userId: number; content: string }[]): Html {
  const kinds = [...new Set(reactions.map((reaction) => reaction.content))];
  return html`<ul class="reactions" aria-label="Reactions">
    ${kinds.map((kind) => {
      const of = reactions.filter((reaction) => reaction.content === kind);
      const [sign, name] = REACTIONS[kind] ?? ["", kind];
      const who = of.map((reaction) => login(core, reaction.userId)).join(", ");
      return html`<li title="${name}: ${who}">
        <span class="${sign === "" ? "" : "emoji"}" role="img" aria-label="${name} by ${who}">${sign === "" ? icon("eyes") : sign}</span>
        <span aria-hidden="true">${of.length}</span>
      </li>`;
    })}
  </ul>`;
}

/** Seen is drawn, as it is the one that the platform gives and not every system has a picture of it. */
const REACTIONS: Record<string, [sign: string, name: string]> = {
  "+1": ["👍", "thumbs up"],
  "-1": ["👎", "thumbs down"],
  laugh: ["😄", "laugh"],
  confused: ["😕", "confused"],
  heart: ["❤️", "heart"],
  hooray: ["🎉", "hooray"],
  rocket: ["🚀", "rocket"],
  eyes: ["", "seen"],
};

/** A form of one purpose: posts to `action` and comes back. */
export function form(session: Session, action: string, body: Html, name = ""): Html {
  return html`<form method="post" action="${action}" class="${name}">
    <input type="hidden" name="csrf" value="${session.csrf}" />${body}
  </form>`;
}

/** How to get in, for whoever may only read here. */
export function loginHint(what: string): Html {
  return html`<p class="card pad muted hint">${icon("lock")} Log in with a one-time link to ${what}.</p>`;
}

/** A comment, and with it closing or opening again for those who may. */
export function composer(core: ForgeCore, repository: Repository, issue: Issue, session: Session | undefined, mayChange: boolean): Html {
  if (session === undefined) return loginHint("write here");
  const app = appOf(core, repository);
  const isMerged = issue.isPull && core.state.pullById(issue.id)?.isMerged === true;
  const kind = issue.isPull ? "pull request" : "issue";
  return form(
    session,
    `/${repository.fullName}/issues/${issue.number}/comments`,
    html`${avatar(session.account)}
      <div class="card pad composer">
        <label for="body">Comment as ${session.account.login}</label>
        <textarea
          id="body"
          name="body"
          rows="4"
          required
          maxlength="65536"
          autocomplete="off"
          aria-describedby="body-hint"
          placeholder="${app === undefined ? "Write a comment" : `@${app.slug} …`}"
        ></textarea>
        <p class="muted small" id="body-hint">
          ${app === undefined ? "" : html`A comment that opens with <code>@${app.slug}</code> is a request; <code>@${app.slug} help</code> lists what it understands. `}<span
            class="keys"
            ><kbd>Ctrl</kbd>+<kbd>Enter</kbd> sends.</span
          >
        </p>
        <p class="actions">
          ${
            !mayChange || isMerged
              ? ""
              : issue.state === "open"
                ? html`<button type="submit" name="state" value="closed" formnovalidate>Close ${kind}</button>`
                : html`<button type="submit" name="state" value="open" formnovalidate>Open ${kind} again</button>`
          }<button class="primary" type="submit" data-default>Comment</button>
        </p>
      </div>`,
    "answer",
  );
}
