/** Sessions on timelines for tests: the administrator's statements, and writers whose books must agree. */
import pg from "pg";
import { expect } from "vitest";
import type { TimelineId } from "../../src/core/ids.ts";
import type { Timelines } from "../../src/database/computes.ts";

export interface TimelinesUnderTest {
  timelines: Timelines;
  /** How the administrator connects to a timeline's compute, which is started if needed. */
  connection: (timeline: TimelineId) => Promise<pg.ClientConfig>;
  /** Puts the timeline's compute to sleep. */
  sleep: (timeline: TimelineId) => Promise<void>;
  close: () => Promise<void>;
}

/** For `expect.poll`: as patient as a busy machine needs. */
export const SOON = { timeout: 20_000, interval: 5 };

let made = 0;
/** An id that no other test uses. */
export function timelineId(hint: string): TimelineId {
  return `tl_${hint}_${++made}` as TimelineId;
}

/** Runs `work` with a session on the timeline. */
export async function withSession<T>(
  under: Pick<TimelinesUnderTest, "connection">,
  timeline: TimelineId,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client(await under.connection(timeline));
  client.on("error", () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** The rows of one statement on the timeline. */
export function sql<R extends pg.QueryResultRow>(
  under: Pick<TimelinesUnderTest, "connection">,
  timeline: TimelineId,
  statement: string,
): Promise<R[]> {
  return withSession(under, timeline, async (client) => (await client.query<R>(statement)).rows);
}

export interface Writers {
  /** Transactions acknowledged to each writer so far. */
  acknowledged: () => number[];
  /** Transactions sent by each writer so far. */
  sent: () => number[];
  /** Ends them after their present transaction. */
  stop: () => Promise<void>;
}

export const LEDGER =
  "CREATE TABLE entries (writer int, n int, PRIMARY KEY (writer, n)); CREATE TABLE totals (writer int PRIMARY KEY, n int)";

/** Writers that each add entry after entry, and the total in the same transaction. A lost connection ends a writer. */
export async function startWriters(under: Pick<TimelinesUnderTest, "connection">, timeline: TimelineId, count: number): Promise<Writers> {
  const acknowledged = Array.from({ length: count }, () => 0);
  const sent = [...acknowledged];
  let going = true;
  const write = async (client: pg.Client, writer: number) => {
    try {
      for (let n = 1; going; n++) {
        sent[writer] = n;
        await client.query(
          `BEGIN; INSERT INTO entries VALUES (${writer}, ${n}); ` +
            `INSERT INTO totals VALUES (${writer}, ${n}) ON CONFLICT (writer) DO UPDATE SET n = excluded.n; COMMIT`,
        );
        acknowledged[writer] = n;
      }
    } catch (error) {
      if (going && (error as { code?: string }).code?.startsWith("23")) throw error;
    }
  };
  const config = await under.connection(timeline);
  const clients = Array.from({ length: count }, () => new pg.Client(config));
  for (const client of clients) client.on("error", () => undefined);
  await Promise.all(clients.map((client) => client.connect()));
  const ended = Promise.all(clients.map(write));
  return {
    acknowledged: () => [...acknowledged],
    sent: () => [...sent],
    stop: async () => {
      going = false;
      await ended;
      await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
    },
  };
}

/** How far each writer came on this timeline; fails unless every writer's entries are complete and agree with its total. */
export async function readLedger(under: Pick<TimelinesUnderTest, "connection">, timeline: TimelineId, count: number): Promise<number[]> {
  const rows = await sql<{ writer: number; entries: number; last: number; total: number }>(
    under,
    timeline,
    "SELECT writer, count(*)::int AS entries, max(e.n) AS last, (SELECT n FROM totals t WHERE t.writer = e.writer) AS total FROM entries e GROUP BY writer",
  );
  const reached = Array.from({ length: count }, () => 0);
  for (const { writer, entries, last, total } of rows) {
    expect({ writer, last, total }).toEqual({ writer, last: entries, total: entries });
    reached[writer] = entries;
  }
  return reached;
}
