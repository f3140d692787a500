/** Makes the GitHub adapter from an App's id and private key. */
import { type Clock, systemClock } from "../core/clock.ts";
import { AdorableError } from "../core/errors.ts";
import { appJwt, readPrivateKey, TokenCache } from "./app-token.ts";
import { upsertCheckRun } from "./checks.ts";
import { getIssue, permission, postMarked, react } from "./comments.ts";
import { connectAsApp, connectAsInstallation, type Connection, type ConnectionOptions, type Octokit, orUndefined } from "./connection.ts";
import { createDeployment, createDeploymentStatus, createTagAndRelease } from "./deployments.ts";
import { compareCommits, getCommit, getFile, getRef, gitRemote, listActivity } from "./git-data.ts";
import type { AppIdentity, GitHub, Repository, RepositoryInfo, RepositoryName } from "./github.ts";
import { listHookAttempts, redeliver } from "./hooks.ts";
import { outgoing } from "./outgoing.ts";
import * as pulls from "./pulls.ts";
import { toRepositoryInfo } from "./records.ts";
import { cancelWorkflowRun, dispatchWorkflow, getWorkflowRun } from "./workflows.ts";

export interface GitHubOptions {
  /** The API's address without a slash at the end: `https://api.github.com`, `https://ghes.example/api/v3`, the forge's. */
  baseUrl: string;
  appId: number;
  /** PEM. */
  privateKey: string;
  /** Values that must not be posted, asked for before every post. */
  secrets?: () => readonly string[];
  /** The name that people mention; what we post never opens a line with it. */
  botName?: string;
  timeoutMs?: number;
  clock?: Clock;
}

/** Throws `config-invalid` (operator) when the key is none. Speaks to nobody until the first call. */
export function createGitHub(options: GitHubOptions): GitHub {
  const { appId, clock = systemClock, timeoutMs = 20_000, secrets = () => [], botName = "adorable" } = options;
  const connectionOptions: ConnectionOptions = { baseUrl: options.baseUrl.replace(/\/+$/, ""), timeoutMs, clock };
  const key = readPrivateKey(options.privateKey);
  const asApp = connectAsApp(connectionOptions, () => appJwt(appId, key, clock));
  const installations = new Map<RepositoryName, number>();
  let identity: Promise<AppIdentity> | undefined;

  const tokens = new TokenCache(clock, async (installationId) => {
    const { data } = await asApp.rest.apps.createInstallationAccessToken({ installation_id: installationId });
    return { token: data.token, expiresAtMs: Date.parse(data.expires_at) };
  });

  /** Kept for ever once known; a failure is asked again. */
  function app(): Promise<AppIdentity> {
    identity ??= askIdentity().catch((error: unknown) => {
      identity = undefined;
      throw error;
    });
    return identity;
  }

  async function askIdentity(): Promise<AppIdentity> {
    const { data } = await asApp.rest.apps.getAuthenticated();
    if (!data?.slug)
      throw new AdorableError({ code: "github-refused", remedy: "operator", message: `GitHub does not know the App "${appId}".` });
    const permissions = Object.fromEntries(Object.entries(data.permissions).filter(([, level]) => level !== undefined)) as Record<
      string,
      string
    >;
    return { id: data.id, slug: data.slug, name: data.name, permissions, events: data.events };
  }

  async function botLogin(): Promise<string> {
    return `${(await app()).slug}[bot]`;
  }

  async function installationOf(repository: RepositoryName): Promise<number> {
    const known = installations.get(repository);
    if (known !== undefined) return known;
    const { owner, repo } = splitName(repository);
    const answer = await orUndefined(asApp.rest.apps.getRepoInstallation({ owner, repo }));
    if (answer === undefined) {
      const message = `The App is not installed on "${repository}".`;
      const hint = "Install it on the repository, or add the repository to the installation.";
      throw new AdorableError({ code: "not-installed", remedy: "operator", message, hint });
    }
    installations.set(repository, answer.data.id);
    return answer.data.id;
  }

  async function forInstallation(repository: RepositoryName): Promise<Repository> {
    const installationId = await installationOf(repository);
    const octokit = connectAsInstallation(connectionOptions, tokens, installationId);
    const token = async () => {
      try {
        return await tokens.get(installationId);
      } catch (error) {
        // Uninstalled and installed again: the next call looks the new installation up.
        installations.delete(repository);
        throw error;
      }
    };
    const post = (text: string, limit?: number) =>
      outgoing(text, { secrets: secrets(), botName, ...(limit === undefined ? {} : { limit }) });
    return createRepository({ octokit, ...splitName(repository), appId, botLogin, outgoing: post }, installationId, token);
  }

  async function listRepositories(): Promise<RepositoryInfo[]> {
    const found: RepositoryInfo[] = [];
    for (const { id } of await asApp.paginate(asApp.rest.apps.listInstallations, { per_page: 100 })) {
      const octokit = connectAsInstallation(connectionOptions, tokens, id);
      const repositories = await octokit.paginate(octokit.rest.apps.listReposAccessibleToInstallation, { per_page: 100 });
      for (const data of repositories) {
        installations.set(data.full_name, id);
        found.push(toRepositoryInfo(data, id));
      }
    }
    return found;
  }

  return {
    app,
    botLogin,
    forInstallation,
    listRepositories,
    hookAttempts: (since) => listHookAttempts(asApp, since),
    redeliver: (attempt) => redeliver(asApp, attempt),
  };
}

