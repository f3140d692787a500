/** What can be done with a pull request now, what stands in the way, and what is left to do after it was merged or closed. */
import { html, raw } from "hono/html";
import type { Session } from "../accounts.ts";
import { isAtLeast } from "../auth.ts";
import type { ForgeCore } from "../core.ts";
import type { CheckRun, PullRequest, Repository } from "../records.ts";
import { tally } from "./checks.ts";
import { icon, mark, type Tone } from "./icons.ts";
import type { Html } from "./layout.ts";
import { appOf, form, login, toneOf, word } from "./parts.ts";
import { time } from "./times.ts";

interface Scene {
  core: ForgeCore;
  repository: Repository;
  pull: PullRequest;
  checks: CheckRun[];
  /** Undefined: may not write here. */
  writer: Session | undefined;
  /** `/owner/name/pull/1` */
  action: string;
}

export function mergeBox(
  core: ForgeCore,
  repository: Repository,
  pull: PullRequest,
  checks: CheckRun[],
  session: Session | undefined,
): Html {
  const writer = session !== undefined && isAtLeast(core.state.role(repository, session.account), "write") ? session : undefined;
  const scene: Scene = { core, repository, pull, checks, writer, action: `/${repository.fullName}/pull/${pull.number}` };
  const only = (what: string): Html =>
    html`<p class="muted small">
      ${session === undefined ? `Log in to ${what}.` : `You may read and comment here; to ${what} takes write access.`}
    </p>`;
  if (pull.isMerged) return mergedBox(scene, only);
  if (pull.state === "closed")
    return box("Closed", "quiet", [
      line(
        "quiet",
        "Closed without being merged",
        "Nothing of it is in the base branch. It can be opened again below while its branch is there.",
      ),
      branchForm(scene),
    ]);
  return openBox(scene, only);
}

function box(label: string, tone: Tone, rows: (Html | undefined)[]): Html {
  return html`<section class="merge ${tone}" aria-label="${label}">
    <span class="merge-sign ${tone}">${icon("merge")}</span>
    <div class="card">${rows.filter((row) => row !== undefined).map((row) => html`<div class="merge-row">${row}</div>`)}</div>
  </section>`;
}

function line(tone: Tone, heading: string, text: Html | string): Html {
  return html`<div class="merge-line">
    ${mark(tone)}
    <div>
      <h2>${heading}</h2>
      <p class="muted">${text}</p>
    </div>
  </div>`;
}

function openBox(scene: Scene, only: (what: string) => Html): Html {
  const { pull, checks, writer } = scene;
  const sum = tally(checks);
  const merging = mergeLine(scene);
  const tone = merging.tone === "good" ? (sum.tone === "quiet" ? "good" : sum.tone) : merging.tone;
  return box("Merge", tone, [
    checks.length === 0 ? undefined : html`${line(sum.tone, sum.heading, sum.text)} ${checkList(scene, sum.tone !== "good")}`,
    line(merging.tone, merging.heading, merging.text),
    writer === undefined ? only("merge") : pull.isMergeable === true && !pull.isDraft ? mergeForm(scene, writer, sum.tone) : undefined,
  ]);
}

function mergeLine({ core, repository, pull }: Scene): { tone: Tone; heading: string; text: Html | string } {
  const base = html`<code>${pull.baseRef}</code>`;
  if (pull.isDraft) return { tone: "quiet", heading: "This is a draft", text: "A draft cannot be merged before it is marked as ready." };
  if (pull.isMergeable === null)
    return { tone: "busy", heading: "Checking whether it can be merged", text: "This takes a moment; the page follows by itself." };
  if (pull.isMergeable)
    return { tone: "good", heading: "No conflicts with the base branch", text: html`It can be merged into ${base} as it is.` };
  const app = appOf(core, repository);
  const byHand = html`git fetch origin && git switch ${pull.headRef} && git merge origin/${pull.baseRef}`;
  return {
    tone: "bad",
    heading: "It conflicts with the base branch",
    text: html`Both changed the same lines since they parted, so it cannot be merged into ${base}.
      ${app === undefined ? "Bring the branch up to date:" : html`Comment <code>@${app.slug}</code> with what shall hold, or bring the branch up to date by hand:`}
      <code class="by-hand">${byHand}</code>`,
  };
}

