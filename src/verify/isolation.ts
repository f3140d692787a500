/** Finds out how well what others wrote can be kept from the rest of this machine. */
import { execFile } from "node:child_process";
import { access, constants, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";

/**
 * - `bubblewrap`: own processes, own mounts; sees the system's libraries, the packages and the tree, and of these only named folders to write.
 * - `uid`: an unprivileged user of its own.
 * - `none`: only the environment and the limits.
 * The network is shared in all of them: an app must be reachable, and reach its database, over loopback.
 */
export type Isolation = "none" | "uid" | "bubblewrap";

export interface SandboxOptions {
  /** Of this verification alone; made passable (not readable) for others. A home for the commands is made in it. */
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
/** Below what container user namespaces map, above what distributions hand out. */
const FIRST_UID = 52_000;
const UID_COUNT = 8_000;

let opened = 0;

export interface FoundIsolation {
  isolation: Isolation;
  uid: number | undefined;
  note: string;
  /** The folder that keeps other users out. */
  closedAt: string | undefined;
}

/** The strongest isolation that works here, tried rather than assumed. Each call finds another user. */
export async function findIsolation(options: SandboxOptions, home: string): Promise<FoundIsolation> {
  if (process.platform !== "linux")
    return { isolation: "none", uid: undefined, note: `no sandbox on "${process.platform}"`, closedAt: undefined };
  const isRoot = process.getuid?.() === 0;
  let uid = isRoot ? FIRST_UID + ((process.pid * 8 + opened++) % UID_COUNT) : undefined;
  let closedAt: string | undefined;
  let note = isRoot ? "bubblewrap is not installed" : "bubblewrap is not installed, and only root may use other users";
  if (uid !== undefined) {
    for (const path of [nodePathOf(options), options.workDir, ...options.readable]) {
      const closed = await firstClosed(path);
      if (closed === undefined) continue;
      note = "other users cannot reach the tools or the tree";
      closedAt = closed;
      uid = undefined;
      break;
    }
  }
  const bubblewrap = bubblewrapOf(options);
  if (await canExecute(bubblewrap)) {
    try {
      const probe = bubblewrapArguments({ ...options, home }, []);
      await promisify(execFile)(bubblewrap, [...probe, nodePathOf(options), "--version"], {
        timeout: 10_000,
        ...(uid === undefined ? {} : { uid, gid: uid }),
      });
      return { isolation: "bubblewrap", uid, note: "the network is shared", closedAt };
    } catch (error) {
      note = `bubblewrap does not work: ${error instanceof Error ? error.message.split("\n").slice(-2).join(" ") : String(error)}`;
    }
  }
  return { isolation: uid === undefined ? "none" : "uid", uid, note, closedAt };
}

/** The command line up to and with `--`, without what is run. */
export function bubblewrapArguments(setting: SandboxOptions & { home: string }, writable: string[]): string[] {
  const readable = ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc", dirname(nodePathOf(setting)), ...setting.readable, setting.workDir];
  return [
    "--die-with-parent --new-session --unshare-user-try --unshare-pid --unshare-ipc --unshare-uts --unshare-cgroup-try".split(" "),
    "--proc /proc --dev /dev --tmpfs /tmp".split(" "),
    readable.flatMap((path) => ["--ro-bind-try", path, path]),
    [setting.home, ...writable].flatMap((path) => ["--bind", path, path]),
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