function createRepository(connection: Connection & { octokit: Octokit }, installationId: number, token: () => Promise<string>): Repository {
  const { octokit, owner, repo } = connection;
  async function info(): Promise<RepositoryInfo> {
    const { data } = await octokit.rest.repos.get({ owner, repo });
    return toRepositoryInfo(data, installationId);
  }
  return {
    name: `${owner}/${repo}`,
    installationId,
    info,
    permission: (login) => permission(connection, login),
    react: (target, content) => react(connection, target, content),
    upsertStickyComment: (issue, marker, body, knownId) => postMarked(connection, issue, marker, body, { rewrite: true, knownId }),
    createComment: (issue, marker, body) => postMarked(connection, issue, marker, body, { rewrite: false }),
    getIssue: (issue) => getIssue(connection, issue),
    getPullRequest: (number) => pulls.getPullRequest(connection, number),
    listPullRequestFiles: (number) => pulls.listPullRequestFiles(connection, number),
    pullRequestsOf: (commit) => pulls.pullRequestsOf(connection, commit),
    queuedBy: (pull) => pulls.queuedBy(connection, pull),
    findPullRequestByHead: (branch, state) => pulls.findPullRequestByHead(connection, branch, state),
    createPullRequest: (input) => pulls.createPullRequest(connection, input),
    updatePullRequest: (number, change) => pulls.updatePullRequest(connection, number, change),
    requestReviewer: (number, login) => pulls.requestReviewer(connection, number, login),
    mergePullRequest: (number, headSha, method) => pulls.mergePullRequest(connection, number, headSha, method),
    dispatchWorkflow: (file, ref, inputs) => dispatchWorkflow(connection, file, ref, inputs),
    getWorkflowRun: (id) => getWorkflowRun(connection, id),
    cancelWorkflowRun: (id) => cancelWorkflowRun(connection, id),
    upsertCheckRun: (input) => upsertCheckRun(connection, input),
    createDeployment: (input) => createDeployment(connection, input),
    createDeploymentStatus: (deployment, input) => createDeploymentStatus(connection, deployment, input),
    createTagAndRelease: (input) => createTagAndRelease(connection, input),
    getFile: (path, ref) => getFile(connection, path, ref),
    getRef: (ref) => getRef(connection, ref),
    getCommit: (sha) => getCommit(connection, sha),
    listActivity: (branch) => listActivity(connection, branch),
    compareCommits: (base, head) => compareCommits(connection, base, head),
    gitRemote: async () => gitRemote((await info()).cloneUrl, await token()),
  };
}

function splitName(repository: RepositoryName): { owner: string; repo: string } {
  const [owner, repo, rest] = repository.split("/");
  if (!owner || !repo || rest !== undefined) {
    throw new AdorableError({ code: "repository-name-invalid", remedy: "bug", message: `"${repository}" is not "owner/name".` });
  }
  return { owner, repo };
}
