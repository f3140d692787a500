/** The steps of a rollback: code and data go back to the moment at which a release stopped being live, or nothing changes. */
import { AdorableError } from "../core/errors.ts";
import type { EnvironmentId } from "../core/ids.ts";
import type { Checkpoint } from "../database/database.ts";
import type { Platform } from "../change/platform.ts";
import type { Mirror } from "../change/mirror.ts";
import { beginTimeline, withFork } from "../change/forks.ts";
import { schemaHash } from "../database/migrations/schema.ts";
import { findChange, updateChange } from "../store/changes.ts";
import { recordResource } from "../store/projects.ts";
import { listReleases } from "../store/releases.ts";
import type { ChangeRow, Impact, ProjectRow, ReleaseRow } from "../store/rows.ts";
import { requireApprovers } from "./approver.ts";
import { countImpact, countRows, losesData } from "./impact.ts";
import { dataOfRelease, findTarget, specOf, type Target } from "./ledger.ts";
import { rehearseCandidate } from "./candidate.ts";
import { checkpointProduction, flip, holdProduction, resumeProduction, startCandidates } from "./steps.ts";
import type { Rollout, RolloutData, Step } from "./rollout.ts";

export async function stepRollback(platform: Platform, project: ProjectRow, mirror: Mirror, rollout: Rollout): Promise<Step> {
  const { database, store } = platform;
  const { data } = rollout;
  const ledger = await listReleases(store, project.id);
  const target = releaseOf(ledger, data.target);
  const spec = await specOf(mirror, target);
  const withData = data.choice === "code+data";

  switch (rollout.state) {
    case "planned":
    case "awaiting-choice": {
      const change = rollout.change_id === null ? undefined : await findChange(store, rollout.change_id);
      // A choice binds to the live release and the target that were shown; on another pair it counts for nothing.
      const isShown = change?.impact?.live === data.previous?.release && change?.impact?.target === data.target;
      if (change?.impact && isShown && change.choice !== null) return choose(change.choice, change.impact, data, change.chosen_by);
      const main = await mirror.branch(project.default_branch);
      const isOvertaken = main !== undefined && (await mirror.releasedTree(main)) !== data.releasedTree;
      if (isOvertaken && rollout.state === "awaiting-choice") throw superseded(target.number, main);
      if (rollout.state === "awaiting-choice" && isShown) return { waitMs: 60_000 };
      // Nobody has chosen: what stands in production now counts, not what stood there when the pull request was opened.
      const production = data.previous?.timeline ?? data.timeline;
      const impact = await countImpact(platform, project, mirror, ledger, target, rollout.id, production);
      if (!losesData(impact.tables)) return choose("code+data", impact, data);
      if (isOvertaken) throw superseded(target.number, main);
      await ask(platform, change, impact, isShown);
      return rollout.state === "awaiting-choice" ? { waitMs: 60_000 } : { to: "awaiting-choice" };
    }
    case "chosen": {
      const from = withData ? dataOfRelease(ledger, target.number) : await presentOf(platform, data);
      const schema = await withFork(platform, project.id, `rehearsal_${rollout.id}`, from, async (fork) => {
        const candidate = { id: `rehearsal_${rollout.id}` as EnvironmentId, spec, artifacts: target.artifacts };
        await rehearseCandidate(platform, project.id, candidate, fork);
        return schemaHash(fork.dsn);
      });
      if (!withData) return { to: "rehearsed", data: { artifacts: target.artifacts } };
      await recordResource(store, project.id, "timeline", data.timeline);
      await beginTimeline(platform, data.timeline, from);
      return { to: "rehearsed", data: { artifacts: target.artifacts, source: from, schemaHash: schema } };
    }
    case "rehearsed": {
      await requireApprovers(platform, project, data);
      const heldAt = platform.clock.now().toISOString();
      await holdProduction(platform, project.id, data, "terminate");
      return { to: "held", data: { heldAt } };
    }
    case "held": {
      await holdProduction(platform, project.id, data, "terminate");
      const checkpoint = await checkpointProduction(platform, rollout, `before the rollback to release ${target.number}`);
      // Nobody was asked, because nothing would have been lost when it was counted: rows that came since then have to be asked about.
      if (withData && data.chosenBy === undefined) {
        const tables = await countRows(platform, project, rollout.id, data.source, checkpoint);
        if (losesData(tables)) {
          await resumeProduction(platform, data);
          await database.unprotect(checkpoint, rollout.id);
          return { to: "planned", data: { choice: null } };
        }
      }
      return { to: "checkpointed", data: { checkpoint } };
    }
    case "checkpointed": {
      // A rollback runs no migration: the past has the schema of the past, and code-only keeps the present one.
      if (withData) return { to: "migrated", data: { applied: [] } };
      const hold = await holdProduction(platform, project.id, data, "terminate");
      return { to: "migrated", data: { applied: [], schemaHash: await schemaHash(hold.dsn) } };
    }
    case "migrated":
      return startCandidates(platform, rollout, spec);
    case "started":
      return flip(platform, rollout, spec, {
        kind: "rollback",
        checkpoint: data.checkpoint ?? null,
        schema_hash: data.schemaHash ?? "",
        evidence: target.evidence,
        restores: target.number,
        choice: data.choice ?? null,
        migrations: [],
      });
    default:
      throw new Error(`a rollback has no step from "${rollout.state}"`);
  }
}

