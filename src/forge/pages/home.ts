/** The start: which repositories there are for whoever looks. */
import { html } from "hono/html";
import type { Session } from "../accounts.ts";
import type { ForgeCore } from "../core.ts";
import type { Account, Repository } from "../records.ts";
import { avatar, type Html } from "./layout.ts";
import { badge, empty, plural } from "./parts.ts";
import { time } from "./times.ts";

export function homeBody(core: ForgeCore, session: Session | undefined, owner?: Account): Html {
  const repositories = core.state.repositories(session?.account ?? null).filter((one) => owner === undefined || one.ownerId === owner.id);
  const title =
    owner === undefined
      ? html`<h1>Repositories</h1>`
      : html`<h1 class="person">${avatar(owner)} ${owner.login.replace(/\[bot\]$/, "")}</h1>`;
  if (repositories.length > 0)
    return html`${title}
      <ul class="card rows">
        ${repositories.map((one) => repositoryRow(core, one))}
      </ul>`;
  if (session === undefined)
    return html`${title}
    ${empty("lock", "Nothing here is public", "Log in with a one-time link to see the repositories that you were given access to.")}`;
  return html`${title}
  ${empty(
    "folder",
    "No repository yet",
    "Make one over the API, as on GitHub, and push to it. It shows here at once.",
    html`<pre class="sample"><code>curl -X POST ${core.url}/api/v3/user/repos \\
  -H "authorization: Bearer $TOKEN" -d '{"name": "journal", "auto_init": true}'</code></pre>`,
  )}`;
}

function repositoryRow(core: ForgeCore, repository: Repository): Html {
  const open = (isPull: boolean): number => core.state.issues(repository.id, { isPull, state: "open" }, { page: 1, perPage: 1 }).total;
  return html`<li class="row">
    <div class="grow wide-text">
      <a class="row-link" href="/${repository.fullName}"><strong>${repository.fullName}</strong></a>
      ${repository.isPrivate ? badge("quiet", "private", "lock") : ""}
      ${repository.description === null || repository.description === "" ? "" : html`<p class="muted row-text">${repository.description}</p>`}
    </div>
    <p class="muted small end">
      ${plural(open(false), "issue")} · ${plural(open(true), "pull request")} · pushed ${time(repository.pushedAt)}
    </p>
  </li>`;
}
