/** The one folder that everything durable on this machine lives in, and what it remembers between starts: ports, keys, secrets. */
import { createHash, randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, rm, stat, statfs, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { z } from "zod";
import { AdorableError } from "../core/errors.ts";
import { writeDurably } from "../process/durable-file.ts";
import { processStart } from "../process/pid-record.ts";

const memorySchema = z.strictObject({
  ports: z.strictObject({ forge: z.number(), controlPlane: z.number(), gateway: z.number(), postgres: z.number() }),
  webhookSecret: z.string().min(20),
  operatorToken: z.string().min(32),
  forgeAdminToken: z.string().min(32),
});
export type Memory = z.infer<typeof memorySchema>;
export type PortName = keyof Memory["ports"];

export interface DataDirectory {
  path: string;
  /** For unix sockets: short, private, gone after `close`. */
  runDir: string;
  memory: Memory;
  /** Says where the directory is when it is not where it was asked for. */
  note: string | undefined;
  close(): Promise<void>;
}

/** For the first clusters, the packages of apps and the browser; what projects need comes on top. */
export const NEEDED_BYTES = 500_000_000;

/**
 * Opens the folder for this process, made if it is not there. Ports that were chosen once are kept, so that links stay true; a port
 * that is taken now is chosen anew, unless it was given.
 * Throws `disk-full`, `data-directory-unwritable`, `data-directory-in-use`, `data-directory-corrupt`, `port-in-use` (operator).
 */
export async function openDataDirectory(wanted: string, given: Partial<Memory["ports"]> = {}): Promise<DataDirectory> {
  const { path, note } = await locateDataDirectory(wanted);
  try {
    await mkdir(path, { recursive: true, mode: 0o755 });
    await writeFile(join(path, ".probe"), "");
    await rm(join(path, ".probe"));
  } catch (cause) {
    throw new AdorableError({
      code: "data-directory-unwritable",
      remedy: "operator",
      message: `The data directory "${path}" cannot be written: ${cause instanceof Error ? cause.message : String(cause)}.`,
      hint: "Free space or change its owner, or choose another with --data.",
      cause,
    });
  }
  const disk = await statfs(path);
  if (disk.bavail * disk.bsize < NEEDED_BYTES) {
    throw new AdorableError({
      code: "disk-full",
      remedy: "operator",
      message: `The disk of the data directory "${path}" has ${Math.floor((disk.bavail * disk.bsize) / 1e6)} MB left; a platform needs ${NEEDED_BYTES / 1e6} MB to start.`,
      hint: "Free space, or choose a directory on another disk with --data.",
    });
  }
  const runDir = join(tmpdir(), `adorable-${randomBytes(4).toString("hex")}`);
  const release = await claim(path, runDir);
  try {
    const memory = await remember(path, given);
    await mkdir(runDir, { mode: 0o711 });
    // For what others than we leave in the place for temporary files, browsers above all: it goes with the run directory.
    await mkdir(join(runDir, "tmp"));
    await chmod(join(runDir, "tmp"), 0o1777);
    const close = async (): Promise<void> => {
      await rm(runDir, { recursive: true, force: true });
      await release();
    };
    return { path, runDir, memory, note, close };
  } catch (error) {
    await release();
    throw error;
  }
}

/** Where the folder is: as root, somewhere else than was asked for where no other user could pass. Changes nothing. */
export async function locateDataDirectory(wanted: string): Promise<Pick<DataDirectory, "path" | "note">> {
  const asked = resolve(wanted);
  if (await isPassable(asked)) return { path: asked, note: undefined };
  const path = join("/var/lib/adorable", createHash("sha256").update(asked).digest("hex").slice(0, 12));
  return { path, note: `No other user may pass "${dirname(asked)}", and PostgreSQL refuses to run as root: the data is in "${path}".` };
}

/** The process that has the folder now. Undefined where none lives. */
export async function ownerOf(path: string): Promise<{ pid: number; runDir: string } | undefined> {
  const owner = await readOwner(path);
  return owner && (await processStart(owner.pid)) === owner.start ? owner : undefined;
}

async function readOwner(path: string): Promise<{ pid: number; start: string; runDir: string } | undefined> {
  const text = await readFile(join(path, "owner.json"), "utf8").catch(() => undefined);
  return text === undefined
    ? undefined
    : z.object({ pid: z.number(), start: z.string(), runDir: z.string() }).safeParse(safeJson(text)).data;
}

/** What the folder remembers; undefined where nothing was ever started in it. Throws `data-directory-corrupt`, `data-directory-unreadable` (operator). */
export async function readMemory(path: string): Promise<Memory | undefined> {
  const file = join(path, "memory.json");
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw new AdorableError({
      code: "data-directory-unreadable",
      remedy: "operator",
      message: `"${file}" cannot be read: ${error.message}.`,
      hint: "Be the user who started the platform.",
      cause: error,
    });
  });
  if (text === undefined) return undefined;
  const parsed = memorySchema.safeParse(safeJson(text));
  if (parsed.success) return parsed.data;
  throw new AdorableError({
    code: "data-directory-corrupt",
    remedy: "operator",
    message: `"${file}" is damaged: ${parsed.error.issues[0]?.message ?? ""}.`,
    hint: "Restore it from a backup; without it the secrets of this data directory are lost.",
  });
}

