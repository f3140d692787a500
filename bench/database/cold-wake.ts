/** From a client's connection to its first row while the database sleeps: one client, and many at once. */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { newId, type TimelineId } from "../../src/core/ids.ts";
import { bestVolume, type Row } from "./bench.ts";
import { adopt, copyBytes, dataOf } from "./direct.ts";
import { atMost, figure } from "./figures.ts";
import { openPlace, withSession } from "./place.ts";

const FIRST_ROW = "SELECT body FROM notes WHERE id = 1";

export const coldWake: Row = {
  name: "cold-wake",
  title: "Cold wake through the proxy, from the connection to the first row",
  async measure(bench) {
    const { runs, waiters, rounds } = bench.scale.wakes;
    const dir = join(bestVolume(bench).dir, newId<string>("wake"));
    await using cleanup = new AsyncDisposableStack();
    cleanup.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
    const place = await openPlace({ dir, runDir: bench.runDir });
    cleanup.defer(() => place.close());
    const { name, timeline, dsn } = await place.newEndpoint();
    await withSession(dsn, (client) =>
      client.query(
        "CREATE TABLE notes (id int PRIMARY KEY, body text); INSERT INTO notes SELECT g, 'note ' || g FROM generate_series(1, 1000) g",
      ),
    );
    await place.proxy.suspend(name);
    const fork = newId<TimelineId>("tml");
    await place.engine.branch(fork, { timeline, lsn: await place.engine.head(timeline) });
    await mkdir(join(dir, "direct"), { mode: 0o755 });
    await copyBytes(dataOf(place.dataDir, fork), join(dir, "direct", "data"));
    const files = await adopt(join(dir, "direct"), place.dataDir, bench.runDir);

    const times = { cold: [] as number[], warm: [] as number[], direct: [] as number[] };
    place.takeStarts();
    for (let index = 0; index < runs; index += 1) {
      bench.note(`one client, ${index + 1} of ${runs}`);
      times.cold.push(...(await bench.clients.connect(dsn, 1, FIRST_ROW)));
      times.warm.push(...(await bench.clients.connect(dsn, 1, FIRST_ROW)));
      await place.proxy.suspend(name);
      const startedAt = performance.now();
      const server = await files.start();
      try {
        await bench.clients.connectWhenUp(server.dsn, FIRST_ROW);
        times.direct.push(performance.now() - startedAt);
      } finally {
        await server.stop();
      }
    }
    const starts = { one: place.takeStarts(), many: [] as number[] };
    const slowest: number[] = [];
    const each: number[] = [];
    const warm: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      bench.note(`${waiters} clients at once, ${round + 1} of ${rounds}`);
      const all = await bench.clients.connect(dsn, waiters, FIRST_ROW);
      each.push(...all);
      slowest.push(Math.max(...all));
      starts.many.push(place.takeStarts());
      warm.push(Math.max(...(await bench.clients.connect(dsn, waiters, FIRST_ROW))));
      place.takeStarts();
      await place.proxy.suspend(name);
    }
    const most = Math.max(...starts.many);
    return {
      figures: [
        figure("one client", "ms", times.cold, {
          against: { "warm connection, first row": times.warm, "direct start of the same files, first row over TCP": times.direct },
          aims: ({ median, p99 }) => [atMost("p50 ≤ 40 ms", median, 40), atMost("p99 ≤ 120 ms", p99, 120)],
          note: `${starts.one} starts in ${runs} wakes`,
        }),
        figure(`${waiters} clients at once, the slowest of each round`, "ms", slowest, {
          against: { [`${waiters} warm connections at once, the slowest of each round`]: warm, "every single one of them": each },
          aims: ({ most: max }) => [atMost("one start", most, 1), atMost("max ≤ 200 ms", max, 200)],
          note: `at most ${most} start in a round`,
        }),
      ],
      skipped: [],
    };
  },
};
