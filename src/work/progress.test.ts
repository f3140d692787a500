import { expect, it } from "vitest";
import { createProgress } from "./progress.ts";

it("keeps the newest hundred entries of SQL, those of restores among them", () => {
  const progress = createProgress();
  for (let n = 1; n <= 100; n += 1) progress.ranSql(`select ${n}`, "done");
  for (let n = 1; n <= 3; n += 1) progress.restored(`ckp_${n}`);
  const { sql } = progress.data();
  expect(sql).toHaveLength(100);
  expect(sql[0]?.sql).toBe("select 4");
  expect(sql.at(-1)).toEqual({ sql: "restore_data ckp_3", outcome: "undone: everything since that snapshot" });
});
