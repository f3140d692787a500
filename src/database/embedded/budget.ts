/** Decides how much history a family of timelines gives up to stay within its byte budget: always the oldest, and nothing that is protected. */
import type { TimelineId } from "../../core/ids.ts";
import type { Lsn } from "../../core/lsn.ts";
import type { TimelineRecord } from "./records.ts";
import { planFrom } from "./retention.ts";

/** A timeline's history as it lies on the disk. */
export interface Holding {
  record: TimelineRecord;
  /** The index of the oldest base that the window keeps. */
  first: number;
  /** Segments with the file that each is: timelines that share a file hold it once together. */
  segments: readonly { segment: number; file: string; bytes: number }[];
}

export interface Fit {
  /** The ends of the bases from which on each timeline keeps its history, where that is less than the window asks for. */
  cuts: Map<TimelineId, Lsn>;
  /** What is kept then; more than the budget when no more can be given up. */
  bytes: number;
}

/** `common`: the base that belongs to nobody's history. A timeline keeps at least its newest base and the log from there. */
export function fitBudget(holdings: readonly Holding[], budgetBytes: number, common: string): Fit {
  const states = holdings.map((holding) => ({ holding, index: holding.first, files: filesKept(holding, holding.first, common) }));
  const held = new Held();
  for (const { files } of states) held.add(files);
  const age = ({ holding, index }: (typeof states)[number]) => holding.record.bases[index]?.takenAt ?? 0;
  while (held.bytes > budgetBytes) {
    const oldest = states.filter(({ holding, index }) => index + 1 < holding.record.bases.length).sort((a, b) => age(a) - age(b))[0];
    if (!oldest) break;
    const before = oldest.files;
    oldest.index += 1;
    oldest.files = filesKept(oldest.holding, oldest.index, common);
    held.add(oldest.files);
    held.remove(before);
  }
  const cuts = new Map<TimelineId, Lsn>();
  for (const { holding, index } of states) {
    const base = holding.record.bases[index];
    if (base && index > holding.first) cuts.set(holding.record.id, base.end);
  }
  return { cuts, bytes: held.bytes };
}

function filesKept({ record, segments }: Holding, index: number, common: string): Map<string, number> {
  const plan = planFrom(record, index);
  const files = new Map<string, number>();
  for (const { id, bytes } of plan.bases) if (id !== common) files.set(id, bytes);
  for (const { segment, file, bytes } of segments) if (plan.keeps(segment)) files.set(file, bytes);
  return files;
}

/** Counts every file once, however many hold it. */
class Held {
  bytes = 0;
  #holders = new Map<string, number>();

  add(files: ReadonlyMap<string, number>): void {
    for (const [file, bytes] of files) {
      const holders = this.#holders.get(file) ?? 0;
      if (holders === 0) this.bytes += bytes;
      this.#holders.set(file, holders + 1);
    }
  }

  remove(files: ReadonlyMap<string, number>): void {
    for (const [file, bytes] of files) {
      const holders = (this.#holders.get(file) ?? 0) - 1;
      if (holders === 0) this.bytes -= bytes;
      this.#holders.set(file, holders);
    }
  }
}
