/**
 * Runs the gates on what a merge queue is about to merge: GitHub merges a group when the required checks on its head are green.
 *
 * The groups are the queue's own branches, as the last fetch brought them: one that is gone was merged or given up, and needs nothing.
 */
import { eachAlone } from "../core/each-alone.ts";
import { toAdorableError } from "../core/errors.ts";
import type { CommitId } from "../core/ids.ts";
import { listEvidence } from "../store/evidence.ts";
import type { ProjectRow } from "../store/rows.ts";
import { saveImpossible } from "./changes.ts";
import { publishChecks } from "./checks.ts";
import type { Mirror } from "./mirror.ts";
import type { Platform } from "./platform.ts";
import { ensureVerified, RELEASE_GATES } from "./verification.ts";

/** GitHub names them `<this><branch>/pr-<number>-<base commit>`; nobody but the queue can push there. */
const QUEUE_BRANCHES = "gh-readonly-queue/";

/** One pass; returns when a gate is still under way. A group merges as the tree that was verified here: its release runs no gate again. */
export async function driveMergeGroups(platform: Platform, project: ProjectRow, mirror: Mirror): Promise<{ afterMs: number } | undefined> {
  let isPending = false;
  const groups = await mirror.branches(`${QUEUE_BRANCHES}${project.default_branch}/`);
  await eachAlone(groups, async ({ name, commit }) => {
    isPending = (await driveGroup(platform, project, mirror, name, commit)) || isPending;
  });
  return isPending ? { afterMs: 5000 } : undefined;
}

async function driveGroup(platform: Platform, project: ProjectRow, mirror: Mirror, name: string, head: CommitId): Promise<boolean> {
  const repository = await platform.github.forInstallation(project.full_name);
  const tree = await mirror.treeOf(head);
  const before = /-([0-9a-f]{40})$/.exec(name)?.[1] as CommitId | undefined;
  const base = before !== undefined && (await mirror.has(before)) && (await mirror.isAncestor(before, head)) ? before : head;
  let isPending = false;
  try {
    isPending = (await ensureVerified(platform, project, mirror, { base, head, tree, changeId: null })) === "pending";
  } catch (thrown) {
    // What the branch itself makes impossible is said on its commit; the queue takes it for red.
    const error = toAdorableError(thrown);
    if (error.remedy !== "author") throw thrown;
    await saveImpossible(platform, project, tree, error);
  }
  const evidence = await listEvidence(platform.store, project.id, tree);
  await publishChecks(platform, repository, { project: project.id, head }, RELEASE_GATES, evidence);
  return isPending;
}
