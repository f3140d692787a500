/** Somebody asks that gates of an open change run anew: what they found is forgotten, of the tree and of its apps, and found out again. */
import type { GateName } from "../core/evidence.ts";
import { forgetAppEvidence } from "../store/app-evidence.ts";
import { listChanges, updateChange } from "../store/changes.ts";
import { forgetEvidence, listEvidence } from "../store/evidence.ts";
import { listReleases, listRollouts } from "../store/releases.ts";
import type { ProjectRow } from "../store/rows.ts";
import { createRun, listRuns, RUN_OPEN } from "../store/runs.ts";
import { newId, type CommitId, type RunId } from "../core/ids.ts";
import type { VerifyAssignment } from "../core/runner-protocol.ts";
import { knownEvidence } from "./app-evidence.ts";
import { keyOf, readAppKeys } from "./gate-keys.ts";
import type { Mirror } from "./mirror.ts";
import type { Platform } from "./platform.ts";
import { RUNNER_GATES } from "./verification.ts";

/**
 * Why nothing runs anew, or undefined. A release's evidence is part of the ledger and stays; one run is given, whatever failed before it.
 * All or nothing; what is repeated finds the run under way.
 */
export async function rerunGates(
  platform: Platform,
  project: ProjectRow,
  mirror: Mirror,
  head: CommitId,
  gates: readonly GateName[],
): Promise<string | undefined> {
  const { store } = platform;
  const change = (await listChanges(store, project.id)).find((one) => one.state === "open" && one.head_commit === head);
  if (!change?.tree || !change.base_commit) return "no open change stands at that commit";
  const { tree, base_commit: base } = change;
  const isUsed = [...(await listReleases(store, project.id)), ...(await listRollouts(store, project.id))].some((one) => one.tree === tree);
  if (isUsed) return "that tree is released, or on its way, on the word of what its gates found";
  const runs = (await listRuns(store, project.id)).filter((run) => run.assignment.kind === "verify" && run.assignment.tree === tree);
  if (runs.some((run) => RUN_OPEN.includes(run.state))) return "the gates of that commit are running";

  const keys = await readAppKeys(mirror, { base, tree }, await platform.database.capabilities());
  const known = (await knownEvidence(platform, project, mirror, { baseCommit: base, tree })).filter((one) => !gates.includes(one.gate));
  const evidence = await listEvidence(store, project.id, tree);
  const stands = evidence.some((one) => one.gate === "preview" && one.conclusion === "success") && !gates.includes("preview");
  const forgotten: GateName[] = stands ? [...gates] : [...gates, "preview"];
  const runId = newId<RunId>("run");
  const assignment: VerifyAssignment = {
    kind: "verify",
    runId,
    repository: { fullName: project.full_name, cloneUrl: project.clone_url, defaultBranch: project.default_branch },
    baseCommit: base,
    headCommit: head,
    tree,
    known,
  };
  await store.transaction(async (sql) => {
    await forgetEvidence(sql, project.id, tree, forgotten);
    for (const own of keys) for (const gate of gates) await forgetAppEvidence(sql, project.id, gate, [keyOf(own, gate), own.plain]);
    if (!stands) await updateChange(sql, change.id, { preview_tree: null });
    if (gates.some((gate) => RUNNER_GATES.includes(gate)))
      await createRun(sql, { id: runId, project_id: project.id, kind: "verify", request_id: null, change_id: change.id, assignment });
  });
  return undefined;
}
