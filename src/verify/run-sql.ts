/** One SQL text, run as one role on one database, with its rows capped: the only place outside the store where SQL of others is sent. */
import pg from "pg";

export interface SqlTarget {
  host: string;
  port: number;
  database: string;
  user: string;
  password: string;
}

export interface SqlOutcome {
  /** Per statement, in order. */
  results: { command: string; rowCount: number | null; columns: string[]; rows: unknown[][]; truncated: boolean }[];
}

/**
 * Runs `sql`, which may hold several statements (then they are one transaction, as PostgreSQL's simple protocol has it).
 * At most `maxRows` rows per statement are returned. Rejects with the server's error.
 */
export async function runSql(target: SqlTarget, sql: string, options: { maxRows: number; timeoutMs: number }): Promise<SqlOutcome> {
  const client = new pg.Client({
    ...target,
    connectionTimeoutMillis: options.timeoutMs,
    query_timeout: options.timeoutMs,
    statement_timeout: options.timeoutMs,
  });
  // Said once more as a rejection of the query under way; without a listener it would end the process.
  client.on("error", () => undefined);
  try {
    await client.connect();
    const answer = (await client.query({ text: sql, rowMode: "array" })) as pg.QueryArrayResult | pg.QueryArrayResult[];
    const results = (Array.isArray(answer) ? answer : [answer]).map((result) => ({
      command: result.command,
      rowCount: result.rowCount,
      columns: result.fields.map((field) => field.name),
      rows: result.rows.slice(0, options.maxRows) as unknown[][],
      truncated: result.rows.length > options.maxRows,
    }));
    return { results };
  } finally {
    await client.end();
  }
}
