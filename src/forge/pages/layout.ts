/** The frame of every page: head, navigation, messages. */
import { html, raw } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";
import type { Session } from "../accounts.ts";
import type { Repository } from "../records.ts";

export type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

export interface Frame {
  title: string;
  session: Session | undefined;
  repository?: Repository | undefined;
  /** Which entry of the repository's navigation this is. */
  section?: "issues" | "pulls" | "actions" | "code" | "releases";
  /** A failure of the form that was just sent. */
  problem?: string | undefined;
  body: Html;
}

const SECTIONS = [
  ["code", "Code", ""],
  ["issues", "Issues", "/issues"],
  ["pulls", "Pull requests", "/pulls"],
  ["actions", "Actions", "/actions"],
  ["releases", "Releases", "/releases"],
] as const;

export function page(frame: Frame): Html {
  const { title, session, repository, section, problem, body } = frame;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title}</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href="/_static/forge.css" />
        <script type="module" src="/_static/live.js"></script>
      </head>
      <body>
        <header class="top">
          <nav aria-label="Site">
            <a class="brand" href="/">◆ Forge</a>
            ${repository === undefined ? "" : html`<a class="repository" href="/${repository.fullName}">${repository.fullName}</a>`}
            <span class="spacer"></span>
            ${session === undefined ? html`<span class="muted">Not logged in</span>` : html`<span class="who">${session.account.login}</span>`}
          </nav>
          ${
            repository === undefined
              ? ""
              : html`<nav class="tabs" aria-label="Repository">
                  ${SECTIONS.map(([key, label, path]) => html`<a href="/${repository.fullName}${path}" ${key === section ? raw('aria-current="page"') : ""}>${label}</a>`)}
                </nav>`
          }
        </header>
        <main>${problem === undefined ? "" : html`<p class="problem" role="alert">${problem}</p>`} ${body}</main>
      </body>
    </html>`;
}
