/** The arithmetic of log positions, against what PostgreSQL itself does at the edges of pages and segments. */
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cutSegment, nextRecordStart, recordEnd, segmentName, segmentOf, SEGMENT_BYTES } from "./wal.ts";

test("a segment is named as PostgreSQL names it, also past the first four gigabytes", () => {
  expect(segmentName(segmentOf("0/8859D0"))).toBe("000000010000000000000008");
  expect(segmentName(segmentOf("1/FFFFFFFF"))).toBe("000000010000000100000FFF");
  expect(segmentOf("1/0")).toBe(4096);
});

test("a record that crosses a page is as much longer as the headers it crosses", () => {
  expect(recordEnd(0x100028n, 114)).toBe(0x1000a0n);
  expect(recordEnd(0x101fe0n, 114)).toBe(0x101fe0n + 120n + 24n);
  expect(recordEnd(0x1fffe0n, 114)).toBe(0x1fffe0n + 120n + 40n);
  expect(recordEnd(0x101f88n, 114)).toBe(0x102000n);
  expect(recordEnd(0x101000n, 8192 * 2)).toBe(0x105000n + 48n);
});

test("the record after a full page starts behind that page's header", () => {
  expect(nextRecordStart(0x100128n)).toBe(0x100128n);
  expect(nextRecordStart(0x102000n)).toBe(0x102018n);
  expect(nextRecordStart(0x200000n)).toBe(0x200028n);
});

test("a cut segment has every byte before the position and none after it", async () => {
  const directory = await mkdtemp(join(tmpdir(), "wal-"));
  try {
    const source = join(directory, "source");
    await writeFile(source, Buffer.alloc(SEGMENT_BYTES, 7));
    await cutSegment(source, directory, "0/300100", undefined);
    const cut = await readFile(join(directory, segmentName(3)));
    expect(cut.equals(Buffer.concat([Buffer.alloc(0x100, 7), Buffer.alloc(SEGMENT_BYTES - 0x100)]))).toBe(true);
    await cutSegment(source, directory, "0/500000", undefined);
    expect(await readdir(directory)).toEqual([segmentName(3), "source"]);
  } finally {
    await rm(directory, { recursive: true });
  }
});
