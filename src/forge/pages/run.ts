/** The workflow runs of a repository, and the page of one: its jobs, their steps and their logs. */
import { html, raw } from "hono/html";
import type { Session } from "../accounts.ts";
import { readLog } from "../actions/logs.ts";
import { isAtLeast } from "../auth.ts";
import type { ForgeCore } from "../core.ts";
import type { Repository, WorkflowJob, WorkflowRun } from "../records.ts";
import { mark } from "./icons.ts";
import type { Html } from "./layout.ts";
import { pager } from "./lists.ts";
import { badge, empty, form, login, plural, toneOf, word } from "./parts.ts";
import { time, took } from "./times.ts";

const RUNS_PER_PAGE = 40;
/** The last lines of a log; the whole of it is behind a link. */
const SHOWN_LINES = 1500;

export function runsBody(core: ForgeCore, repository: Repository, page: number): Html {
  const { items, total } = core.state.workflowRuns(repository.id, {}, { page, perPage: RUNS_PER_PAGE });
  const address = (change: { page: number }): string => `/${repository.fullName}/actions?page=${change.page}`;
  return html`<h1>Actions</h1>
    ${
      items.length === 0
        ? empty(
            "play",
            "No workflow has run yet",
            html`A request starts one, and so does the API. What may run lies in <code>.github/workflows</code>.`,
            html`<a class="button" href="/${repository.fullName}/issues">To the issues</a>`,
          )
        : html`<ul class="card rows">
            ${items.map(
              (run) =>
                html`<li class="row item">
                  ${mark(toneOf(run.status, run.conclusion), word(run.status, run.conclusion))}
                  <div class="grow">
                    <a class="row-link" href="/${repository.fullName}/actions/runs/${run.id}"><strong>${run.title}</strong></a>
                    <p class="muted small row-text">
                      ${core.state.workflow(run.workflowId)?.name ?? ""} #${run.number} · on
                      <code>${run.headRef.replace(/^refs\/\w+\//, "")}</code> · begun by ${login(core, run.actorId)}
                    </p>
                  </div>
                  <span class="muted small end"
                    >${time(run.createdAt)}<br />${took(run.startedAt, run.status === "completed" ? run.updatedAt : null)}</span
                  >
                </li>`,
            )}
          </ul>`
    }
    ${pager(address, page, total, RUNS_PER_PAGE)}`;
}

export async function runBody(core: ForgeCore, repository: Repository, run: WorkflowRun, session: Session | undefined): Promise<Html> {
  const jobs = await Promise.all(core.state.jobs(run).map(async (job) => ({ job, log: await readLog(core, job) })));
  const inputs = Object.entries(run.inputs).filter(([, value]) => value !== "");
  const isWriter = session !== undefined && isAtLeast(core.state.role(repository, session.account), "write");
  const tone = toneOf(run.status, run.conclusion);
  return html`<div class="head">
      <h1>${run.title} <span class="muted number">#${run.number}</span></h1>
      ${isWriter ? runForm(repository, run, session) : ""}
    </div>
    <p class="sub">
      ${badge(tone, word(run.status, run.conclusion))}
      <span class="muted"
        ><strong>${login(core, run.actorId)}</strong> began it ${time(run.createdAt)} on
        <code>${run.headRef.replace(/^refs\/\w+\//, "")}</code> ${run.attempt > 1 ? `· attempt ${run.attempt} ` : ""}·
        ${took(run.startedAt, run.status === "completed" ? run.updatedAt : null)}</span
      >
    </p>
    ${inputs.length === 0 ? "" : html`<p class="inputs muted small">${inputs.map(([name, value]) => html`<span>${name} <code>${value}</code></span> `)}</p>`}
    ${run.message === null ? "" : html`<p class="problem">${run.message}</p>`}
    ${jobs.length === 0 && run.message === null ? empty("clock", "No job has begun", "The run waits for its turn; the page follows by itself.") : ""}
    <section class="stack" aria-label="Jobs">${jobs.map(({ job, log }) => jobView(core, repository, run, job, log))}</section>`;
}

function runForm(repository: Repository, run: WorkflowRun, session: Session): Html {
  const action = `/${repository.fullName}/actions/runs/${run.id}`;
  if (run.status === "completed") return form(session, `${action}/rerun`, html`<button type="submit">Run again</button>`);
  return form(
    session,
    `${action}/cancel`,
    html`<button type="submit" ${run.isCancelRequested ? raw("disabled") : ""}>
      ${run.isCancelRequested ? "Is being cancelled" : "Cancel"}
    </button>`,
  );
}

function jobView(core: ForgeCore, repository: Repository, run: WorkflowRun, job: WorkflowJob, log: string): Html {
  const tone = toneOf(job.status, job.conclusion);
  const isShown = tone === "bad" || tone === "busy" || core.state.jobs(run).filter((other) => other.conclusion !== "skipped").length === 1;
  return html`<details class="card check" id="job-${job.id}" ${isShown && job.conclusion !== "skipped" ? raw("open") : ""}>
    <summary>
      ${mark(tone, word(job.status, job.conclusion))} <strong>${job.name}</strong>
      <span class="muted small end">${word(job.status, job.conclusion)} ${took(job.startedAt, job.completedAt)}</span>
    </summary>
    ${
      job.steps.length === 0 && log === ""
        ? html`<p class="pad muted small">${job.conclusion === "skipped" ? "This job was not needed." : "Nothing has happened yet."}</p>`
        : html`<ol class="steps" aria-label="Steps">
            ${job.steps.map((step) => html`<li>${mark(toneOf(step.status, step.conclusion), word(step.status, step.conclusion))} <span>${step.name}</span> <span class="muted small end">${took(step.startedAt, step.completedAt)}</span></li>`)}
          </ol>`
    }
    ${log === "" ? "" : logView(`/${repository.fullName}/actions/runs/${run.id}`, job, log)}
  </details>`;
}

function logView(page: string, job: WorkflowJob, log: string): Html {
  const lines = log.replace(/\n$/, "").split("\n");
  const first = Math.max(0, lines.length - SHOWN_LINES);
  return html`<p class="log-head muted small">
      ${first === 0 ? plural(lines.length, "line") : `the last ${SHOWN_LINES} of ${lines.length} lines`} ·
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
