/** Makes the commits of a merge, a squash, a rebase and a revert, by real three-way merges of trees without a work tree. */
import type { ForgeCore } from "./core.ts";
import { timestamp } from "./core.ts";
import { objectsOf, type Objects, type Signature } from "./objects.ts";
import type { Account } from "./records.ts";

export type TreeMerge = { clean: true; tree: string } | { clean: false; conflicts: string[] };

/** The committer of commits that the forge itself makes, as `web-flow` is GitHub's. */
const FORGE: Omit<Signature, "date"> = { name: "Forge", email: "noreply@forge.localhost" };

export function signatureOf(account: Account): Signature {
  return { name: account.name, email: `${account.id}+${account.login}@users.noreply.forge.localhost`, date: timestamp() };
}

export function forgeSignature(): Signature {
  return { ...FORGE, date: timestamp() };
}

/** The tree that merging `theirs` into `ours` makes; unrelated histories conflict as a whole. */
export async function mergeTrees(core: ForgeCore, repositoryId: number, ours: string, theirs: string): Promise<TreeMerge> {
  const { code, stdout } = await core.git.run(
    repositoryId,
    ["merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", ours, theirs],
    {
      codes: [0, 1, 128],
    },
  );
  if (code === 128) return { clean: false, conflicts: [] };
  const [tree = "", ...conflicts] = stdout
    .toString("utf8")
    .split("\0")
    .filter((part) => part !== "");
  return code === 0 ? { clean: true, tree: tree.trim() } : { clean: false, conflicts };
}

/** A three-way merge with a base of our choice: the trees are given a small history in which that base is the common ancestor. */
async function mergeWithBase(core: ForgeCore, repositoryId: number, base: string, ours: string, theirs: string): Promise<TreeMerge> {
  const objects = objectsOf(core.git, repositoryId);
  const identity = { author: { ...FORGE, date: "2000-01-01T00:00:00Z" }, committer: { ...FORGE, date: "2000-01-01T00:00:00Z" } };
  const root = await objects.writeCommit({ tree: `${base}^{tree}`, parents: [], message: "base", ...identity });
  const [left, right] = await Promise.all(
    [ours, theirs].map((side) => objects.writeCommit({ tree: `${side}^{tree}`, parents: [root], message: "side", ...identity })),
  );
  return mergeTrees(core, repositoryId, left ?? "", right ?? "");
}

export interface MergeRequest {
  repositoryId: number;
  /** Commits. */
  base: string;
  head: string;
  author: Account;
  message: string;
}

/** A merge commit; undefined when the two conflict. */
export async function makeMerge(core: ForgeCore, request: MergeRequest, kind: "merge" | "squash"): Promise<string | undefined> {
  const merged = await mergeTrees(core, request.repositoryId, request.base, request.head);
  if (!merged.clean) return undefined;
  return objectsOf(core.git, request.repositoryId).writeCommit({
    tree: merged.tree,
    parents: kind === "merge" ? [request.base, request.head] : [request.base],
    message: request.message,
    author: signatureOf(request.author),
    committer: forgeSignature(),
  });
}

/** The commits of `base..head` put one after another onto the base, authors kept; undefined when one conflicts. */
export async function makeRebase(core: ForgeCore, request: MergeRequest): Promise<string | undefined> {
  const objects = objectsOf(core.git, request.repositoryId);
  const commits = await objects.log(`${request.base}..${request.head}`, { reverse: true });
  let tip = request.base;
  for (const commit of commits) {
    const parent = commit.parents[0];
    if (parent === undefined || commit.parents.length > 1) return undefined;
    const picked = await mergeWithBase(core, request.repositoryId, parent, tip, commit.sha);
    if (!picked.clean) return undefined;
    tip = await objects.writeCommit({
      tree: picked.tree,
      parents: [tip],
      message: commit.message,
      author: commit.author,
      committer: forgeSignature(),
    });
  }
  return tip;
}

export interface RevertRequest {
  repositoryId: number;
  /** The tip that the revert is put on. */
  onto: string;
  /** The state that the merge made, and the one before it. */
  after: string;
  before: string;
  author: Account;
  message: string;
}

/** A commit on `onto` that takes back what lies between `before` and `after`; undefined when that conflicts with later work. */
export async function makeRevert(core: ForgeCore, request: RevertRequest): Promise<string | undefined> {
  const reverted = await mergeWithBase(core, request.repositoryId, request.after, request.onto, request.before);
  if (!reverted.clean) return undefined;
  const objects: Objects = objectsOf(core.git, request.repositoryId);
  return objects.writeCommit({
    tree: reverted.tree,
    parents: [request.onto],
    message: request.message,
    author: signatureOf(request.author),
    committer: forgeSignature(),
  });
}
