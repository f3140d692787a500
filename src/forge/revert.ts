/** The Revert button: a branch, a commit and a pull request that take back a merged one, named as GitHub names them. */
import { authorizeWrite, type Actor } from "./auth.ts";
import type { ForgeCore } from "./core.ts";
import { Fault } from "./faults.ts";
import { note } from "./issue-changes.ts";
import { makeRevert } from "./merge.ts";
import { NO_COMMIT, objectsOf } from "./objects.ts";
import { findPull, openPull } from "./pulls.ts";
import type { PullRequest, Repository } from "./records.ts";
import { syncRefs } from "./refs.ts";

const NOT_REVERTIBLE =
  "This pull request could not be automatically reverted. It may have already been reverted, or a more recent commit may have updated some of its content.";

export interface RevertOptions {
  title?: string | undefined;
  body?: string | undefined;
  isDraft?: boolean | undefined;
}

/** Throws 422 for one that was not merged, and when the change cannot be taken back from the base as it is now. */
export async function revertPull(
  core: ForgeCore,
  actor: Actor,
  repository: Repository,
  number: number,
  options: RevertOptions = {},
): Promise<PullRequest> {
  const user = authorizeWrite(core, actor, repository, "contents", "write");
  return core.lock(`repository:${repository.id}`, async () => {
    await syncRefs(core, repository.id, null);
    const pull = findPull(core, repository, number);
    if (!pull.isMerged || pull.mergeCommitSha === null) throw new Fault(422, "Pull request is not merged and cannot be reverted");
    const onto = core.state.ref(repository.id, `refs/heads/${pull.baseRef}`);
    if (onto === undefined) throw new Fault(422, `The base branch ${pull.baseRef} does not exist`);
    const sha = await makeRevert(core, {
      repositoryId: repository.id,
      onto,
      after: pull.mergeCommitSha,
      before: pull.baseSha,
      author: user,
      message: await revertMessage(core, repository, pull, pull.mergeCommitSha),
    });
    const objects = objectsOf(core.git, repository.id);
    const changesNothing = sha !== undefined && (await objects.commit(sha)).tree === (await objects.commit(onto)).tree;
    if (sha === undefined || changesNothing) throw new Fault(422, NOT_REVERTIBLE);
    const branch = freeBranch(core, repository, `revert-${pull.number}-${pull.headRef}`);
    await objects.updateRef(`refs/heads/${branch}`, sha, NO_COMMIT);
    await syncRefs(core, repository.id, user);
    const { title = `Revert "${pull.title}"`, body = `Reverts ${repository.fullName}#${pull.number}`, isDraft = false } = options;
    try {
      const revert = await openPull(core, user, repository, {
        title,
        body,
        head: branch,
        base: pull.baseRef,
        isDraft,
        revertsNumber: pull.number,
      });
      note(core, pull.id, "reverted_by", user, { number: revert.number });
      core.changes.publish({ repositoryId: repository.id, subject: "pull", number: pull.number });
      return revert;
    } catch (error) {
      await objects.deleteRef(`refs/heads/${branch}`, sha);
      await syncRefs(core, repository.id, user);
      throw error;
    }
  });
}

/** As `git revert` words it. */
async function revertMessage(core: ForgeCore, repository: Repository, pull: PullRequest, merged: string): Promise<string> {
  const commit = await objectsOf(core.git, repository.id).commit(merged);
  const [title = ""] = commit.message.split("\n", 1);
  const [first, second] = commit.parents;
  if (second !== undefined) return `Revert "${title}"\n\nThis reverts commit ${merged}, reversing\nchanges made to ${first}.`;
  if (pull.mergeMethod !== "rebase") return `Revert "${title}"\n\nThis reverts commit ${merged}.`;
  return `Revert "${pull.title}"\n\nThis reverts commits ${pull.baseSha}..${merged}.`;
}

function freeBranch(core: ForgeCore, repository: Repository, wanted: string): string {
  let branch = wanted;
  for (let next = 1; core.state.ref(repository.id, `refs/heads/${branch}`) !== undefined; next += 1) branch = `${wanted}-${next}`;
  return branch;
}
