/** One short-lived connection for the administrator's work. */
import pg from "pg";

/** Connects, runs `work` and closes the connection, whatever happens. */
export async function withConnection<T>(dsn: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: dsn, connectionTimeoutMillis: 15_000 });
  // A connection that dies between two queries reports here; the next query reports it to whoever waits.
  client.on("error", () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
