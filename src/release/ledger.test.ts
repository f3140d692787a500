import { expect, test } from "vitest";
import type { ReleaseRow } from "../store/rows.ts";
import { migrationsSince } from "./ledger.ts";

const row = (number: number, migrations: string[], restores?: number, choice?: "code-only" | "code+data"): ReleaseRow =>
  ({
    number,
    migrations,
    kind: restores === undefined ? "release" : "rollback",
    restores: restores ?? null,
    choice: choice ?? null,
  }) as ReleaseRow;

test("migrations that a rollback of the data undid are not undone again by the next one", () => {
  const ledger = [row(1, []), row(2, ["a"]), row(3, [], 1, "code+data"), row(4, ["b"])];
  expect(migrationsSince(ledger, 1)).toEqual(["b"]);
});

test("a rollback of the code alone keeps its migrations among those that a later one of the data undoes", () => {
  const ledger = [row(1, []), row(2, ["a"]), row(3, [], 1, "code-only"), row(4, ["b"])];
  expect(migrationsSince(ledger, 1)).toEqual(["a", "b"]);
});

test("undoing a rollback of the data undoes none of what comes back", () => {
  const ledger = [row(1, []), row(2, ["a"]), row(3, [], 1, "code+data")];
  expect(migrationsSince(ledger, 2)).toEqual([]);
});
