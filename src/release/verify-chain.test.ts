import { describe, expect, test } from "vitest";
import type { CommitId, ProjectId, TimelineId, TreeId } from "../core/ids.ts";
import { LEDGER_ROOT, ledgerHash } from "../store/releases.ts";
import type { ReleaseRow } from "../store/rows.ts";
import { verifyChain } from "./verify-chain.ts";

/** As an export carries it: dates are text. */
type Exported = Omit<ReleaseRow, "created_at"> & { created_at: string };

function chain(length: number): Exported[] {
  const rows: Exported[] = [];
  for (let number = 1; number <= length; number += 1) {
    const row = {
      project_id: "prj_a" as ProjectId,
      number,
      kind: "release" as const,
      git_commit: `${number}`.repeat(40) as CommitId,
      tree: `${number}`.repeat(40) as TreeId,
      released_tree: `apps=${number} .adorable=none`,
      plan_hash: null,
      approver: "ada",
      migrations: [],
      timeline: "tml_a" as TimelineId,
      checkpoint: null,
      artifacts: {},
      schema_hash: "s",
      evidence: {},
      restores: null,
      choice: null,
      epoch: number,
      created_at: new Date(Date.UTC(2026, 0, number)),
      previous_hash: rows.at(-1)?.hash ?? LEDGER_ROOT,
    };
    rows.push({ ...row, created_at: row.created_at.toISOString(), hash: ledgerHash(row) });
  }
  return rows;
}

function rehash(row: Exported): Exported {
  const { hash: _, ...rest } = row;
  return { ...row, hash: ledgerHash({ ...rest, created_at: new Date(row.created_at) }) };
}

describe("a ledger's chain", () => {
  test("holds as it was written, and an empty one does too", () => {
    const rows = chain(3);
    expect(verifyChain(rows)).toEqual({ ok: true, releases: 3, head: rows[2]?.hash, findings: [] });
    expect(verifyChain(rows, rows[2]?.hash).ok).toBe(true);
    expect(verifyChain([])).toEqual({ ok: true, releases: 0, head: LEDGER_ROOT, findings: [] });
  });

  test.each<[string, Partial<Exported> | Record<string, unknown>]>([
    ["another commit", { git_commit: "f".repeat(40) }],
    ["another approver", { approver: "eve" }],
    ["a migration less", { migrations: ["apps/blog/db/migrations/x.sql"] }],
    ["another time", { created_at: "2026-01-02T00:00:00.001Z" }],
    ["another digest", { artifacts: { blog: "sha256:0" } }],
    ["a field more", { note: "x" }],
  ])("shows %s in a row, at that row", (_what, change) => {
    const rows = chain(3).map((row) => (row.number === 2 ? { ...row, ...change } : row));
    const { ok, findings } = verifyChain(rows);
    expect({ ok, rows: findings.map((one) => one.release) }).toEqual({ ok: false, rows: [2] });
    expect(findings[0]?.problem).toContain("states");
  });

  test("shows a row that was changed and hashed anew at the next one", () => {
    const rows = chain(3).map((row) => (row.number === 2 ? rehash({ ...row, approver: "eve" }) : row));
    expect(verifyChain(rows).findings).toEqual([{ release: 3, problem: expect.stringContaining("builds on") }]);
  });

  test("shows rows that are missing, swapped or broken", () => {
    const [one, two, three] = chain(3) as [Exported, Exported, Exported];
    expect(verifyChain([one, three]).findings.map((found) => found.release)).toEqual([2, 2]);
    expect(verifyChain([two, one, three]).ok).toBe(false);
    expect(verifyChain([one, { ...two, hash: undefined }, three]).findings[0]).toEqual({
      release: 2,
      problem: expect.stringContaining('"hash"'),
    });
    expect(verifyChain([one, "x", three]).ok).toBe(false);
  });

  test("shows a whole chain that was computed anew, or cut off, by its head alone", () => {
    const genuine = chain(3);
    const [, , last] = genuine;
    const forged = chain(3).map((row) => ({ ...row, approver: "eve" }));
    for (const [index, row] of forged.entries())
      Object.assign(row, rehash({ ...row, previous_hash: forged[index - 1]?.hash ?? LEDGER_ROOT }));
    expect(verifyChain(forged).ok).toBe(true);
    for (const rows of [forged, genuine.slice(0, 2)]) {
      expect(verifyChain(rows, last?.hash).findings).toEqual([{ release: rows.length, problem: expect.stringContaining("is expected") }]);
    }
  });
});
