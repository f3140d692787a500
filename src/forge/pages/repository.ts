/** The pages of a repository as a whole: its start, its lists, its releases. */
import { html } from "hono/html";
import type { Session } from "../accounts.ts";
import type { ForgeCore } from "../core.ts";
import type { Account, Issue, PullRequest, Repository } from "../records.ts";
import { encodePath } from "./code.ts";
import type { Html } from "./layout.ts";
import { markdown } from "./markdown.ts";
import { badge, deploymentRows, dot, form, login, stateBadge, time, toneOf, word } from "./parts.ts";

const MAX_FILES = 400;

export function homeBody(core: ForgeCore, session: Session | undefined, owner?: Account): Html {
  const repositories = core.state.repositories(session?.account ?? null).filter((one) => owner === undefined || one.ownerId === owner.id);
  return html`<h1>${owner === undefined ? "Repositories" : owner.login}</h1>
    ${
      repositories.length === 0
        ? html`<p class="card pad muted">
            ${session === undefined ? "There is no public repository here. Log in with a one-time link to see yours." : "There is no repository here yet."}
          </p>`
        : html`<ul class="card rows">
            ${repositories.map(
              (one) =>
                html`<li>
                  <a class="row" href="/${one.fullName}"
                    ><strong>${one.fullName}</strong> ${one.isPrivate ? badge("quiet", "private") : ""}
                    <span class="muted">${one.description ?? ""}</span><span class="muted end">${time(one.pushedAt)}</span></a
                  >
                </li>`,
            )}
          </ul>`
    }`;
}

export async function repositoryBody(core: ForgeCore, repository: Repository): Promise<Html> {
  const branches = core.state.branches(repository.id);
  const tip = branches.find((branch) => branch.name === repository.defaultBranch);
  const [files, commits] =
    tip === undefined
      ? [[], []]
      : await Promise.all([
          records(core, repository, ["ls-tree", "-r", "-z", "--name-only", tip.sha]),
          records(core, repository, ["log", "-z", "--max-count=15", "--format=%H%x09%an%x09%aI%x09%s", tip.sha]),
        ]);
  const deployments = deploymentRows(core, core.state.deployments(repository.id).items);
  return html`<h1>${repository.name} ${repository.isPrivate ? badge("quiet", "private") : ""}</h1>
    ${repository.description === null ? "" : html`<p class="sub muted">${repository.description}</p>`}
    <div class="columns">
      <section>
        <h2>Environments</h2>
        ${
          deployments.length === 0
            ? html`<p class="card pad muted">Nothing is deployed yet.</p>`
            : html`<ul class="card rows">
                ${deployments}
              </ul>`
        }
        <h2>Newest commits</h2>
        ${
          commits.length === 0
            ? html`<p class="card pad muted">There is no commit yet.</p>`
            : html`<ul class="card rows">
                ${commits.map((line) => {
                  const [sha = "", author = "", at = "", subject = ""] = line.split("\t");
                  return html`<li>
                    <a class="row" href="/${repository.fullName}/commit/${sha}"
                      ><span class="grow">${subject}</span
                      ><span class="muted small end">${author} · ${time(at)} · <code>${sha.slice(0, 7)}</code></span></a
                    >
                  </li>`;
                })}
              </ul>`
        }
      </section>
      <section>
        <h2>Files</h2>
        ${
          files.length === 0
            ? html`<p class="card pad muted">The repository is empty.</p>`
            : html`<ul class="card files">
                ${files.slice(0, MAX_FILES).map((path) => html`<li><a href="/${repository.fullName}/blob/${repository.defaultBranch}/${encodePath(path)}">${path}</a></li>`)}
                ${files.length > MAX_FILES ? html`<li class="muted">and ${files.length - MAX_FILES} more</li>` : ""}
              </ul>`
        }
        <h2>Branches</h2>
        ${
          branches.length === 0
            ? html`<p class="card pad muted">There is no branch yet.</p>`
            : html`<ul class="card rows">
                ${branches.map(
                  (branch) =>
                    html`<li>
                      <a class="row" href="/${repository.fullName}/commit/${branch.sha}"
                        ><code>${branch.name}</code><code class="muted end">${branch.sha.slice(0, 7)}</code></a
                      >
                    </li>`,
                )}
              </ul>`
        }
      </section>
    </div>`;
}

async function records(core: ForgeCore, repository: Repository, args: string[]): Promise<string[]> {
  return (await core.git.text(repository.id, args)).split("\0").filter((record) => record !== "");
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
                    ><span class="muted end">${item.commentCount === 1 ? "1 comment" : `${item.commentCount} comments`}</span></a
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

export function releasesBody(core: ForgeCore, repository: Repository, only?: number): Html {
  const items = core.state.releases(repository.id).items.filter((release) => only === undefined || release.id === only);
  return html`<h1>Releases</h1>
    ${
      items.length === 0
        ? html`<p class="card pad muted">Nothing has been released yet. Merging a pull request releases it.</p>`
        : items.map(
            (release) =>
              html`<article class="card pad release">
                <h2>
                  <a href="/${repository.fullName}/releases/tag/${encodeURIComponent(release.tagName)}"
                    >${release.name ?? release.tagName}</a
                  >
                  ${badge("quiet", release.tagName)} ${release.isDraft ? badge("busy", "draft") : ""}
                </h2>
                <p class="muted small">${login(core, release.authorId)}, ${time(release.createdAt)}</p>
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
                    >${dot(toneOf(run.status, run.conclusion), word(run.status, run.conclusion))}<strong>${run.title}</strong
                    ><span class="muted">#${run.number} · ${word(run.status, run.conclusion)}</span
                    ><span class="muted end">${time(run.createdAt)}</span></a
                  >
                </li>`,
            )}
          </ul>`
    }`;
}
