/** Which bases and segments outlive which window. */
import { expect, test } from "vitest";
import type { TimelineId } from "../../core/ids.ts";
import type { Lsn } from "../../core/lsn.ts";
import { baseFor, planRetention } from "./retention.ts";
import type { TimelineRecord } from "./records.ts";

const base = (id: string, start: string, end: string, takenAt: number) => ({ id, start: start as Lsn, end: end as Lsn, takenAt, bytes: 1 });

const record: TimelineRecord = {
  id: "tl" as TimelineId,
  number: 1,
  origin: "0/200000" as Lsn,
  bases: [base("a", "0/100000", "0/100100", 0), base("b", "0/500000", "0/500100", 10), base("c", "0/900000", "0/900100", 20)],
  protected: [],
  computeSeconds: 0,
};

const names = (plan: { bases: { id: string }[] }) => plan.bases.map(({ id }) => id);

test("the newest base before the window is kept, and all the log behind its start", () => {
  const plan = planRetention(record, 30, 15);
  expect(names(plan)).toEqual(["b", "c"]);
  expect(plan.oldest).toBe("0/500100");
  expect([4, 5, 6, 1000].map(plan.keeps)).toEqual([false, true, true, true]);
});

test("while no base is older than the window everything is kept, from the timeline's own beginning", () => {
  const plan = planRetention(record, 30, 1000);
  expect(names(plan)).toEqual(["a", "b", "c"]);
  expect(plan.oldest).toBe("0/200000");
  expect(plan.keeps(1)).toBe(true);
});

test("a protected position keeps its base and the log up to it, and nothing between it and the window", () => {
  const plan = planRetention({ ...record, protected: [{ lsn: "0/300000" as Lsn, reason: "release" }] }, 30, 1);
  expect(names(plan)).toEqual(["a", "c"]);
  expect([0, 1, 2, 3, 8, 9].map(plan.keeps)).toEqual([false, true, true, false, false, true]);
  expect(plan.oldest).toBe("0/900100");
});

test("a position is reached from the newest base that ends before it, and never from before the timeline's beginning", () => {
  expect(baseFor(record, "0/500100" as Lsn)?.id).toBe("b");
  expect(baseFor(record, "0/5000F8" as Lsn)?.id).toBe("a");
  expect(baseFor(record, "0/1FFFF8" as Lsn)).toBeUndefined();
});
