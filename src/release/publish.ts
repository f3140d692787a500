/** Tells GitHub what became of a rollout. The ledger is what counts: a tag or a Release that fails is stated, and undoes nothing. */
import { releaseProblemText, releaseText } from "../command/texts.ts";
import type { ErrorView, ReleaseView } from "../command/view.ts";
import { toAdorableError } from "../core/errors.ts";
import type { CommitId } from "../core/ids.ts";
import type { Mirror } from "../change/mirror.ts";
import type { Platform } from "../change/platform.ts";
import type { Repository } from "../github/github.ts";
import { listEvidence } from "../store/evidence.ts";
import { listReleases } from "../store/releases.ts";
import type { ProjectRow, ReleaseRow } from "../store/rows.ts";
import { liveRelease } from "./ledger.ts";
import type { Rollout } from "./rollout.ts";
import { productionUrl } from "./steps.ts";

/** Posts the end of the rollout, whichever it was. Idempotent. */
export async function publishRollout(platform: Platform, project: ProjectRow, mirror: Mirror, rollout: Rollout): Promise<void> {
  const repository = await platform.github.forInstallation(project.full_name);
  const ledger = await listReleases(platform.store, project.id);
  const release = ledger.find((row) => row.number === rollout.data.release);
  if (release) await publishRelease(platform, project, mirror, repository, rollout, release);
  else
    await publishProblem(repository, {
      id: rollout.id,
      commit: rollout.git_commit,
      kind: rollout.kind,
      step: rollout.data.stoppedAt ?? rollout.state,
      pull: rollout.data.pull,
      ledger,
      error: rollout.error ?? RED,
    });
}

async function publishRelease(
  platform: Platform,
  project: ProjectRow,
  mirror: Mirror,
  repository: Repository,
  rollout: Rollout,
  release: ReleaseRow,
): Promise<void> {
  const spec = await mirror.spec(release.git_commit);
  const apps = spec.apps.map((app) => ({ text: app.name, url: productionUrl(platform, project.id, app.slug) }));
  const evidence = await listEvidence(platform.store, project.id, release.tree);
  const pull = rollout.data.pull;
  const view: ReleaseView = {
    number: release.number,
    kind: release.kind,
    commit: release.git_commit,
    tree: release.tree,
    approver: release.approver,
    pullRequest: pull === null ? undefined : { number: pull, url: `${project.clone_url.replace(/\.git$/, "")}/pull/${pull}` },
    planHash: release.plan_hash ?? undefined,
    apps,
    migrations: release.migrations,
    checkpoint: release.checkpoint?.lsn,
    holdMs: rollout.data.heldMs,
    schemaHash: release.schema_hash,
    ledgerHash: release.hash,
    gates: evidence.map((one) => ({ gate: one.gate, state: one.conclusion, title: one.title })),
    rollback:
      release.restores === null
        ? undefined
        : {
            restores: release.restores,
            choice: release.choice ?? "code-only",
            snapshot: release.checkpoint?.lsn,
            lost: rollout.data.lost ?? [],
          },
  };
  const text = releaseText(view);
  const deployment = await repository.createDeployment({
    environment: "production",
    sha: release.git_commit,
    payloadId: rollout.id,
    description: `Release ${release.number}`,
    isProduction: true,
  });
  await repository.createDeploymentStatus(deployment.id, {
    state: "success",
    description: `Release ${release.number} is live`,
    ...(apps[0] ? { environmentUrl: apps[0].url } : {}),
  });
  let note = "";
  try {
    await repository.createTagAndRelease({
      tag: `release-${release.number}`,
      sha: release.git_commit,
      tagMessage: `Release ${release.number}\n\nledger ${release.hash}`,
      title: `Release ${release.number}`,
      body: text,
    });
  } catch (thrown) {
    const error = toAdorableError(thrown);
    if (error.remedy === "wait") throw thrown;
    note = `\n> The tag or the GitHub Release could not be made: ${error.message} The ledger has the release all the same.\n`;
  }
  if (pull !== null) await repository.createComment(pull, `adorable:rollout:${rollout.id}`, `${text}${note}`);
}

const RED: ErrorView = {
  code: "gates-red",
  remedy: "author",
  message: "A gate is red for the tree that was merged, so it was not released.",
  hint: "Read its checks, correct what they name, and merge again.",
};

export interface Problem {
  /** Of the rollout, or of the commit that never became one. */
  id: string;
  commit: CommitId;
  kind: "release" | "rollback";
  /** The state in which it ended. */
  step: string;
  pull: number | null;
  ledger: readonly ReleaseRow[];
  error: ErrorView;
}

/** Says on the commit, and on its pull request where it has one, that it was not released and what goes on serving. Idempotent. */
export async function publishProblem(repository: Repository, problem: Problem): Promise<void> {
  const { id, commit, kind, step, pull, ledger, error } = problem;
  const text = releaseProblemText({
    reference: id,
    kind,
    number: (ledger.at(-1)?.number ?? 0) + 1,
    step,
    serving: liveRelease(ledger)?.number,
    error,
  });
  await repository.upsertCheckRun({
    externalId: `${id}:${kind}`,
    name: `adorable/${kind}`,
    headSha: commit,
    status: "completed",
    conclusion: "failure",
    title: "Not released",
    summary: text,
  });
  if (pull !== null) await repository.createComment(pull, `adorable:rollout:${id}`, text);
}
