/** The frame of every page: head, navigation, messages. */
import { html, raw } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";
import type { Session } from "../accounts.ts";
import type { Repository } from "../records.ts";

export type Html = HtmlEscapedString | Promise<HtmlEscapedString>;
export type Section = "issues" | "pulls" | "actions" | "code" | "releases";

export interface Frame {
  title: string;
  session: Session | undefined;
  repository?: Repository | undefined;
  /** Which entry of the repository's navigation this is. */
  section?: Section | undefined;
  /** Where changes of what is shown are announced; none: the page does not refresh itself. */
  changes?: string | undefined;
  body: Html;
}

const SECTIONS: readonly (readonly [Section, string, string])[] = [
  ["code", "Code", ""],
  ["issues", "Issues", "/issues"],
  ["pulls", "Pull requests", "/pulls"],
  ["actions", "Actions", "/actions"],
  ["releases", "Releases", "/releases"],
];

export function page(frame: Frame): Html {
  const { title, session, repository, section, changes, body } = frame;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title}</title>
        <link rel="icon" href="/_static/icon.svg" type="image/svg+xml" />
        <link rel="stylesheet" href="/_static/forge.css" />
        ${changes === undefined ? "" : html`<script type="module" src="/_static/live.js" data-changes="${changes}"></script>`}
      </head>
      <body>
        <a class="skip" href="#main">Skip to the content</a>
        <header class="top">
          <nav aria-label="Site">
            <a class="brand" href="/"><span aria-hidden="true">◆</span> Forge</a>
            ${repository === undefined ? "" : html`<a class="repository" href="/${repository.fullName}">${repository.fullName}</a>`}
            <span class="spacer"></span>
            ${
              session === undefined
                ? html`<span class="muted">Not logged in</span>`
                : html`<span class="who">${session.account.login}</span>
                    <form method="post" action="/logout">
                      <input type="hidden" name="csrf" value="${session.csrf}" /><button class="plain" type="submit">Log out</button>
                    </form>`
            }
          </nav>
          ${
            repository === undefined
              ? ""
              : html`<nav class="tabs" aria-label="Repository">
                  ${SECTIONS.map(([key, label, path]) => html`<a href="/${repository.fullName}${path}" ${key === section ? raw('aria-current="page"') : ""}>${label}</a>`)}
                </nav>`
          }
        </header>
        <main id="main">${body}</main>
      </body>
    </html>`;
}

/** What was refused or failed, in a sentence, with what had been typed. */
export function problemBody(heading: string, text: string, back: string, typed: string): Html {
  return html`<h1>${heading}</h1>
    <p class="problem" role="alert">${text}</p>
    ${typed === "" ? "" : html`<label for="typed">What you had written</label><textarea id="typed" rows="6" readonly>${typed}</textarea>`}
    <p><a href="${back}">Back</a></p>`;
}
