/** Which operating system user runs which database: one per timeline when we are root, ourselves otherwise. */
import { chmod, mkdir, readdir, realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { USERS_PER_BLOCK, userBlock } from "../../process/user-block.ts";
import { unreachable } from "./failures.ts";

export interface Account {
  uid: number;
  gid: number;
}

/** Of data directories from before blocks were recorded. */
const OLD_FIRST_UID = 600_000;
/** `initdb` wants a user that the system has a name for. */
const NOBODY: Account = { uid: 65_534, gid: 65_534 };

export function runsAsRoot(): boolean {
  return process.geteuid?.() === 0;
}

/** The first user of the databases in a data directory, the same for ever; undefined when all of them run as ourselves. */
export async function firstUserOf(dataDir: string): Promise<number | undefined> {
  if (!runsAsRoot()) return undefined;
  const present = await readdir(dataDir);
  const isOld = !present.includes("users.json") && (present.includes("numbers.json") || present.includes("store"));
  return isOld ? OLD_FIRST_UID : userBlock(dataDir, "databases");
}

/** The user of the database with this number: another one than that of any number in its block. */
export function accountOf(firstUser: number | undefined, number: number): Account | undefined {
  if (firstUser === undefined) return undefined;
  const uid = firstUser + (number % USERS_PER_BLOCK);
  return { uid, gid: uid };
}

export function initdbAccount(): Account | undefined {
  return runsAsRoot() ? NOBODY : undefined;
}

/** The first directory on the way to `path` that users without rights cannot pass; undefined when they all can. */
export async function closedOnTheWay(path: string): Promise<string | undefined> {
  const way: string[] = [];
  for (let at = await realpath(path); ; at = dirname(at)) {
    way.unshift(at);
    if (at === dirname(at)) break;
  }
  for (const directory of way) {
    if (((await stat(directory)).mode & 0o001) === 0) return directory;
  }
  return undefined;
}

/** Makes a directory that the databases' users can pass, whatever our umask; `mode` says what else they can. Idempotent. */
export async function makeOpen(directory: string, mode: 0o711 | 0o755 = 0o711): Promise<void> {
  await mkdir(directory, { recursive: true });
  await chmod(directory, mode);
}

/**
 * Makes a directory of ours that the databases' users can pass but not list, and returns its real path.
 * Throws `data-directory-unreachable` (operator) when they cannot get to it.
 */
export async function makePassable(directory: string): Promise<string> {
  await mkdir(directory, { recursive: true });
  if (runsAsRoot()) {
    await chmod(directory, ((await stat(directory)).mode & 0o777) | 0o111);
    const closedAt = await closedOnTheWay(directory);
    if (closedAt !== undefined) throw unreachable(directory, closedAt);
  }
  return realpath(directory);
}
