/** Tells GitHub what became of a rollout. The ledger is what counts: a tag or a Release that fails is stated, and undoes nothing. */
import { overtakenText, releaseProblemText, releaseText } from "../command/texts.ts";
import type { ErrorView, RehearsedMigrationView, ReleaseView } from "../command/view.ts";
import { toAdorableError } from "../core/errors.ts";
import type { CommitId } from "../core/ids.ts";
import { checkName, publishChecks } from "../change/checks.ts";
import { createDeployments, setDeployments, type DeployedPlace } from "../change/deployments.ts";
import { lockText } from "../change/migrations-report.ts";
import type { Mirror } from "../change/mirror.ts";
import type { Platform } from "../change/platform.ts";
import { RELEASE_GATES } from "../change/verification.ts";
import type { Repository } from "../github/github.ts";
import { listEvidence } from "../store/evidence.ts";
import { listReleases, listRollouts } from "../store/releases.ts";
import { listRuns } from "../store/runs.ts";
import type { ProjectRow, ReleaseRow } from "../store/rows.ts";
import { liveRelease } from "./ledger.ts";
import type { Rollout } from "./rollout.ts";
import { productionUrl } from "./steps.ts";

const RELEASE_CHECK = "adorable/release";

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
      error: rollout.error ?? (await redGates(platform, project, rollout)),
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
    rehearsal: rehearsalOf(rollout),
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
  await repository.upsertCheckRun({
    externalId: `${rollout.id}:${release.kind}`,
    name: `adorable/${release.kind}`,
    headSha: release.git_commit,
    status: "completed",
    conclusion: "success",
    title: `Release ${release.number} is live`,
    summary: text,
  });
  await publishDeployments(platform, project, mirror, repository, rollout, release);
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

/** Of a release that was rehearsed before there was more to say of it, nothing is said. */
export function rehearsalOf({ data }: Pick<Rollout, "data">): RehearsedMigrationView[] {
  const files = data.rehearsal?.files.filter((file) => file.findings !== undefined && data.applied?.includes(file.path) === true) ?? [];
  return files.map(({ path, durationMs, rows, locks, destructive }) => ({
    path,
    tookMs: durationMs,
    rows,
    locks: locks.map(lockText),
    destructive,
  }));
}

/** Every app that is live, with its link; those that were live before and are no more. */
async function publishDeployments(
  platform: Platform,
  project: ProjectRow,
  mirror: Mirror,
  repository: Repository,
  rollout: Rollout,
  release: ReleaseRow,
): Promise<void> {
  const { apps } = await mirror.spec(release.git_commit);
  const before = (await listRollouts(platform.store, project.id)).find((one) => (one as Rollout).data.release === release.number - 1);
  const gone =
    before === undefined ? [] : (await mirror.spec(before.git_commit)).apps.filter(({ slug }) => !apps.some((app) => app.slug === slug));
  // The same ids as when they were made: these are found, not made.
  const old =
    before === undefined ? {} : await createDeployments(repository, gone, productionOf(before.id, before.git_commit, release.number - 1));
  await setDeployments(repository, old, () => ({ state: "inactive", description: `Not part of release ${release.number}` }));
  const live = await createDeployments(repository, apps, productionOf(rollout.id, release.git_commit, release.number));
  await setDeployments(repository, live, (app) => ({
    state: "success",
    description: `Release ${release.number} is live`,
    environmentUrl: productionUrl(platform, project.id, app),
  }));
}

function productionOf(id: string, sha: CommitId, release: number): DeployedPlace {
  return { place: "production", sha, id, description: `Release ${release}`, isProduction: true };
}

/** Whether a run was started for this very commit, because no gate had seen its tree. */
export async function isJudgedHere(platform: Platform, rollout: Rollout): Promise<boolean> {
  const runs = await listRuns(platform.store, rollout.project_id);
  return runs.some(({ assignment }) => assignment.kind === "verify" && assignment.headCommit === rollout.git_commit);
}

/** The gates of the commit, as its own checks. */
export async function publishGatesOf(platform: Platform, project: ProjectRow, rollout: Rollout): Promise<void> {
  const repository = await platform.github.forInstallation(project.full_name);
  const evidence = await listEvidence(platform.store, project.id, rollout.tree);
  await publishChecks(platform, repository, { project: project.id, head: rollout.git_commit }, RELEASE_GATES, evidence);
}

async function redGates(platform: Platform, project: ProjectRow, rollout: Rollout): Promise<ErrorView> {
  const evidence = await listEvidence(platform.store, project.id, rollout.tree);
  const red = evidence.filter((one) => RELEASE_GATES.includes(one.gate) && one.conclusion !== "success").map((one) => checkName(one.gate));
  return {
    code: "gates-red",
    remedy: "author",
    message: `The tree of "${rollout.git_commit.slice(0, 12)}" was not released: ${red.join(", ")} ${red.length === 1 ? "is" : "are"} red.`,
    hint: "Read its checks, correct what they name, and merge again.",
  };
}

/** Says on the commit, and on its pull request, that another one is released instead. Idempotent. */
export async function publishOvertaken(
  repository: Repository,
  { commit, pull, by }: { commit: CommitId; pull: number | null; by: CommitId },
): Promise<void> {
  const text = overtakenText({ commit, by });
  await repository.upsertCheckRun({
    externalId: `${commit}:release`,
    name: RELEASE_CHECK,
    headSha: commit,
    status: "completed",
    conclusion: "cancelled",
    title: "Overtaken by a later commit",
    summary: text,
  });
  if (pull !== null) await repository.createComment(pull, `adorable:rollout:${commit}`, text);
}

/** Says on a commit that it changes nothing that runs. Idempotent. */
export async function publishUnchanged(repository: Repository, commit: CommitId, live: number): Promise<void> {
  await repository.upsertCheckRun({
    externalId: `${commit}:release`,
    name: RELEASE_CHECK,
    headSha: commit,
    status: "completed",
    conclusion: "success",
    title: "Nothing to release",
    summary: `Its apps are exactly those of release ${live}, which is live.`,
  });
}

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
