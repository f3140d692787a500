/** The connection to PostgreSQL: made when the first query needs it, made again when it was lost. */
import { setImmediate } from "node:timers/promises";
import { Kysely, PostgresDialect } from "kysely";
import pg from "pg";
import type { Database } from "../../db/schema.ts";

export type Db = Kysely<Database>;

const { builtins } = pg.types;
// Ids and decimals (12 digits) fit a number exactly; a date has no time zone to be moved by.
const parsers = new Map<number, (text: string) => unknown>([
  [builtins.INT8, Number],
  [builtins.NUMERIC, Number],
  [builtins.DATE, (text) => text],
  [builtins.TIME, (text) => text.slice(0, 5)],
]);

export function openDatabase(connectionString: string): Db {
  const pool = new pg.Pool({
    connectionString,
    max: 8,
    idleTimeoutMillis: 30_000,
    connectionTimeoutMillis: 20_000,
    keepAlive: true,
    types: {
      getTypeParser: ((id: number, format?: "text") =>
        parsers.get(id) ?? pg.types.getTypeParser(id, format)) as typeof pg.types.getTypeParser,
    },
  });
  const ended = new WeakSet<pg.ClientBase>();
  // A connection that ends while nobody uses it is replaced; without listeners its error would end the process.
  pool.on("error", () => {});
  pool.on("connect", (client) => {
    client.on("error", () => ended.add(client));
    client.on("end", () => ended.add(client));
  });

  /** A connection that is alive as far as anyone can know before something is sent on it. */
  async function connect(): Promise<pg.PoolClient> {
    for (;;) {
      const client = await pool.connect();
      // The news that the server has closed it may have arrived and not been read yet: let it be read.
      await setImmediate();
      if (!ended.has(client)) return client;
      client.release(true);
    }
  }

  return new Kysely<Database>({ dialect: new PostgresDialect({ pool: { connect, end: () => pool.end(), options: pool.options } }) });
}
