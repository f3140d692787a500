import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { areUsersMapped, USER_RANGE, userBlock, USERS_PER_BLOCK } from "./user-block.ts";
import { CLAIMED_USERS, claimUser } from "./user-claim.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "users-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe("the block of users of a folder", () => {
  test("is the folder's for ever, also where it is moved, and never that of another purpose or another folder", async () => {
    for (const name of ["databases", "apps"]) await mkdir(join(dir, name));
    const [databases, again, apps] = await Promise.all([
      userBlock(join(dir, "databases"), "databases"),
      userBlock(join(dir, "databases"), "databases"),
      userBlock(join(dir, "apps"), "apps"),
    ]);
    expect(again).toBe(databases);
    expect(Math.abs(apps - databases)).toBeGreaterThanOrEqual(USERS_PER_BLOCK);
    await rename(join(dir, "databases"), join(dir, "moved"));
    expect(await userBlock(join(dir, "moved"), "databases")).toBe(databases);
    for (const first of [databases, apps]) {
      expect(first).toBeGreaterThanOrEqual(USER_RANGE.first);
      expect(first + USERS_PER_BLOCK).toBeLessThanOrEqual(USER_RANGE.first + USER_RANGE.count);
    }
  });

  test.runIf(process.getuid?.() === 0)("is none in which something runs already", async () => {
    const first = await userBlock(dir, "apps");
    await rm(join(dir, "users.json"));
    const child = spawn("/bin/sleep", ["30"], { uid: first + 7, gid: first + 7 });
    await once(child, "spawn");
    expect(await userBlock(dir, "apps")).not.toBe(first);
    child.kill();
    await once(child, "exit");
  });

  test.runIf(process.platform === "linux")("exists on this machine or does not, as the kernel says", async () => {
    const map = await readFile("/proc/self/uid_map", "utf8");
    const [inside = NaN, , length = NaN] = map.trim().split(/\s+/).map(Number);
    expect(await areUsersMapped(inside, length)).toBe(true);
    expect(await areUsersMapped(inside, length + 1)).toBe(false);
  });
});

describe("a claimed user", () => {
  test("is nobody else's until it is released", async () => {
    const claims = await Promise.all(Array.from({ length: 20 }, () => claimUser(dir)));
    expect(new Set(claims.map(({ uid }) => uid)).size).toBe(20);
    for (const { uid } of claims) expect(uid - CLAIMED_USERS.first).toBeLessThan(CLAIMED_USERS.count);
    await Promise.all(claims.map((claim) => claim.release()));
    expect(await readdir(dir)).toEqual([]);
  });

  test("of a process that died is free again, and of one that lives is not", async () => {
    const child = spawn("/bin/sleep", ["0"]);
    const { pid } = child;
    await once(child, "exit");
    const users = { first: 52_000, count: 8 };
    for (let uid = users.first; uid < users.first + users.count; uid += 1) {
      // All but one are a living process's: ours.
      const claim = uid === users.first + 3 ? { pid, start: "1" } : { pid: process.pid, start: await startOfThis() };
      await writeFile(join(dir, String(uid)), JSON.stringify(claim));
    }
    expect((await claimUser(dir, users)).uid).toBe(users.first + 3);
    await expect(claimUser(dir, users)).rejects.toMatchObject({ code: "no-free-uid", remedy: "operator" });
  });
});

async function startOfThis(): Promise<string> {
  const stat = await readFile("/proc/self/stat", "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}
