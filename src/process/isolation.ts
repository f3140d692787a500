/** Finds out how well what others wrote can be kept from the rest of this machine. */
import { execFile } from "node:child_process";
import { access, constants, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { AdorableError } from "../core/errors.ts";
import { areUsersMapped, USER_RANGE } from "./user-block.ts";
import { CLAIMED_USERS, claimUser, type UserClaim } from "./user-claim.ts";

/**
 * - `bubblewrap`: own processes, own mounts; sees the system's libraries, the packages and the tree, and of these only named folders to write;
 *   the network only where it is needed: an app must be reachable, and reach its database, over loopback.
 * - `uid`: an unprivileged user of its own. The network is shared.
 * - `none`: only the environment and the limits.
 */
export type Isolation = "none" | "uid" | "bubblewrap";

export interface SandboxOptions {
  /** Of this verification alone; made passable (not readable) for its user. A home for the commands is made in it. */
  workDir: string;
  /** Folders that the commands read: packages, tools. */
  readable: string[];
  /** Default: this process's. */
  nodePath?: string;
  /** Throws `sandbox-missing` where only `none` is possible. */
  required?: boolean;
  /** Private memory of each process, default 4 GiB; what V8 only reserves does not count. */
  memoryBytes?: number;
  /** Default `/usr/bin/bwrap`. */
  bubblewrap?: string;
}

const DEFAULT_BUBBLEWRAP = "/usr/bin/bwrap";

export interface FoundIsolation {
  isolation: Isolation;
  /** As root: a user that is nobody else's until it is released. */
  user: UserClaim | undefined;
  note: string;
  /** The folder that keeps other users out. */
  closedAt: string | undefined;
}

/** The strongest isolation that works here, tried rather than assumed. Each call finds another user, for the caller to release. */
export async function findIsolation(options: SandboxOptions, home: string): Promise<FoundIsolation> {
  if (process.platform !== "linux")
    return { isolation: "none", user: undefined, note: `no sandbox on "${process.platform}"`, closedAt: undefined };
  const { user, closedAt, note: why } = await findUser(options);
  const nodePath = nodePathOf(options);
  const trial = await tryBubblewrap(bubblewrapOf(options), { ...options, home, nodePath }, user?.uid);
  if (trial === "works") return { isolation: "bubblewrap", user, note: "the network is shared with what has to be reached", closedAt };
  const note = trial === "missing" ? why : `bubblewrap does not work: ${trial}`;
  return { isolation: user === undefined ? "none" : "uid", user, note, closedAt };
}

async function findUser(options: SandboxOptions): Promise<Omit<FoundIsolation, "isolation">> {
  const nobody = { user: undefined, closedAt: undefined };
  if (process.getuid?.() !== 0) return { ...nobody, note: "bubblewrap is not installed, and only root may use other users" };
  for (const path of [nodePathOf(options), options.workDir, ...options.readable]) {
    const closedAt = await firstClosed(path);
    if (closedAt !== undefined) return { user: undefined, note: "other users cannot reach the tools or the tree", closedAt };
  }
  try {
    return { user: await claimUser(), note: "bubblewrap is not installed", closedAt: undefined };
  } catch (error) {
    const why = AdorableError.isInstance(error) || error instanceof Error ? error.message : String(error);
    return { ...nobody, note: `bubblewrap is not installed, and no user is free: ${why}` };
  }
}

/** What code of others is kept in on this machine, tried with programs of the system alone. */
export async function isolationHere(bubblewrap = DEFAULT_BUBBLEWRAP): Promise<{ isolation: Isolation; note: string }> {
  if (process.platform !== "linux") return { isolation: "none", note: `no sandbox on "${process.platform}"` };
  const isRoot = process.getuid?.() === 0;
  const hasUsers = isRoot && (await areUsersMapped(USER_RANGE.first, USER_RANGE.count));
  const trial = await tryBubblewrap(
    bubblewrap,
    { nodePath: "/bin/true", readable: [], workDir: "/usr", home: "/tmp" },
    hasUsers ? CLAIMED_USERS.first : undefined,
  );
  if (trial === "works") return { isolation: "bubblewrap", note: "own processes and mounts; the network only where it is needed" };
  const why = trial === "missing" ? "bubblewrap is not installed" : `bubblewrap does not work: ${trial}`;
  if (hasUsers) return { isolation: "uid", note: `${why}; each app and gate has a user of its own` };
  return { isolation: "none", note: `${why}, and ${isRoot ? "this container has too few users" : "only root may use other users"}` };
}

export interface Enclosure {
  nodePath: string;
  readable: readonly string[];
  workDir: string;
  home: string;
}

/** Runs something small in it: `works`, `missing`, or why it does not. */
export async function tryBubblewrap(bubblewrap: string, enclosure: Enclosure, uid: number | undefined): Promise<string> {
  if (!(await canExecute(bubblewrap))) return "missing";
  try {
    await promisify(execFile)(bubblewrap, [...bubblewrapArguments(enclosure, { isOffline: true }), enclosure.nodePath, "--version"], {
      timeout: 10_000,
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    return "works";
  } catch (error) {
    return error instanceof Error ? error.message.split("\n").slice(-2).join(" ").trim() : String(error);
  }
}

/** The command line up to and with `--`, without what is run. It stays in its process group, and ends with whoever started it. */
export function bubblewrapArguments(
  enclosure: Enclosure,
  { writable = [], isOffline = false }: { writable?: string[]; isOffline?: boolean },
): string[] {
  const system = ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc"];
  const readable = [...system, dirname(enclosure.nodePath), ...enclosure.readable, enclosure.workDir];
  return [
    "--die-with-parent --unshare-user-try --unshare-pid --unshare-ipc --unshare-uts --unshare-cgroup-try".split(" "),
    isOffline ? ["--unshare-net"] : [],
    "--proc /proc --dev /dev --tmpfs /tmp".split(" "),
    readable.flatMap((path) => ["--ro-bind-try", path, path]),
    [enclosure.home, ...writable].flatMap((path) => ["--bind", path, path]),
    "--",
  ].flat();
}

export function nodePathOf(setting: Pick<SandboxOptions, "nodePath">): string {
  return setting.nodePath ?? process.execPath;
}

export function bubblewrapOf(setting: Pick<SandboxOptions, "bubblewrap">): string {
  return setting.bubblewrap ?? DEFAULT_BUBBLEWRAP;
}

/** The first folder on the way to `path` that others may not pass, or `path` itself when they may not read it. */
export async function firstClosed(path: string): Promise<string | undefined> {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (((await stat(folder)).mode & 0o001) === 0) return folder;
    if (folder === dirname(folder)) break;
  }
  return ((await stat(path)).mode & 0o001) === 0 ? path : undefined;
}

export async function canExecute(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
