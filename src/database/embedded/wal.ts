/** Arithmetic and surgery on write-ahead log segments: names, ranges, and the cut that makes replay end at an exact position. */
import { constants } from "node:fs";
import { copyFile, lchown, link, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { bigintToLsn, lsnToBigint, type Lsn } from "../../core/lsn.ts";
import type { Account } from "./accounts.ts";

/** Small, because a base switches segments and a branch copies whole ones. Fixed by `initdb` for every timeline. */
export const SEGMENT_BYTES = 1024 * 1024;
const SEGMENT = BigInt(SEGMENT_BYTES);
const PAGE = 8192n;
const PAGE_HEADER = 24n;
const SEGMENT_HEADER = 40n;
const NAME = /^00000001([0-9A-F]{8})([0-9A-F]{8})$/;
const SEGMENTS_PER_ID = 0x1_0000_0000n / SEGMENT;

/** The number of the segment that holds the byte at `lsn`. */
export function segmentOf(lsn: string): number {
  return Number(lsnToBigint(lsn) / SEGMENT);
}

/** Its file name. Every timeline stays on PostgreSQL's own timeline 1, because nothing is ever promoted. */
export function segmentName(segment: number): string {
  const hex = (part: bigint) => part.toString(16).toUpperCase().padStart(8, "0");
  return `00000001${hex(BigInt(segment) / SEGMENTS_PER_ID)}${hex(BigInt(segment) % SEGMENTS_PER_ID)}`;
}

export function startOfSegment(segment: number): Lsn {
  return bigintToLsn(BigInt(segment) * SEGMENT);
}

/** The segment numbers in a directory; other files are not counted. */
export async function listSegments(directory: string): Promise<number[]> {
  const segments: number[] = [];
  for (const name of await readdir(directory)) {
    const match = NAME.exec(name);
    if (match) segments.push(Number(BigInt(`0x${match[1]}`) * SEGMENTS_PER_ID + BigInt(`0x${match[2]}`)));
  }
  return segments.sort((a, b) => a - b);
}

/** Where the record after `end` starts: past the page header when `end` is a page boundary. */
export function nextRecordStart(end: bigint): bigint {
  if (end % SEGMENT === 0n) return end + SEGMENT_HEADER;
  if (end % PAGE === 0n) return end + PAGE_HEADER;
  return (end + 7n) & ~7n;
}

/** The end of a record of `length` bytes that starts at `start`, with the headers of the pages that it crosses. */
export function recordEnd(start: bigint, length: number): bigint {
  let at = start;
  let left = BigInt(length);
  for (;;) {
    const room = PAGE - (at % PAGE);
    if (left <= room) break;
    left -= room;
    at += room;
    at += at % SEGMENT === 0n ? SEGMENT_HEADER : PAGE_HEADER;
  }
  return (at + left + 7n) & ~7n;
}

/** The end of the record at `start`, whose segment is in `directory`. */
export async function readRecordEnd(directory: string, start: bigint): Promise<bigint> {
  const file = await open(join(directory, segmentName(Number(start / SEGMENT))), "r");
  try {
    const { buffer } = await file.read(Buffer.alloc(4), 0, 4, Number(start % SEGMENT));
    return recordEnd(start, buffer.readUInt32LE(0));
  } finally {
    await file.close();
  }
}

/**
 * Writes the segment that holds `end`, with nothing after it: replay that comes to `end` finds no record and stops there.
 * Nothing is written when `end` starts a segment.
 */
export async function cutSegment(source: string, directory: string, end: string, owner: Account | undefined): Promise<void> {
  const keep = Number(lsnToBigint(end) % SEGMENT);
  if (keep === 0) return;
  const target = join(directory, segmentName(segmentOf(end)));
  const input = await open(source, "r");
  try {
    const bytes = Buffer.alloc(keep);
    let filled = 0;
    while (filled < keep) {
      const { bytesRead } = await input.read(bytes, filled, keep - filled, filled);
      if (bytesRead === 0) throw new Error(`The segment "${source}" ends before ${end}.`);
      filled += bytesRead;
    }
    const output = await open(target, "wx", 0o600);
    try {
      await output.write(bytes, 0, keep, 0);
      await output.truncate(SEGMENT_BYTES);
      if (owner) await output.chown(owner.uid, owner.gid);
    } finally {
      await output.close();
    }
  } finally {
    await input.close();
  }
}

/** Puts a complete segment where a database of `owner` can read it: a link where the file is ours anyway, a copy where it is another user's. */
export async function placeSegment(source: string, target: string, owner: Account | undefined): Promise<void> {
  if (!owner) return link(source, target);
  await copyFile(source, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  await lchown(target, owner.uid, owner.gid);
}
