/** Routes of check runs, commit statuses, deployments and releases. */
import { z } from "zod";
import { authorize } from "../auth.ts";
import * as suites from "../check-suites.ts";
import * as checks from "../checks.ts";
import type { ForgeCore } from "../core.ts";
import * as deployments from "../deployments.ts";
import { Fault, notFound } from "../faults.ts";
import { objectsOf } from "../objects.ts";
import type { CheckSuite, Repository } from "../records.ts";
import { checkSuiteJson } from "../serialize/check-suites.ts";
import type { Json } from "../serialize/common.ts";
import {
  annotationJson,
  checkRunJson,
  deploymentJson,
  deploymentStatusJson,
  environmentJson,
  releaseJson,
  statusJson,
} from "../serialize/checks.ts";
import { repositoryJson, repositoryUrl } from "../serialize/repositories.ts";
import { bodyOf, listAnswer, numberParam, pageOf, repositoryOf, slice, textParam, type Api, type Call } from "./http.ts";

const annotation = z.object({
  path: z.string(),
  start_line: z.number().int(),
  end_line: z.number().int(),
  annotation_level: z.enum(["notice", "warning", "failure"]),
  message: z.string(),
  title: z.string().nullish(),
  raw_details: z.string().nullish(),
});
const output = z.object({
  title: z.string().optional(),
  summary: z.string().optional(),
  text: z.string().optional(),
  annotations: z.array(annotation).optional(),
});
const checkChange = z.object({
  name: z.string().optional(),
  head_sha: z.string().optional(),
  status: z.enum(["queued", "in_progress", "completed"]).optional(),
  conclusion: z.enum(["success", "failure", "neutral", "cancelled", "skipped", "timed_out", "action_required"]).optional(),
  details_url: z.string().optional(),
  external_id: z.string().optional(),
  started_at: z.string().optional(),
  completed_at: z.string().optional(),
  output: output.optional(),
});

function toChange(body: z.infer<typeof checkChange>): checks.CheckChange {
  const annotations = body.output?.annotations?.map((item) => ({
    path: item.path,
    startLine: item.start_line,
    endLine: item.end_line,
    level: item.annotation_level,
    message: item.message,
    title: item.title ?? null,
    rawDetails: item.raw_details ?? null,
  }));
  return {
    name: body.name,
    status: body.status,
    conclusion: body.conclusion,
    detailsUrl: body.details_url,
    externalId: body.external_id,
    startedAt: body.started_at,
    completedAt: body.completed_at,
    output:
      body.output === undefined
        ? undefined
        : { title: body.output.title, summary: body.output.summary, text: body.output.text, annotations },
  };
}

