/** PostgreSQL log sequence numbers. */
import { AdorableError } from "./errors.ts";
import type { Branded } from "./ids.ts";

/** A position in a timeline's write-ahead log, as PostgreSQL prints `pg_lsn`: `0/16B6C50`. */
export type Lsn = Branded<string, "Lsn">;

/** The position in bytes. Throws `invalid-lsn` (bug) when `lsn` is not a `pg_lsn`. */
export function lsnToBigint(lsn: string): bigint {
  const match = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(lsn);
  if (!match) throw new AdorableError({ code: "invalid-lsn", remedy: "bug", message: `"${lsn}" is not an LSN.` });
  return (BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`);
}

export function bigintToLsn(position: bigint): Lsn {
  const high = (position >> 32n).toString(16).toUpperCase();
  const low = (position & 0xffffffffn).toString(16).toUpperCase();
  return `${high}/${low}` as Lsn;
}

/** Negative, zero or positive, as for `Array.sort`. */
export function compareLsn(a: string, b: string): number {
  const left = lsnToBigint(a);
  const right = lsnToBigint(b);
  return left < right ? -1 : left > right ? 1 : 0;
}
