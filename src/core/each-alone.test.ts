import { expect, test } from "vitest";
import { eachAlone } from "./each-alone.ts";

test("an item that fails stops none of the others, and the first failure is thrown in the end", async () => {
  const done: number[] = [];
  const turns = eachAlone([1, 2, 3, 4], async (item) => {
    if (item % 2 === 0) throw new Error(`no ${item}`);
    done.push(item);
  });
  await expect(turns).rejects.toThrow("no 2");
  expect(done).toEqual([1, 3]);
});
