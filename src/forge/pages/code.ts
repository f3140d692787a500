/** The pages of a repository's content: a commit and what it changed, and a file. */
import { html } from "hono/html";
import type { ForgeCore } from "../core.ts";
import { Fault } from "../faults.ts";
import { objectsOf } from "../objects.ts";
import type { Repository } from "../records.ts";
import { checksView } from "./checks.ts";
import { diffOf } from "./diff.ts";
import type { Html } from "./layout.ts";
import { time } from "./parts.ts";

const SHOWN_BYTES = 512 * 1024;

export async function commitBody(core: ForgeCore, repository: Repository, name: string): Promise<{ title: string; body: Html }> {
  const objects = objectsOf(core.git, repository.id);
  const sha = await objects.resolve(name);
  if (sha === undefined) throw new Fault(404, "There is no such commit.");
  const commit = await objects.commit(sha);
  const [subject = "", ...rest] = commit.message.split("\n");
  const more = rest.join("\n").trim();
  const checks = core.state.checkRuns(repository.id, sha).items;
  const body = html`<h1>${subject}</h1>
    <p class="sub muted"><code>${sha.slice(0, 10)}</code> by ${commit.author.name}, ${time(commit.author.date)}</p>
    ${more === "" ? "" : html`<pre class="card pad message">${more}</pre>`}
    ${
      checks.length === 0
        ? ""
        : html`<h2>Checks</h2>
            ${checksView(core, checks)}`
    }
    <h2>Changes</h2>
    ${await diffOf(core, repository, commit.parents[0], sha)}`;
  return { title: subject, body };
}

/** `place`: a branch, a tag or a commit, `/` and a path. Branches may have slashes, so the longest ref wins. */
export async function readPlace(
  core: ForgeCore,
  repository: Repository,
  place: string,
): Promise<{ path: string; ref: string; content: Buffer }> {
  const objects = objectsOf(core.git, repository.id);
  const parts = place.split("/");
  for (let length = parts.length - 1; length > 0; length -= 1) {
    const ref = parts.slice(0, length).join("/");
    const sha = await objects.resolve(ref);
    if (sha === undefined) continue;
    const path = parts.slice(length).join("/");
    const entry = await objects.entry(sha, path);
    if (entry?.type === "blob") return { path, ref, content: await objects.blob(entry.sha) };
  }
  throw new Fault(404, "There is no such file.");
}

export function fileBody(repository: Repository, file: { path: string; ref: string; content: Buffer }): Html {
  const { path, ref, content } = file;
  const isBinary = content.subarray(0, 8000).includes(0);
  const lines = content.subarray(0, SHOWN_BYTES).toString("utf8").replace(/\n$/, "").split("\n");
  return html`<h1 class="path">${path}</h1>
    <p class="sub muted">
      ${content.length.toLocaleString("en-US")} bytes on <code>${ref}</code> ·
      <a href="/${repository.fullName}/raw/${ref}/${encodePath(path)}">raw</a>
    </p>
    ${
      isBinary
        ? html`<p class="card pad muted">This file is not text.</p>`
        : html`<div class="card">
            <div class="log" role="region" aria-label="${path}" tabindex="0">
              ${lines.map((line, index) => html`<div class="line" id="L${index + 1}"><a class="n" href="#L${index + 1}">${index + 1}</a><span class="t">${line}</span></div>`)}
            </div>
          </div>`
    }
    ${content.length > SHOWN_BYTES ? html`<p class="muted">The rest is left out here.</p>` : ""}`;
}

export function encodePath(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}
