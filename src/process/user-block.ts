/** Which numeric users of this machine a folder's processes have: a block that the folder keeps for ever and that no other platform's folder has. */
import { createHash, randomBytes } from "node:crypto";
import { link, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

export const USERS_PER_BLOCK = 20_000;

/** Above what people, packages, directories of companies and containers hand out; below what not every program takes for a number. */
const FIRST = 2_001_000_000;
/** Databases and apps of one machine never share a block: theirs alternate. */
const PAIRS = 3_600;
const PURPOSES = ["databases", "apps"] as const;

const recordSchema = z.strictObject({ first: z.number().int().positive() });

/**
 * The first user of the block of `dir`, which must exist. Chosen by the folder's path among those that no process runs as, recorded in
 * `users.json` before it is used; a folder that is moved keeps its own.
 */
export async function userBlock(dir: string, purpose: (typeof PURPOSES)[number]): Promise<number> {
  const path = join(dir, "users.json");
  const recorded = await readRecord(path);
  if (recorded !== undefined) return recorded;
  const taken = new Set([...(await usersWithProcesses())].map(blockOf));
  const start = createHash("sha256").update(dir).digest().readUInt32BE() % PAIRS;
  let first = FIRST;
  for (let step = 0; step < PAIRS; step += 1) {
    first = FIRST + (2 * ((start + step) % PAIRS) + PURPOSES.indexOf(purpose)) * USERS_PER_BLOCK;
    if (!taken.has(blockOf(first))) break;
  }
  const mine = `${path}.${process.pid}.${randomBytes(4).toString("hex")}`;
  await writeFile(mine, JSON.stringify({ first }), { mode: 0o600, flush: true });
  try {
    await link(mine, path);
    return first;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    // Another process of the same folder came first.
    return (await readRecord(path)) ?? first;
  } finally {
    await rm(mine, { force: true });
  }
}

function blockOf(uid: number): number {
  return Math.floor((uid - FIRST) / USERS_PER_BLOCK);
}

async function readRecord(path: string): Promise<number | undefined> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  return text === undefined ? undefined : recordSchema.parse(JSON.parse(text)).first;
}

/** Every user that some process of this machine runs as. */
export async function usersWithProcesses(): Promise<Set<number>> {
  const users = new Set<number>();
  for (const entry of await readdir("/proc").catch(() => [])) {
    if (!/^\d+$/.test(entry)) continue;
    // Processes end while they are listed.
    const owner = await stat(`/proc/${entry}`).catch(() => undefined);
    if (owner) users.add(owner.uid);
  }
  return users;
}

/** Whether this process may become any of the users: in a container, only some numbers may exist. */
export async function areUsersMapped(first: number, count: number): Promise<boolean> {
  const text = await readFile("/proc/self/uid_map", "utf8").catch(() => undefined);
  if (text === undefined) return false;
  return text.split("\n").some((line) => {
    const [inside = NaN, , length = NaN] = line.trim().split(/\s+/).map(Number);
    return first >= inside && first + count <= inside + length;
  });
}

/** All blocks lie in this range. */
export const USER_RANGE = { first: FIRST, count: 2 * PAIRS * USERS_PER_BLOCK };
