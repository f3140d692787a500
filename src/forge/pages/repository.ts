/** The pages of a repository as a whole: its start, its lists, its releases. */
import { html } from "hono/html";
import type { Session } from "../accounts.ts";
import type { ForgeCore } from "../core.ts";
import type { Issue, PullRequest, Repository } from "../records.ts";
import type { Html } from "./layout.ts";
import { markdown } from "./markdown.ts";
import { badge, dot, form, login, stateBadge, time, toneOf } from "./parts.ts";

export function homeBody(core: ForgeCore, session: Session | undefined): Html {
  const repositories = core.state.repositories(session?.account ?? null);
  return html`<h1>Repositories</h1>
    ${
      repositories.length === 0
        ? html`<p class="card pad muted">There is no repository yet.</p>`
        : html`<ul class="card rows">
            ${repositories.map(
              (one) =>
                html`<li>
                  <a class="row" href="/${one.fullName}"
                    ><strong>${one.fullName}</strong><span class="muted">pushed ${time(one.pushedAt)}</span></a
                  >
                </li>`,
            )}
          </ul>`
    }`;
}

export async function repositoryBody(core: ForgeCore, repository: Repository): Promise<Html> {
  const branches = core.state.branches(repository.id);
  const tip = branches.find((branch) => branch.name === repository.defaultBranch);
  const listing = tip === undefined ? "" : await core.git.text(repository.id, ["ls-tree", "-r", "--name-only", tip.sha]);
  const files = listing.split("\n").filter((path) => path !== "");
  const history =
    tip === undefined ? "" : await core.git.text(repository.id, ["log", "--max-count=15", "--format=%h%x09%an%x09%s", tip.sha]);
  const deployments = latestDeployments(core, repository);
  return html`<h1>${repository.name}</h1>
    <div class="columns">
      <section>
        <h2>Environments</h2>
        ${
          deployments.length === 0
            ? html`<p class="card pad muted">Nothing is deployed yet.</p>`
            : html`<ul class="card rows">
                ${deployments.map(({ environment, state, url, at }) => html`<li class="row">${dot(state === "success" ? "good" : state === "failure" || state === "error" ? "bad" : "quiet", state)} <strong>${environment}</strong> ${url === "" ? html`<span class="muted">${state}</span>` : html`<a href="${url}">${url}</a>`}<span class="muted end">${time(at)}</span></li>`)}
              </ul>`
        }
        <h2>Files</h2>
        ${
          files.length === 0
            ? html`<p class="card pad muted">The repository is empty.</p>`
            : html`<ul class="card files">
                ${files.slice(0, 400).map((path) => html`<li>${path}</li>`)}
              </ul>`
        }
      </section>
      <section>
        <h2>Newest commits</h2>
        <ul class="card rows">
          ${history
            .split("\n")
            .filter((line) => line !== "")
            .map((line) => {
              const [hash = "", author = "", subject = ""] = line.split("\t");
              return html`<li class="row"><code>${hash}</code><span>${subject}</span><span class="muted end">${author}</span></li>`;
            })}
        </ul>
        <h2>Branches</h2>
        <ul class="card rows">
          ${branches.map((branch) => html`<li class="row"><code>${branch.name}</code><span class="muted end">${branch.sha.slice(0, 7)}</span></li>`)}
        </ul>
      </section>
    </div>`;
}

function latestDeployments(core: ForgeCore, repository: Repository): { environment: string; state: string; url: string; at: string }[] {
  const seen = new Map<string, { environment: string; state: string; url: string; at: string }>();
  for (const deployment of core.state.deployments(repository.id).items) {
    if (seen.has(deployment.environment)) continue;
    const status = core.state.deploymentStatuses(deployment.id).items[0];
    seen.set(deployment.environment, {
      environment: deployment.environment,
      state: status?.state ?? "pending",
      url: status?.state === "success" ? status.environmentUrl : "",
      at: status?.createdAt ?? deployment.createdAt,
    });
  }
  return [...seen.values()];
}

export function listBody(core: ForgeCore, repository: Repository, isPull: boolean, session: Session | undefined): Html {
  const items: (Issue | PullRequest)[] = isPull
    ? core.state.pulls(repository.id, { state: "all" }).items
    : core.state.issues(repository.id, { isPull: false, state: "all" }).items;
  const path = isPull ? "pull" : "issues";
  return html`<div class="head">
      <h1>${isPull ? "Pull requests" : "Issues"}</h1>
      ${isPull || session === undefined ? "" : html`<a class="button primary" href="/${repository.fullName}/issues/new">New issue</a>`}
    </div>
    ${
      items.length === 0
        ? html`<p class="card pad muted">
            ${isPull ? "There is no pull request yet. A comment on an issue makes one." : "There is no issue yet. Open one and say what you want built."}
          </p>`
        : html`<ul class="card rows">
            ${items.map(
              (item) =>
                html`<li>
                  <a class="row" href="/${repository.fullName}/${path}/${item.number}"
                    >${stateBadge(item)}<strong>${item.title}</strong
                    ><span class="muted">#${item.number} by ${login(core, item.userId)}</span
                    ><span class="muted end">${item.commentCount} comments</span></a
                  >
                </li>`,
            )}
          </ul>`
    }`;
}

export function newIssueBody(repository: Repository, session: Session): Html {
  return html`<h1>New issue</h1>
    ${form(
      session,
      `/${repository.fullName}/issues/new`,
      html`<div class="card pad composer">
        <label for="title">Title</label><input id="title" name="title" required maxlength="256" /> <label for="body">What you want</label
        ><textarea
          id="body"
          name="body"
          rows="8"
          maxlength="65536"
          placeholder="Describe it, or begin a line with @adorable and say what to build."
        ></textarea>
        <p class="end"><button class="primary" type="submit">Open issue</button></p>
      </div>`,
    )}`;
}

export function releasesBody(core: ForgeCore, repository: Repository): Html {
  const { items } = core.state.releases(repository.id);
  return html`<h1>Releases</h1>
    ${
      items.length === 0
        ? html`<p class="card pad muted">Nothing has been released yet. Merging a pull request releases it.</p>`
        : items.map(
            (release) =>
              html`<article class="card pad prose">
                <h2>${release.name ?? release.tagName} ${badge("quiet", release.tagName)}</h2>
                <p class="muted">${time(release.createdAt)}</p>
                ${markdown(release.body)}
              </article>`,
          )
    }`;
}

export function runsBody(core: ForgeCore, repository: Repository): Html {
  const { items } = core.state.workflowRuns(repository.id);
  return html`<h1>Actions</h1>
    ${
      items.length === 0
        ? html`<p class="card pad muted">No workflow has run yet.</p>`
        : html`<ul class="card rows">
            ${items.map(
              (run) =>
                html`<li>
                  <a class="row" href="/${repository.fullName}/actions/runs/${run.id}"
                    >${dot(toneOf(run.status, run.conclusion), run.conclusion ?? run.status)}<strong>${run.title}</strong
                    ><span class="muted">#${run.number} ${run.inputs["phase"] ?? ""}</span
                    ><span class="muted end">${time(run.createdAt)}</span></a
                  >
                </li>`,
            )}
          </ul>`
    }`;
}