export function checkRoutes(core: ForgeCore, api: Api): void {
  const reading = (c: Call, permission: string): Repository => {
    const repository = repositoryOf(core, c);
    authorize(core, c.get("actor"), repository, { permission, level: "read" });
    return repository;
  };
  const shaOf = async (c: Call, repository: Repository): Promise<string> => {
    const sha = await objectsOf(core.git, repository.id).resolve(textParam(c, "ref"));
    if (sha === undefined) throw new Fault(422, `No commit found for SHA: ${textParam(c, "ref")}`);
    return sha;
  };
  const runFilter = (c: Call) => {
    const name = c.req.query("check_name");
    const status = c.req.query("status");
    return {
      latest: c.req.query("filter") !== "all",
      ...(name === undefined ? {} : { name }),
      ...(status === undefined ? {} : { status }),
    };
  };
  const path = "/repos/:owner/:repo";

  api.post(`${path}/check-runs`, async (c) => {
    const repository = repositoryOf(core, c);
    const body = await bodyOf(c, checkChange);
    const run = await checks.createCheckRun(core, c.get("actor"), repository, body.head_sha ?? "", toChange(body));
    return c.json(checkRunJson(core, repository, run), 201);
  });
  api.patch(`${path}/check-runs/:id`, async (c) => {
    const repository = repositoryOf(core, c);
    const body = await bodyOf(c, checkChange);
    return c.json(
      checkRunJson(core, repository, checks.updateCheckRun(core, c.get("actor"), repository, numberParam(c, "id"), toChange(body))),
    );
  });
  api.get(`${path}/check-runs/:id`, (c) => {
    const repository = reading(c, "checks");
    return c.json(checkRunJson(core, repository, checks.findCheckRun(core, repository, numberParam(c, "id"))));
  });
  api.get(`${path}/check-runs/:id/annotations`, (c) => {
    const repository = reading(c, "checks");
    const run = checks.findCheckRun(core, repository, numberParam(c, "id"));
    return listAnswer(core, c, core.state.annotations(run.id, pageOf(c)), (item) => annotationJson(core, repository, run, item));
  });
  api.get(`${path}/commits/:ref{.+}/check-runs`, async (c) => {
    const repository = reading(c, "checks");
    const appId = c.req.query("app_id");
    const filter = { ...runFilter(c), ...(appId === undefined ? {} : { appId: Number(appId) }) };
    const listed = core.state.checkRuns(repository.id, await shaOf(c, repository), filter, pageOf(c));
    return listAnswer(core, c, listed, (run) => checkRunJson(core, repository, run), "check_runs");
  });

  const suiteAnswer = (repository: Repository, suite: CheckSuite): Json =>
    checkSuiteJson(core, repository, suite, suites.suiteState(core, suite));
  api.post(`${path}/check-runs/:id/rerequest`, (c) => {
    const repository = reading(c, "checks");
    suites.rerequestCheckRun(core, c.get("actor"), repository, checks.findCheckRun(core, repository, numberParam(c, "id")));
    return c.json({}, 201);
  });
  api.post(`${path}/check-suites`, async (c) => {
    const repository = repositoryOf(core, c);
    const { head_sha: sha } = await bodyOf(c, z.object({ head_sha: z.string() }));
    const { suite, isNew } = await checks.createSuite(core, c.get("actor"), repository, sha);
    return c.json(suiteAnswer(repository, suite), isNew ? 201 : 200);
  });
  api.get(`${path}/check-suites/:id`, (c) => {
    const repository = reading(c, "checks");
    return c.json(suiteAnswer(repository, suites.findSuite(core, repository, numberParam(c, "id"))));
  });
  api.get(`${path}/check-suites/:id/check-runs`, (c) => {
    const repository = reading(c, "checks");
    const { headSha, appId } = suites.findSuite(core, repository, numberParam(c, "id"));
    const listed = core.state.checkRuns(repository.id, headSha, { ...runFilter(c), appId }, pageOf(c));
    return listAnswer(core, c, listed, (run) => checkRunJson(core, repository, run), "check_runs");
  });
  api.post(`${path}/check-suites/:id/rerequest`, (c) => {
    const repository = reading(c, "checks");
    suites.rerequestSuite(core, c.get("actor"), repository, suites.findSuite(core, repository, numberParam(c, "id")));
    return c.json({}, 201);
  });
  api.get(`${path}/commits/:ref{.+}/check-suites`, async (c) => {
    const repository = reading(c, "checks");
    const appId = c.req.query("app_id");
    const sha = await shaOf(c, repository);
    const listed = core.state.checkSuites(repository.id, sha, appId === undefined ? null : Number(appId), pageOf(c));
    return listAnswer(core, c, listed, (suite) => suiteAnswer(repository, suite), "check_suites");
  });

  const newStatus = z.object({
    state: z.enum(["error", "failure", "pending", "success"]),
    context: z.string().default("default"),
    description: z.string().nullish(),
    target_url: z.string().nullish(),
  });
  api.post(`${path}/statuses/:sha`, async (c) => {
    const repository = repositoryOf(core, c);
    const sha = await objectsOf(core.git, repository.id).resolve(textParam(c, "sha"));
    if (sha === undefined) throw new Fault(422, `No commit found for SHA: ${textParam(c, "sha")}`);
    const { state, context, description = null, target_url: targetUrl = null } = await bodyOf(c, newStatus);
    return c.json(
      statusJson(
        core,
        repository,
        await checks.createStatus(core, c.get("actor"), repository, sha, { state, context, description, targetUrl }),
      ),
      201,
    );
  });
  api.get(`${path}/commits/:ref{.+}/status`, async (c) => {
    const repository = reading(c, "statuses");
    const sha = await shaOf(c, repository);
    const { state, statuses } = checks.combinedStatus(core, repository, sha);
    const page = slice(statuses, pageOf(c)).items.map((status) => statusJson(core, repository, status));
    const url = `${repositoryUrl(core, repository)}/commits/${sha}`;
    return c.json({
      state,
      statuses: page,
      sha,
      total_count: statuses.length,
      repository: repositoryJson(core, repository),
      commit_url: url,
      url: `${url}/status`,
    });
  });
  api.get(`${path}/commits/:ref{.+}/statuses`, async (c) => {
    const repository = reading(c, "statuses");
    return listAnswer(core, c, core.state.statuses(repository.id, await shaOf(c, repository), pageOf(c)), (status) =>
      statusJson(core, repository, status),
    );
  });
}

