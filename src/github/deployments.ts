/** Deployments, tags and Releases: what GitHub shows of previews and releases. */
import { AdorableError } from "../core/errors.ts";
import { type Connection, orUndefined } from "./connection.ts";
import { hasStatus } from "./errors.ts";
import type { DeploymentInput, DeploymentStatusInput, ReleaseInput } from "./github.ts";

const MAX_DESCRIPTION = 140;

export async function createDeployment(connection: Connection, input: DeploymentInput): Promise<{ id: number }> {
  const { octokit, owner, repo } = connection;
  const { environment, sha } = input;
  const standing = await octokit.paginate(octokit.rest.repos.listDeployments, { owner, repo, environment, sha, per_page: 100 });
  const same = standing.find((deployment) => deployment.sha === sha && payloadId(deployment.payload) === input.payloadId);
  if (same !== undefined) return { id: same.id };

  const { data } = await octokit.rest.repos.createDeployment({
    owner,
    repo,
    ref: sha,
    environment,
    description: connection.outgoing(input.description).slice(0, MAX_DESCRIPTION),
    payload: { id: input.payloadId },
    production_environment: input.isProduction,
    transient_environment: !input.isProduction,
    // The gates have judged this commit; GitHub shall neither merge nor wait for statuses.
    auto_merge: false,
    required_contexts: [],
  });
  if ("id" in data) return { id: data.id };
  throw new AdorableError({
    code: "github-refused",
    remedy: "bug",
    message: `GitHub did not create the deployment: ${data.message ?? ""}`,
  });
}

function payloadId(payload: unknown): unknown {
  const value: unknown = typeof payload === "string" && payload.startsWith("{") ? JSON.parse(payload) : payload;
  return typeof value === "object" && value !== null && "id" in value ? value.id : undefined;
}

export async function createDeploymentStatus(connection: Connection, deployment: number, input: DeploymentStatusInput): Promise<void> {
  const { octokit, owner, repo } = connection;
  const place = { owner, repo, deployment_id: deployment };
  const description = connection.outgoing(input.description).slice(0, MAX_DESCRIPTION);
  const { data } = await octokit.rest.repos.listDeploymentStatuses({ ...place, per_page: 100 });
  const newest = data.toSorted((a, b) => b.id - a.id)[0];
  const url = input.environmentUrl ?? "";
  if (newest?.state === input.state && (newest.environment_url ?? "") === url && newest.description === description) return;

  await octokit.rest.repos.createDeploymentStatus({
    ...place,
    state: input.state,
    description,
    auto_inactive: true,
    ...(input.environmentUrl === undefined ? {} : { environment_url: input.environmentUrl }),
    ...(input.logUrl === undefined ? {} : { log_url: input.logUrl }),
  });
}

export async function createTagAndRelease(connection: Connection, input: ReleaseInput): Promise<{ url: string }> {
  const { octokit, owner, repo } = connection;
  await ensureTag(connection, input);
  const find = () => orUndefined(octokit.rest.repos.getReleaseByTag({ owner, repo, tag: input.tag }));
  const standing = await find();
  if (standing !== undefined) return { url: standing.data.html_url };
  const text = { name: connection.outgoing(input.title), body: connection.outgoing(input.body) };
  try {
    const { data } = await octokit.rest.repos.createRelease({ owner, repo, tag_name: input.tag, target_commitish: input.sha, ...text });
    return { url: data.html_url };
  } catch (error) {
    const other = hasStatus(error, 422) ? await find() : undefined;
    if (other === undefined) throw error;
    return { url: other.data.html_url };
  }
}

async function ensureTag(connection: Connection, { tag, sha, tagMessage }: ReleaseInput): Promise<void> {
  const { octokit, owner, repo } = connection;
  if (await tagStandsOn(connection, tag, sha)) return;
  const message = connection.outgoing(tagMessage);
  const { data } = await octokit.rest.git.createTag({ owner, repo, tag, message, object: sha, type: "commit" });
  try {
    await octokit.rest.git.createRef({ owner, repo, ref: `refs/tags/${tag}`, sha: data.sha });
  } catch (error) {
    if (!hasStatus(error, 422) || !(await tagStandsOn(connection, tag, sha))) throw error;
  }
}

/** Throws `tag-taken` when the tag stands elsewhere. */
async function tagStandsOn({ octokit, owner, repo }: Connection, tag: string, sha: string): Promise<boolean> {
  const ref = await orUndefined(octokit.rest.git.getRef({ owner, repo, ref: `tags/${tag}` }));
  if (ref === undefined) return false;
  const { object } = ref.data;
  const target = object.type === "tag" ? (await octokit.rest.git.getTag({ owner, repo, tag_sha: object.sha })).data.object.sha : object.sha;
  if (target === sha) return true;
  const message = `The tag "${tag}" of "${owner}/${repo}" stands on "${target}", not on "${sha}".`;
  const hint = "Remove or rename that tag: release tags belong to the platform.";
  throw new AdorableError({ code: "tag-taken", remedy: "operator", message, hint });
}
