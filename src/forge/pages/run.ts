/** The page of a workflow run: its jobs, their steps and their logs. */
import { html, raw } from "hono/html";
import { readLog } from "../actions/logs.ts";
import type { ForgeCore } from "../core.ts";
import type { Repository, WorkflowJob, WorkflowRun } from "../records.ts";
import type { Html } from "./layout.ts";
import { badge, dot, login, time, took, toneOf, word } from "./parts.ts";

/** The last lines of a log; the whole of it is behind a link. */
const SHOWN_LINES = 1500;

export async function runBody(core: ForgeCore, repository: Repository, run: WorkflowRun): Promise<Html> {
  const jobs = await Promise.all(core.state.jobs(run).map(async (job) => ({ job, log: await readLog(core, job) })));
  const inputs = Object.entries(run.inputs).map(([name, value]) => `${name} ${value}`);
  return html`<h1>${run.title} <span class="muted">#${run.number}</span></h1>
    <p class="sub">
      ${badge(toneOf(run.status, run.conclusion), word(run.status, run.conclusion))}
      <span class="muted"
        >${[`begun by ${login(core, run.actorId)}`, ...inputs, ...(run.attempt > 1 ? [`attempt ${run.attempt}`] : [])].join(" · ")},
        ${time(run.createdAt)}</span
      >
    </p>
    ${run.message === null ? "" : html`<p class="problem">${run.message}</p>`}
    ${jobs.length === 0 && run.message === null ? html`<p class="card pad muted">No job has begun.</p>` : ""}
    <section class="stack" aria-label="Jobs">${jobs.map(({ job, log }) => jobView(core, repository, run, job, log))}</section>`;
}

function jobView(core: ForgeCore, repository: Repository, run: WorkflowRun, job: WorkflowJob, log: string): Html {
  const tone = toneOf(job.status, job.conclusion);
  const isShown = tone === "bad" || tone === "busy" || core.state.jobs(run).filter((other) => other.conclusion !== "skipped").length === 1;
  return html`<details class="card check" id="job-${job.id}" ${isShown && job.conclusion !== "skipped" ? raw("open") : ""}>
    <summary>
      ${dot(tone, word(job.status, job.conclusion))} <strong>${job.name}</strong>
      <span class="muted small end">${word(job.status, job.conclusion)} ${took(job.startedAt, job.completedAt)}</span>
    </summary>
    ${
      job.steps.length === 0 && log === ""
        ? html`<p class="pad muted small">${job.conclusion === "skipped" ? "This job was not needed." : "Nothing has happened yet."}</p>`
        : html`<ol class="steps">
            ${job.steps.map((step) => html`<li>${dot(toneOf(step.status, step.conclusion), word(step.status, step.conclusion))} <span>${step.name}</span> <span class="muted small end">${took(step.startedAt, step.completedAt)}</span></li>`)}
          </ol>`
    }
    ${log === "" ? "" : logView(`/${repository.fullName}/actions/runs/${run.id}`, job, log)}
  </details>`;
}

function logView(page: string, job: WorkflowJob, log: string): Html {
  const lines = log.replace(/\n$/, "").split("\n");
  const first = Math.max(0, lines.length - SHOWN_LINES);
  return html`<p class="log-head muted small">
      ${first === 0 ? `${lines.length} lines` : `the last ${SHOWN_LINES} of ${lines.length} lines`} ·
      <a href="${page}/job/${job.id}/log">raw log</a>
    </p>
    <div class="log" id="log-${job.id}" role="log" aria-label="Log of ${job.name}" aria-live="off" tabindex="0">
      ${lines.slice(first).map((line, index) => lineView(job, first + index + 1, line))}
    </div>`;
}

function lineView(job: WorkflowJob, number: number, line: string): Html {
  const [, at = "", text = line] = /^(\d{4}-\d\d-\d\dT[\d:.]+Z) ?(.*)$/.exec(line) ?? [];
  const [, mark = "", words = text] = /^##\[(group|endgroup|error|warning|notice|debug|command|section)\](.*)$/.exec(text) ?? [];
  if (mark === "endgroup") return html``;
  const id = `s${job.id}-L${number}`;
  const shown = words.replaceAll(/\u001b\[[\d;?]*[A-Za-z]/g, "");
  return html`<div class="line ${mark}" id="${id}">
    <a class="n" href="#${id}" title="${at}">${number}</a><span class="t">${shown}</span>
  </div>`;
}
