/** A look at a moment of a project's data: a private throwaway fork, with one role that reads everything and writes nothing. */
import { openOwnFork } from "../change/own-forks.ts";
import type { Platform } from "../change/platform.ts";
import type { Checkpoint, Credential } from "../database/database.ts";
import { withConnection } from "../database/migrations/connection.ts";
import type { ProjectRow } from "../store/rows.ts";
import { findMoment, type Moment } from "./moments.ts";

export interface Look extends AsyncDisposable {
  checkpoint: Checkpoint;
  /** Of the reader, who exists on this fork alone. */
  credential: Credential;
}

/** No app's role: theirs begin with `app_` and `migrator_`. */
const READER = "adorable_reader";

/** The fork goes when the look is disposed of, and by the sweep where this process dies. Throws what `findMoment` throws. */
export async function openLook(platform: Platform, project: ProjectRow, moment: Moment, pull?: number): Promise<Look> {
  const checkpoint = await findMoment(platform, project, moment, pull);
  await using stack = new AsyncDisposableStack();
  const fork = stack.use(await openOwnFork(platform, project.id, "look", checkpoint));
  await withConnection(fork.dsn, async (client) => {
    const { rows } = await client.query<{ name: string }>("select quote_ident(current_database()) as name");
    await client.query(`
      create role ${READER} login nosuperuser nocreatedb nocreaterole noreplication bypassrls;
      grant pg_read_all_data to ${READER};
      grant connect on database ${rows[0]?.name ?? ""} to ${READER};
      alter role ${READER} set default_transaction_read_only = on;`);
  });
  const credential = await platform.database.credential(fork.endpoint, READER);
  const all = stack.move();
  return { checkpoint, credential, [Symbol.asyncDispose]: () => all.disposeAsync() };
}