const newDeployment = z.object({
  ref: z.string(),
  task: z.string().default("deploy"),
  environment: z.string().default("production"),
  description: z.string().nullish(),
  payload: z.unknown().optional(),
  transient_environment: z.boolean().optional(),
  production_environment: z.boolean().optional(),
  auto_merge: z.boolean().optional(),
  required_contexts: z.array(z.string()).optional(),
});
const newDeploymentStatus = z.object({
  state: z.enum(["error", "failure", "inactive", "in_progress", "queued", "pending", "success"]),
  description: z.string().optional(),
  environment_url: z.string().optional(),
  log_url: z.string().optional(),
  target_url: z.string().optional(),
  auto_inactive: z.boolean().optional(),
  environment: z.string().optional(),
});
const releaseBody = z.object({
  tag_name: z.string().optional(),
  target_commitish: z.string().optional(),
  name: z.string().nullish(),
  body: z.string().nullish(),
  draft: z.boolean().optional(),
  prerelease: z.boolean().optional(),
});

export function deploymentRoutes(core: ForgeCore, api: Api): void {
  const reading = (c: Call, permission: string): Repository => {
    const repository = repositoryOf(core, c);
    authorize(core, c.get("actor"), repository, { permission, level: "read" });
    return repository;
  };
  const path = "/repos/:owner/:repo/deployments";

  api.get(path, (c) => {
    const repository = reading(c, "deployments");
    const { sha, ref, task, environment } = c.req.query();
    const filter = {
      ...(sha === undefined ? {} : { sha }),
      ...(ref === undefined ? {} : { ref }),
      ...(task === undefined ? {} : { task }),
      ...(environment === undefined ? {} : { environment }),
    };
    return listAnswer(core, c, core.state.deployments(repository.id, filter, pageOf(c)), (item) => deploymentJson(core, repository, item));
  });
  api.post(path, async (c) => {
    const repository = repositoryOf(core, c);
    const body = await bodyOf(c, newDeployment);
    const deployment = await deployments.createDeployment(core, c.get("actor"), repository, {
      ref: body.ref,
      task: body.task,
      environment: body.environment,
      description: body.description ?? null,
      payload: body.payload,
      isTransient: body.transient_environment ?? false,
      isProduction: body.production_environment ?? body.environment === "production",
    });
    return c.json(deploymentJson(core, repository, deployment), 201);
  });
  api.get(`${path}/:id`, (c) => {
    const repository = reading(c, "deployments");
    return c.json(deploymentJson(core, repository, deployments.findDeployment(core, repository, numberParam(c, "id"))));
  });
  api.delete(`${path}/:id`, (c) => {
    deployments.deleteDeployment(core, c.get("actor"), repositoryOf(core, c), numberParam(c, "id"));
    return c.body(null, 204);
  });
  api.get(`${path}/:id/statuses`, (c) => {
    const repository = reading(c, "deployments");
    const deployment = deployments.findDeployment(core, repository, numberParam(c, "id"));
    return listAnswer(core, c, core.state.deploymentStatuses(deployment.id, pageOf(c)), (status) =>
      deploymentStatusJson(core, repository, deployment, status),
    );
  });
  api.post(`${path}/:id/statuses`, async (c) => {
    const repository = repositoryOf(core, c);
    const body = await bodyOf(c, newDeploymentStatus);
    const id = numberParam(c, "id");
    const status = deployments.createDeploymentStatus(core, c.get("actor"), repository, id, {
      state: body.state,
      description: body.description ?? "",
      environmentUrl: body.environment_url ?? "",
      logUrl: body.log_url ?? body.target_url ?? "",
      autoInactive: body.auto_inactive ?? true,
    });
    return c.json(deploymentStatusJson(core, repository, deployments.findDeployment(core, repository, id), status), 201);
  });

  const environments = "/repos/:owner/:repo/environments";
  api.get(environments, (c) => {
    const repository = reading(c, "actions");
    const listed = core.state.environments(repository.id, pageOf(c));
    return listAnswer(core, c, listed, (item) => environmentJson(core, repository, item), "environments");
  });
  api.get(`${environments}/:name{.+}`, (c) => {
    const repository = reading(c, "actions");
    const found = core.state.environments(repository.id).items.find((item) => item.name === textParam(c, "name"));
    if (found === undefined) throw notFound();
    return c.json(environmentJson(core, repository, found));
  });

  const releases = "/repos/:owner/:repo/releases";
  const fieldsOf = (body: z.infer<typeof releaseBody>) => ({
    tagName: body.tag_name,
    targetCommitish: body.target_commitish,
    name: body.name,
    body: body.body,
    isDraft: body.draft,
    isPrerelease: body.prerelease,
  });
  api.get(releases, (c) => {
    const repository = reading(c, "contents");
    return listAnswer(core, c, core.state.releases(repository.id, pageOf(c)), (release) => releaseJson(core, repository, release));
  });
  api.post(releases, async (c) => {
    const repository = repositoryOf(core, c);
    const fields = fieldsOf(await bodyOf(c, releaseBody));
    if (fields.tagName === undefined) throw new Fault(422, 'Invalid request.\n\n"tag_name" wasn\'t supplied.');
    const release = await deployments.createRelease(core, c.get("actor"), repository, { ...fields, tagName: fields.tagName });
    return c.json(releaseJson(core, repository, release), 201);
  });
  api.get(`${releases}/latest`, (c) => {
    const repository = reading(c, "contents");
    const latest = core.state.releases(repository.id).items.find((release) => !release.isDraft && !release.isPrerelease);
    if (latest === undefined) throw notFound();
    return c.json(releaseJson(core, repository, latest));
  });
  api.get(`${releases}/tags/:tag{.+}`, (c) => {
    const repository = reading(c, "contents");
    const release = core.state.releaseByTag(repository.id, textParam(c, "tag"));
    if (release === undefined) throw notFound();
    return c.json(releaseJson(core, repository, release));
  });
  api.get(`${releases}/:id`, (c) => {
    const repository = reading(c, "contents");
    return c.json(releaseJson(core, repository, deployments.findRelease(core, repository, numberParam(c, "id"))));
  });
  api.patch(`${releases}/:id`, async (c) => {
    const repository = repositoryOf(core, c);
    const fields = fieldsOf(await bodyOf(c, releaseBody));
    return c.json(
      releaseJson(core, repository, await deployments.editRelease(core, c.get("actor"), repository, numberParam(c, "id"), fields)),
    );
  });
  api.delete(`${releases}/:id`, (c) => {
    deployments.deleteRelease(core, c.get("actor"), repositoryOf(core, c), numberParam(c, "id"));
    return c.body(null, 204);
  });
}
