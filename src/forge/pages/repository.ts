/** The start of a repository: its files and README, what is live, and what to do while there is nothing. */
import { html } from "hono/html";
import type { Session } from "../accounts.ts";
import type { ForgeCore } from "../core.ts";
import { objectsOf, type TreeEntry } from "../objects.ts";
import type { Repository } from "../records.ts";
import { encodePath, placeOf, treeTable } from "./code.ts";
import { environmentsOf, liveLink, type Environment } from "./deployments.ts";
import { icon, mark } from "./icons.ts";
import { avatar, type Html } from "./layout.ts";
import { checksMark } from "./lists.ts";
import { markdown } from "./markdown.ts";
import { appOf, badge, empty, plural } from "./parts.ts";
import { firstRequests, howToPush } from "./start.ts";
import { time } from "./times.ts";

export async function repositoryBody(core: ForgeCore, repository: Repository, session: Session | undefined, ref: string): Promise<Html> {
  const objects = objectsOf(core.git, repository.id);
  const branches = core.state.branches(repository.id);
  const sha = await objects.resolve(ref);
  const title = html`<h1>${repository.name} ${repository.isPrivate ? badge("quiet", "private", "lock") : ""}</h1>
    ${repository.description === null || repository.description === "" ? "" : html`<p class="sub muted">${repository.description}</p>`}`;
  if (sha === undefined)
    return html`${title}
    ${empty("folder", "This repository is empty", "Push a first commit; the start, the branches and the pages of the code appear here by themselves.", howToPush(core, repository))}`;
  const [entries, [commit], commits] = await Promise.all([objects.tree(sha), objects.log(sha, { limit: 1 }), objects.count(sha)]);
  const base = `/${repository.fullName}`;
  return html`${title}
    <div class="columns">
      <section aria-label="Code">
        <div class="toolbar">
          ${branchMenu(core, repository, ref)}
          <a class="quiet-link" href="${base}/branches">${icon("branch")}${plural(branches.length, "branch", "branches")}</a>
          <a class="quiet-link" href="${base}/commits/${encodePath(ref)}">${icon("clock")}${plural(commits, "commit")}</a>
        </div>
        <div class="card">
          <p class="last-commit">
            ${avatar({ login: commit?.author.name ?? "", type: "User" })}
            <a class="grow" href="${base}/commit/${sha}">${commit?.message.split("\n", 1)[0]}</a>
            ${checksMark(core.state.checkRuns(repository.id, sha).items)}
            <span class="muted small"><code>${sha.slice(0, 7)}</code> ${time(commit?.author.date ?? null)}</span>
          </p>
          ${treeTable(repository, ref, "", entries)}
        </div>
        ${await readme(core, repository, ref, entries)}
      </section>
      <aside aria-label="About this repository">
        ${liveCard(core, repository)} ${firstSteps(core, repository, session)} ${cloneCard(core, repository)}
      </aside>
    </div>`;
}

/** To the same page of another branch. */
export function branchMenu(core: ForgeCore, repository: Repository, ref: string): Html {
  const branches = core.state.branches(repository.id);
  return html`<details class="menu" id="branches">
    <summary class="button">${icon("branch")}<span class="clip">${ref}</span>${icon("down")}</summary>
    <ul class="card menu-items">
      ${branches.slice(0, 30).map(
        ({ name }) =>
          html`<li>
            <a href="/${repository.fullName}/tree/${encodePath(name)}"
              >${name === ref ? icon("check") : html`<span class="icon"></span>`}<span class="clip">${name}</span></a
            >
          </li>`,
      )}
      ${
        branches.length > 30
          ? html`<li>
              <a href="/${repository.fullName}/branches"><span class="icon"></span>All ${branches.length} branches</a>
            </li>`
          : ""
      }
    </ul>
  </details>`;
}

export async function readme(core: ForgeCore, repository: Repository, ref: string, entries: TreeEntry[], folder = ""): Promise<Html> {
  const entry = entries.find(({ path, type }) => type === "blob" && /^readme(\.md|\.markdown)?$/i.test(path));
  if (entry === undefined) return html``;
  const text = (await objectsOf(core.git, repository.id).blob(entry.sha)).toString("utf8");
  return html`<section class="card" aria-labelledby="readme">
    <h2 class="card-title" id="readme">${icon("file")}${entry.path}</h2>
    <div class="readme">${markdown(text, placeOf(repository, ref, folder))}</div>
  </section>`;
}

/** What is live now, and where. */
function liveCard(core: ForgeCore, repository: Repository): Html {
  const environments = environmentsOf(core, repository);
  const production = environments.filter(({ deployment, status }) => deployment.isProduction && status?.state !== "inactive");
  const previews = environments.filter((one) => !one.deployment.isProduction && one.url !== undefined);
  const release = core.state.releases(repository.id).items.find((one) => !one.isDraft);
  if (environments.length === 0 && release === undefined) return html``;
  return html`<section class="card pad side" aria-labelledby="live">
    <h2 id="live">Live</h2>
    ${
      production.length === 0
        ? html`<p class="muted">Nothing is in production yet: merging a pull request releases it.</p>`
        : production.map((one) => html`<p class="with-icon">${mark(one.tone)}${liveLink(one, nameOf(one))}</p>`)
    }
    ${release === undefined ? "" : html`<p class="with-icon">${icon("tag")}<a href="/${repository.fullName}/releases/tag/${encodeURIComponent(release.tagName)}">${release.name ?? release.tagName}</a> <span class="muted small">${time(release.createdAt)}</span></p>`}
    ${previews.length === 0 ? "" : html`<p class="with-icon">${icon("rocket")}<a href="/${repository.fullName}/deployments">${plural(previews.length, "preview")}</a></p>`}
  </section>`;
}

function nameOf({ deployment }: Environment): string {
  return deployment.environment === "production" ? "Production" : deployment.environment.replace(/^production\//, "");
}

/** While nobody has asked for anything. */
function firstSteps(core: ForgeCore, repository: Repository, session: Session | undefined): Html {
  const app = appOf(core, repository);
  const isUsed = core.state.issues(repository.id, { state: "all" }, { page: 1, perPage: 1 }).total > 0;
  if (app === undefined || isUsed) return html``;
  return html`<section class="card pad side" aria-labelledby="start">
    <h2 id="start">Begin here</h2>
    <p class="muted small">
      ${app.name} is installed. Open an issue and write <code>@${app.slug}</code> with what you want: it plans, builds and checks it, and
      opens a pull request.
    </p>
    ${firstRequests(core, repository, session)}
  </section>`;
}

function cloneCard(core: ForgeCore, repository: Repository): Html {
  return html`<section class="card pad side" aria-labelledby="clone">
    <h2 id="clone">Clone</h2>
    <input class="code" readonly aria-label="Address to clone" value="${core.url}/${repository.fullName}.git" />
  </section>`;
}
