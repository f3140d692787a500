/** The check runs of a commit: how each stands, and its evidence. */
import { html, raw } from "hono/html";
import type { Session } from "../accounts.ts";
import { isAtLeast } from "../auth.ts";
import type { ForgeCore } from "../core.ts";
import type { Annotation, CheckRun, CheckSuite, Repository } from "../records.ts";
import { mark, type Tone } from "./icons.ts";
import type { Html } from "./layout.ts";
import { isSafeAddress, markdown } from "./markdown.ts";
import { empty, form, plural, toneOf, word } from "./parts.ts";
import { took } from "./times.ts";

export interface Tally {
  tone: Tone;
  heading: string;
  /** How many stand how, in one sentence. */
  text: string;
}

/** How a commit's checks stand together. */
export function tally(checks: CheckRun[]): Tally {
  const tones = checks.map((check) => toneOf(check.status, check.conclusion));
  const of = (tone: string): number => tones.filter((one) => one === tone).length;
  const unfinished = checks.filter((check) => check.status !== "completed").length;
  if (checks.length === 0) return { tone: "quiet", heading: "No checks", text: "No check has begun for this commit." };
  const parts = [`${of("good")} of ${plural(checks.length, "check")} passed`];
  if (of("bad") > 0) parts.push(`${of("bad")} failed`);
  if (unfinished > 0) parts.push(`${unfinished} not done yet`);
  const text = `${parts.join(", ")}.`;
  if (of("bad") > 0) return { tone: "bad", heading: of("bad") === 1 ? "A check failed" : "Some checks failed", text };
  if (unfinished > 0) return { tone: "busy", heading: "Checks are running", text };
  return { tone: "good", heading: checks.length === 1 ? "The check passed" : "All checks passed", text };
}

/** `session`: of whoever looks; writers may ask for a check again where its App would hear. */
export function checksView(core: ForgeCore, repository: Repository, checks: CheckRun[], session: Session | undefined): Html {
  if (checks.length === 0)
    return empty("check", "No check has begun", "Checks appear here as soon as somebody reports one for this commit.");
  const { tone, heading, text } = tally(checks);
  const again = rerunsOf(core, repository, checks, session);
  return html`<div class="head sum">
      <p class="with-icon">
        ${mark(tone)}<span><strong>${heading}.</strong> <span class="muted">${text}</span></span>
      </p>
      ${again?.all ?? ""}
    </div>
    <div class="stack" role="group" aria-label="Checks">${checks.map((check) => checkView(core, repository, check, again?.one))}</div>`;
}

interface Reruns {
  /** Of each App all that it has here. */
  all: Html;
  one(check: CheckRun): Html | undefined;
}

/** The buttons that ask Apps for their checks again; nothing for whoever may only read. */
function rerunsOf(core: ForgeCore, repository: Repository, checks: CheckRun[], session: Session | undefined): Reruns | undefined {
  if (session === undefined || !isAtLeast(core.state.role(repository, session.account), "write")) return undefined;
  const suites = new Map<number, CheckSuite>();
  for (const { appId, headSha } of checks) {
    const suite = core.state.checkSuiteOf(repository.id, appId, headSha);
    if (suite !== undefined && core.state.installationOf(appId, repository.id) !== undefined) suites.set(appId, suite);
  }
  const asked = html`<span class="muted small">Asked to run again</span>`;
  const nameOf = (appId: number): string => (suites.size === 1 ? "all" : `all of ${core.state.app(appId)?.name ?? "an App"}`);
  return {
    all: html`<div class="actions">
      ${[...suites].map(([appId, suite]) =>
        suite.isReset
          ? asked
          : form(session, `/${repository.fullName}/suites/${suite.id}/rerun`, html`<button type="submit">Re-run ${nameOf(appId)}</button>`),
      )}
    </div>`,
    one(check) {
      const suite = suites.get(check.appId);
      if (suite === undefined || suite.isReset || check.status !== "completed") return undefined;
      return form(
        session,
        `/${repository.fullName}/runs/${check.id}/rerun`,
        html`<button type="submit">Re-run<span class="unseen"> ${check.name}</span></button>`,
      );
    },
  };
}

/** Open where there is something to look at: a failure, or pictures. */
function checkView(core: ForgeCore, repository: Repository, check: CheckRun, rerunOf: Reruns["one"] | undefined): Html {
  const tone = toneOf(check.status, check.conclusion);
  const annotations = core.state.annotations(check.id).items;
  const hasPictures = /!\[[^\]]*\]\(/.test(check.summary ?? "");
  const texts = [check.summary, check.text].filter((text) => text !== null && text !== "");
  const again = rerunOf?.(check);
  const details = check.detailsUrl !== null && isSafeAddress(check.detailsUrl) ? check.detailsUrl : undefined;
  return html`<details class="card check" id="check-${check.id}" ${tone === "bad" || hasPictures ? raw("open") : ""}>
    <summary>
      ${mark(tone, word(check.status, check.conclusion))} <strong>${check.name}</strong>
      <span class="muted">${check.title ?? ""}</span>
      <span class="muted small end">${word(check.status, check.conclusion)} ${took(check.startedAt, check.completedAt)}</span>
    </summary>
    <div class="pad evidence">
      ${annotations.map((annotation) => annotationView(repository, check, annotation))}
      ${texts.map((text) => markdown(text, { repository: `/${repository.fullName}` }))}
      ${annotations.length + texts.length === 0 ? html`<p class="muted">Nothing was reported beside the result.</p>` : ""}
      ${details === undefined && again === undefined ? "" : html`<div class="actions">${details === undefined ? "" : html`<a href="${details}">Details</a>`} ${again ?? ""}</div>`}
    </div>
  </details>`;
}

function annotationView(repository: Repository, check: CheckRun, annotation: Annotation): Html {
  const { path, startLine } = annotation;
  const file = `/${repository.fullName}/blob/${check.headSha}/${path.split("/").map(encodeURIComponent).join("/")}#L${startLine}`;
  return html`<div class="annotation ${annotation.level}">
    <p>
      ${annotation.title === null ? "" : html`<strong>${annotation.title}</strong>`} <a href="${file}"><code>${path}:${startLine}</code></a>
    </p>
    <p class="message">${annotation.message}</p>
  </div>`;
}
