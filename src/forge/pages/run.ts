/** The page of a workflow run: its jobs, their steps and their logs. */
import { html, raw } from "hono/html";
import { readLog } from "../actions/logs.ts";
import type { ForgeCore } from "../core.ts";
import type { Repository, WorkflowRun } from "../records.ts";
import type { Html } from "./layout.ts";
import { badge, dot, time, toneOf } from "./parts.ts";

const SHOWN_BYTES = 200_000;

export async function runBody(core: ForgeCore, _repository: Repository, run: WorkflowRun): Promise<Html> {
  const jobs = await Promise.all(
    core.state.jobs(run).map(async (job) => {
      const log = (await readLog(core, job)).toString("utf8");
      return { job, log: log.length > SHOWN_BYTES ? `…\n${log.slice(-SHOWN_BYTES)}` : log };
    }),
  );
  return html`<h1>${run.title} <span class="muted">#${run.number}</span></h1>
    <p class="sub">
      ${badge(toneOf(run.status, run.conclusion), run.conclusion ?? run.status)}
      <span class="muted"
        >${Object.entries(run.inputs)
          .map(([name, value]) => `${name} ${value}`)
          .join(" · ")},
        ${time(run.createdAt)}</span
      >
    </p>
    ${run.message === null ? "" : html`<p class="problem">${run.message}</p>`}
    <section class="stack">
      ${jobs.map(
        ({ job, log }) =>
          html`<details class="card check" ${job.conclusion === "skipped" ? "" : raw("open")}>
            <summary>
              ${dot(toneOf(job.status, job.conclusion === "skipped" ? "success" : job.conclusion), job.conclusion ?? job.status)}
              <strong>${job.name}</strong> <span class="muted">${job.conclusion ?? job.status}</span>
            </summary>
            <ol class="steps">
              ${job.steps.map((step) => html`<li>${dot(toneOf(step.status, step.conclusion), step.conclusion ?? step.status)} ${step.name}</li>`)}
            </ol>
            ${log === "" ? "" : html`<pre class="log">${log}</pre>`}
          </details>`,
      )}
    </section>`;
}
