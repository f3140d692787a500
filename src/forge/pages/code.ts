/** The pages of a repository's content: folders, files, branches, commits. */
import { html } from "hono/html";
import type { Session } from "../accounts.ts";
import type { ForgeCore } from "../core.ts";
import { Fault } from "../faults.ts";
import { objectsOf, type CommitObject, type TreeEntry } from "../objects.ts";
import type { Repository } from "../records.ts";
import { checksView } from "./checks.ts";
import { diffOf } from "./diff.ts";
import { icon } from "./icons.ts";
import { avatar, type Html } from "./layout.ts";
import { checksMark, pager } from "./lists.ts";
import { markdown, type Place } from "./markdown.ts";
import { badge, empty, plural, stateBadge } from "./parts.ts";
import { time } from "./times.ts";

const SHOWN_BYTES = 512 * 1024;
const COMMITS_PER_PAGE = 40;

export async function commitBody(
  core: ForgeCore,
  repository: Repository,
  name: string,
  session: Session | undefined,
): Promise<{ title: string; body: Html }> {
  const objects = objectsOf(core.git, repository.id);
  const sha = await objects.resolve(name);
  if (sha === undefined) throw new Fault(404, "There is no such commit.");
  const commit = await objects.commit(sha);
  const [subject = "", ...rest] = commit.message.split("\n");
  const more = rest.join("\n").trim();
  const checks = core.state.checkRuns(repository.id, sha).items;
  const base = `/${repository.fullName}`;
  const body = html`<h1>${subject}</h1>
    <p class="sub muted">
      ${avatar({ login: commit.author.name, type: "User" })} <strong>${commit.author.name}</strong> committed ${time(commit.author.date)} ·
      <code>${sha.slice(0, 10)}</code>
      ${commit.parents.length === 0 ? "" : html`· ${plural(commit.parents.length, "parent")} ${commit.parents.map((parent) => html`<a href="${base}/commit/${parent}"><code>${parent.slice(0, 7)}</code></a> `)}`}
      · <a href="${base}/tree/${sha}">browse files</a>
    </p>
    ${more === "" ? "" : html`<pre class="card pad message">${more}</pre>`}
    ${
      checks.length === 0
        ? ""
        : html`<h2>Checks</h2>
            ${checksView(core, repository, checks, session)}`
    }
    <h2>Changes</h2>
    ${await diffOf(core, repository, commit.parents[0], sha)}`;
  return { title: subject, body };
}

export interface FoundPlace {
  ref: string;
  sha: string;
  /** Empty: the root. */
  path: string;
  /** Undefined: the root. */
  entry: TreeEntry | undefined;
}

/** `place`: a branch, a tag or a commit, and perhaps `/` and a path. Branches may have slashes, so the longest ref wins. Throws 404. */
export async function findPlace(core: ForgeCore, repository: Repository, place: string): Promise<FoundPlace> {
  const objects = objectsOf(core.git, repository.id);
  const parts = place.replace(/\/+$/, "").split("/");
  for (let length = parts.length; length > 0; length -= 1) {
    const ref = parts.slice(0, length).join("/");
    const sha = await objects.resolve(ref);
    if (sha === undefined) continue;
    const path = parts.slice(length).join("/");
    if (path === "") return { ref, sha, path, entry: undefined };
    const entry = await objects.entry(sha, path);
    if (entry !== undefined) return { ref, sha, path, entry };
  }
  throw new Fault(404, "There is no such file.");
}

/** Throws 404 for a folder. */
export async function readPlace(core: ForgeCore, repository: Repository, place: string): Promise<FoundPlace & { content: Buffer }> {
  const found = await findPlace(core, repository, place);
  if (found.entry?.type !== "blob") throw new Fault(404, "There is no such file.");
  return { ...found, content: await objectsOf(core.git, repository.id).blob(found.entry.sha) };
}

/** What addresses in a text of a folder mean. */
export function placeOf(repository: Repository, ref: string, folder: string): Place {
  const path = `${encodePath(ref)}/${folder === "" ? "" : `${encodePath(folder)}/`}`;
  const base = `/${repository.fullName}`;
  return { repository: base, shown: `${base}/blob/${path}`, plain: `${base}/raw/${path}` };
}

