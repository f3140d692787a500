import { chmod, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { git, gitText } from "./git.ts";

let dir: string;
const identity = { "user.name": "Test", "user.email": "test@example.org" };
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "git-"));
  await gitText(["init", "-q", "repository"], { cwd: dir });
});
afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

describe("git", () => {
  it("runs no hook of a repository", async () => {
    const cwd = join(dir, "repository");
    const hook = join(cwd, ".git/hooks/pre-commit");
    await writeFile(hook, `#!/bin/sh\ntouch ${join(dir, "hooked")}\n`);
    await chmod(hook, 0o755);
    await gitText(["commit", "-q", "--allow-empty", "-m", "first"], { cwd, config: identity });
    expect(await readdir(dir)).toEqual(["repository"]);
    expect(await gitText(["log", "--format=%an %s"], { cwd })).toBe("Test first");
  });

  it("speaks no protocol that was not asked for", async () => {
    const source = join(dir, "repository");
    const refused = await git(["clone", "-q", `file://${source}`, join(dir, "a")]);
    expect(refused.exitCode).toBe(128);
    expect(refused.stderr.toString()).toContain("'file' not allowed");
    expect((await git(["clone", "-q", `file://${source}`, join(dir, "b")], { protocols: ["file"] })).exitCode).toBe(0);
  });

  it("throws what git said when text was asked for and git failed", async () => {
    await expect(gitText(["rev-parse", "nothing"], { cwd: join(dir, "repository") })).rejects.toMatchObject({ code: "git-failed" });
  });
});
