import { newId, type HoldId } from "../../core/ids.ts";
import { expect, test } from "vitest";
import { describeEndpoints } from "../../../test/conformance/database-endpoints.ts";
import { openProxiedDatabase } from "../../../test/support/proxied-database.ts";

describeEndpoints("the embedded engine behind the proxy", async () => {
  const made = await openProxiedDatabase({ moveDrainMs: 500 });
  return {
    database: made.database,
    async close() {
      expect(made.complaints).toEqual([]);
      await made[Symbol.asyncDispose]();
    },
  };
});

test("a hold outlives a restart of the proxy, with its budget and its credential", async () => {
  await using made = await openProxiedDatabase();
  const { name } = await made.newEndpoint();
  const hold = await made.database.hold(name, newId<HoldId>("hld"), { budgetMs: 1500, drainMs: 1000, onDrainTimeout: "abort" });
  await made.restartProxy();
  expect(await made.database.holds()).toEqual([{ id: hold.id, endpoint: name }]);
  await expect(made.connect(name)).rejects.toMatchObject({ code: "57P03" });
  expect(await made.database.hold(name, hold.id, { budgetMs: 1500, drainMs: 1000, onDrainTimeout: "abort" })).toEqual(hold);
  await made.database.resume(hold.id);
  const client = await made.connect(name);
  expect((await client.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
});
