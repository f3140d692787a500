/** Finds the position of a timeline's log that a moment stands for: the last one that a branch can have and that nothing later comes before. */
import type { TimelineId } from "../../core/ids.ts";
import { bigintToLsn, compareLsn, lsnToBigint, type Lsn } from "../../core/lsn.ts";
import type { LogMoment } from "../database.ts";
import { findLog } from "./branching.ts";
import { outOfRetention } from "./failures.ts";
import { flushedEnd, normalLsn } from "./positions.ts";
import { baseFor } from "./retention.ts";
import { readRecords } from "./wal-reader.ts";
import type { Workshop } from "./workshop.ts";

/** The timeline's history must not be collected meanwhile; `oldest` only words the error. Throws `lsn-out-of-retention` (author). */
export async function locate(shop: Workshop, id: TimelineId, at: LogMoment, oldest: Lsn): Promise<Lsn> {
  const head = await flushedEnd(shop, id);
  const record = shop.records.get(id);
  const wanted = "lsn" in at ? normalLsn(at.lsn) : undefined;
  const unixMs = "unixMs" in at ? at.unixMs : undefined;
  const until = wanted ?? head;
  // Everything in a base was committed before it was taken.
  const base = unixMs === undefined ? baseFor(record, until) : record.bases.findLast(({ takenAt }) => takenAt <= unixMs);
  const log = base && compareLsn(until, head) <= 0 ? await findLog(shop, record, base, until) : undefined;
  if (base && log) {
    let found = lsnToBigint(base.end);
    for await (const { end, committedAt } of readRecords(log, found, lsnToBigint(until))) {
      if (unixMs !== undefined && committedAt !== undefined && committedAt > unixMs) break;
      found = end;
    }
    const position = bigintToLsn(found);
    if (compareLsn(position, record.origin) >= 0) return position;
  }
  const moment = unixMs === undefined ? undefined : new Date(unixMs).toISOString();
  throw outOfRetention({ timeline: id, lsn: until }, { oldest, head }, moment);
}
