/** What the measured databases hold: as many bytes as asked for, and a digest by which a copy is known to be the same. */
import type pg from "pg";

const ROWS_PER_MIB = 900;
const BATCH_ROWS = 90_000;

/** Fills the database up to about `megabytes`, with what it holds anyway. The rows are too short to be compressed. */
export async function fill(client: pg.Client, megabytes: number): Promise<void> {
  await client.query("CREATE TABLE filling (id int PRIMARY KEY, body text NOT NULL)");
  const present = (await databaseBytes(client)) / 1024 / 1024;
  const rows = Math.max(100, Math.round((megabytes - present) * ROWS_PER_MIB));
  for (let from = 1; from <= rows; from += BATCH_ROWS) {
    await client.query("INSERT INTO filling SELECT g, repeat(md5(g::text), 30) FROM generate_series($1::int, $2::int) g", [
      from,
      Math.min(rows, from + BATCH_ROWS - 1),
    ]);
  }
}

export async function databaseBytes(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ bytes: string }>("SELECT pg_database_size(current_database()) AS bytes");
  return Number(rows[0]?.bytes);
}

/** Of every row of a table, whatever their order. */
export async function digestOf(client: pg.Client, table = "filling"): Promise<string> {
  const { rows } = await client.query<{ digest: string }>(
    `SELECT count(*) || ' rows, ' || coalesce(sum(hashtextextended(t::text, 0)), 0) AS digest FROM ${table} t`,
  );
  return rows[0]?.digest ?? "";
}

/** A copy is not what it should be: no figure counts. */
export class Inexact extends Error {}

/** Throws `Inexact`. */
export function mustEqual(what: string, found: unknown, wanted: unknown): void {
  const [is, should] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (is !== should) throw new Inexact(`${what} holds ${is} instead of ${should}.`);
}
