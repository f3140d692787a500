/** The lists of issues and of pull requests, what filters them, and the form that opens an issue. */
import { html, raw } from "hono/html";
import type { Session } from "../accounts.ts";
import type { ForgeCore } from "../core.ts";
import type { CheckRun, Issue, PullRequest, Repository } from "../records.ts";
import { icon, mark } from "./icons.ts";
import type { Html } from "./layout.ts";
import { appOf, empty, form, login, plural, stateIcon, toneOf } from "./parts.ts";
import { firstRequests } from "./start.ts";
import { time } from "./times.ts";

const PER_PAGE = 50;

export interface Wanted {
  state: "open" | "closed";
  /** Words that the title must have. */
  words: string;
  page: number;
}

export function wantedOf(query: (name: string) => string | undefined): Wanted {
  const page = Number(query("page") ?? "1");
  const state = query("state") === "closed" ? "closed" : "open";
  return { state, words: (query("q") ?? "").trim(), page: Number.isSafeInteger(page) && page > 0 ? page : 1 };
}

export function listBody(core: ForgeCore, repository: Repository, isPull: boolean, session: Session | undefined, wanted: Wanted): Html {
  const all: (Issue | PullRequest)[] = isPull
    ? core.state.pulls(repository.id, { state: "all" }).items
    : core.state.issues(repository.id, { isPull: false, state: "all" }).items;
  const base = `/${repository.fullName}/${isPull ? "pulls" : "issues"}`;
  const words = wanted.words.toLowerCase().split(/\s+/);
  const named = all.filter((item) => words.every((one) => `${item.title} #${item.number}`.toLowerCase().includes(one)));
  const found = named.filter((item) => item.state === wanted.state);
  const shown = found.slice((wanted.page - 1) * PER_PAGE, wanted.page * PER_PAGE);
  const count = (state: string): number => named.filter((item) => item.state === state).length;
  const address = (change: Partial<Wanted>): string => addressOf(base, { ...wanted, page: 1, ...change });
  return html`<div class="head">
      <h1>${isPull ? "Pull requests" : "Issues"}</h1>
      ${isPull || session === undefined ? "" : html`<a class="button primary" href="/${repository.fullName}/issues/new">${icon("plus")}New issue</a>`}
    </div>
    ${
      all.length === 0
        ? nothingYet(core, repository, isPull, session)
        : html`<div class="toolbar">
              <nav class="segments" aria-label="State">
                ${(["open", "closed"] as const).map((state) => html`<a href="${address({ state })}" ${state === wanted.state ? raw('aria-current="page"') : ""}>${state === "open" ? "Open" : "Closed"} <span class="count">${count(state)}</span></a>`)}
              </nav>
              <form class="search" role="search" action="${base}">
                ${wanted.state === "open" ? "" : html`<input type="hidden" name="state" value="${wanted.state}" />`}
                <label class="unseen" for="q">Search titles</label>${icon("search")}<input
                  id="q"
                  name="q"
                  type="search"
                  value="${wanted.words}"
                  placeholder="Search titles"
                />
              </form>
            </div>
            ${
              shown.length === 0
                ? noMatch(isPull, wanted, base)
                : html`<ul class="card rows">
                    ${shown.map((item) => itemRow(core, repository, item))}
                  </ul>`
            }
            ${pager(address, wanted.page, found.length)}`
    }`;
}

function addressOf(base: string, { state, words, page }: Wanted): string {
  const query = new URLSearchParams();
  if (state !== "open") query.set("state", state);
  if (words !== "") query.set("q", words);
  if (page > 1) query.set("page", String(page));
  return query.size === 0 ? base : `${base}?${query}`;
}

export function pager(address: (change: { page: number }) => string, page: number, total: number, perPage = PER_PAGE): Html {
  if (total <= perPage && page === 1) return html``;
  return html`<nav class="pager" aria-label="Pages">
    ${page > 1 ? html`<a class="button" rel="prev" href="${address({ page: page - 1 })}">Newer</a>` : ""}
    ${page * perPage < total ? html`<a class="button" rel="next" href="${address({ page: page + 1 })}">Older</a>` : ""}
  </nav>`;
}

function noMatch(isPull: boolean, { words, state }: Wanted, base: string): Html {
  const kind = isPull ? "pull request" : "issue";
  if (words === "") return empty("check", `No ${state} ${kind}`, state === "open" ? "Everything is done." : "Nothing was closed yet.");
  return empty("search", `No ${state} ${kind} says “${words}”`, html`<a href="${base}">Show all that are open</a>`);
}

function itemRow(core: ForgeCore, repository: Repository, item: Issue | PullRequest): Html {
  const labels = core.state.labelsOf(item.id);
  return html`<li class="row item">
    ${stateIcon(item)}
    <div class="grow">
      <a class="row-link" href="/${repository.fullName}/${item.isPull ? "pull" : "issues"}/${item.number}"
        ><strong>${item.title}</strong></a
      >
      ${labels.map((label) => html`<span class="badge quiet">${label.name}</span>`)}
      <p class="muted small row-text">#${item.number} opened ${time(item.createdAt)} by ${login(core, item.userId)}</p>
    </div>
    <span class="muted small end facts"
      >${"headSha" in item ? checksMark(core.state.checkRuns(repository.id, item.headSha).items) : ""}
      ${item.commentCount === 0 ? "" : html`<span class="with-icon" title="${plural(item.commentCount, "comment")}">${icon("comment")}<span class="unseen">comments:</span> ${item.commentCount}</span>`}</span
    >
  </li>`;
}

/** All checks of a commit in one mark; nothing where there is none. */
export function checksMark(checks: CheckRun[]): Html {
  if (checks.length === 0) return html``;
  const tones = checks.map((check) => toneOf(check.status, check.conclusion));
  if (tones.includes("bad")) return mark("bad", "checks failed");
  if (checks.some((check) => check.status !== "completed")) return mark("busy", "checks are running");
  return mark("good", "checks passed");
}

function nothingYet(core: ForgeCore, repository: Repository, isPull: boolean, session: Session | undefined): Html {
  if (isPull)
    return empty(
      "pull",
      "No pull request yet",
      appOf(core, repository) === undefined
        ? "Push a branch and open one over the API."
        : "A request on an issue makes one: checked, with a preview, ready to be merged.",
      html`<a class="button" href="/${repository.fullName}/issues">To the issues</a>`,
    );
  return empty(
    "issue",
    "No issue yet",
    session === undefined ? "Log in with a one-time link to open one." : "Open one and say what you want built.",
    firstRequests(core, repository, session),
  );
}

export function newIssueBody(core: ForgeCore, repository: Repository, session: Session, given: { title: string; body: string }): Html {
  const app = appOf(core, repository);
  return html`<h1>New issue</h1>
    ${form(
      session,
      `/${repository.fullName}/issues/new`,
      html`<div class="card pad composer">
        <label for="title">Title</label>
        <input id="title" name="title" required maxlength="256" autocomplete="off" value="${given.title}" />
        <label for="body">What you want</label>
        <textarea id="body" name="body" rows="10" maxlength="65536" autocomplete="off" aria-describedby="body-hint">${given.body}</textarea>
        <p class="muted small" id="body-hint">
          ${app === undefined ? "Markdown is understood. " : html`A line that opens with <code>@${app.slug}</code> asks for it at once; without one it is a note. `}<span
            class="keys"
            ><kbd>Ctrl</kbd>+<kbd>Enter</kbd> sends.</span
          >
        </p>
        <p class="actions"><button class="primary" type="submit" data-default>Open issue</button></p>
      </div>`,
    )}`;
}