function crumbs(repository: Repository, ref: string, path: string): Html {
  const parts = path.split("/");
  const base = `/${repository.fullName}/tree/${encodePath(ref)}`;
  return html`<nav class="crumbs" aria-label="Path">
    <a href="${base}">${repository.name}</a>
    ${parts.slice(0, -1).map((part, index) => html`<span aria-hidden="true">/</span><a href="${base}/${encodePath(parts.slice(0, index + 1).join("/"))}">${part}</a>`)}<span
      aria-hidden="true"
      >/</span
    >
  </nav>`;
}

export function fileBody(repository: Repository, file: FoundPlace & { content: Buffer }, asText: boolean): Html {
  const { path, ref, content } = file;
  const isBinary = content.subarray(0, 8000).includes(0);
  const text = content.subarray(0, SHOWN_BYTES).toString("utf8");
  const lines = text.replace(/\n$/, "").split("\n");
  const name = path.split("/").at(-1) ?? path;
  const raw = `/${repository.fullName}/raw/${encodePath(ref)}/${encodePath(path)}`;
  const isProse = /\.(md|markdown)$/i.test(path) && !isBinary;
  const folder = path.split("/").slice(0, -1).join("/");
  const shown = (): Html => {
    if (/\.(png|jpe?g|gif|webp|svg|ico)$/i.test(path)) return html`<p class="card pad picture-file"><img src="${raw}" alt="${name}" /></p>`;
    if (isBinary) return empty("file", "This file is not text", html`<a href="${raw}">Download it</a>`);
    if (isProse && !asText)
      return html`<div class="card readme">${markdown(text, { ...placeOf(repository, ref, folder), firstLevel: 2 })}</div>`;
    return html`<div class="card">
      <div class="log" role="region" aria-label="${path}" tabindex="0">
        ${lines.map((line, index) => html`<div class="line" id="L${index + 1}"><a class="n" href="#L${index + 1}">${index + 1}</a><span class="t">${line}</span></div>`)}
      </div>
    </div>`;
  };
  const here = `/${repository.fullName}/blob/${encodePath(ref)}/${encodePath(path)}`;
  return html`${crumbs(repository, ref, path)}
    <h1 class="path">${name}</h1>
    <p class="sub muted">
      ${isBinary ? "" : `${plural(lines.length, "line")} · `}${plural(content.length, "byte")} · on <code>${ref}</code> ·
      <a href="${raw}">raw</a>
      ${isProse ? html` · <a href="${here}${asText ? "" : "?plain=1"}">${asText ? "as a page" : "as text"}</a>` : ""} ·
      <a href="/${repository.fullName}/commits/${encodePath(ref)}?path=${encodeURIComponent(path)}">history</a>
    </p>
    ${shown()} ${content.length > SHOWN_BYTES ? html`<p class="muted">The rest is left out here.</p>` : ""}`;
}

export function folderBody(repository: Repository, place: FoundPlace, entries: TreeEntry[], rest: Html): Html {
  const { path, ref } = place;
  return html`${crumbs(repository, ref, path)}
    <h1 class="path">${path.split("/").at(-1)}</h1>
    <p class="sub muted">
      on <code>${ref}</code> · <a href="/${repository.fullName}/commits/${encodePath(ref)}?path=${encodeURIComponent(path)}">history</a>
    </p>
    <div class="card">${treeTable(repository, ref, path, entries)}</div>
    ${rest}`;
}

/** Folders first. */
export function treeTable(repository: Repository, ref: string, folder: string, entries: TreeEntry[]): Html {
  const order = (entry: TreeEntry): number => (entry.type === "tree" ? 0 : 1);
  const sorted = entries.toSorted((a, b) => order(a) - order(b) || (a.path < b.path ? -1 : 1));
  return html`<ul class="rows files">
    ${sorted.map((entry) => {
      const kind = entry.type === "tree" ? "tree" : "blob";
      const path = folder === "" ? entry.path : `${folder}/${entry.path}`;
      return html`<li class="row">
        ${icon(kind === "tree" ? "folder" : "file")}
        <a class="row-link grow" href="/${repository.fullName}/${kind}/${encodePath(ref)}/${encodePath(path)}">${entry.path}</a>
        <span class="muted small">${entry.size === null ? "" : bytes(entry.size)}</span>
      </li>`;
    })}
  </ul>`;
}