function checkList({ checks, action }: Scene, isOpen: boolean): Html {
  return html`<details class="fold" id="merge-checks" ${isOpen ? raw("open") : ""}>
    <summary>Each check</summary>
    <ul class="checks">
      ${checks.map(
        (check) =>
          html`<li>
            ${mark(toneOf(check.status, check.conclusion), word(check.status, check.conclusion))}
            <a href="${action}/checks#check-${check.id}">${check.name}</a> <span class="muted small">${check.title ?? ""}</span>
          </li>`,
      )}
    </ul>
  </details>`;
}

const METHODS = [
  ["merge", "Merge pull request", "Merge", "All commits, and one that joins them"],
  ["squash", "Squash and merge", "Squash", "All changes in one commit"],
  ["rebase", "Rebase and merge", "Rebase", "The commits one after another, without one that joins them"],
] as const;

/** The choice is made beside the button and shows on it, without script too. */
function mergeForm({ pull, action }: Scene, writer: Session, checks: Tone): Html {
  const isCalm = checks === "good" || checks === "quiet";
  return form(
    writer,
    `${action}/merge`,
    html`<input type="hidden" name="sha" value="${pull.headSha}" />
      <div class="split">
        <button class="${isCalm ? "primary" : ""}" type="submit" data-default>
          ${METHODS.map(([method, label]) => html`<span class="for-${method}">${label}</span>`)}
        </button>
        <details class="menu up" id="merge-method">
          <summary class="button ${isCalm ? "primary" : ""}" aria-label="How to merge" title="How to merge">${icon("down")}</summary>
          <fieldset class="card menu-items methods">
            <legend class="unseen">How to merge</legend>
            ${METHODS.map(
              ([method, , name, text]) =>
                html`<label
                  ><input type="radio" name="method" value="${method}" ${method === "merge" ? raw("checked") : ""} /><span
                    ><strong>${name}</strong><span class="muted small">${text}</span></span
                  ></label
                >`,
            )}
          </fieldset>
        </details>
      </div>
      ${checks === "bad" ? html`<p class="muted small">A check failed: merging is possible all the same, and on your account.</p>` : ""}
      ${checks === "busy" ? html`<p class="muted small">Not every check is done: merging does not wait for them.</p>` : ""}`,
    "merge-form",
  );
}

function mergedBox(scene: Scene, only: (what: string) => Html): Html {
  const { core, repository, pull, writer, action } = scene;
  const reverting = revertOf(core, repository, pull);
  const commit = pull.mergeCommitSha;
  const who = pull.mergedById === null ? "" : html`<strong>${login(core, pull.mergedById)}</strong> merged it ${time(pull.mergedAt)}`;
  const as = commit === null ? "" : html` as <a href="/${repository.fullName}/commit/${commit}"><code>${commit.slice(0, 7)}</code></a>`;
  const next =
    reverting === undefined
      ? "Reverting it opens a pull request that takes it back; nothing changes before that one is merged."
      : html`<a href="/${repository.fullName}/pull/${reverting.number}">#${reverting.number}</a>
          ${reverting.isMerged ? "took it back." : "takes it back when it is merged."}`;
  return box("Merged", "merged", [
    line("merged", "Merged", html`${who}${as}. ${next}`),
    reverting !== undefined
      ? undefined
      : writer === undefined
        ? only("revert")
        : form(writer, `${action}/revert`, html`<button type="submit">${icon("revert")}Revert</button>`),
    branchForm(scene),
  ]);
}

/** The branch of one that is done: to delete, or to bring back. */
function branchForm({ core, repository, pull, writer, action }: Scene): Html | undefined {
  if (writer === undefined || pull.headRef === repository.defaultBranch) return undefined;
  const isThere = core.state.ref(repository.id, `refs/heads/${pull.headRef}`) !== undefined;
  const isUsed = core.state.pulls(repository.id, { state: "open", headRef: pull.headRef }).total > 0;
  if (isUsed) return undefined;
  return form(
    writer,
    `${action}/branch`,
    html`<p class="branch-line">
      <span class="muted small"
        >${isThere ? "The branch" : "The branch was deleted:"}
        <code>${pull.headRef}</code>${isThere ? " is not needed any more." : ""}</span
      >
      <button type="submit" name="do" value="${isThere ? "delete" : "restore"}">${isThere ? "Delete branch" : "Restore branch"}</button>
    </p>`,
  );
}

/** The pull request that reverts this one, unless it was closed without effect. */
function revertOf(core: ForgeCore, repository: Repository, pull: PullRequest): PullRequest | undefined {
  return core.state
    .pulls(repository.id, { state: "all" })
    .items.find((other) => other.revertsNumber === pull.number && (other.isMerged || other.state === "open"));
}
