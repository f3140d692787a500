/** What can be done with a pull request now, what stands in the way, and what is left to do after it was merged or closed. */
import { html, raw } from "hono/html";
import type { Session } from "../accounts.ts";
import { isAtLeast } from "../auth.ts";
import type { ForgeCore } from "../core.ts";
import { entryOf, queueOf, type QueueEntry } from "../queue-entries.ts";
import { approvalsOf } from "../pulls.ts";
import type { CheckRun, MergeMethod, PullRequest, Repository } from "../records.ts";
import { demandsOn, standingOf, type Demands, type Standing } from "../rulesets.ts";
import { tally, type Tally } from "./checks.ts";
import { icon, mark, type Tone } from "./icons.ts";
import type { Html } from "./layout.ts";
import { appOf, badge, form, login, plural, toneOf, word } from "./parts.ts";
import { time } from "./times.ts";

interface Scene {
  core: ForgeCore;
  repository: Repository;
  pull: PullRequest;
  checks: CheckRun[];
  session: Session | undefined;
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
  const scene: Scene = { core, repository, pull, checks, session, writer, action: `/${repository.fullName}/pull/${pull.number}` };
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
  const { core, repository, pull, checks, writer } = scene;
  const demands = demandsOn(core, repository, pull.baseRef);
  const required = demands.checks.map((context) => ({ context, standing: standingOf(core, repository.id, pull.headSha, context) }));
  const missing = Math.max(0, demands.approvals - approvalsOf(core, repository, pull));
  const isHeld = required.some(({ standing }) => standing !== "successful") || missing > 0;
  const sum = tally(checks);
  const merging = mergeLine(scene);
  const entry = entryOf(core, pull);
  const tone = merging.tone !== "good" ? merging.tone : sum.tone !== "quiet" ? sum.tone : isHeld ? "busy" : "good";
  const isAble = pull.isMergeable === true && !pull.isDraft;
  const act = (session: Session): Html | undefined => {
    if (!isAble) return undefined;
    const own = demandsOn(core, repository, pull.baseRef, { kind: "user", account: session.account });
    const mayPass = own.checks.length === 0 && own.approvals === 0 && own.queue === undefined;
    if ((isHeld || demands.queue !== undefined) && mayPass)
      return mergeForm(scene, session, own.methods, "The rules of the branch stand in the way; you may pass over them.");
    if (isHeld)
      return html`<p class="muted small">
        It can be ${demands.queue === undefined ? "merged" : "put into the merge queue"} when every required check
        passed${missing > 0 ? " and enough people approved" : ""}.
      </p>`;
    return demands.queue === undefined ? mergeForm(scene, session, demands.methods, CAUTIONS[sum.tone]) : queueForm(scene, session);
  };
  return box("Merge", entry === undefined ? tone : "busy", [
    checks.length + required.length === 0
      ? undefined
      : html`${checksLine(sum, required)} ${checkList(scene, required, sum.tone !== "good")}`,
    missing === 0
      ? undefined
      : line(
          "busy",
          "Waiting for reviews",
          `${plural(missing, "more person", "more people")} with write access ${missing === 1 ? "has" : "have"} to approve it.`,
        ),
    line(merging.tone, merging.heading, merging.text),
    entry === undefined ? undefined : queuedLine(scene, entry, demands),
    entry !== undefined ? leaveForm(scene) : writer === undefined ? only("merge") : act(writer),
    draftForm(scene),
  ]);
}

interface Required {
  context: string;
  standing: Standing;
}

function checksLine(sum: Tally, required: Required[]): Html {
  const missing = required.filter(({ standing }) => standing === "expected").length;
  if (missing === 0) return line(sum.tone, sum.heading, sum.text);
  const tone = sum.tone === "bad" ? "bad" : "busy";
  const heading = sum.tone === "bad" ? sum.heading : "Waiting for required checks";
  return line(tone, heading, `${plural(missing, "required check")} ${missing === 1 ? "has" : "have"} not begun. ${sum.text}`);
}

function queuedLine({ core, repository }: Scene, entry: QueueEntry, { checks }: Demands): Html {
  const place = queueOf(core, repository.id, entry.baseRef).findIndex((one) => one.id === entry.id) + 1;
  const text = html`Place ${place}, by <strong>${login(core, entry.enqueuerId)}</strong> ${time(entry.createdAt)}. It is merged by itself
    ${checks.length === 0 ? "when its turn comes" : "when the required checks pass on it together with what is before it"}.`;
  return line("busy", "In the merge queue", text);
}

