/** Reads `pg_control`: whether a cluster was stopped cleanly, and where its last checkpoint is. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";

export interface ControlFile {
  /** True after a clean stop: the data files alone are the whole truth. */
  stopped: boolean;
  /** Where the last checkpoint's record starts. */
  checkpoint: bigint;
  /** From where replay would start. */
  redo: bigint;
}

/** Of PostgreSQL 17. */
const CONTROL_VERSION = 1700;
const CHECKSUM_OFFSET = 288;
const STATE_SHUT_DOWN = 1;

/** Reads it also while the cluster runs: a torn read fails its checksum and is repeated. */
export async function readControlFile(dataDir: string): Promise<ControlFile> {
  const path = join(dataDir, "global", "pg_control");
  for (let attempt = 0; attempt < 20; attempt++) {
    const bytes = await readFile(path);
    if (crc32c(bytes.subarray(0, CHECKSUM_OFFSET)) !== bytes.readUInt32LE(CHECKSUM_OFFSET)) continue;
    if (bytes.readUInt32LE(8) !== CONTROL_VERSION) throw new Error(`"${path}" has the unknown version ${bytes.readUInt32LE(8)}.`);
    return { stopped: bytes.readUInt32LE(16) === STATE_SHUT_DOWN, checkpoint: bytes.readBigUInt64LE(32), redo: bytes.readBigUInt64LE(40) };
  }
  throw new Error(`"${path}" is damaged.`);
}

const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});

function crc32c(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) value = (value >>> 8) ^ (TABLE[(value ^ byte) & 0xff] ?? 0);
  return (value ^ 0xffffffff) >>> 0;
}
