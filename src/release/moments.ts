/** Moments of a project's data as people name them, and the checkpoints that they are. */
import type { Platform } from "../change/platform.ts";
import { AdorableError } from "../core/errors.ts";
import type { ProjectId, TimelineId } from "../core/ids.ts";
import type { Lsn } from "../core/lsn.ts";
import { endpointName } from "../core/names.ts";
import type { Checkpoint } from "../database/database.ts";
import { findChangeByPull } from "../store/changes.ts";
import { findCheckpoint } from "../store/evidence.ts";
import { listResources } from "../store/projects.ts";
import { findEnvironment, listReleases, listRollouts } from "../store/releases.ts";
import type { ProjectRow } from "../store/rows.ts";
import { dataOfRelease } from "./ledger.ts";
import type { Rollout } from "./rollout.ts";
import { PRODUCTION } from "./steps.ts";

export type Moment =
  | { kind: "now" }
  | { kind: "release"; number: number }
  | { kind: "checkpoint"; id: string }
  | { kind: "time"; at: Date }
  | { kind: "lsn"; lsn: Lsn; timeline?: TimelineId };

const FORMS = "release:<n>, checkpoint:<id>, a time (2026-11-21T14:30, 14:30), an LSN (0/1A2B3C8), <timeline>@<lsn>, or now";
const LSN = /^[0-9A-Fa-f]{1,8}\/[0-9A-Fa-f]{1,8}$/;

/** Reads what an operator wrote; a time without a zone is this machine's. Throws `moment-unreadable` (operator). */
export function parseMoment(text: string, now: Date = new Date()): Moment {
  if (text === "now") return { kind: "now" };
  const release = /^(?:release:|#)(\d{1,9})$/.exec(text)?.[1];
  if (release !== undefined) return { kind: "release", number: Number(release) };
  const checkpoint = /^checkpoint:(\w{1,64})$/.exec(text)?.[1];
  if (checkpoint !== undefined) return { kind: "checkpoint", id: checkpoint };
  const [timeline = "", lsn] = text.includes("@") ? text.split("@", 2) : ["", text];
  if (lsn !== undefined && LSN.test(lsn)) {
    if (timeline === "") return { kind: "lsn", lsn: lsn as Lsn };
    if (/^\w{1,64}$/.test(timeline)) return { kind: "lsn", lsn: lsn as Lsn, timeline: timeline as TimelineId };
  }
  const at = readTime(text, now);
  if (at) return { kind: "time", at };
  throw new AdorableError({
    code: "moment-unreadable",
    remedy: "operator",
    message: `"${text}" names no moment.`,
    hint: `Write ${FORMS}.`,
  });
}

function readTime(text: string, now: Date): Date | undefined {
  const today = /^(\d{1,2}):(\d\d)(?::(\d\d))?$/.exec(text);
  if (today) {
    const [hour, minute, second] = [Number(today[1]), Number(today[2]), Number(today[3] ?? 0)];
    if (hour > 23 || minute > 59 || second > 59) return undefined;
    return new Date(now.getFullYear(), now.getMonth(), now.getDate(), hour, minute, second);
  }
  if (!/^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:?\d\d)?)?$/.test(text)) return undefined;
  // A day alone is its beginning here, not in Greenwich.
  const at = new Date(text.length === 10 ? `${text}T00:00` : text.replace(" ", "T"));
  return Number.isNaN(at.getTime()) ? undefined : at;
}

/**
 * The checkpoint of that moment of production, or of the change of a pull request.
 * Throws `moment-unknown`, `moment-unreadable` (operator), `lsn-out-of-retention` (author).
 */
export async function findMoment(platform: Platform, project: ProjectRow, moment: Moment, pull?: number): Promise<Checkpoint> {
  const { store, database } = platform;
  if (moment.kind === "checkpoint") {
    const found = await findCheckpoint(store, project.id, moment.id);
    if (!found) throw unknown(`There is no checkpoint "${moment.id}" in "${project.full_name}".`);
    const isThere = (await listResources(store, project.id)).some((one) => one.kind === "timeline" && one.id === found.timeline);
    if (!isThere) throw unknown(`The data that "${moment.id}" is a checkpoint of was let go: its run has ended.`);
    return { timeline: found.timeline, lsn: found.lsn };
  }
  if (moment.kind === "lsn" && moment.timeline !== undefined) {
    const known = (await listResources(store, project.id)).some((one) => one.kind === "timeline" && one.id === moment.timeline);
    if (!known) throw unknown(`"${moment.timeline}" is no timeline of "${project.full_name}".`);
    return { timeline: moment.timeline, lsn: await database.locate(moment.timeline, { lsn: moment.lsn }) };
  }
  if (moment.kind === "release") {
    if (pull !== undefined) throw unknown("A change has no releases.");
    const ledger = await listReleases(store, project.id);
    const isLive = moment.number === ledger.length && moment.number > 0;
    if (moment.number < 1 || moment.number > ledger.length) {
      const hint = ledger.length === 0 ? "Nothing has been released yet." : `Name one from 1 to ${ledger.length}.`;
      throw unknown(`There is no release ${moment.number} in "${project.full_name}".`, hint);
    }
    const past = isLive ? null : dataOfRelease(ledger, moment.number);
    return past ?? headOfProduction(platform, project.id);
  }
  const timeline =
    pull === undefined
      ? await timelineOfProduction(platform, project, moment.kind === "time" ? moment.at : undefined)
      : await timelineOfChange(platform, project, pull);
  if (moment.kind === "now") return { timeline, lsn: await database.head(timeline) };
  const at = moment.kind === "time" ? { unixMs: moment.at.getTime() } : { lsn: moment.lsn };
  return { timeline, lsn: await database.locate(timeline, at) };
}

/** Production as it stands. Throws `moment-unknown` (operator) before the first release. */
export async function headOfProduction(platform: Platform, project: ProjectId): Promise<Checkpoint> {
  const production = await findEnvironment(platform.store, project, endpointName(project, PRODUCTION));
  if (!production) throw unknown("Nothing has been released yet: there is no production.");
  return { timeline: production.timeline, lsn: await platform.database.head(production.timeline) };
}

async function timelineOfChange(platform: Platform, project: ProjectRow, pull: number): Promise<TimelineId> {
  const change = await findChangeByPull(platform.store, project.id, pull);
  if (!change?.timeline) throw unknown(`The pull request ${pull} of "${project.full_name}" has no data.`);
  return change.timeline;
}

/** Production changes its timeline by a rollback of data, and by a release that was undone after its migrations had run. */
async function timelineOfProduction({ store }: Platform, project: ProjectRow, at: Date | undefined): Promise<TimelineId> {
  const present = await findEnvironment(store, project.id, endpointName(project.id, PRODUCTION));
  if (!present) throw unknown(`Nothing of "${project.full_name}" has been released yet: there is no production.`);
  if (!at) return present.timeline;
  const live = (await listReleases(store, project.id)).findLast((row) => row.created_at <= at);
  if (!live) throw unknown(`At ${at.toISOString()} nothing of "${project.full_name}" had been released yet.`);
  const undone = ((await listRollouts(store, project.id)) as Rollout[]).findLast(
    ({ kind, state, data, finished_at }) =>
      kind === "release" &&
      state === "aborted" &&
      data.checkpoint !== undefined &&
      data.previous?.release === live.number &&
      finished_at !== null &&
      finished_at <= at,
  );
  return undone?.data.abortTimeline ?? live.timeline;
}

function unknown(message: string, hint = `Write ${FORMS}.`): AdorableError {
  return new AdorableError({ code: "moment-unknown", remedy: "operator", message, hint });
}
