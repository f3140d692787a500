/** The page of a pull request: its conversation, its checks, its changes, and what can be done with it. */
import { html, raw } from "hono/html";
import type { Session } from "../accounts.ts";
import { isAtLeast } from "../auth.ts";
import type { ForgeCore } from "../core.ts";
import type { CheckRun, PullRequest, Repository } from "../records.ts";
import { checksView, tally } from "./checks.ts";
import { conversation, titleOf } from "./conversation.ts";
import { diffOf } from "./diff.ts";
import type { Html } from "./layout.ts";
import { composer, deploymentRows, dot, form, login, toneOf, word } from "./parts.ts";

export type PullTab = "conversation" | "checks" | "changes";

export async function pullBody(
  core: ForgeCore,
  repository: Repository,
  pull: PullRequest,
  tab: PullTab,
  session: Session | undefined,
): Promise<Html> {
  const checks = core.state.checkRuns(repository.id, pull.headSha).items;
  const base = `/${repository.fullName}/pull/${pull.number}`;
  const tabs: [PullTab, string, number | undefined, string][] = [
    ["conversation", "Conversation", undefined, base],
    ["checks", "Checks", checks.length, `${base}/checks`],
    ["changes", "Changes", pull.changedFiles, `${base}/files`],
  ];
  const shown: Record<PullTab, () => Html | Promise<Html>> = {
    conversation: () => conversationTab(core, repository, pull, checks, session),
    checks: () => checksView(core, checks),
    changes: () => changesTab(core, repository, pull),
  };
  return html`${titleOf(pull, html`by ${login(core, pull.userId)} · <code>${pull.headRef}</code> into <code>${pull.baseRef}</code>`)}
    <nav class="tabs inner" aria-label="Pull request">
      ${tabs.map(([key, label, count, href]) => html`<a href="${href}" ${key === tab ? raw('aria-current="page"') : ""}>${label}${count === undefined ? "" : html` <span class="count">${count}</span>`}</a>`)}
    </nav>
    ${await shown[tab]()}`;
}

function conversationTab(
  core: ForgeCore,
  repository: Repository,
  pull: PullRequest,
  checks: CheckRun[],
  session: Session | undefined,
): Html {
  const deployments = deploymentRows(core, core.state.deployments(repository.id, { sha: pull.headSha }).items);
  return html`${
    deployments.length === 0
      ? ""
      : html`<ul class="card rows" aria-label="Where this runs">
          ${deployments}
        </ul>`
  }
  ${conversation(core, repository, pull)} ${mergeBox(core, repository, pull, checks, session)}
  ${composer(session, `/${repository.fullName}/issues/${pull.number}/comments`)}`;
}

function mergeBox(core: ForgeCore, repository: Repository, pull: PullRequest, checks: CheckRun[], session: Session | undefined): Html {
  const action = `/${repository.fullName}/pull/${pull.number}`;
  const isWriter = session !== undefined && isAtLeast(core.state.role(repository, session.account), "write");
  const only = (what: string): Html =>
    html`<p class="muted">
      ${session === undefined ? `Log in to ${what}.` : `You may read and comment here; to ${what} takes write access.`}
    </p>`;
  if (pull.isMerged) {
    const reverting = revertOf(core, repository, pull);
    return html`<section class="card pad merge" aria-label="Merged">
      <p>
        ${
          reverting === undefined
            ? "Merged. Reverting it opens a pull request that takes it back; nothing changes before that one is merged."
            : html`Merged.
                <a href="/${repository.fullName}/pull/${reverting.number}">#${reverting.number}</a>
                ${reverting.isMerged ? "took it back." : "takes it back when it is merged."}`
        }
      </p>
      ${reverting !== undefined ? "" : isWriter ? form(session, `${action}/revert`, html`<button type="submit">Revert</button>`) : only("revert")}
    </section>`;
  }
  if (pull.state === "closed") return html`<p class="card pad muted">Closed without being merged.</p>`;
  const obstacle =
    pull.isMergeable === false
      ? "The branch conflicts with its base: it cannot be merged."
      : pull.isDraft
        ? "A draft cannot be merged."
        : undefined;
  return html`<section class="card merge" aria-label="Merge">
    ${
      checks.length === 0
        ? ""
        : html`<ul class="rows checks">
            ${checks.map((check) => html`<li class="row">${dot(toneOf(check.status, check.conclusion), word(check.status, check.conclusion))} <a href="${action}/checks#check-${check.id}">${check.name}</a> <span class="muted">${check.title ?? ""}</span></li>`)}
          </ul>`
    }
    <div class="pad">
      <p>${obstacle ?? tally(checks)}</p>
      ${
        !isWriter
          ? only("merge")
          : obstacle === undefined
            ? form(
                session,
                `${action}/merge`,
                html`<input type="hidden" name="sha" value="${pull.headSha}" /><button class="primary" type="submit">
                    Merge pull request
                  </button>`,
              )
            : ""
      }
    </div>
  </section>`;
}

/** The pull request that reverts this one, unless it was closed without effect. */
function revertOf(core: ForgeCore, repository: Repository, pull: PullRequest): PullRequest | undefined {
  return core.state
    .pulls(repository.id, { state: "all" })
    .items.find((other) => other.revertsNumber === pull.number && (other.isMerged || other.state === "open"));
}

/** Of a merged one: what it changed when it was merged. */
async function changesTab(core: ForgeCore, repository: Repository, pull: PullRequest): Promise<Html> {
  const base = await core.git.run(repository.id, ["merge-base", pull.baseSha, pull.headSha], { codes: [0, 1] });
  const from = base.stdout.toString("utf8").trim();
  return diffOf(core, repository, from === "" ? undefined : from, pull.headSha);
}
