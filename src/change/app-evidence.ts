/** What is known of single apps: offered to a runner, taken from its result, put together as the evidence of a whole tree. */
import { AdorableError } from "../core/errors.ts";
import { GATES, type Evidence, type GateName } from "../core/evidence.ts";
import type { CommitId, Digest, TreeId } from "../core/ids.ts";
import type { VerifyAssignment, VerifyResult } from "../core/runner-protocol.ts";
import { findAppEvidence, saveAppEvidence, type AppEvidenceRow } from "../store/app-evidence.ts";
import { saveArtifact, saveEvidence } from "../store/evidence.ts";
import type { ProjectRow } from "../store/rows.ts";
import type { Sql } from "../store/store.ts";
import { composeEvidence, couldNotRun, type EvidencePart } from "./compose-evidence.ts";
import { besideOf, holdsBeside, keptUnder, keyOf, readAppKeys, type AppKeys } from "./gate-keys.ts";
import type { Mirror } from "./mirror.ts";
import type { Platform } from "./platform.ts";

type Subject = Pick<VerifyAssignment, "baseCommit" | "tree">;

/** What need not be found out again of the apps of a tree. */
export async function knownEvidence(
  platform: Platform,
  project: ProjectRow,
  mirror: Mirror,
  subject: Subject,
): Promise<NonNullable<VerifyAssignment["known"]>> {
  const { rows } = await lookUp(platform, project, mirror, subject);
  return rows.map(({ app, gate, judge }) => ({ app, gate, judge }));
}

/** Prepares, outside of any transaction, what `save` then writes in one. */
export async function takeResult(
  platform: Platform,
  project: ProjectRow,
  mirror: Mirror,
  assignment: VerifyAssignment,
  result: VerifyResult,
): Promise<{ save(sql: Sql): Promise<void> }> {
  const tree = result.tree as TreeId;
  const whole = result.evidence.filter((one) => one.app === undefined);
  const ofApps = result.evidence.filter((one) => one.app !== undefined);
  const reused = result.reused ?? [];
  const { keys, rows } =
    ofApps.length + reused.length === 0 ? { keys: [], rows: [] } : await lookUp(platform, project, mirror, { ...assignment, tree });
  const kept = reused.map(({ app, gate }) => {
    const isOffered = assignment.known?.some((one) => one.app === app && one.gate === gate && one.judge === result.judge) === true;
    const row = rows.find((one) => one.app === app && one.gate === gate && one.judge === result.judge);
    if (isOffered && row !== undefined) return row;
    throw new AdorableError({
      code: "runner-denied",
      remedy: "author",
      message: `The runner was refused: it left out the gate "${gate}" of "${app}", of which nothing is known.`,
      hint: "Start the job anew with `@adorable retry`.",
    });
  });
  const web = project.clone_url.replace(/\.git$/, "");
  const gates = GATES.filter((gate) => ofApps.some((one) => one.gate === gate) || reused.some((one) => one.gate === gate));
  const composed = gates
    .filter((gate) => !whole.some((one) => one.gate === gate))
    .map((gate) =>
      composeEvidence(
        gate,
        keys.map(({ app }) => partOf(gate, app, ofApps, kept)),
        web,
      ),
    );
  return {
    async save(sql) {
      for (const evidence of [...whole, ...composed]) await saveEvidence(sql, project.id, tree, evidence);
      for (const row of kept) if (row.artifact !== null) await saveArtifact(sql, project.id, tree, row.app, row.artifact);
      for (const [app, digest] of Object.entries(result.artifacts)) await saveArtifact(sql, project.id, tree, app, digest as Digest);
      if (result.judge === undefined) return;
      for (const evidence of ofApps) {
        const own = keys.find(({ app }) => app === evidence.app);
        if (own && evidence.conclusion === "success") await keep(sql, project, own, evidence, assignment, result);
      }
    },
  };
}

interface Known {
  keys: AppKeys[];
  /** Of the present keys, and on a database in which what they were found on still stands. */
  rows: AppEvidenceRow[];
}

async function lookUp(platform: Platform, project: ProjectRow, mirror: Mirror, subject: Subject): Promise<Known> {
  const keys = await readAppKeys(mirror, { base: subject.baseCommit, tree: subject.tree }, await platform.database.capabilities());
  const found = await findAppEvidence(
    platform.store,
    project.id,
    keys.flatMap(({ plain, compared }) => [plain, compared]),
  );
  const rows = found.filter((row) => {
    const own = keys.find(({ app }) => app === row.app);
    return own !== undefined && row.key === keyOf(own, row.gate) && holdsBeside(row.beside, besideOf(own, row.gate));
  });
  return { keys, rows };
}

async function keep(
  sql: Sql,
  project: ProjectRow,
  keys: AppKeys,
  evidence: Evidence,
  assignment: VerifyAssignment,
  result: VerifyResult,
): Promise<void> {
  const { gate } = evidence;
  const artifact = gate === "modules" ? (result.artifacts[keys.app] as Digest | undefined) : undefined;
  // The gate that builds is worth nothing without what it built.
  if (gate === "modules" && artifact === undefined) return;
  for (const key of keptUnder(keys, gate, evidence.flagged === true)) {
    await saveAppEvidence(sql, {
      project_id: project.id,
      app: keys.app,
      gate,
      key,
      judge: result.judge ?? "",
      beside: besideOf(keys, gate),
      evidence,
      artifact: artifact ?? null,
      git_commit: assignment.headCommit as CommitId,
    });
  }
}

function partOf(gate: GateName, app: string, fresh: readonly Evidence[], kept: readonly AppEvidenceRow[]): EvidencePart {
  const own = fresh.find((one) => one.app === app && one.gate === gate);
  if (own) return { app, evidence: own };
  const row = kept.find((one) => one.app === app && one.gate === gate);
  if (row) return { app, evidence: row.evidence, reused: { commit: row.git_commit, at: row.created_at } };
  return { app, evidence: couldNotRun(gate, `The runner said nothing of the app "${app}".`) };
}
