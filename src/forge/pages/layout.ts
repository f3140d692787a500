/** The frame of every page: head, navigation, messages. */
import { html, raw } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";
import type { Session } from "../accounts.ts";
import type { Repository } from "../records.ts";
import { icon, type IconName } from "./icons.ts";

export type Html = HtmlEscapedString | Promise<HtmlEscapedString>;
export type Section = "code" | "issues" | "pulls" | "actions" | "deployments" | "releases" | "settings";
/** What a visitor chose; none: as the system has it. */
export type Theme = "light" | "dark";

export interface Frame {
  title: string;
  session: Session | undefined;
  theme: Theme | undefined;
  repository?: Repository | undefined;
  /** Beside the entries of the repository's navigation: how many are open. */
  counts?: Partial<Record<Section, number>> | undefined;
  /** Which entry of the repository's navigation this is. */
  section?: Section | undefined;
  /** Whether the visitor may change the repository's settings. */
  isAdmin?: boolean | undefined;
  /** Where changes of what is shown are announced; none: the page does not refresh itself. */
  changes?: string | undefined;
  body: Html;
}

const SECTIONS: readonly (readonly [Section, string, string, IconName])[] = [
  ["code", "Code", "", "code"],
  ["issues", "Issues", "/issues", "issue"],
  ["pulls", "Pull requests", "/pulls", "pull"],
  ["actions", "Actions", "/actions", "play"],
  ["deployments", "Deployments", "/deployments", "rocket"],
  ["releases", "Releases", "/releases", "tag"],
  ["settings", "Settings", "/settings", "people"],
];

export function page(frame: Frame): Html {
  const { title, session, theme, repository, changes, body } = frame;
  return html`<!doctype html>
    <html lang="en" ${theme === undefined ? "" : html`data-theme="${theme}"`}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="${theme ?? "light dark"}" />
        <title>${title}</title>
        <link rel="icon" href="/_static/icon.svg" type="image/svg+xml" />
        <link rel="preload" href="/_static/geist.woff2" as="font" type="font/woff2" crossorigin />
        <link rel="stylesheet" href="/_static/forge.css" />
        <script type="module" src="/_static/page.js"></script>
        ${changes === undefined ? "" : html`<script type="module" src="/_static/live.js" data-changes="${changes}"></script>`}
      </head>
      <body>
        <a class="skip" href="#main">Skip to the content</a>
        <header class="top">
          <nav class="site" aria-label="Site">
            <a class="brand" href="/"><span class="sign-of-forge" aria-hidden="true"></span>Forge</a>
            ${repository === undefined ? "" : whereabouts(repository)}
            <span class="spacer"></span>
            ${themeSwitch()} ${session === undefined ? html`<span class="muted">Not logged in</span>` : whoami(session)}
          </nav>
          ${repository === undefined ? "" : sections(frame, repository)}
        </header>
        <main id="main">${body}</main>
        <p class="unseen" id="news" role="status"></p>
        <p class="offline" role="status" hidden>The connection is lost. This page catches up by itself when it is back.</p>
      </body>
    </html>`;
}

function whereabouts({ owner, name, fullName, isPrivate }: Repository): Html {
  return html`<span class="where"
    ><a class="owner" href="/${owner}">${owner}</a><span class="muted" aria-hidden="true">/</span
    ><a class="repository" href="/${fullName}">${name}</a>${
      isPrivate ? html`<span class="muted" title="Private">${icon("lock")}<span class="unseen">private</span></span>` : ""
    }</span
  >`;
}

function sections({ section, counts = {}, isAdmin = false }: Frame, repository: Repository): Html {
  return html`<nav class="tabs" aria-label="Repository">
    ${SECTIONS.filter(([key]) => key !== "settings" || isAdmin).map(
      ([key, label, path, picture]) =>
        html`<a href="/${repository.fullName}${path}" ${key === section ? raw('aria-current="page"') : ""}
          >${icon(picture)}${label}${counts[key] === undefined || counts[key] === 0 ? "" : html` <span class="count">${counts[key]}</span>`}</a
        >`,
    )}
  </nav>`;
}

/** Which of the two can be pressed follows what is seen: the style sheet hides the other. */
function themeSwitch(): Html {
  return html`<form class="theme" method="post" action="/theme">
    <button class="plain to-dark" name="theme" value="dark" aria-label="Dark colours" title="Dark colours">${icon("moon")}</button
    ><button class="plain to-light" name="theme" value="light" aria-label="Light colours" title="Light colours">${icon("sun")}</button>
  </form>`;
}

function whoami(session: Session): Html {
  return html`<a class="who" href="/${session.account.login}"
      >${avatar(session.account)}<span class="who-name">${session.account.login}</span></a
    >
    <form method="post" action="/logout">
      <input type="hidden" name="csrf" value="${session.csrf}" /><button class="plain" type="submit" aria-label="Log out" title="Log out">
        ${icon("leave")}
      </button>
    </form>`;
}

/** Two letters on one of eight colours, the same for the same login everywhere; Apps have a sign instead. */
export function avatar({ login, type }: { login: string; type: "User" | "Bot" | "Organization" }): Html {
  if (type === "Bot") return html`<span class="avatar bot" aria-hidden="true"></span>`;
  const hue = [...login].reduce((sum, letter) => (sum * 31 + (letter.codePointAt(0) ?? 0)) % 997, 7) % 8;
  return html`<span class="avatar hue-${hue}" aria-hidden="true">${login.slice(0, 2)}</span>`;
}
