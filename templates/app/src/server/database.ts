/** The connection to PostgreSQL: made when the first query needs it, made again when it was lost. */
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
]);

export function openDatabase(connectionString: string): Db {
  const pool = new pg.Pool({
    connectionString,
    max: 8,
    idleTimeoutMillis: 30_000,
    connectionTimeoutMillis: 20_000,
    keepAlive: true,
    types: { getTypeParser: ((id: number, format?: "text") => parsers.get(id) ?? pg.types.getTypeParser(id, format)) as typeof pg.types.getTypeParser },
  });
  // A connection that ends while nobody uses it is replaced on the next query; without listeners it would end the process.
  pool.on("error", ignore);
  pool.on("connect", (client) => client.on("error", ignore));
  return new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });
}

function ignore(): void {}