/** Whether an unprivileged user may reach the folder; without root everybody is one user. */
async function isPassable(path: string): Promise<boolean> {
  if (process.getuid?.() !== 0) return true;
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const mode = await stat(folder).then(
      (stats) => stats.mode,
      () => 0o001,
    );
    if ((mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

/** Takes the folder; the run directory of an owner that was killed goes. */
async function claim(path: string, runDir: string): Promise<() => Promise<void>> {
  const file = join(path, "owner.json");
  const owner = await readOwner(path);
  if (owner && (await processStart(owner.pid)) === owner.start) {
    throw new AdorableError({
      code: "data-directory-in-use",
      remedy: "operator",
      message: `The data directory "${path}" is in use by the process ${owner.pid}.`,
      hint: "Stop it, or choose another with --data.",
    });
  }
  if (owner && /\/adorable-[0-9a-f]{8}$/.test(owner.runDir)) await rm(owner.runDir, { recursive: true, force: true });
  await writeDurably(file, JSON.stringify({ pid: process.pid, start: (await processStart(process.pid)) ?? "", runDir }));
  return () => rm(file, { force: true });
}

async function remember(path: string, given: Partial<Memory["ports"]>): Promise<Memory> {
  const known = await readMemory(path);
  const ports = { forge: 0, controlPlane: 0, gateway: 0, postgres: 0 };
  for (const name of Object.keys(ports) as PortName[]) {
    const wanted = given[name];
    if (wanted !== undefined) {
      if (!(await isFree(wanted)))
        throw new AdorableError({
          code: "port-in-use",
          remedy: "operator",
          message: `The port ${wanted} is in use.`,
          hint: "Give another one, or none to have a free one chosen.",
        });
      ports[name] = wanted;
    } else {
      ports[name] = known && (await isFree(known.ports[name])) ? known.ports[name] : await freePort();
    }
  }
  const memory: Memory = {
    ports,
    webhookSecret: known?.webhookSecret ?? randomBytes(24).toString("base64url"),
    operatorToken: known?.operatorToken ?? randomBytes(32).toString("base64url"),
    forgeAdminToken: known?.forgeAdminToken ?? randomBytes(32).toString("base64url"),
  };
  await writeDurably(join(path, "memory.json"), `${JSON.stringify(memory, null, 2)}\n`);
  return memory;
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer();
    server.once("error", () => done(false));
    server.listen(port, "127.0.0.1", () => server.close(() => done(true)));
  });
}

async function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => done(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
