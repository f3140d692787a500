/** Drives the open changes: their test merge, their gates, their preview; and what is left of the closed ones. */
import { eachAlone } from "../core/each-alone.ts";
import type { GateName } from "../core/evidence.ts";
import { toAdorableError, type AdorableError } from "../core/errors.ts";
import type { CommitId, TreeId } from "../core/ids.ts";
import { listChanges, updateChange } from "../store/changes.ts";
import { listEvidence, saveEvidence } from "../store/evidence.ts";
import type { ChangeRow, ProjectRow } from "../store/rows.ts";
import { publishChecks } from "./checks.ts";
import { couldNotRun } from "./compose-evidence.ts";
import type { Mirror } from "./mirror.ts";
import type { Platform } from "./platform.ts";
import { ensurePreview, removePreview } from "./preview.ts";
import { allowedData, isOverexposed } from "./preview-data.ts";
import { ensureChangeTimeline, withdrawData } from "./timeline.ts";
import { ensureVerified, RELEASE_GATES } from "./verification.ts";

/** One pass; returns when a gate is still under way. */
export async function driveChanges(platform: Platform, project: ProjectRow, mirror: Mirror): Promise<{ afterMs: number } | undefined> {
  let next: { afterMs: number } | undefined;
  await eachAlone(await listChanges(platform.store, project.id), async (found) => {
    if (found.state !== "open") {
      await removePreview(platform, project, found);
      return;
    }
    // Whatever else there is to do for it: an issue's change may have no pull request for long, and a branch may be gone.
    const change = isOverexposed(platform, project, found) ? await withdrawData(platform, project, found) : found;
    if (change.pull_number !== null) {
      next = (await driveChange(platform, project, mirror, change)) ?? next;
    }
  });
  return next;
}

async function driveChange(
  platform: Platform,
  project: ProjectRow,
  mirror: Mirror,
  found: ChangeRow,
): Promise<{ afterMs: number } | undefined> {
  const base = await mirror.branch(project.default_branch);
  const head = (await mirror.branch(found.git_branch)) ?? found.head_commit;
  if (!base || !head || !(await mirror.has(head))) return undefined;
  const repository = await platform.github.forInstallation(project.full_name);
  const change = await mergeForTest(platform, mirror, found, base, head);
  const commit = { project: project.id, head };
  if (change.tree === null) {
    const evidence = couldNotRun(
      "modules",
      `The branch conflicts with \`${project.default_branch}\`: merge it in and resolve the conflicts.`,
    );
    await publishChecks(platform, repository, commit, [], [evidence]);
    return undefined;
  }
  const tree = change.tree;
  let verdict: "passed" | "failed" | "pending";
  try {
    // Once the tree is settled its data is left alone: looking at it would wake its database at every pass.
    const isSettled = change.preview_tree === tree;
    // Gates judge on data of the repository alone; a copy of production is the preview's, and cannot make a tree red.
    const isCopy = allowedData(platform, project) !== "empty";
    const withData = isSettled || isCopy ? change : await ensureChangeTimeline(platform, mirror, change, tree);
    verdict = await ensureVerified(platform, project, mirror, { base, head, tree, changeId: change.id });
    if (verdict === "passed") await ensurePreview(platform, project, mirror, withData);
  } catch (thrown) {
    // What the branch itself makes impossible is said on its commit; the project's other work goes on.
    const error = toAdorableError(thrown);
    if (error.remedy !== "author") throw thrown;
    await saveImpossible(platform, project, tree, error);
    verdict = "failed";
  }
  // A red tree is not deployed; that is said as the preview's own check.
  const evidence = await listEvidence(platform.store, project.id, tree);
  const due: GateName[] = verdict === "failed" ? [...RELEASE_GATES] : [...RELEASE_GATES, "preview"];
  await publishChecks(
    platform,
    repository,
    commit,
    due,
    verdict === "failed" ? [...evidence, couldNotRun("preview", "The gates are red, so nothing was deployed.")] : evidence,
  );
  if (verdict === "failed" && change.preview_tree !== tree) await updateChange(platform.store, change.id, { preview_tree: tree });
  return verdict === "pending" ? { afterMs: 5000 } : undefined;
}

/** Every gate that has not run fails with the reason: a migration that cannot be applied, a specification that cannot be read. */
export async function saveImpossible(platform: Platform, project: ProjectRow, tree: TreeId, error: AdorableError): Promise<void> {
  const evidence = await listEvidence(platform.store, project.id, tree);
  for (const gate of RELEASE_GATES) {
    if (!evidence.some((one) => one.gate === gate))
      await saveEvidence(platform.store, project.id, tree, couldNotRun(gate, `${error.message}\n\n${error.hint ?? ""}`));
  }
}

/** The change with the tree that merging it now would make. The only writer of base, head and tree: they belong together. */
async function mergeForTest(platform: Platform, mirror: Mirror, change: ChangeRow, base: CommitId, head: CommitId): Promise<ChangeRow> {
  if (change.base_commit === base && change.head_commit === head && change.tree !== null) return change;
  const merged = await mirror.mergeTree(base, head);
  return updateChange(platform.store, change.id, { base_commit: base, head_commit: head, tree: "tree" in merged ? merged.tree : null });
}
