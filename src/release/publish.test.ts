import { expect, it } from "vitest";
import { rehearsalOf } from "./publish.ts";
import type { Rollout } from "./rollout.ts";

const file = (path: string, more: object): object => ({
  path,
  durationMs: 20,
  destructive: [],
  locks: [],
  rows: 10,
  rewritten: [],
  ...more,
});

it("says of a release what its rehearsal measured, and nothing of one that an earlier version rehearsed", () => {
  const files = [file("a.sql", { findings: [] }), file("b.sql", { locks: [{ table: "blog.post", mode: "AccessExclusiveLock" }] })];
  const data = { rehearsal: { files }, applied: ["a.sql", "b.sql"] } as unknown as Rollout["data"];
  expect(rehearsalOf({ data })).toEqual([{ path: "a.sql", tookMs: 20, rows: 10, locks: [], destructive: [] }]);
});
