/** JSON of check runs, commit statuses, deployments and releases, as GitHub documents them. */
import type { ForgeCore } from "../core.ts";
import type { Annotation, CheckRun, CommitStatus, Deployment, DeploymentStatus, Environment, Release, Repository } from "../records.ts";
import { appJson, nodeId, userById, type Json } from "./common.ts";
import { repositoryPage, repositoryUrl } from "./repositories.ts";

export function checkRunJson(core: ForgeCore, repository: Repository, run: CheckRun): Json {
  const url = `${repositoryUrl(core, repository)}/check-runs/${run.id}`;
  const page = `${repositoryPage(core, repository)}/runs/${run.id}`;
  const app = core.state.app(run.appId);
  const suite = core.state.checkSuiteOf(repository.id, run.appId, run.headSha);
  return {
    id: run.id,
    head_sha: run.headSha,
    node_id: nodeId("CR", run.id),
    external_id: run.externalId,
    url,
    html_url: page,
    details_url: run.detailsUrl ?? page,
    status: run.status,
    conclusion: run.conclusion,
    started_at: run.startedAt,
    completed_at: run.completedAt,
    output: {
      title: run.title,
      summary: run.summary,
      text: run.text,
      annotations_count: core.state.annotations(run.id, { page: 1, perPage: 1 }).total,
      annotations_url: `${url}/annotations`,
    },
    name: run.name,
    check_suite: suite === undefined ? null : { id: suite.id },
    app: app === undefined ? null : appJson(core, app),
    pull_requests: pullsOf(core, repository, run.headSha),
  };
}

/** The open pull requests whose head is a commit, in brief. */
export function pullsOf(core: ForgeCore, repository: Repository, headSha: string): Json[] {
  const repo = { id: repository.id, url: repositoryUrl(core, repository), name: repository.name };
  const pulls = core.state.pulls(repository.id, { state: "open" }).items.filter((pull) => pull.headSha === headSha);
  return pulls.map((pull) => ({
    id: pull.id,
    number: pull.number,
    url: `${repositoryUrl(core, repository)}/pulls/${pull.number}`,
    head: { ref: pull.headRef, sha: pull.headSha, repo },
    base: { ref: pull.baseRef, sha: pull.baseSha, repo },
  }));
}

export function annotationJson(core: ForgeCore, repository: Repository, run: CheckRun, annotation: Annotation): Json {
  return {
    path: annotation.path,
    start_line: annotation.startLine,
    end_line: annotation.endLine,
    start_column: null,
    end_column: null,
    annotation_level: annotation.level,
    title: annotation.title,
    message: annotation.message,
    raw_details: annotation.rawDetails,
    blob_href: `${repositoryUrl(core, repository)}/contents/${annotation.path}?ref=${run.headSha}`,
  };
}

export function statusJson(core: ForgeCore, repository: Repository, status: CommitStatus): Json {
  return {
    url: `${repositoryUrl(core, repository)}/statuses/${status.sha}`,
    avatar_url: null,
    id: status.id,
    node_id: nodeId("SC", status.id),
    state: status.state,
    description: status.description,
    target_url: status.targetUrl,
    context: status.context,
    created_at: status.createdAt,
    updated_at: status.updatedAt,
    creator: userById(core, status.creatorId),
  };
}

export function deploymentJson(core: ForgeCore, repository: Repository, deployment: Deployment): Json {
  const url = `${repositoryUrl(core, repository)}/deployments/${deployment.id}`;
  return {
    url,
    id: deployment.id,
    node_id: nodeId("DE", deployment.id),
    sha: deployment.sha,
    ref: deployment.ref,
    task: deployment.task,
    payload: deployment.payload,
    original_environment: deployment.environment,
    environment: deployment.environment,
    description: deployment.description,
    creator: userById(core, deployment.creatorId),
    created_at: deployment.createdAt,
    updated_at: deployment.updatedAt,
    statuses_url: `${url}/statuses`,
    repository_url: repositoryUrl(core, repository),
    transient_environment: deployment.isTransient,
    production_environment: deployment.isProduction,
    performed_via_github_app: null,
  };
}

export function deploymentStatusJson(core: ForgeCore, repository: Repository, deployment: Deployment, status: DeploymentStatus): Json {
  const url = `${repositoryUrl(core, repository)}/deployments/${deployment.id}`;
  return {
    url: `${url}/statuses/${status.id}`,
    id: status.id,
    node_id: nodeId("DES", status.id),
    state: status.state,
    creator: userById(core, status.creatorId),
    description: status.description,
    environment: deployment.environment,
    target_url: status.logUrl,
    created_at: status.createdAt,
    updated_at: status.createdAt,
    deployment_url: url,
    repository_url: repositoryUrl(core, repository),
    environment_url: status.environmentUrl,
    log_url: status.logUrl,
    performed_via_github_app: null,
  };
}

export function environmentJson(core: ForgeCore, repository: Repository, environment: Environment): Json {
  const { id, name, createdAt, updatedAt } = environment;
  return {
    id,
    node_id: nodeId("EN", id),
    name,
    url: `${repositoryUrl(core, repository)}/environments/${encodeURIComponent(name)}`,
    html_url: `${repositoryPage(core, repository)}/deployments/${encodeURIComponent(name)}`,
    created_at: createdAt,
    updated_at: updatedAt,
    protection_rules: [],
    deployment_branch_policy: null,
  };
}

/** As events show it: an address that was not given is left out. */
export function deploymentStatusEventJson(core: ForgeCore, repository: Repository, deployment: Deployment, status: DeploymentStatus): Json {
  const json = deploymentStatusJson(core, repository, deployment, status);
  for (const name of ["environment_url", "log_url"]) if (json[name] === "") delete json[name];
  return json;
}

export function releaseJson(core: ForgeCore, repository: Repository, release: Release): Json {
  const url = `${repositoryUrl(core, repository)}/releases/${release.id}`;
  const page = repositoryPage(core, repository);
  return {
    url,
    html_url: `${page}/releases/tag/${encodeURIComponent(release.tagName)}`,
    assets_url: `${url}/assets`,
    upload_url: `${url}/assets{?name,label}`,
    tarball_url: release.isDraft ? null : `${repositoryUrl(core, repository)}/tarball/${release.tagName}`,
    zipball_url: release.isDraft ? null : `${repositoryUrl(core, repository)}/zipball/${release.tagName}`,
    immutable: false,
    id: release.id,
    node_id: nodeId("RE", release.id),
    tag_name: release.tagName,
    target_commitish: release.targetCommitish,
    name: release.name,
    body: release.body,
    draft: release.isDraft,
    prerelease: release.isPrerelease,
    created_at: release.createdAt,
    updated_at: release.publishedAt ?? release.createdAt,
    published_at: release.publishedAt,
    author: userById(core, release.authorId),
    assets: [],
  };
}
