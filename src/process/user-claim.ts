/** Throwaway users for what others wrote: each is somebody's alone on this machine for as long as it is claimed, whichever process asks. */
import { randomBytes, randomInt } from "node:crypto";
import { link, mkdir, open, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { AdorableError } from "../core/errors.ts";
import { processStart } from "./pid-record.ts";
import { usersWithProcesses } from "./user-block.ts";

/** Below what containers usually map, above what distributions hand out. */
export const CLAIMED_USERS = { first: 52_000, count: 8_000 };
/** Emptied by the system at its start, as the processes are gone then; root's alone. */
const CLAIMS = "/run/adorable/users";

const claimSchema = z.strictObject({ pid: z.number().int().positive(), start: z.string() });

export interface UserClaim {
  uid: number;
  /** Idempotent. Nothing of the user may run or lie around any more. */
  release(): Promise<void>;
}

/** As root only. Claims of processes that have died are free, once nothing runs as their user. Throws `no-free-uid` (operator). */
export async function claimUser(directory = CLAIMS, users = CLAIMED_USERS): Promise<UserClaim> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const busy = await usersWithProcesses();
  const offset = randomInt(users.count);
  for (let step = 0; step < users.count; step += 1) {
    const uid = users.first + ((offset + step) % users.count);
    if (busy.has(uid)) continue;
    const path = join(directory, String(uid));
    if ((await take(path)) || ((await sweep(path)) && (await take(path)))) return { uid, release: () => rm(path, { force: true }) };
  }
  throw new AdorableError({
    code: "no-free-uid",
    remedy: "operator",
    message: `All ${users.count} users for generated code are claimed in "${directory}".`,
    hint: "End what runs as them.",
  });
}

/** Whole or not at all; false where somebody has it. */
async function take(path: string): Promise<boolean> {
  const mine = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  await writeFile(mine, JSON.stringify({ pid: process.pid, start: await processStart(process.pid) }), { mode: 0o600 });
  try {
    await link(mine, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(mine, { force: true });
  }
}

/** Removes the claim of a process that has died. One sweeper per claim: a second one could remove what a third has claimed meanwhile. */
async function sweep(path: string): Promise<boolean> {
  const guard = `${path}.sweep`;
  const file = await open(guard, "wx", 0o600).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "EEXIST") return undefined;
    throw error;
  });
  if (!file) return false;
  try {
    const claim = claimSchema.safeParse(JSON.parse(await readFile(path, "utf8").catch(() => "null")));
    if (!claim.success || (await processStart(claim.data.pid)) === claim.data.start) return false;
    await rm(path, { force: true });
    return true;
  } finally {
    await file.close();
    await rm(guard, { force: true });
  }
}
