/** Reads write-ahead log record by record: where each ends, and when a transaction was committed. */
import { readFile } from "node:fs/promises";
import { nextRecordStart, recordEnd, SEGMENT_BYTES } from "./wal.ts";

export interface WalRecord {
  /** After it the next record may start; a position that a branch can have. */
  end: bigint;
  /** Milliseconds since 1970, with fractions, of the commit that the record is. */
  committedAt?: number;
}

const SEGMENT = BigInt(SEGMENT_BYTES);
const PAGE = 8192n;
const HEADER_BYTES = 24;
/** Resource managers and what their records do, as PostgreSQL numbers them. */
const XLOG = 0;
const XLOG_SWITCH = 0x40;
const XACT = 1;
const XACT_OPERATION = 0x70;
const XACT_COMMITS = [0x00, 0x30];
/** Of a page whose first bytes do not go on with what the page before began: a crash cut that off. */
const OVERWRITES = 0x0008;
/** 2000-01-01, from where PostgreSQL counts microseconds. */
const EPOCH_MS = 946_684_800_000;

/** The records from the one that starts after `from`, which is a record's end, up to `until`, which is flushed. `segments`: paths by number. */
export async function* readRecords(segments: ReadonlyMap<number, string>, from: bigint, until: bigint): AsyncGenerator<WalRecord> {
  const log = new Log(segments);
  let start = nextRecordStart(from);
  while (start + BigInt(HEADER_BYTES) <= until) {
    const length = (await log.bytes(start, 4)).readUInt32LE(0);
    if (length < HEADER_BYTES) return;
    let end = recordEnd(start, length);
    const voided = await log.overwrittenAt(start, end < until ? end : until);
    if (voided !== undefined) {
      start = nextRecordStart(voided);
      continue;
    }
    if (end > until) return;
    const header = await log.bytes(start, HEADER_BYTES);
    const [info, manager] = [header.readUInt8(16), header.readUInt8(17)];
    if (manager === XLOG && (info & 0xf0) === XLOG_SWITCH) {
      // The rest of the segment is empty.
      end = ((end + SEGMENT - 1n) / SEGMENT) * SEGMENT;
      yield { end };
    } else if (manager === XACT && XACT_COMMITS.includes(info & XACT_OPERATION)) {
      yield { end, committedAt: commitTime(await log.bytes(start, length)) };
    } else yield { end };
    start = nextRecordStart(end);
  }
}

/** The first thing of a commit's own data, which follows the headers of the record's parts. A commit refers to no block. */
function commitTime(record: Buffer): number {
  for (let at = HEADER_BYTES; at < record.length;) {
    const id = record.readUInt8(at);
    if (id === 253) at += 3;
    else if (id === 252) at += 5;
    else if (id === 255) return fromPostgres(record.readBigInt64LE(at + 2));
    else if (id === 254) return fromPostgres(record.readBigInt64LE(at + 5));
    else break;
  }
  throw new Error(`A commit in the log has parts of an unknown kind: ${record.subarray(0, 64).toString("hex")}.`);
}

function fromPostgres(microseconds: bigint): number {
  return EPOCH_MS + Number(microseconds) / 1000;
}

class Log {
  #segments: ReadonlyMap<number, string>;
  #loaded: { segment: number; bytes: Buffer } | undefined;

  constructor(segments: ReadonlyMap<number, string>) {
    this.#segments = segments;
  }

  /** Bytes of a record from `start` on, without the headers of the pages that it crosses. */
  async bytes(start: bigint, length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    let left = length;
    for (let at = start; left > 0;) {
      const bytes = Math.min(left, Number(PAGE - (at % PAGE)));
      parts.push(await this.#read(at, bytes));
      left -= bytes;
      at += BigInt(bytes);
      if (at % PAGE === 0n) at = nextRecordStart(at);
    }
    return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
  }

  /** The page between `start` and `end` at which the record was given up; undefined for a whole one. */
  async overwrittenAt(start: bigint, end: bigint): Promise<bigint | undefined> {
    for (let page = (start / PAGE + 1n) * PAGE; page < end; page += PAGE) {
      if (((await this.#read(page, 4)).readUInt16LE(2) & OVERWRITES) !== 0) return page;
    }
    return undefined;
  }

  async #read(at: bigint, length: number): Promise<Buffer> {
    const segment = Number(at / SEGMENT);
    if (this.#loaded?.segment !== segment) {
      const path = this.#segments.get(segment);
      if (path === undefined) throw new Error(`The segment ${segment} of the log is missing.`);
      this.#loaded = { segment, bytes: await readFile(path) };
    }
    const offset = Number(at % SEGMENT);
    return this.#loaded.bytes.subarray(offset, offset + length);
  }
}
