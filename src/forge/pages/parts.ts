/** Small pieces that several pages show alike. */
import { html } from "hono/html";
import type { ForgeCore } from "../core.ts";
import type { Session } from "../accounts.ts";
import type { Comment, Issue, PullRequest, ReactionSubject } from "../records.ts";
import type { Html } from "./layout.ts";
import { markdown } from "./markdown.ts";

export type Tone = "good" | "bad" | "busy" | "quiet" | "merged";

export function badge(tone: Tone, text: string): Html {
  return html`<span class="badge ${tone}">${text}</span>`;
}

export function stateBadge(issue: Issue | PullRequest): Html {
  if ("isMerged" in issue && issue.isMerged) return badge("merged", "Merged");
  return issue.state === "open" ? badge("good", "Open") : badge("quiet", "Closed");
}

/** A check, a job or a run: how it stands. */
export function toneOf(status: string, conclusion: string | null): Tone {
  if (status !== "completed") return "busy";
  return conclusion === "success" ? "good" : "bad";
}

export function dot(tone: Tone, label: string): Html {
  return html`<span class="dot ${tone}" role="img" aria-label="${label}"></span>`;
}

export function time(at: string | null): Html {
  return at === null ? html`` : html`<time datetime="${at}">${at.replace("T", " ").replace(/(:\d\d)Z$/, "")}</time>`;
}

export function login(core: ForgeCore, id: number): string {
  return core.state.account(id).login;
}

/** What was written, with its writer and the reactions to it. */
export function said(
  core: ForgeCore,
  item: Pick<Comment, "userId" | "body" | "createdAt"> & { id: number },
  subject: ReactionSubject,
  anchor: string,
): Html {
  const writer = core.state.account(item.userId);
  const reactions = core.state.reactions(subject, item.id).items;
  return html`<article class="card said" id="${anchor}">
    <h3 class="said-by">
      <strong>${writer.login}</strong> ${writer.type === "Bot" ? badge("quiet", "bot") : ""}
      <a class="muted" href="#${anchor}">${time(item.createdAt)}</a>
    </h3>
    <div class="prose">${markdown(item.body)}</div>
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
      <textarea id="body" name="body" rows="4" required maxlength="65536" placeholder="@adorable add a blog app"></textarea>
      <p class="end"><button class="primary" type="submit">Comment</button></p>
    </div>`,
  );
}
