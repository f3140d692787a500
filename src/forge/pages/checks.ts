/** The check runs of a commit: how each stands, and its evidence. */
import { html, raw } from "hono/html";
import type { ForgeCore } from "../core.ts";
import type { Annotation, CheckRun } from "../records.ts";
import type { Html } from "./layout.ts";
import { isSafeAddress, markdown } from "./markdown.ts";
import { dot, took, toneOf, word } from "./parts.ts";

/** How a commit's checks stand together, in one sentence. */
export function tally(checks: CheckRun[]): string {
  const tones = checks.map((check) => toneOf(check.status, check.conclusion));
  const of = (tone: string): number => tones.filter((one) => one === tone).length;
  const unfinished = checks.filter((check) => check.status !== "completed").length;
  if (checks.length === 0) return "No check has begun.";
  if (of("good") === checks.length) return checks.length === 1 ? "The check passed." : `All ${checks.length} checks passed.`;
  const parts = [`${of("good")} of ${checks.length} checks passed`];
  if (of("bad") > 0) parts.push(`${of("bad")} failed`);
  if (unfinished > 0) parts.push(`${unfinished} not done yet`);
  return `${parts.join(", ")}.`;
}

export function checksView(core: ForgeCore, checks: CheckRun[]): Html {
  if (checks.length === 0) return html`<p class="card pad muted">No check has begun.</p>`;
  return html`<p class="muted small">${tally(checks)}</p>
    <section class="stack" aria-label="Checks">${checks.map((check) => checkView(core, check))}</section>`;
}

/** Open where there is something to look at: a failure, or pictures. */
function checkView(core: ForgeCore, check: CheckRun): Html {
  const tone = toneOf(check.status, check.conclusion);
  const annotations = core.state.annotations(check.id).items;
  const hasPictures = /!\[[^\]]*\]\(/.test(check.summary ?? "");
  return html`<details class="card check" id="check-${check.id}" ${tone === "bad" || hasPictures ? raw("open") : ""}>
    <summary>
      ${dot(tone, word(check.status, check.conclusion))} <strong>${check.name}</strong>
      <span class="muted">${check.title ?? ""}</span>
      <span class="muted small end">${word(check.status, check.conclusion)} ${took(check.startedAt, check.completedAt)}</span>
    </summary>
    <div class="pad evidence">
      ${annotations.map(annotationView)} ${[check.summary, check.text].map((text) => (text === null || text === "" ? "" : markdown(text)))}
      ${check.detailsUrl === null || !isSafeAddress(check.detailsUrl) ? "" : html`<p><a href="${check.detailsUrl}">Details</a></p>`}
    </div>
  </details>`;
}

function annotationView(annotation: Annotation): Html {
  return html`<div class="annotation ${annotation.level}">
    <p>
      <code>${annotation.path}:${annotation.startLine}</code> ${annotation.title === null ? "" : html`<strong>${annotation.title}</strong>`}
    </p>
    <p class="message">${annotation.message}</p>
  </div>`;
}
