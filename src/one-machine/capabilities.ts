/** What this machine has of what a platform needs, tried rather than assumed, and nothing of it changed. */
import { execFile } from "node:child_process";
import { access, constants, readFile } from "node:fs/promises";
import { availableParallelism, freemem, totalmem, userInfo } from "node:os";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { tryBinaries } from "../database/embedded/binaries.ts";
import { systemBrowser } from "../process/browser.ts";
import { CLAIMED_USERS } from "../process/user-claim.ts";
import { areUsersMapped, USER_RANGE } from "../process/user-block.ts";

export interface Capability {
  name: string;
  /** `note`: a fact that is neither; `missing`: the platform runs, and something is weaker; `failed`: it cannot run. */
  state: "ok" | "note" | "missing" | "failed";
  found: string;
  /** What it means that it is missing. */
  means?: string;
  /** What to do. */
  fix?: string;
}

const NODE_MAJOR = 24;
/** The first that merges trees without a work tree and names the conflicts. */
const GIT = [2, 38] as const;
const LITTLE_MEMORY = 1_500_000_000;
const execute = promisify(execFile);

/** Of the machine itself; the settings and the data directory are looked at elsewhere. */
export const MACHINE: (() => Promise<Capability>)[] = [system, node, git, postgres, browser, users, setpriv, prlimit, namespaces, memory];

async function system(): Promise<Capability> {
  const found = `${process.platform} ${process.arch}, ${availableParallelism()} cores`;
  if (process.platform === "linux") return { name: "system", state: "ok", found };
  const means = "Linux is where this is tested; nothing can be isolated here, and no browser is carried along.";
  return {
    name: "system",
    state: process.platform === "darwin" ? "missing" : "failed",
    found,
    means,
    fix: "Use Linux, on Windows within WSL2.",
  };
}

async function node(): Promise<Capability> {
  const found = `${process.versions.node} at ${process.execPath}`;
  if (Number(process.versions.node.split(".")[0]) >= NODE_MAJOR) return { name: "node", state: "ok", found };
  return {
    name: "node",
    state: "failed",
    found,
    means: `Node ${NODE_MAJOR} runs the platform's sources as they are.`,
    fix: "Start with npm start, which finds it.",
  };
}

async function git(): Promise<Capability> {
  const name = "git";
  const fix = `Install git ${GIT.join(".")} or newer.`;
  const means = "Nothing can be merged, pushed or cloned.";
  const version = await output("git", ["--version"]);
  if (version === undefined) return { name, state: "failed", found: "not in PATH", means, fix };
  const [major = 0, minor = 0] = (/(\d+)\.(\d+)/.exec(version) ?? []).slice(1).map(Number);
  const isNew = major > GIT[0] || (major === GIT[0] && minor >= GIT[1]);
  const found = version.replace(/^git version /, "");
  return isNew ? { name, state: "ok", found } : { name, state: "failed", found, means: "It cannot merge trees without a work tree.", fix };
}

async function postgres(): Promise<Capability> {
  const name = "postgres";
  try {
    return { name, state: "ok", found: `${await tryBinaries()}, carried by npm` };
  } catch (error) {
    const found = `the carried binaries do not run: ${firstLine(error)}`;
    return { name, state: "failed", found, means: "There is no database.", fix: "Run npm ci again; musl systems (Alpine) need glibc." };
  }
}

async function browser(): Promise<Capability> {
  const name = "browser";
  const path = await systemBrowser();
  if (path !== undefined) return { name, state: "ok", found: path };
  const carried = await exists(() => fileURLToPath(import.meta.resolve("@sparticuz/chromium")));
  if (carried && process.platform === "linux") return { name, state: "ok", found: "none of the system's; the one that npm carries" };
  return { name, state: "failed", found: "none", means: "Pages cannot be looked at, so that no gate passes.", fix: "Install Chromium." };
}

