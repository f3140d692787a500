/**
 * The only loop: one pass over one project drives whatever of it is unfinished.
 *
 * A pass reads all the state that it needs and ignores what woke it, so that a lost, doubled or reordered event makes no difference.
 * It is run by the queue, never twice at once for one project.
 */
import { eachAlone } from "../core/each-alone.ts";
import type { ProjectId } from "../core/ids.ts";
import { findProject, setMainCommit } from "../store/projects.ts";
import { findOpenRollout } from "../store/releases.ts";
import type { ProjectRow } from "../store/rows.ts";
import { driveChanges } from "../change/changes.ts";
import { driveRuns, sweepRunForks } from "../change/dispatch.ts";
import { driveMergeGroups } from "../change/merge-groups.ts";
import type { Mirror } from "../change/mirror.ts";
import type { Platform } from "../change/platform.ts";
import { driveRequests } from "../change/requests.ts";
import { advanceOpenRollout } from "../release/advance.ts";
import { decideRollout } from "../release/decide.ts";
import { driveImpacts } from "../release/impacts.ts";
import { driveRollbackRequests } from "../release/open-rollback.ts";
import { UNDER_HOLD } from "../release/rollout.ts";
import { publishComments } from "./comments.ts";
import { deleteProject } from "./delete-project.ts";
import { observeMerges } from "./deliveries.ts";
import { sweepLeaks } from "./sweep-leaks.ts";
import { sweepTimelines } from "./sweep-timelines.ts";

type Next = { afterMs: number } | undefined;

/** One pass; says when the next one is due, if nothing happens until then. */
export async function reconcile(platform: Platform, id: ProjectId): Promise<Next> {
  const project = await findProject(platform.store, id);
  if (!project) return undefined;
  if (project.state === "deleting") return deleteProject(platform, project);
  const mirror = await platform.mirrors.open(project.id);
  // Before GitHub is asked for anything: it may be away, and people wait behind the hold.
  const held = await driveHeld(platform, project, mirror);
  const repository = await platform.github.forInstallation(project.full_name);
  await mirror.fetch(await repository.gitRemote());

  // What people wait for goes first: a rollout holds production.
  const nexts: (Next | void)[] = [held];
  const stages: (() => Promise<Next | void>)[] = [
    async () => (held ? undefined : driveRollouts(platform, project, mirror)),
    () => driveRequests(platform, project, mirror),
    async () => driveRollbackRequests(platform, project, mirror),
    async () => driveChanges(platform, project, mirror),
    async () => driveMergeGroups(platform, project, mirror),
    () => driveRequests(platform, project, mirror),
    async () => driveRuns(platform, project),
    async () => sweepRunForks(platform, project),
    async () => sweepLeaks(platform, project),
    async () => sweepTimelines(platform, project),
    async () => driveImpacts(platform, project, mirror),
    async () => publishComments(platform, project, mirror),
  ];
  await eachAlone(stages, async (stage) => {
    nexts.push(await stage());
  });
  return soonest(nexts);
}

/** A rollout whose hold an earlier pass may have left behind. */
async function driveHeld(platform: Platform, project: ProjectRow, mirror: Mirror): Promise<Next> {
  const open = await findOpenRollout(platform.store, project.id);
  const mayHold = open !== undefined && [...UNDER_HOLD, "flipped", "aborting"].includes(open.state);
  return mayHold ? advanceOpenRollout(platform, project, mirror, open) : undefined;
}

async function driveRollouts(platform: Platform, project: ProjectRow, mirror: Mirror): Promise<Next> {
  const main = await mirror.branch(project.default_branch);
  if (main && main !== project.main_commit) {
    await observeMerges(platform, project);
    await setMainCommit(platform.store, project.id, main);
  }
  if (!(await findOpenRollout(platform.store, project.id))) await decideRollout(platform, project, mirror);
  const open = await findOpenRollout(platform.store, project.id);
  if (!open) return undefined;
  const next = await advanceOpenRollout(platform, project, mirror, open);
  // One that ended makes room for the next commit.
  return next ?? { afterMs: 0 };
}

function soonest(nexts: readonly (Next | void)[]): Next {
  const due = nexts.flatMap((next) => (next ? [next.afterMs] : []));
  return due.length === 0 ? undefined : { afterMs: Math.min(...due) };
}
