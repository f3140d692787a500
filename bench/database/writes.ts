/** Whether a restore kept every write that was acknowledged, and brought none over that it should have left behind. */
import { Inexact } from "./content.ts";

/** One writer's numbers, which it gives out from 1 on, in order and never twice. */
export interface WriterLog {
  acknowledged: number[];
  /** Sent before the restored moment was asked for, and acknowledged. */
  leastAtMark: number;
  /** Sent by the time the restored moment was known. */
  mostAtMark: number;
}

export interface Judgement {
  acknowledged: number;
  inSnapshotOnly: number;
  restored: number;
}

/**
 * `snapshot` holds per writer what the old timeline held when it was left, `restored` what production holds now.
 * Every acknowledged write must be in one of them, those before the mark in both; and what was written between the mark and the restore only in the snapshot.
 * Throws `Inexact`.
 */
export function judgeWrites(
  logs: readonly WriterLog[],
  snapshot: readonly ReadonlySet<number>[],
  restored: readonly ReadonlySet<number>[],
): Judgement {
  const judgement: Judgement = { acknowledged: 0, inSnapshotOnly: 0, restored: 0 };
  for (const [writer, { acknowledged, leastAtMark, mostAtMark }] of logs.entries()) {
    const before = snapshot[writer] ?? new Set();
    const after = restored[writer] ?? new Set();
    const lastBefore = Math.max(0, ...before);
    for (const n of acknowledged) {
      if (!before.has(n) && !after.has(n)) throw new Inexact(`Write ${n} of writer ${writer} was acknowledged and is nowhere.`);
      if (n <= leastAtMark && !after.has(n))
        throw new Inexact(`Write ${n} of writer ${writer} was acknowledged before the restored moment and is not restored.`);
      judgement.acknowledged += 1;
      if (!after.has(n)) judgement.inSnapshotOnly += 1;
    }
    for (const n of after) {
      if (n > mostAtMark && n <= lastBefore)
        throw new Inexact(`Write ${n} of writer ${writer} came after the restored moment and is restored all the same.`);
    }
    judgement.restored += after.size;
  }
  return judgement;
}
