/** The control plane's own PostgreSQL: its connection pool, transactions and schema. What is said to it stands in the files beside this one. */
import { readdir, readFile } from "node:fs/promises";
import pg from "pg";
import { AdorableError } from "../core/errors.ts";

// 64-bit ids of GitHub stay well below 2^53; as numbers they compare like the ones in payloads.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

/** One place to run statements: the pool or a transaction on it. */
export interface Sql {
  /** The rows that `text` returns with `values` for $1, $2, … */
  rows<Row>(text: string, values?: unknown[]): Promise<Row[]>;
}

export interface Store extends Sql {
  /** Runs `work` in one transaction; what it throws rolls back. */
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  readonly pool: pg.Pool;
  close(): Promise<void>;
}

/** Called around every statement that commits; crash tests end the process there. */
export type CommitObserver = (moment: "before" | "after", statement: string) => void;

const ONLY_ONE = 4_872_001;
const MIGRATING = 4_872_002;

/**
 * Opens the store and brings its schema up to date (one transaction per file, under an advisory lock).
 * Throws `store-unreachable` (operator).
 */
export async function openStore(connectionString: string, observe: CommitObserver = () => {}): Promise<Store> {
  const pool = new pg.Pool({ connectionString, max: 12 });
  // An idle client whose server went away reports here; the next query reports it to whoever waits.
  pool.on("error", () => {});
  pool.on("connect", (client) => client.on("error", () => {}));
  try {
    await migrate(pool);
  } catch (cause) {
    await pool.end();
    throw new AdorableError({
      code: "store-unreachable",
      remedy: "operator",
      message: `The control plane's database does not answer: ${cause instanceof Error ? cause.message : String(cause)}`,
      hint: "Start it, or correct ADORABLE_STORE_URL.",
      cause,
    });
  }
  return {
    pool,
    async rows<Row>(text: string, values: unknown[] = []) {
      const writes = !/^\s*select/i.test(text);
      if (writes) observe("before", text);
      const result = await pool.query(text, values);
      if (writes) observe("after", text);
      return result.rows as Row[];
    },
    async transaction(work) {
      const client = await pool.connect();
      try {
        await client.query("begin");
        const result = await work({ rows: async (text, values = []) => (await client.query(text, values)).rows });
        observe("before", "commit");
        await client.query("commit");
        observe("after", "commit");
        client.release();
        return result;
      } catch (error) {
        const broken = await client.query("rollback").then(
          () => false,
          () => true,
        );
        client.release(broken);
        throw error;
      }
    },
    close: () => pool.end(),
  };
}

async function migrate(pool: pg.Pool): Promise<void> {
  const folder = new URL("./migrations/", import.meta.url);
  const files = (await readdir(folder)).filter((name) => name.endsWith(".sql")).sort();
  const client = await pool.connect();
  try {
    await client.query("select pg_advisory_lock($1)", [MIGRATING]);
    await client.query(
      "create table if not exists store_migrations (name text primary key, applied_at timestamptz not null default now())",
    );
    const { rows } = await client.query<{ name: string }>("select name from store_migrations");
    const applied = new Set(rows.map((row) => row.name));
    for (const name of files) {
      if (applied.has(name)) continue;
      await client.query("begin");
      await client.query(await readFile(new URL(name, folder), "utf8"));
      await client.query("insert into store_migrations (name) values ($1)", [name]);
      await client.query("commit");
    }
  } finally {
    // Ends the session, and with it the advisory lock and whatever transaction failed.
    client.release(true);
  }
}

/**
 * Takes the lock that only one control plane holds, for as long as the returned client lives.
 * Throws `control-plane-running` (operator) when another one has it.
 */
export async function lockControlPlane(store: Store): Promise<() => Promise<void>> {
  const client = new pg.Client(store.pool.options);
  await client.connect();
  const { rows } = await client.query<{ locked: boolean }>("select pg_try_advisory_lock($1) as locked", [ONLY_ONE]);
  if (!rows[0]?.locked) {
    await client.end();
    throw new AdorableError({
      code: "control-plane-running",
      remedy: "operator",
      message: "Another control plane is running on this store.",
      hint: "Stop it first: one store has one control plane.",
    });
  }
  return () => client.end();
}

/** The only row, or undefined; more than one is a bug of the statement. */
export async function oneRow<Row>(sql: Sql, text: string, values: unknown[] = []): Promise<Row | undefined> {
  const rows = await sql.rows<Row>(text, values);
  if (rows.length > 1) throw new AdorableError({ code: "too-many-rows", remedy: "bug", message: `One row was expected of: ${text}` });
  return rows[0];
}
