/** A process to be killed: an engine with four writers and a branch after the other, printing every acknowledged entry. */
import { dirname } from "node:path";
import pg from "pg";
import type { TimelineId } from "../../src/core/ids.ts";
import { BACKEND_DATABASE } from "../../src/database/computes.ts";
import { ADMIN_ROLE } from "../../src/database/database.ts";
import { createEngine } from "../../src/database/embedded/engine.ts";

const [dataDir, runDir, id] = process.argv.slice(2) as [string, string, TimelineId];
const engine = await createEngine({ dataDir, runDir });
await engine.createTimeline(id);
const { socketPath } = await engine.acquire(id);

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ host: dirname(socketPath), port: 5432, user: ADMIN_ROLE, database: BACKEND_DATABASE });
  await client.connect();
  return client;
}

async function write(writer: number): Promise<never> {
  const client = await connect();
  for (let n = 1; ; n++) {
    await client.query(
      `BEGIN; INSERT INTO entries VALUES (${writer}, ${n}); ` +
        `INSERT INTO totals VALUES (${writer}, ${n}) ON CONFLICT (writer) DO UPDATE SET n = excluded.n; COMMIT`,
    );
    process.stdout.write(`${writer} ${n}\n`);
  }
}

async function branch(): Promise<never> {
  for (let n = 1; ; n++) await engine.branch(`${id}_${n}` as TimelineId, { timeline: id, lsn: await engine.head(id) });
}

const client = await connect();
await client.query(
  "CREATE TABLE entries (writer int, n int, PRIMARY KEY (writer, n)); CREATE TABLE totals (writer int PRIMARY KEY, n int)",
);
await client.end();
await Promise.all([branch(), ...[0, 1, 2, 3].map(write)]);
