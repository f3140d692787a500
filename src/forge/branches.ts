/** Deletes a branch or a tag, and brings back the branch of a pull request. */
import { authorizeWrite, type Actor } from "./auth.ts";
import { requireMove } from "./branch-rules.ts";
import type { ForgeCore } from "./core.ts";
import { Fault } from "./faults.ts";
import { NO_COMMIT, objectsOf } from "./objects.ts";
import { findPull } from "./pulls.ts";
import type { Repository } from "./records.ts";
import { syncRefs } from "./refs.ts";

/** `name`: a full ref. Throws 422 for the default branch, and for one that is not there. */
export async function deleteBranch(core: ForgeCore, actor: Actor, repository: Repository, name: string): Promise<void> {
  const user = authorizeWrite(core, actor, repository, "contents", "write");
  if (!/^refs\/(heads|tags)\//.test(name)) throw new Fault(422, "Reference does not exist");
  if (name === `refs/heads/${repository.defaultBranch}`) throw new Fault(422, "Cannot delete the default branch");
  await core.lock(`repository:${repository.id}`, async () => {
    const objects = objectsOf(core.git, repository.id);
    const before = (await objects.refs(name)).get(name);
    if (before === undefined) throw new Fault(422, "Reference does not exist");
    requireMove(core, actor, repository, { ref: name, before, after: NO_COMMIT, isForced: false }, 422);
    await objects.deleteRef(name, before);
    await syncRefs(core, repository.id, user);
  });
}

/** Puts the head branch of a pull request back to where it was. Throws 422 when there is one of that name. */
export async function restoreBranch(core: ForgeCore, actor: Actor, repository: Repository, number: number): Promise<void> {
  const user = authorizeWrite(core, actor, repository, "contents", "write");
  await core.lock(`repository:${repository.id}`, async () => {
    const { headRef, headSha } = findPull(core, repository, number);
    await objectsOf(core.git, repository.id)
      .updateRef(`refs/heads/${headRef}`, headSha, NO_COMMIT)
      .catch(() => {
        throw new Fault(422, "Reference already exists");
      });
    await syncRefs(core, repository.id, user);
  });
}
