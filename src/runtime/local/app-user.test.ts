import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { assertReachable, createAppUsers, reachableNode } from "./app-user.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "users-"));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

describe.runIf(process.getuid?.() === 0)("users of apps, as root", () => {
  it("are one per environment and app, kept over restarts, and free again when the environment is gone", async () => {
    const users = await createAppUsers(root, new Set());
    const [a, b, c] = await Promise.all([users.uidOf("env_a", "x"), users.uidOf("env_a", "y"), users.uidOf("env_b", "x")]);
    expect(new Set([a, b, c]).size).toBe(3);
    for (const uid of [a, b, c]) expect(uid).toBeGreaterThanOrEqual(700_000);
    const again = await createAppUsers(root, new Set(["env_a", "env_b"]));
    expect(await again.uidOf("env_a", "y")).toBe(b);
    await again.release("env_a");
    expect(JSON.parse(await readFile(join(root, "uids.json"), "utf8"))).toEqual({ "env_b/x": c });
    expect(await (await createAppUsers(root, new Set())).uidOf("env_c", "x")).toBe(a);
  });

  it("get a Node that they can reach, and never a data directory that they cannot", async () => {
    const closed = join(root, "closed");
    await mkdir(closed, { mode: 0o700 });
    const node = join(closed, "node");
    await writeFile(node, "binary");
    await chmod(node, 0o755);
    await chmod(root, 0o755);
    const dir = join(root, "data");
    await mkdir(dir, { mode: 0o755 });
    const reachable = await reachableNode(node, dir);
    expect(reachable.startsWith(dir)).toBe(true);
    await assertReachable(join(reachable, ".."));
    expect((await stat(reachable)).mode & 0o001).toBe(1);
    expect(await reachableNode(node, dir)).toBe(reachable);
    await expect(reachableNode(node, closed)).rejects.toMatchObject({ code: "data-directory-unreachable", remedy: "operator" });
  });
});

describe.runIf(process.getuid?.() !== 0)("users of apps, as an ordinary user", () => {
  it("are the platform's own", async () => {
    expect(await (await createAppUsers(root, new Set())).uidOf("env_a", "x")).toBeUndefined();
  });
});
