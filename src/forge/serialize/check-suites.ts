/** JSON of check suites, and of check runs as events show them. */
import type { ForgeCore } from "../core.ts";
import type { CheckRun, CheckStatus, CheckSuite, Conclusion, Repository } from "../records.ts";
import { checkRunJson, pullsOf } from "./checks.ts";
import { appJson, nodeId, type Json } from "./common.ts";
import { repositoryJson, repositoryUrl } from "./repositories.ts";

export function checkSuiteJson(
  core: ForgeCore,
  repository: Repository,
  suite: CheckSuite,
  state: { status: CheckStatus; conclusion: Conclusion | null },
): Json {
  const url = `${repositoryUrl(core, repository)}/check-suites/${suite.id}`;
  const app = core.state.app(suite.appId);
  return {
    id: suite.id,
    node_id: nodeId("CS", suite.id),
    head_branch: suite.headBranch,
    head_sha: suite.headSha,
    ...state,
    url,
    before: suite.beforeSha,
    after: suite.headSha,
    pull_requests: pullsOf(core, repository, suite.headSha),
    app: app === undefined ? null : appJson(core, app),
    created_at: suite.createdAt,
    updated_at: suite.updatedAt,
    rerequestable: core.state.installationOf(suite.appId, repository.id) !== undefined,
    runs_rerequestable: core.state.installationOf(suite.appId, repository.id) !== undefined,
    latest_check_runs_count: core.state.checkRuns(repository.id, suite.headSha, { appId: suite.appId }).total,
    check_runs_url: `${url}/check-runs`,
    head_commit: suite.headCommit,
    repository: repositoryJson(core, repository),
  };
}

export function checkRunEventJson(core: ForgeCore, repository: Repository, run: CheckRun): Json {
  const suite = core.state.checkSuiteOf(repository.id, run.appId, run.headSha);
  const json = checkRunJson(core, repository, run);
  if (suite === undefined) return json;
  const { id, headBranch, headSha, beforeSha, createdAt, updatedAt } = suite;
  return {
    ...json,
    check_suite: {
      id,
      node_id: nodeId("CS", id),
      head_branch: headBranch,
      head_sha: headSha,
      status: run.status,
      conclusion: run.conclusion,
      url: `${repositoryUrl(core, repository)}/check-suites/${id}`,
      before: beforeSha,
      after: headSha,
      pull_requests: json["pull_requests"],
      app: json["app"],
      created_at: createdAt,
      updated_at: updatedAt,
    },
  };
}