async function users(): Promise<Capability> {
  const name = "uids";
  if (process.getuid?.() !== 0) {
    if (!hasName()) {
      return {
        name,
        state: "failed",
        found: `a user without a name (uid ${process.getuid?.() ?? "?"})`,
        means: "PostgreSQL makes no database for a user that the system has no name for.",
        fix: "Start as a user that stands in /etc/passwd.",
      };
    }
    const means = "Databases, apps and gates run as you: only bubblewrap keeps them apart, where there is one.";
    return {
      name,
      state: "missing",
      found: `not root (uid ${process.getuid?.() ?? "?"})`,
      means,
      fix: "Start as root, or install bubblewrap.",
    };
  }
  const isMapped =
    (await areUsersMapped(USER_RANGE.first, USER_RANGE.count)) && (await areUsersMapped(CLAIMED_USERS.first, CLAIMED_USERS.count));
  if (isMapped) return { name, state: "ok", found: `root: a user for every database, app and gate (${USER_RANGE.first} and up)` };
  return {
    name,
    state: "failed",
    found: `root, in a container in which the users from ${USER_RANGE.first} on do not exist`,
    means: "PostgreSQL refuses to run as root, and there is no other user for it.",
    fix: "Start as an ordinary user, or map more users into the container.",
  };
}

function hasName(): boolean {
  try {
    return userInfo().username !== "";
  } catch {
    return false;
  }
}

async function setpriv(): Promise<Capability> {
  const name = "setpriv";
  const works = (await output("setpriv", ["--pdeathsig", "KILL", "--", "/bin/true"])) !== undefined;
  if (works) return { name, state: "ok", found: "works" };
  const means = "Processes of a killed platform live on until it is started again.";
  return { name, state: "missing", found: "not there, or without --pdeathsig", means, fix: "Install util-linux." };
}

async function prlimit(): Promise<Capability> {
  const name = "prlimit";
  if (await exists(() => "/usr/bin/prlimit")) return { name, state: "ok", found: "/usr/bin/prlimit" };
  const means = "Generated code under judgement has no limits of memory, files and processes.";
  return { name, state: "missing", found: "not there", means, fix: "Install util-linux." };
}

async function namespaces(): Promise<Capability> {
  const name = "user namespaces";
  const works = (await output("unshare", ["--user", "/bin/true"])) !== undefined;
  if (works) return { name, state: "ok", found: "work" };
  const means = "bubblewrap cannot work for ordinary users.";
  return {
    name,
    state: "missing",
    found: "closed, or no unshare",
    means,
    fix: "Allow them: sysctl kernel.unprivileged_userns_clone=1, or AppArmor's setting.",
  };
}

async function memory(): Promise<Capability> {
  const limit = await cgroupLimit();
  const total = Math.min(totalmem(), limit ?? Infinity);
  const free = Math.min(await available(), total);
  const found = `${gigabytes(free)} of ${gigabytes(total)} free`;
  if (free >= LITTLE_MEMORY) return { name: "memory", state: "ok", found };
  const means = "A browser, a build and a few databases at once may not fit: gates fail for want of memory.";
  return { name: "memory", state: "missing", found, means, fix: "Have 1.5 GB free." };
}

async function available(): Promise<number> {
  const text = await readFile("/proc/meminfo", "utf8").catch(() => "");
  const kilobytes = /^MemAvailable:\s+(\d+) kB/m.exec(text)?.[1];
  return kilobytes === undefined ? freemem() : Number(kilobytes) * 1024;
}

async function cgroupLimit(): Promise<number | undefined> {
  const text = await readFile("/sys/fs/cgroup/memory.max", "utf8").catch(() => "max");
  return /^\d+$/.test(text.trim()) ? Number(text) : undefined;
}

export function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

/** Standard output of a command that ended with 0. */
async function output(file: string, args: string[]): Promise<string | undefined> {
  return execute(file, args, { timeout: 5000 }).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  );
}

async function exists(path: () => string): Promise<boolean> {
  try {
    await access(path(), constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

export function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
}
