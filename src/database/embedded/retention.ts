/** Decides which bases and segments of a timeline are still needed, and which positions can be reached from them. */
import { bigintToLsn, compareLsn, lsnToBigint, type Lsn } from "../../core/lsn.ts";
import type { Base } from "./bases.ts";
import type { TimelineRecord } from "./records.ts";
import { segmentOf } from "./wal.ts";

export interface RetentionPlan {
  bases: Base[];
  /** Segments from `first` to `last`, both included. */
  keeps: (segment: number) => boolean;
  /** From here to the head every position is kept. */
  oldest: Lsn;
}

/**
 * Kept are: the newest base that is older than the window (or that the byte budget has left), and everything after it; and for each
 * protected position the newest base before it and the log in between.
 */
export function planRetention(record: TimelineRecord, now: number, windowMs: number): RetentionPlan {
  return planFrom(record, firstKept(record, now, windowMs));
}

/** The index of the oldest base that is kept for its own sake. */
export function firstKept(record: TimelineRecord, now: number, windowMs: number): number {
  const { bases, cut } = record;
  const old = bases.findLastIndex((base) => base.takenAt <= now - windowMs);
  const left = cut === undefined ? 0 : bases.findIndex((base) => compareLsn(base.end, cut) >= 0);
  return Math.max(old, left, 0);
}

/** The plan that keeps everything from one of its bases on. */
export function planFrom(record: TimelineRecord, index: number): RetentionPlan {
  const first = record.bases[index];
  if (!first) throw new Error(`The timeline "${record.id}" has no base.`);
  const needed = new Set(record.bases.slice(index));
  const ranges: { first: number; last: number }[] = [{ first: segmentOf(first.start), last: Number.POSITIVE_INFINITY }];
  for (const { lsn } of record.protected) {
    const base = baseFor(record, lsn);
    if (!base) continue;
    needed.add(base);
    ranges.push({ first: segmentOf(base.start), last: lastSegmentBefore(lsn) });
  }
  return {
    bases: record.bases.filter((base) => needed.has(base)),
    keeps: (segment) => ranges.some((range) => segment >= range.first && segment <= range.last),
    oldest: later(record.origin, first.end),
  };
}

/** The newest base from which the position can be reached; undefined when none is left or the position is older than the timeline. */
export function baseFor(record: TimelineRecord, lsn: Lsn): Base | undefined {
  if (compareLsn(lsn, record.origin) < 0) return undefined;
  return record.bases.filter((base) => compareLsn(base.end, lsn) <= 0).at(-1);
}

/** The last segment with a byte before the position. */
export function lastSegmentBefore(lsn: Lsn): number {
  return segmentOf(bigintToLsn(lsnToBigint(lsn) - 1n));
}

function later(a: Lsn, b: Lsn): Lsn {
  return compareLsn(a, b) > 0 ? a : b;
}
