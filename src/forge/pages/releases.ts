/** What was released: each with its notes, newest first. */
import { html } from "hono/html";
import type { ForgeCore } from "../core.ts";
import type { Release, Repository } from "../records.ts";
import { icon } from "./icons.ts";
import type { Html } from "./layout.ts";
import { markdown } from "./markdown.ts";
import { badge, empty, login } from "./parts.ts";
import { time } from "./times.ts";

export function releasesBody(core: ForgeCore, repository: Repository, only?: Release): Html {
  const items = core.state.releases(repository.id).items;
  const latest = items.find((release) => !release.isDraft && !release.isPrerelease);
  if (items.length === 0)
    return html`<h1>Releases</h1>
      ${empty(
        "tag",
        "Nothing was released yet",
        "Merging a pull request releases it. Each release stands here with its notes; reverting its pull request takes it back.",
        html`<a class="button" href="/${repository.fullName}/pulls">To the pull requests</a>`,
      )}`;
  const shown = only === undefined ? items : items.filter((release) => release.id === only.id);
  return html`${
      only === undefined
        ? html`<h1>Releases</h1>`
        : html`<h1>${only.name ?? only.tagName}</h1>
            <p class="sub"><a href="/${repository.fullName}/releases">All releases</a></p>`
    }
    <div class="stack">${shown.map((release) => releaseView(core, repository, release, release.id === latest?.id))}</div>`;
}

function releaseView(core: ForgeCore, repository: Repository, release: Release, isLatest: boolean): Html {
  const base = `/${repository.fullName}`;
  return html`<article class="card pad release">
    <h2>
      <a href="${base}/releases/tag/${encodeURIComponent(release.tagName)}">${release.name ?? release.tagName}</a>
      ${isLatest ? badge("good", "latest") : ""} ${release.isDraft ? badge("busy", "draft") : ""}
      ${release.isPrerelease ? badge("quiet", "pre-release") : ""}
    </h2>
    <p class="muted small with-icon">
      ${icon("tag")}<a href="${base}/tree/${encodeURIComponent(release.tagName)}"><code>${release.tagName}</code></a> by
      ${login(core, release.authorId)} ${time(release.createdAt)}
    </p>
    ${markdown(release.body, { repository: base })}
  </article>`;
}
