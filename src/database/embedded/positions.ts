/** Where a timeline's log ends: asked of its compute, or read from its files while it sleeps. */
import { join } from "node:path";
import type { TimelineId } from "../../core/ids.ts";
import { bigintToLsn, lsnToBigint, type Lsn } from "../../core/lsn.ts";
import { readControlFile } from "./control-file.ts";
import { readRecordEnd } from "./wal.ts";
import type { Workshop } from "./workshop.ts";

type Files = Pick<Workshop, "records" | "fleet">;

/** One spelling per position. Throws `invalid-lsn` (bug). */
export function normalLsn(lsn: string): Lsn {
  return bigintToLsn(lsnToBigint(lsn));
}

/** The end of the log of a cleanly stopped timeline, for nothing can be committed before somebody wakes it; undefined when it is not asleep. */
export async function sleepingEnd({ records, fleet }: Files, id: TimelineId): Promise<Lsn | undefined> {
  if (!fleet.isAsleep(id)) return undefined;
  const { data } = records.paths(id);
  const { stopped, checkpoint } = await readControlFile(data);
  return stopped ? bigintToLsn(await readRecordEnd(join(data, "pg_wal"), checkpoint)) : undefined;
}

/** The end of everything that is flushed, without writing anything. */
export async function flushedEnd(files: Files, id: TimelineId): Promise<Lsn> {
  return (await sleepingEnd(files, id)) ?? ask(files, id, "SELECT pg_current_wal_flush_lsn() AS lsn");
}

/** The end of a record of our own, flushed with all before it: whatever is committed later lies behind it. */
export function markedEnd(files: Files, id: TimelineId): Promise<Lsn> {
  return ask(files, id, "SELECT pg_logical_emit_message(false, 'adorable', 'head', true) AS lsn");
}

function ask(files: Files, id: TimelineId, question: string): Promise<Lsn> {
  return files.fleet.use(id, async ({ session }) => normalLsn((await session.ask<{ lsn: string }>(question))?.lsn ?? ""));
}