function bytes(size: number): string {
  if (size < 1000) return `${size} B`;
  return size < 1_000_000 ? `${(size / 1000).toFixed(1)} kB` : `${(size / 1_000_000).toFixed(1)} MB`;
}

export async function commitsBody(
  core: ForgeCore,
  repository: Repository,
  place: FoundPlace,
  path: string | undefined,
  page: number,
): Promise<Html> {
  const objects = objectsOf(core.git, repository.id);
  const found = await objects.log(place.sha, {
    limit: COMMITS_PER_PAGE + 1,
    skip: (page - 1) * COMMITS_PER_PAGE,
    ...(path === undefined ? {} : { path }),
  });
  const address = ({ page: wanted }: { page: number }): string =>
    `/${repository.fullName}/commits/${encodePath(place.ref)}?${new URLSearchParams({ ...(path === undefined ? {} : { path }), page: String(wanted) })}`;
  return html`<h1>Commits</h1>
    <p class="sub muted">${path === undefined ? "" : html`that changed <code>${path}</code> `}on <code>${place.ref}</code></p>
    ${
      found.length === 0
        ? empty("commit", "No commit here", "The history ends before this page.")
        : html`<ul class="card rows">
            ${found.slice(0, COMMITS_PER_PAGE).map((commit) => commitRow(core, repository, commit))}
          </ul>`
    }
    ${pager(address, page, (page - 1) * COMMITS_PER_PAGE + found.length, COMMITS_PER_PAGE)}`;
}

function commitRow(core: ForgeCore, repository: Repository, { sha, message, author }: CommitObject): Html {
  return html`<li class="row item">
    ${avatar({ login: author.name, type: "User" })}
    <div class="grow">
      <a class="row-link" href="/${repository.fullName}/commit/${sha}"><strong>${message.split("\n", 1)[0]}</strong></a>
      <p class="muted small row-text">${author.name} committed ${time(author.date)}</p>
    </div>
    <span class="end facts">${checksMark(core.state.checkRuns(repository.id, sha).items)}<code>${sha.slice(0, 7)}</code></span>
  </li>`;
}

export async function branchesBody(core: ForgeCore, repository: Repository): Promise<Html> {
  const objects = objectsOf(core.git, repository.id);
  const branches = core.state.branches(repository.id);
  const pulls = core.state.pulls(repository.id, { state: "all" }).items;
  const rows = await Promise.all(
    branches.map(async ({ name, sha }) => ({ name, commit: await objects.commit(sha), pull: pulls.find((pull) => pull.headRef === name) })),
  );
  const isDefault = (name: string): number => (name === repository.defaultBranch ? 0 : 1);
  rows.sort((a, b) => isDefault(a.name) - isDefault(b.name) || b.commit.committer.date.localeCompare(a.commit.committer.date));
  const base = `/${repository.fullName}`;
  return html`<h1>Branches</h1>
    ${
      rows.length === 0
        ? empty("branch", "No branch yet", "The first push makes one.")
        : html`<ul class="card rows">
            ${rows.map(
              ({ name, commit, pull }) =>
                html`<li class="row item">
                  ${icon("branch")}
                  <div class="grow">
                    <a class="row-link" href="${base}/tree/${encodePath(name)}"><strong>${name}</strong></a>
                    ${name === repository.defaultBranch ? badge("quiet", "default") : ""}
                    <p class="muted small row-text">${commit.message.split("\n", 1)[0]} · ${time(commit.committer.date)}</p>
                  </div>
                  ${pull === undefined ? "" : html`<span class="end facts above"><a href="${base}/pull/${pull.number}">#${pull.number}</a> ${stateBadge(pull)}</span>`}
                </li>`,
            )}
          </ul>`
    }`;
}

export function encodePath(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}
