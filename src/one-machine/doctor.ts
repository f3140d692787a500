/** `adorable doctor`: what there is for a platform to run on, what each missing part means, and what to do about it. */
import { access, constants, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { loadConfig, type Config, type ConfigSources } from "../config.ts";
import { configSchema } from "../config-schema.ts";
import { AdorableError } from "../core/errors.ts";
import { canReflink } from "../database/embedded/files.ts";
import { isolationHere } from "../process/isolation.ts";
import { firstLine, gigabytes, MACHINE, type Capability } from "./capabilities.ts";
import { isFree, locateDataDirectory, NEEDED_BYTES, ownerOf, readMemory, type Memory } from "./data-directory.ts";
import { printFindings, printJson } from "./terminal.ts";
import { refuseRemoteGitHub, requireIsolation } from "./trust.ts";

/** File systems of which it is known, by the number that the kernel gives them; others are tried. */
const REFLINKS: Record<number, boolean> = { 0x9123683e: true, 0xef53: false, 0x01021994: false };
const LITTLE_DISK = 5_000_000_000;
const PATIENCE_MS = 2000;

export interface Diagnosis {
  /** The platform can run here with these settings, or does. */
  ok: boolean;
  isolation: Awaited<ReturnType<typeof isolationHere>>;
  capabilities: Capability[];
}

/** Changes nothing. Wrong settings are a finding like any other. */
export async function diagnose(sources: ConfigSources): Promise<Diagnosis> {
  const { config, finding } = readSettings(sources);
  const isolation = await isolationHere();
  const { path } = await locateDataDirectory(config.dataDir);
  const [machine, disk, data] = await Promise.all([
    Promise.all(MACHINE.map((look) => look())),
    lookAtDisk(path),
    lookAtPlatform(config, path),
  ]);
  const capabilities = [...machine, lookAtIsolation(isolation), ...disk, finding, lookAtTrust(config, isolation), ...data];
  return { ok: capabilities.every((one) => one.state !== "failed"), isolation, capabilities };
}

/** Returns the exit code: 0 where the platform can run, else 1. */
export async function runDoctor(sources: ConfigSources, options: { json: boolean }): Promise<number> {
  const diagnosis = await diagnose(sources);
  const { ok, isolation, capabilities } = diagnosis;
  if (options.json) printJson("doctor", diagnosis);
  else {
    printFindings(
      capabilities.map(({ name, state, found, means, fix }) => ({
        mark: state,
        name,
        text: found,
        more: [means, fix].filter((line) => line !== undefined),
      })),
    );
    const failed = capabilities.filter((one) => one.state === "failed").map((one) => one.name);
    process.stdout.write(
      ok ? `\nThe platform can run here. isolation: ${isolation.isolation}\n` : `\nThe platform cannot run here: ${failed.join(", ")}.\n`,
    );
  }
  return ok ? 0 : 1;
}

function readSettings(sources: ConfigSources): { config: Config; finding: Capability } {
  const name = "settings";
  try {
    return { config: loadConfig(sources), finding: { name, state: "ok", found: "read, and nothing wrong with them" } };
  } catch (error) {
    const { dataDir } = sources.flags ?? {};
    const config = configSchema.parse(typeof dataDir === "string" ? { dataDir } : {});
    const found = error instanceof Error ? error.message.replaceAll("\n", " ") : String(error);
    return { config, finding: { name, state: "failed", found, fix: "docs/config.schema.json describes every setting." } };
  }
}

function lookAtIsolation({ isolation, note }: Diagnosis["isolation"]): Capability {
  const name = "bubblewrap";
  if (isolation === "bubblewrap") return { name, state: "ok", found: note };
  const means =
    isolation === "uid"
      ? "Generated code runs as users of its own, who see the system's files, every process and the network of this machine."
      : "Generated code runs as you, with all that you can read and do.";
  return { name, state: "missing", found: note, means, fix: "Install it: apt install bubblewrap." };
}

function lookAtTrust(config: Config, isolation: Diagnosis["isolation"]): Capability {
  const name = "trust";
  try {
    refuseRemoteGitHub(config);
    return { name, state: isolation.isolation === "none" ? "note" : "ok", found: requireIsolation(config, isolation) };
  } catch (error) {
    if (!AdorableError.isInstance(error)) throw error;
    return { name, state: "failed", found: error.message, ...(error.hint === undefined ? {} : { fix: error.hint }) };
  }
}

async function lookAtDisk(path: string): Promise<Capability[]> {
  const folder = await nearest(path);
  const { bavail, bsize, type } = await statfs(folder);
  const free = bavail * bsize;
  const found = `${gigabytes(free)} free at ${folder}`;
  const disk: Capability =
    free < NEEDED_BYTES
      ? {
          name: "disk",
          state: "failed",
          found,
          means: `A platform needs ${gigabytes(NEEDED_BYTES)} to start.`,
          fix: "Free space, or choose another with --data.",
        }
      : free < LITTLE_DISK
        ? { name: "disk", state: "missing", found, means: "A few projects fill it.", fix: "Have 5 GB free." }
        : { name: "disk", state: "ok", found };
  const reflink = REFLINKS[type] ?? ((await isWritable(folder)) ? await canReflink(folder).catch(() => false) : undefined);
  const branch: Capability = { name: "reflink", state: "note", found: "cannot be tried: the folder is not writable" };
  if (reflink === true) Object.assign(branch, { state: "ok", found: "a branch of a database shares its bytes" });
  if (reflink === false) {
    branch.found = "this file system has none";
    branch.means = "A branch of a database copies its bytes: slower and larger, otherwise the same. xfs and btrfs have it.";
  }
  return [disk, branch];
}

async function lookAtPlatform(config: Config, path: string): Promise<Capability[]> {
  const { note } = await locateDataDirectory(config.dataDir);
  const data: Capability = { name: "data directory", state: "ok", found: path, ...(note === undefined ? {} : { means: note }) };
  let memory: Memory | undefined;
  try {
    memory = await readMemory(path);
    if (memory === undefined) data.found += ", not there yet";
  } catch (error) {
    Object.assign(data, { state: "failed", found: firstLine(error), fix: AdorableError.isInstance(error) ? error.hint : undefined });
  }
  const folder = await nearest(path);
  if (data.state === "ok" && !(await isWritable(folder)))
    Object.assign(data, {
      state: "failed",
      found: `"${folder}" cannot be written`,
      fix: "Change its owner, or choose another with --data.",
    });
  const owner = await ownerOf(path);
  const platform = await lookAtProcesses(memory, owner?.pid);
  return [data, await lookAtPorts(config, memory, owner !== undefined), platform];
}

/** Those that were given must be free, or ours. Others are chosen anew. */
async function lookAtPorts(config: Config, memory: Memory | undefined, isUp: boolean): Promise<Capability> {
  const name = "ports";
  const wanted = Object.entries(config.ports).filter(([, port]) => port !== 0);
  const taken: string[] = [];
  for (const [of, port] of wanted) if (!isUp && !(await isFree(port))) taken.push(`${port} (${of})`);
  if (taken.length > 0)
    return {
      name,
      state: "failed",
      found: `in use: ${taken.join(", ")}`,
      means: "The platform does not start on other ports than it was given.",
      fix: "Give others, or none.",
    };
  if (memory === undefined) return { name, state: "ok", found: wanted.length === 0 ? "free ones are chosen at the first start" : "free" };
  const kept = Object.entries(memory.ports).map(([of, port]) => `${of} ${port}`);
  return { name, state: "ok", found: `${kept.join(", ")}${isUp ? "" : ", kept for the next start where they are free"}` };
}

async function lookAtProcesses(memory: Memory | undefined, pid: number | undefined): Promise<Capability> {
  const name = "platform";
  if (pid === undefined || memory === undefined) return { name, state: "note", found: "not running" };
  const url = `http://127.0.0.1:${memory.ports.controlPlane}/health`;
  const isWell = await fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS) }).then(
    (answer) => answer.ok,
    () => false,
  );
  if (isWell) return { name, state: "ok", found: `running as process ${pid}, and its control plane is well` };
  return {
    name,
    state: "missing",
    found: `running as process ${pid}, and its control plane does not answer`,
    means: "It is starting or ending, or something is wrong.",
    fix: "Read logs/platform.log in the data directory.",
  };
}

/** The path, or the first folder above it that is there. */
async function nearest(path: string): Promise<string> {
  for (let folder = path; ; folder = dirname(folder)) {
    const isThere = await stat(folder).then(
      (stats) => stats.isDirectory(),
      () => false,
    );
    if (isThere || folder === dirname(folder)) return folder;
  }
}

function isWritable(folder: string): Promise<boolean> {
  return access(folder, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
}
