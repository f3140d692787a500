/** What the proxy costs a client that works: `pgbench` through it, past it, and through pgbouncer, to one and the same server. */
import { randomBytes } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { newId, type EndpointName, type TimelineId } from "../../src/core/ids.ts";
import { BACKEND_DATABASE } from "../../src/database/computes.ts";
import { ADMIN_ROLE } from "../../src/database/database.ts";
import { createProxy } from "../../src/database/proxy/proxy.ts";
import { spreadOf } from "../spread.ts";
import type { Bench, Row } from "./bench.ts";
import { adopt, copyBytes, dataOf, type Direct } from "./direct.ts";
import { atLeast, figure, type Figure } from "./figures.ts";
import { initialise, load, startPgbouncer, versionOf, type Load, type Target } from "./pgbench.ts";
import { log, openPlace } from "./place.ts";
import { ownTime, profiled, timeOf, type ProcessorTime } from "./processor-time.ts";

const PROXY = "proxy";
const DIRECT = "direct TCP";
const BOUNCER = "pgbouncer, session mode";
const KINDS: readonly [kind: Load["kind"], title: string][] = [
  ["select", "SELECT only"],
  ["tpcb", "TPC-B-like"],
];

export const throughput: Row = {
  name: "throughput",
  title: "Throughput through the proxy",
  async measure(bench) {
    if ((await versionOf("pgbench")) === undefined)
      return { figures: [], skipped: ['no pgbench (Debian: "apt-get install postgresql-contrib")'] };
    const hasBouncer = (await versionOf("pgbouncer")) !== undefined;
    const skipped = hasBouncer ? [] : ['against pgbouncer: it is not installed (Debian: "apt-get install pgbouncer")'];
    return { figures: await measureAll(bench, hasBouncer), skipped };
  },
};

interface Way {
  name: string;
  target: Target;
  /** Of the process in between. */
  time?: () => Promise<ProcessorTime>;
}

async function measureAll(bench: Bench, hasBouncer: boolean): Promise<Figure[]> {
  const { scale, clients } = bench.scale.throughput;
  const dir = join(bench.plain.dir, newId<string>("load"));
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
  const direct = await startServer(bench, dir);
  cleanup.defer(() => direct.stop());
  const proxy = await createProxy({
    dir: join(dir, "proxy"),
    computes: direct.computes,
    port: 0,
    masterKey: randomBytes(32).toString("hex"),
    idleMs: 3_600_000,
    log,
  });
  cleanup.defer(() => proxy.close());
  const name = newId<EndpointName>("proj");
  await proxy.endpoint(name, newId<TimelineId>("tml"), 1);
  const straight = { host: "127.0.0.1", port: direct.port, database: BACKEND_DATABASE, user: ADMIN_ROLE, password: "" };
  // The proxy runs in this process, which does nothing else meanwhile.
  const ways: Way[] = [
    { name: PROXY, target: await proxy.credential(name, ADMIN_ROLE), time: ownTime },
    { name: DIRECT, target: straight },
  ];
  if (hasBouncer) {
    const bouncer = await startPgbouncer(bench.runDir, direct.socketPath, Math.max(...clients));
    cleanup.defer(() => bouncer.stop());
    ways.push({ name: BOUNCER, target: bouncer.target, time: () => timeOf(bouncer.pid) });
  }
  bench.note(`tables of scale ${scale}`);
  await initialise(straight, scale);
  const figures: Figure[] = [];
  for (const [kind, title] of KINDS) {
    for (const count of clients) {
      for (const mode of ["simple", "prepared"] as const)
        figures.push(
          ...(await measureCell(bench, ways, `${title}, ${count} ${count === 1 ? "client" : "clients"}, ${mode}`, {
            kind,
            mode,
            clients: count,
          })),
        );
    }
  }
  return figures;
}

async function startServer(bench: Bench, dir: string): Promise<Direct> {
  const place = await openPlace({ dir: join(dir, "engine"), runDir: bench.runDir });
  try {
    const { timeline } = await place.newEndpoint();
    await mkdir(join(dir, "direct"), { recursive: true, mode: 0o755 });
    await copyBytes(dataOf(place.dataDir, timeline), join(dir, "direct", "data"));
    return await (await adopt(join(dir, "direct"), place.dataDir, bench.runDir)).start();
  } finally {
    await place.close();
  }
}

/** The ways take turns, so that what else the machine does meets them alike. */
async function measureCell(bench: Bench, ways: readonly Way[], title: string, cell: Omit<Load, "seconds">): Promise<Figure[]> {
  const { seconds, rounds } = bench.scale.throughput;
  const tps = new Map(ways.map(({ name }) => [name, [] as number[]]));
  const processor = new Map(ways.map(({ name }) => [name, [] as number[]]));
  const kernel: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, target, time } of ways) {
      bench.note(`${title}, ${name}, ${round + 1} of ${rounds}`);
      const before = await time?.();
      const run = await load(target, { ...cell, seconds });
      tps.get(name)?.push(run.tps);
      const after = await time?.();
      if (!before || !after) continue;
      const [user, system] = [after.userUs - before.userUs, after.systemUs - before.systemUs];
      processor.get(name)?.push((user + system) / run.transactions);
      if (name === PROXY) kernel.push((system / (user + system)) * 100);
    }
  }
  const proxy = ways.find(({ name }) => name === PROXY);
  bench.note(`${title}, profiled`);
  const where = proxy === undefined ? "" : await profiled(() => load(proxy.target, { ...cell, seconds }));
  const others = (of: Map<string, number[]>): Record<string, number[]> =>
    Object.fromEntries([...of].filter(([name, values]) => name !== PROXY && values.length > 0));
  return [
    figure(title, "tps", tps.get(PROXY) ?? [], {
      against: others(tps),
      aims: (_, ratios) => [
        ...(ratios.has(BOUNCER) ? [atLeast("≥ 0.9 of pgbouncer", ratios.get(BOUNCER), 0.9)] : []),
        atLeast("≥ 0.75 of direct TCP", ratios.get(DIRECT), 0.75),
      ],
    }),
    figure("  its processor time for a transaction", "µs", processor.get(PROXY) ?? [], {
      against: others(processor),
      note: `${spreadOf(kernel).median.toFixed(0)} % of it in the kernel; ${where}`,
    }),
  ];
}