/** Shows what would be lost, and waits. Throws `rollback-without-pull-request` (author) where there is no place to ask. */
async function ask(platform: Platform, change: ChangeRow | undefined, impact: Impact, isShown: boolean): Promise<void> {
  if (!change) throw nobodyToAsk(impact.target);
  const unchosen = isShown ? {} : { choice: null, chosen_by: null };
  await updateChange(platform.store, change.id, { impact, restores_release: impact.target, ...unchosen });
}

/** Throws `code-only-refused` (author). */
function choose(choice: NonNullable<RolloutData["choice"]>, impact: Impact, data: RolloutData, by: string | null = null): Step {
  const chosen = { choice, ...(by === null ? {} : { chosenBy: by }) };
  if (choice === "code+data") return { to: "chosen", data: chosen };
  if (impact.codeOnlyRefused !== null) {
    throw new AdorableError({
      code: "code-only-refused",
      remedy: "author",
      message: `The rollback of the code alone is refused: ${impact.codeOnlyRefused}.`,
      hint: "Revert the merge again and choose code+data.",
    });
  }
  // The data stays where it is: no timeline is made for this rollback.
  return { to: "chosen", data: { ...chosen, timeline: data.previous?.timeline ?? data.timeline } };
}

function superseded(target: number, main: string): AdorableError {
  return new AdorableError({
    code: "rollback-superseded",
    remedy: "author",
    message: `The rollback to release ${target} was still waiting for a choice when "${main}" changed the apps again: that commit is what counts now.`,
    hint: "Revert again if the rollback is still wanted.",
  });
}

function nobodyToAsk(target: number): AdorableError {
  return new AdorableError({
    code: "rollback-without-pull-request",
    remedy: "author",
    message: `This push restores release ${target}, and rows that were written since would be lost: that has to be chosen, and a push has no place to choose.`,
    hint: "Revert in a pull request: it says what would be lost and asks.",
  });
}

async function presentOf(platform: Platform, data: RolloutData): Promise<Checkpoint> {
  const timeline = data.previous?.timeline ?? data.timeline;
  return { timeline, lsn: await platform.database.head(timeline) };
}

function releaseOf(ledger: readonly ReleaseRow[], number: number | undefined): Target {
  const row = findTarget(ledger, number);
  if (!row)
    throw new AdorableError({ code: "release-unknown", remedy: "bug", message: `There is no release ${number ?? "?"} to roll back to.` });
  return row;
}
