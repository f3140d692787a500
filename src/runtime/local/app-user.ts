/** The users that apps run as: as root, one unprivileged uid per environment and app, recorded until both are gone. */
import { access, chmod, constants, copyFile, link, mkdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AdorableError } from "../../core/errors.ts";
import { writeDurably } from "../../process/durable-file.ts";
import { USERS_PER_BLOCK, userBlock } from "../../process/user-block.ts";

export interface AppUsers {
  /** The uid (and gid) of this app of this environment, the same for ever; undefined: the platform's own. */
  uidOf(environment: string, app: string): Promise<number | undefined>;
  /** Frees the uids of the environment, whose files must be gone. */
  release(environment: string): Promise<void>;
}

/** `environments`: those that exist. A removal that a crash interrupted may have left uids of others, which are freed. */
export async function createAppUsers(dir: string, environments: ReadonlySet<string>): Promise<AppUsers> {
  if (process.getuid?.() !== 0) return { uidOf: () => Promise.resolve(undefined), release: () => Promise.resolve() };
  const path = join(dir, "uids.json");
  const text = await readFile(path, "utf8").catch(() => "{}");
  const recorded = Object.entries(JSON.parse(text) as Record<string, number>);
  const uids = new Map(recorded.filter(([key]) => environments.has(key.split("/")[0] ?? "")));
  const first = await userBlock(dir, "apps");
  let saving: Promise<void> = Promise.resolve();
  const save = async (): Promise<void> => {
    saving = saving.catch(() => undefined).then(async () => await writeDurably(path, JSON.stringify(Object.fromEntries(uids))));
    await saving;
  };
  return {
    async uidOf(environment, app) {
      const key = `${environment}/${app}`;
      const known = uids.get(key);
      if (known !== undefined) return known;
      const taken = new Set(uids.values());
      for (let uid = first; uid < first + USERS_PER_BLOCK; uid += 1) {
        if (taken.has(uid)) continue;
        uids.set(key, uid);
        await save();
        return uid;
      }
      throw new AdorableError({
        code: "no-free-uid",
        remedy: "operator",
        message: `All ${USERS_PER_BLOCK} users for apps are taken.`,
        hint: "Remove old environments.",
      });
    },
    async release(environment) {
      let changed = false;
      for (const key of uids.keys()) if (key.startsWith(`${environment}/`)) changed = uids.delete(key) || changed;
      if (changed) await save();
    },
  };
}

/**
 * A path of the Node binary that an unprivileged user can execute: the given one, or a link (a copy where the file system refuses) in `dir`.
 * Throws `data-directory-unreachable` (operator) when `dir` itself lies where only root may go.
 */
export async function reachableNode(nodePath: string, dir: string): Promise<string> {
  if (process.getuid?.() !== 0) return nodePath;
  const blocked = await firstClosedFolder(dir);
  if (blocked !== undefined) throw unreachable(dir, blocked);
  if ((await firstClosedFolder(dirname(nodePath))) === undefined) return nodePath;
  const target = join(dir, "bin", `node-${process.version}`);
  await mkdir(dirname(target), { recursive: true });
  await chmod(dirname(target), 0o755);
  const present = await access(target, constants.X_OK).then(
    () => true,
    () => false,
  );
  if (present) return target;
  await link(nodePath, target).catch(async () => {
    await copyFile(nodePath, target);
    await chmod(target, 0o755);
  });
  return target;
}

/** Throws `data-directory-unreachable` (operator) when an unprivileged user cannot come to `path`. */
export async function assertReachable(path: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const blocked = await firstClosedFolder(path);
  if (blocked !== undefined) throw unreachable(path, blocked);
}

async function firstClosedFolder(path: string): Promise<string | undefined> {
  const folders: string[] = [];
  for (let folder = path; ; folder = dirname(folder)) {
    folders.unshift(folder);
    if (dirname(folder) === folder) break;
  }
  for (const folder of folders) {
    const { mode } = await stat(folder);
    if ((mode & 0o001) === 0) return folder;
  }
  return undefined;
}

function unreachable(path: string, blocked: string): AdorableError {
  return new AdorableError({
    code: "data-directory-unreachable",
    remedy: "operator",
    message: `Apps run as users of their own and cannot reach "${path}": "${blocked}" is closed to them.`,
    hint: "Choose a data directory such as /var/lib/adorable, or run as an ordinary user.",
  });
}
