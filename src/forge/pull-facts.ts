/** Computes what a pull request tells about its commits: size, mergeability, the test merge. Keeps `refs/pull/<n>/head` and `/merge`. */
import type { ForgeCore } from "./core.ts";
import { forgeSignature, mergeTrees } from "./merge.ts";
import { objectsOf } from "./objects.ts";

export interface PullFacts {
  baseSha: string;
  record: {
    isMergeable: boolean;
    testMergeSha: string | null;
    commits: number;
    additions: number;
    deletions: number;
    changedFiles: number;
  };
}

export async function pullFacts(core: ForgeCore, repositoryId: number, number: number, head: string, base: string): Promise<PullFacts> {
  const objects = objectsOf(core.git, repositoryId);
  await objects.updateRef(`refs/pull/${number}/head`, head);
  const fork = await objects.mergeBase(base, head);
  const [commits, changes, merged] = await Promise.all([
    objects.count(`${base}..${head}`),
    fork === undefined ? Promise.resolve([]) : objects.changes(fork, head),
    mergeTrees(core, repositoryId, base, head),
  ]);
  let testMergeSha: string | null = null;
  if (merged.clean) {
    const author = forgeSignature();
    const message = `Merge ${head} into ${base}`;
    testMergeSha = await objects.writeCommit({ tree: merged.tree, parents: [base, head], message, author, committer: author });
    await objects.updateRef(`refs/pull/${number}/merge`, testMergeSha);
  } else {
    await objects.deleteRef(`refs/pull/${number}/merge`);
  }
  const additions = changes.reduce((sum, change) => sum + change.additions, 0);
  const deletions = changes.reduce((sum, change) => sum + change.deletions, 0);
  return {
    baseSha: base,
    record: { isMergeable: merged.clean, testMergeSha, commits, additions, deletions, changedFiles: changes.length },
  };
}
