/** What a repository that has nothing yet says to do: the first requests, and how to push. */
import { html } from "hono/html";
import type { Session } from "../accounts.ts";
import type { ForgeCore } from "../core.ts";
import type { Repository } from "../records.ts";
import { icon } from "./icons.ts";
import type { Html } from "./layout.ts";
import { appOf } from "./parts.ts";

const EXAMPLES: readonly (readonly [title: string, request: string])[] = [
  ["A blog", "add a blog app with posts that have a title, a text and tags"],
  ["A list of guests", "add an app for guests with name, e-mail and whether they come"],
  ["Plants to water", "add an app for plants with name, species and when each was last watered"],
];

/** Links that open a written issue: one more press and it is asked for. */
export function firstRequests(core: ForgeCore, repository: Repository, session: Session | undefined): Html {
  const app = appOf(core, repository);
  if (session === undefined) return html``;
  if (app === undefined) return html`<a class="button" href="/${repository.fullName}/issues/new">New issue</a>`;
  return html`<ul class="examples" aria-label="Examples">
    ${EXAMPLES.map(([title, request]) => {
      const body = `@${app.slug} ${request}`;
      const query = new URLSearchParams({ title, body });
      return html`<li>
        <a href="/${repository.fullName}/issues/new?${query.toString()}"><code>${body}</code>${icon("arrow")}</a>
      </li>`;
    })}
  </ul>`;
}

/** The commands that fill an empty repository. */
export function howToPush(core: ForgeCore, repository: Repository): Html {
  return html`<pre class="sample"><code>git remote add origin ${core.url}/${repository.fullName}.git
git push -u origin ${repository.defaultBranch}</code></pre>`;
}
