/** Small pieces that several pages show alike. */
import { html } from "hono/html";
import type { Session } from "../accounts.ts";
import type { ForgeCore } from "../core.ts";
import type { Comment, Deployment, Issue, PullRequest, ReactionSubject } from "../records.ts";
import type { Html } from "./layout.ts";
import { isSafeAddress, markdown } from "./markdown.ts";

export type Tone = "good" | "bad" | "busy" | "quiet" | "merged";

export function badge(tone: Tone, text: string): Html {
  return html`<span class="badge ${tone}">${text}</span>`;
}

export function stateBadge(issue: Issue | PullRequest): Html {
  if ("isMerged" in issue && issue.isMerged) return badge("merged", "Merged");
  if ("isDraft" in issue && issue.isDraft && issue.state === "open") return badge("quiet", "Draft");
  return issue.state === "open" ? badge("good", "Open") : badge("quiet", "Closed");
}

/** A check, a job or a run: how it stands. */
export function toneOf(status: string, conclusion: string | null): Tone {
  if (status !== "completed") return status === "queued" ? "quiet" : "busy";
  if (conclusion === "success") return "good";
  return conclusion === "skipped" || conclusion === "neutral" || conclusion === "stale" ? "quiet" : "bad";
}

const WORDS: Record<string, string> = {
  queued: "waits",
  in_progress: "running",
  success: "passed",
  failure: "failed",
  timed_out: "timed out",
  action_required: "needs you",
};

/** A status or a conclusion, as people say it. */
export function word(status: string, conclusion: string | null): string {
  const said = status === "completed" ? (conclusion ?? "ended") : status;
  return WORDS[said] ?? said;
}

export function dot(tone: Tone, label: string): Html {
  return html`<span class="dot ${tone}" role="img" aria-label="${label}" title="${label}"></span>`;
}

export function time(at: string | null): Html {
  return at === null ? html`` : html`<time datetime="${at}" title="${at}">${at.slice(0, 16).replace("T", " ")}</time>`;
}

/** How long something took, or nothing while it has not ended. */
export function took(from: string | null, to: string | null): string {
  if (from === null || to === null) return "";
  const seconds = Math.max(0, Math.round((Date.parse(to) - Date.parse(from)) / 1000));
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** Bots without their mark, which is shown as a badge where it matters. */
export function login(core: ForgeCore, id: number): string {
  return core.state.account(id).login.replace(/\[bot\]$/, "");
}

/** What was written, with its writer and the reactions to it. `line`: what the writer did, besides. */
export function said(
  core: ForgeCore,
  item: Pick<Comment, "userId" | "body" | "createdAt"> & { id: number },
  subject: ReactionSubject | null,
  anchor: string,
  line: Html | string = "",
): Html {
  const writer = core.state.account(item.userId);
  const reactions = subject === null ? [] : core.state.reactions(subject, item.id).items;
  return html`<article class="card said" id="${anchor}" aria-label="Written by ${writer.login}">
    <header class="said-by">
      <strong>${writer.login.replace(/\[bot\]$/, "")}</strong> ${writer.type === "Bot" ? badge("quiet", "bot") : ""} ${line}
      <a class="muted" href="#${anchor}">${time(item.createdAt)}</a>
    </header>
    ${item.body.trim() === "" ? html`<p class="prose muted">Nothing was written.</p>` : markdown(item.body)}
    ${reactions.length === 0 ? "" : html`<p class="reactions">${reactions.map((reaction) => html`<span title="${login(core, reaction.userId)}">${EMOJI[reaction.content] ?? reaction.content}</span>`)}</p>`}
  </article>`;
}

const EMOJI: Record<string, string> = {
  "+1": "👍",
  "-1": "👎",
  laugh: "😄",
  confused: "😕",
  heart: "❤️",
  hooray: "🎉",
  rocket: "🚀",
  eyes: "👀",
};

/** The newest deployment of each environment. */
export function deploymentRows(core: ForgeCore, deployments: Deployment[]): Html[] {
  const newest = new Map<string, Deployment>();
  for (const deployment of deployments) if (!newest.has(deployment.environment)) newest.set(deployment.environment, deployment);
  return [...newest.values()].map((deployment) => {
    const status = core.state.deploymentStatuses(deployment.id).items[0];
    const state = status?.state ?? "pending";
    const tone: Tone =
      state === "success" ? "good" : state === "failure" || state === "error" ? "bad" : state === "in_progress" ? "busy" : "quiet";
    const url = status?.state === "success" && isSafeAddress(status.environmentUrl) ? status.environmentUrl : undefined;
    return html`<li class="row">
      ${dot(tone, word(state, null))} <strong>${deployment.environment}</strong>
      ${url === undefined ? html`<span class="muted">${word(state, null)}</span>` : html`<a class="link" href="${url}" rel="noopener">${url}</a>`}
      <span class="muted end">${time(status?.createdAt ?? deployment.createdAt)}</span>
    </li>`;
  });
}

/** A form of one purpose: posts to `action` and comes back. */
export function form(session: Session, action: string, body: Html): Html {
  return html`<form method="post" action="${action}"><input type="hidden" name="csrf" value="${session.csrf}" />${body}</form>`;
}

export function composer(session: Session | undefined, action: string): Html {
  if (session === undefined) return html`<p class="card muted pad">Log in with a one-time link to write here.</p>`;
  return form(
    session,
    action,
    html`<div class="card pad composer">
      <label for="body">Comment as ${session.account.login}</label>
      <textarea
        id="body"
        name="body"
        rows="4"
        required
        maxlength="65536"
        autocomplete="off"
        placeholder="@adorable add a blog app"
      ></textarea>
      <p class="end"><button class="primary" type="submit">Comment</button></p>
    </div>`,
  );
}
