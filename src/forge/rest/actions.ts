/** Routes of workflows, runs, jobs and logs, and the two services that only a running job calls. */
import { z } from "zod";
import { cancelRun, dispatchWorkflow, findRun, findWorkflow, rerun, syncWorkflows } from "../actions/dispatch.ts";
import { logPath } from "../actions/logs.ts";
import { authorize } from "../auth.ts";
import type { ForgeCore } from "../core.ts";
import { notFound } from "../faults.ts";
import type { Issuer } from "../oidc.ts";
import type { Repository, WorkflowJob, WorkflowRun } from "../records.ts";
import { jobJson, runJson, runPage, workflowJson } from "../serialize/actions.ts";
import { repositoryUrl } from "../serialize/repositories.ts";
import { readFile } from "node:fs/promises";
import { checkSigned, signedLink } from "./signed-links.ts";
import { bodyOf, listAnswer, numberParam, pageOf, repositoryOf, slice, textParam, type Api, type Call } from "./http.ts";

const dispatchBody = z.object({
  ref: z.string(),
  inputs: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
  return_run_details: z.boolean().default(false),
});

export function actionRoutes(core: ForgeCore, api: Api): void {
  const path = "/repos/:owner/:repo/actions";
  const reading = (c: Call): Repository => {
    const repository = repositoryOf(core, c);
    authorize(core, c.get("actor"), repository, { permission: "actions", level: "read" });
    return repository;
  };
  const jobOf = (c: Call, repository: Repository): { run: WorkflowRun; job: WorkflowJob } => {
    const job = core.state.job(numberParam(c, "job"));
    if (job === undefined) throw notFound();
    return { job, run: findRun(core, repository, job.runId) };
  };
  const runsAnswer = (c: Call, repository: Repository, workflowId?: number): Response => {
    const { status, branch, event, head_sha: sha } = c.req.query();
    const filter = {
      ...(workflowId === undefined ? {} : { workflowId }),
      ...(status === undefined ? {} : { status }),
      ...(branch === undefined ? {} : { branch }),
      ...(event === undefined ? {} : { event }),
      ...(sha === undefined ? {} : { sha }),
    };
    return listAnswer(
      core,
      c,
      core.state.workflowRuns(repository.id, filter, pageOf(c)),
      (run) => runJson(core, repository, run),
      "workflow_runs",
    );
  };

  api.get(`${path}/workflows`, async (c) => {
    const repository = reading(c);
    await syncWorkflows(core, repository);
    return listAnswer(core, c, core.state.workflows(repository.id, pageOf(c)), (item) => workflowJson(core, repository, item), "workflows");
  });
  api.get(`${path}/workflows/:workflow`, async (c) => {
    const repository = reading(c);
    return c.json(workflowJson(core, repository, await findWorkflow(core, repository, textParam(c, "workflow"))));
  });
  api.post(`${path}/workflows/:workflow/dispatches`, async (c) => {
    const repository = repositoryOf(core, c);
    const { ref, inputs, return_run_details: isDetailed } = await bodyOf(c, dispatchBody);
    const run = await dispatchWorkflow(core, c.get("actor"), repository, textParam(c, "workflow"), ref, inputs);
    if (!isDetailed) return c.body(null, 204);
    return c.json({
      workflow_run_id: run.id,
      run_url: `${repositoryUrl(core, repository)}/actions/runs/${run.id}`,
      html_url: runPage(core, repository, run),
    });
  });
  api.get(`${path}/workflows/:workflow/runs`, async (c) => {
    const repository = reading(c);
    return runsAnswer(c, repository, (await findWorkflow(core, repository, textParam(c, "workflow"))).id);
  });
  api.get(`${path}/runs`, (c) => runsAnswer(c, reading(c)));
  api.get(`${path}/runs/:run`, (c) => {
    const repository = reading(c);
    return c.json(runJson(core, repository, findRun(core, repository, numberParam(c, "run"))));
  });
  api.post(`${path}/runs/:run/cancel`, (c) => {
    cancelRun(core, c.get("actor"), repositoryOf(core, c), numberParam(c, "run"));
    return c.json({}, 202);
  });
  api.post(`${path}/runs/:run/rerun`, (c) => {
    rerun(core, c.get("actor"), repositoryOf(core, c), numberParam(c, "run"));
    return c.json({}, 201);
  });
  api.get(`${path}/runs/:run/jobs`, (c) => {
    const repository = reading(c);
    const run = findRun(core, repository, numberParam(c, "run"));
    return listAnswer(core, c, slice(core.state.jobs(run), pageOf(c)), (job) => jobJson(core, repository, run, job), "jobs");
  });
  api.get(`${path}/jobs/:job`, (c) => {
    const repository = reading(c);
    const { run, job } = jobOf(c, repository);
    return c.json(jobJson(core, repository, run, job));
  });
  /** As on GitHub, a link that is good for a minute. */
  api.get(`${path}/jobs/:job/logs`, (c) => {
    const { job } = jobOf(c, reading(c));
    return c.redirect(signedLink(core, `/_actions/logs/${job.id}`), 302);
  });
}

/** What a job asks for itself: its identity, and its log by a signed link. */
export function runnerRoutes(core: ForgeCore, api: Api, issuer: Issuer): void {
  api.get("/_actions/token", async (c) => {
    const token = (c.req.header("authorization") ?? "").replace(/^bearer /i, "");
    return c.json({ count: 1, value: await issuer.sign(token, Number(c.req.query("job")), c.req.query("audience")) });
  });
  api.get("/_actions/logs/:job", async (c) => {
    checkSigned(core, c);
    const job = core.state.job(numberParam(c, "job"));
    if (job === undefined) throw notFound();
    const text = await readFile(logPath(core, job)).catch(() => Buffer.alloc(0));
    return c.body(new Uint8Array(text), 200, { "content-type": "text/plain; charset=utf-8" });
  });
  api.get("/oidc/.well-known/openid-configuration", (c) => c.json(issuer.configuration()));
  api.get("/oidc/.well-known/jwks", async (c) => c.json(await issuer.jwks()));
}
