/** What a family gives up for its byte budget. */
import { expect, test } from "vitest";
import type { TimelineId } from "../../core/ids.ts";
import { bigintToLsn, type Lsn } from "../../core/lsn.ts";
import { fitBudget, type Holding } from "./budget.ts";
import type { TimelineRecord } from "./records.ts";
import { planRetention } from "./retention.ts";
import { SEGMENT_BYTES } from "./wal.ts";

const at = (segment: number) => bigintToLsn(BigInt(segment * SEGMENT_BYTES + 0x100));

/** Bases of 100 bytes at the segments, segments of 10 up to `last`; files of the same name are the same file. */
function holding(id: string, bases: number[], last: number, more: Partial<TimelineRecord> & { files?: string } = {}): Holding {
  const { files = id, ...record } = more;
  return {
    record: {
      id: id as TimelineId,
      number: 1,
      origin: at(0),
      bases: bases.map((segment) => ({ id: `${files}-${segment}`, start: at(segment), end: at(segment), takenAt: segment, bytes: 100 })),
      protected: [],
      computeSeconds: 0,
      ...record,
    },
    first: 0,
    segments: Array.from({ length: last + 1 }, (_, segment) => ({ segment, file: `${files}:${segment}`, bytes: 10 })),
  };
}

test("within the budget nothing is given up", () => {
  expect(fitBudget([holding("a", [0, 4, 8], 9)], 400, "none")).toEqual({ cuts: new Map(), bytes: 400 });
});

test("the oldest history goes first, whichever timeline it belongs to, and no more of it than needed", () => {
  const family = [holding("a", [4, 8], 9), holding("b", [2, 6], 7)];
  const all = 4 * 100 + 6 * 10 + 6 * 10;
  expect(fitBudget(family, all - 1, "none")).toEqual({ cuts: new Map([["b", at(6)]]), bytes: all - 140 });
  expect(fitBudget(family, all - 141, "none").cuts).toEqual(
    new Map([
      ["b", at(6)],
      ["a", at(8)],
    ]),
  );
});

test("a timeline's newest base and the log behind it stay, over the budget or not; the template's base counts for nobody", () => {
  expect(fitBudget([holding("a", [0, 4], 5)], 1, "none")).toEqual({ cuts: new Map([["a", at(4)]]), bytes: 120 });
  expect(fitBudget([holding("a", [0], 1)], 1, "a-0")).toEqual({ cuts: new Map(), bytes: 20 });
});

test("what two timelines share is counted once, and freed only when both have given it up", () => {
  const [parent, child] = [holding("a", [0, 4], 5), holding("b", [0, 4], 5, { files: "a" })];
  expect(fitBudget([parent, child], 260, "none")).toEqual({ cuts: new Map(), bytes: 260 });
  expect(fitBudget([parent, child], 259, "none").cuts.size).toBe(2);
});

test("protected positions keep their base and log, and the gap behind them is no longer said to be kept", () => {
  const { record } = holding("a", [0, 4, 8], 9, { protected: [{ lsn: at(2) as Lsn, reason: "release" }] });
  const { cuts, bytes } = fitBudget([{ ...holding("a", [0, 4, 8], 9), record }], 1, "none");
  expect({ cuts, bytes }).toEqual({ cuts: new Map([["a", at(8)]]), bytes: 200 + 3 * 10 + 2 * 10 });
  const plan = planRetention({ ...record, cut: at(8) }, 0, 1000);
  expect(plan.bases.map(({ id }) => id)).toEqual(["a-0", "a-8"]);
  expect(plan.oldest).toBe(at(8));
  expect([2, 3, 7, 8].map(plan.keeps)).toEqual([true, false, false, true]);
});
