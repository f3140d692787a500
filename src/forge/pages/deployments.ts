/** Where the repository runs: production with its release, previews with their pull requests, and what was deployed before. */
import { html } from "hono/html";
import type { ForgeCore } from "../core.ts";
import type { Deployment, DeploymentStatus, PullRequest, Release, Repository } from "../records.ts";
import { icon, mark, type Tone } from "./icons.ts";
import type { Html } from "./layout.ts";
import { isSafeAddress } from "./markdown.ts";
import { badge, empty, login, word } from "./parts.ts";
import { time } from "./times.ts";

const SHOWN_HISTORY = 30;

export interface Environment {
  deployment: Deployment;
  status: DeploymentStatus | undefined;
  tone: Tone;
  /** Where it answers; undefined while it does not. */
  url: string | undefined;
}

/** The newest deployment of each environment; production first. */
export function environmentsOf(core: ForgeCore, repository: Repository, filter: { sha?: string } = {}): Environment[] {
  const newest = new Map<string, Deployment>();
  for (const deployment of core.state.deployments(repository.id, filter).items)
    if (!newest.has(deployment.environment)) newest.set(deployment.environment, deployment);
  return [...newest.values()]
    .map((deployment) => standingOf(core, deployment))
    .toSorted((a, b) => Number(b.deployment.isProduction) - Number(a.deployment.isProduction));
}

function standingOf(core: ForgeCore, deployment: Deployment): Environment {
  const status = core.state.deploymentStatuses(deployment.id).items[0];
  const state = status?.state ?? "pending";
  const url = status?.state === "success" && isSafeAddress(status.environmentUrl) ? status.environmentUrl : undefined;
  return { deployment, status, tone: TONES[state] ?? "quiet", url };
}

const TONES: Record<string, Tone> = { success: "good", failure: "bad", error: "bad", in_progress: "busy" };

export function liveLink({ url, deployment }: Environment, text: string): Html {
  return url === undefined
    ? html`<span>${text}</span>`
    : html`<a class="link" href="${url}" rel="noopener" title="${deployment.environment}">${text}<span class="unseen">: ${url}</span></a>`;
}

/** A success means that it is live: nobody says that a place passed. */
export function stateWord(status: DeploymentStatus | undefined): string {
  if (status?.state === "success") return "live";
  return word(status?.state ?? "pending", null);
}

export function deploymentsBody(core: ForgeCore, repository: Repository): Html {
  const environments = environmentsOf(core, repository);
  const history = core.state.deployments(repository.id, {}, { page: 1, perPage: SHOWN_HISTORY }).items;
  const production = environments.filter(({ deployment, status }) => deployment.isProduction && status?.state !== "inactive");
  const others = environments.filter((one) => !one.deployment.isProduction && one.status?.state !== "inactive");
  const release = core.state.releases(repository.id).items.find((one) => !one.isDraft);
  return html`<h1>Deployments</h1>
    <h2>Production</h2>
    ${
      production.length === 0
        ? empty(
            "rocket",
            "Nothing is in production yet",
            "Merging a pull request releases it. What is live then stands here, with its address.",
          )
        : html`<div class="cards">${production.map((one) => card(core, repository, one, release))}</div>`
    }
    <h2>Previews</h2>
    ${
      others.length === 0
        ? empty("pull", "No preview is running", "Each open pull request gets one, with data of its own, when its checks are through.")
        : html`<div class="cards">${others.map((one) => card(core, repository, one, undefined))}</div>`
    }
    ${
      history.length === 0
        ? ""
        : html`<h2>History</h2>
            <ul class="card rows">
              ${history.map((one) => historyRow(core, repository, one, environments))}
            </ul>`
    }`;
}

function pullOf(core: ForgeCore, repository: Repository, { sha }: Deployment): PullRequest | undefined {
  return core.state.pulls(repository.id, { state: "all" }).items.find((pull) => pull.headSha === sha || pull.mergeCommitSha === sha);
}

function card(core: ForgeCore, repository: Repository, environment: Environment, release: Release | undefined): Html {
  const { deployment, status, tone, url } = environment;
  const base = `/${repository.fullName}`;
  const pull = pullOf(core, repository, deployment);
  return html`<section class="card pad environment" aria-label="${deployment.environment}">
    <h3 class="with-icon">${mark(tone)}${deployment.environment} ${badge(tone, stateWord(status))}</h3>
    ${release === undefined ? "" : html`<p class="with-icon">${icon("tag")}<a href="${base}/releases/tag/${encodeURIComponent(release.tagName)}">${release.name ?? release.tagName}</a></p>`}
    ${pull === undefined ? "" : html`<p class="with-icon">${icon("pull")}<a href="${base}/pull/${pull.number}">${pull.title} #${pull.number}</a></p>`}
    <p class="muted small">
      <a href="${base}/commit/${deployment.sha}"><code>${deployment.sha.slice(0, 7)}</code></a>
      ${status?.description ? html`· ${status.description} ` : ""}· ${time(status?.createdAt ?? deployment.createdAt)}
    </p>
    ${
      url === undefined
        ? ""
        : html`<p><a class="button" href="${url}" rel="noopener">Open ${icon("arrow")}</a></p>
            <p class="muted small link">${url}</p>`
    }
  </section>`;
}

function historyRow(core: ForgeCore, repository: Repository, deployment: Deployment, newest: Environment[]): Html {
  const { status, tone } = standingOf(core, deployment);
  // What was live before is not any more, whether somebody said so or not.
  const isPast = status?.state === "success" && !newest.some((one) => one.deployment.id === deployment.id);
  return html`<li class="row">
    ${isPast ? mark("quiet", "replaced") : mark(tone, stateWord(status))}<strong>${deployment.environment}</strong>
    <span class="muted small">${deployment.description ?? ""}</span>
    <span class="muted small end"
      ><a href="/${repository.fullName}/commit/${deployment.sha}"><code>${deployment.sha.slice(0, 7)}</code></a> by
      ${login(core, deployment.creatorId)} ${time(deployment.createdAt)}</span
    >
  </li>`;
}
