/** The clients of the measured databases, in a process of their own, so that what they cost is not the proxy's. Listens at the socket that it is given. */
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { endWithParent } from "../../src/process/parent.ts";
import { serveRpc } from "../../src/process/rpc.ts";

export interface Progress {
  /** By writer. */
  acknowledged: number[];
  sent: number[];
}

export interface Written {
  acknowledged: number[][];
  /** The longest that one write took since `resetLongest`, lost connections included. */
  longestMs: number;
  /** Connections that were lost, or refused. */
  lost: number;
}

export const WRITES_TABLE = "CREATE TABLE writes (writer int, n int, PRIMARY KEY (writer, n))";

const RETRY_MS = 5;

interface Writer {
  acknowledged: number[];
  sent: number;
  longestMs: number;
  lost: number;
  ended: Promise<void>;
}

let writers: Writer[] = [];
let isWriting = false;
let load: { ended: Promise<void>; count: number } | undefined;

async function connected(dsn: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: dsn });
  // Its next query fails too, and that is what counts.
  client.on("error", () => {});
  try {
    await client.connect();
  } catch (error) {
    await client.end().catch(() => {});
    throw error;
  }
  return client;
}

async function write(dsn: string, index: number, writer: Writer): Promise<void> {
  let client: pg.Client | undefined;
  for (let startedAt = performance.now(); isWriting;) {
    try {
      client ??= await connected(dsn);
      const n = ++writer.sent;
      await client.query("INSERT INTO writes VALUES ($1, $2)", [index, n]);
      writer.acknowledged.push(n);
      writer.longestMs = Math.max(writer.longestMs, performance.now() - startedAt);
      startedAt = performance.now();
    } catch (error) {
      const { code = "" } = error as { code?: string };
      if (code.startsWith("23") || code.startsWith("42")) throw error;
      // Whether the write is there nobody knows: its number is not given out again.
      writer.lost += 1;
      await client?.end().catch(() => {});
      client = undefined;
      await delay(RETRY_MS);
    }
  }
  await client?.end().catch(() => {});
}

export const clients = {
  /** Connects so many clients at once; each runs the statement and goes. Milliseconds from the beginning to each one's answer. */
  async connect(dsn: string, count: number, sql: string): Promise<number[]> {
    const once = async (): Promise<number> => {
      const startedAt = performance.now();
      const client = await connected(dsn);
      await client.query(sql);
      const ms = performance.now() - startedAt;
      await client.end();
      return ms;
    };
    return Promise.all(Array.from({ length: count }, once));
  },

  /** As `connect` with one client, but tries again at once as long as nobody listens. */
  async connectWhenUp(dsn: string, sql: string): Promise<void> {
    for (const deadline = Date.now() + 30_000; ;) {
      try {
        await clients.connect(dsn, 1, sql);
        return;
      } catch (error) {
        if (Date.now() > deadline || !["ECONNREFUSED", "ENOENT", "57P03"].includes((error as { code?: string }).code ?? "")) throw error;
        await delay(1);
      }
    }
  },

  async startWriters(dsn: string, count: number): Promise<void> {
    isWriting = true;
    writers = Array.from({ length: count }, () => ({ acknowledged: [], sent: 0, longestMs: 0, lost: 0, ended: Promise.resolve() }));
    for (const [index, writer] of writers.entries()) writer.ended = write(dsn, index, writer);
  },

  async progress(): Promise<Progress> {
    return { acknowledged: writers.map(({ acknowledged }) => acknowledged.at(-1) ?? 0), sent: writers.map(({ sent }) => sent) };
  },

  async resetLongest(): Promise<void> {
    for (const writer of writers) writer.longestMs = 0;
  },

  async stopWriters(): Promise<Written> {
    isWriting = false;
    await Promise.all(writers.map(({ ended }) => ended));
    return {
      acknowledged: writers.map(({ acknowledged }) => acknowledged),
      longestMs: Math.max(0, ...writers.map(({ longestMs }) => longestMs)),
      lost: writers.reduce((sum, { lost }) => sum + lost, 0),
    };
  },

  /** So many clients that run the statement over and over, until `stopLoad`. */
  async startLoad(dsn: string, count: number, sql: string): Promise<void> {
    const going = { ended: Promise.resolve(), count: 0 };
    load = going;
    const work = async (): Promise<void> => {
      const client = await connected(dsn);
      for (; load === going; going.count += 1) await client.query(sql);
      await client.end();
    };
    going.ended = Promise.all(Array.from({ length: count }, work)).then(() => {});
    going.ended.catch(() => {});
  },

  /** How often it was run. Throws what ended a client. */
  async stopLoad(): Promise<number> {
    const going = load;
    load = undefined;
    await going?.ended;
    return going?.count ?? 0;
  },
};

if (import.meta.main) {
  endWithParent(() => process.exit(0));
  await serveRpc(process.argv[2] ?? "", { clients });
}