/** "Merge when ready": the queue merges. */
function queueForm({ pull, action }: Scene, writer: Session): Html {
  return form(
    writer,
    `${action}/queue`,
    html`<input type="hidden" name="sha" value="${pull.headSha}" />
      <p><button class="primary" type="submit" data-default>Merge when ready</button></p>
      <p class="muted small">It joins the merge queue of <code>${pull.baseRef}</code>.</p>`,
    "merge-form",
  );
}

function leaveForm({ writer, action }: Scene): Html | undefined {
  if (writer === undefined) return undefined;
  return form(writer, `${action}/queue`, html`<button type="submit" name="do" value="leave">Remove from the queue</button>`);
}

/** Its author's and writers' to change. */
function draftForm({ pull, session, writer, action }: Scene): Html | undefined {
  if (session === undefined || (writer === undefined && pull.userId !== session.account.id)) return undefined;
  return form(
    session,
    `${action}/draft`,
    pull.isDraft
      ? html`<button class="primary" type="submit" name="draft" value="no">Ready for review</button>`
      : html`<p class="branch-line">
          <span class="muted small">Not ready to be merged yet?</span>
          <button type="submit" name="draft" value="yes">Convert to draft</button>
        </p>`,
  );
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

function checkList({ checks, action }: Scene, required: Required[], isOpen: boolean): Html {
  const isRequired = (name: string): Html | string => (required.some(({ context }) => context === name) ? badge("quiet", "required") : "");
  const expected = required.filter(({ context, standing }) => standing === "expected" && !checks.some(({ name }) => name === context));
  return html`<details class="fold" id="merge-checks" ${isOpen ? raw("open") : ""}>
    <summary>Each check</summary>
    <ul class="checks">
      ${checks.map(
        (check) =>
          html`<li>
            ${mark(toneOf(check.status, check.conclusion), word(check.status, check.conclusion))}
            <a href="${action}/checks#check-${check.id}">${check.name}</a>
            <span class="muted small">${check.title ?? ""}</span> ${isRequired(check.name)}
          </li>`,
      )}
      ${expected.map(({ context }) => html`<li>${mark("quiet", "expected")} <span>${context}</span> <span class="muted small">expected</span> ${isRequired(context)}</li>`)}
    </ul>
  </details>`;
}

const METHODS = [
  ["merge", "Merge pull request", "Merge", "All commits, and one that joins them"],
  ["squash", "Squash and merge", "Squash", "All changes in one commit"],
  ["rebase", "Rebase and merge", "Rebase", "The commits one after another, without one that joins them"],
] as const;

const CAUTIONS: Partial<Record<Tone, string>> = {
  bad: "A check failed. It can be merged all the same.",
  busy: "Not every check is done. Merging does not wait for them.",
};

/** The choice is made beside the button and shows on it, without script too. */
function mergeForm({ pull, action }: Scene, writer: Session, allowed: readonly MergeMethod[], caution: string | undefined): Html {
  const methods = METHODS.filter(([method]) => allowed.includes(method));
  const isCalm = caution === undefined;
  return form(
    writer,
    `${action}/merge`,
    html`<input type="hidden" name="sha" value="${pull.headSha}" />
      <div class="split">
        <button class="${isCalm ? "primary" : ""}" type="submit" data-default>
          ${methods.map(([method, label]) => html`<span class="for-${method}">${label}</span>`)}
        </button>
        <details class="menu up" id="merge-method">
          <summary class="button ${isCalm ? "primary" : ""}" aria-label="How to merge" title="How to merge">${icon("down")}</summary>
          <fieldset class="card menu-items methods">
            <legend class="unseen">How to merge</legend>
            ${methods.map(
              ([method, , name, text], index) =>
                html`<label
                  ><input type="radio" name="method" value="${method}" ${index === 0 ? raw("checked") : ""} /><span
                    ><strong>${name}</strong><span class="muted small">${text}</span></span
                  ></label
                >`,
            )}
          </fieldset>
        </details>
      </div>
      ${isCalm ? "" : html`<p class="muted small">${caution}</p>`}`,
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
