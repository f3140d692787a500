/** What a checkpoint of a timeline that is awake costs: asking for its head, durably. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { newId } from "../../src/core/ids.ts";
import { bestVolume, type Row } from "./bench.ts";
import { atMost, figure } from "./figures.ts";
import { openPlace, withSession } from "./place.ts";

const WARM_UP = 20;

export const checkpoint: Row = {
  name: "checkpoint",
  title: "A commit's checkpoint: the head of a timeline that is awake",
  async measure(bench) {
    const dir = join(bestVolume(bench).dir, newId<string>("mark"));
    await using cleanup = new AsyncDisposableStack();
    cleanup.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
    const place = await openPlace({ dir, runDir: bench.runDir });
    cleanup.defer(() => place.close());
    const { timeline, dsn } = await place.newEndpoint();
    return await withSession(dsn, async (client) => {
      await client.query("CREATE TABLE commits (n int)");
      const ways = {
        head: () => place.engine.head(timeline),
        select: () => client.query("SELECT 1"),
        commit: () => client.query("INSERT INTO commits VALUES (1)"),
      };
      const times = { head: [] as number[], select: [] as number[], commit: [] as number[] };
      for (let index = -WARM_UP; index < bench.scale.checkpoints; index += 1) {
        bench.note(`${Math.max(0, index)} of ${bench.scale.checkpoints}`);
        for (const way of ["head", "select", "commit"] as const) {
          const startedAt = performance.now();
          await ways[way]();
          if (index >= 0) times[way].push(performance.now() - startedAt);
        }
      }
      return {
        figures: [
          figure("head", "ms", times.head, {
            against: { "a plain SELECT 1 through the proxy": times.select, "a commit of one row through the proxy": times.commit },
            aims: ({ median }) => [atMost("≤ 3 ms", median, 3)],
          }),
        ],
        skipped: [],
      };
    });
  },
};
