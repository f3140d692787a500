/** One run of migrations at a time on a database, whoever else wants to. */
import { setTimeout as delay } from "node:timers/promises";
import type pg from "pg";
import { AdorableError } from "../../core/errors.ts";
import { withConnection } from "./connection.ts";
import { prepareLedger } from "./ledger.ts";

const APPLYING = 5_120_002;
/** Another run of migrations is waited for so long. */
const TURN_TIMEOUT_MS = 60_000;
const LOOK_EVERY_MS = 50;

/** Runs `work` while no other run of migrations works on that database. Throws `migration-locked-out` (wait). */
export async function inTurn<T>(dsn: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  return await withConnection(dsn, async (client) => {
    const until = performance.now() + TURN_TIMEOUT_MS;
    // A session that waits inside PostgreSQL holds a snapshot, and an index that is built concurrently waits for every snapshot: each would
    // wait for the other.
    while (!(await takeTurn(client))) {
      if (performance.now() > until)
        throw new AdorableError({
          code: "migration-locked-out",
          remedy: "wait",
          message: "Another run of migrations is under way on this database.",
        });
      await delay(LOOK_EVERY_MS * (1 + Math.random()));
    }
    // Given back with the connection.
    await prepareLedger(client);
    return await work(client);
  });
}

async function takeTurn(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ taken: boolean }>("select pg_catalog.pg_try_advisory_lock($1) as taken", [APPLYING]);
  return rows[0]?.taken === true;
}
