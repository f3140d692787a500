/** Shows evidence where people look for it: as check runs on the commit. */
import type { Evidence, GateName } from "../core/evidence.ts";
import { GATES } from "../core/evidence.ts";
import type { CommitId, ProjectId } from "../core/ids.ts";
import type { CheckRunInput, Repository } from "../github/github.ts";
import type { Platform } from "./platform.ts";

/** Stable: people make these required. */
export function checkName(gate: GateName): string {
  return `adorable/${gate}`;
}

export interface CheckedCommit {
  project: ProjectId;
  head: CommitId;
}

/** One check run for each gate that is due: its evidence, or that it is on its way. Idempotent. */
export async function publishChecks(
  platform: Platform,
  repository: Repository,
  commit: CheckedCommit,
  due: readonly GateName[],
  evidence: readonly Evidence[],
): Promise<void> {
  for (const gate of GATES) {
    const found = evidence.find((one) => one.gate === gate);
    if (found) await publishEvidence(platform, repository, commit, found);
    else if (due.includes(gate)) {
      await publish(platform, repository, {
        externalId: externalId(commit, gate),
        name: checkName(gate),
        headSha: commit.head,
        status: "in_progress",
        title: "Running",
        summary: "This gate is running.",
      });
    }
  }
}

async function publishEvidence(platform: Platform, repository: Repository, commit: CheckedCommit, evidence: Evidence): Promise<void> {
  const screenshots = evidence.files
    .filter((file) => file.contentType.startsWith("image/"))
    .map((file) => `![${file.name}](${fileUrl(platform, file.digest)})`);
  await publish(platform, repository, {
    externalId: externalId(commit, evidence.gate),
    name: checkName(evidence.gate),
    headSha: commit.head,
    status: "completed",
    conclusion: evidence.conclusion,
    title: evidence.title,
    summary: [evidence.summary, ...screenshots].join("\n\n"),
    annotations: evidence.annotations,
  });
}

/** What this process has said last, by external id, and when. Every pass says it all again; GitHub need not hear it. */
const said = new WeakMap<Platform, Map<string, { text: string; atMs: number }>>();
/** Then it is said again all the same: somebody else may have changed what stands there. */
const SAID_FOR_MS = 10 * 60_000;
const SAID_MOST = 2000;

async function publish(platform: Platform, repository: Repository, input: CheckRunInput): Promise<void> {
  const all = said.get(platform) ?? new Map<string, { text: string; atMs: number }>();
  said.set(platform, all);
  const text = JSON.stringify(input);
  const atMs = platform.clock.now().getTime();
  const last = all.get(input.externalId);
  if (last?.text === text && atMs - last.atMs < SAID_FOR_MS) return;
  await repository.upsertCheckRun(input);
  if (all.size >= SAID_MOST) all.clear();
  all.set(input.externalId, { text, atMs });
}

/** Somebody asked for the check runs anew: the next pass writes all of them. */
export function sayChecksAgain(platform: Platform): void {
  said.delete(platform);
}

/** Where the control plane serves a file of evidence. */
export function fileUrl(platform: Platform, digest: string): string {
  return `${platform.settings.publicUrl}/evidence/${digest.replace("sha256:", "")}`;
}

function externalId(commit: CheckedCommit, gate: GateName): string {
  return `${commit.project}:${commit.head}:${gate}`;
}
