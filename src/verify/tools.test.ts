import { chmod, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openSandbox } from "./sandbox.ts";
import { prepareVerifyTools, sandboxTools, typescriptDir } from "./tools.ts";

const platformRoot = resolve(import.meta.dirname, "../..");
const places = (dir: string) => ({ platformRoot, storeDir: join(dir, "modules"), browserCacheDir: join(dir, "browser") });
let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "tools-test-"));
});
afterEach(() => rm(home, { recursive: true, force: true }));

describe("the tools of the gates", () => {
  test("are the same when they are prepared again", async () => {
    const tools = await prepareVerifyTools(places(home));
    expect(await prepareVerifyTools(places(home))).toEqual(tools);
  });

  test.runIf(process.getuid?.() === 0)("can be used by another user even where the platform's folder is closed", async () => {
    await chmod(home, 0o755);
    const closed = join(home, "closed");
    await mkdir(closed, { mode: 0o700 });
    await symlink(platformRoot, join(closed, "platform"));
    const tools = await prepareVerifyTools({ ...places(join(home, "data")), platformRoot: join(closed, "platform") });
    expect(typescriptDir(tools)).toContain(join(home, "data", "modules"));

    const workDir = await mkdtemp(join(home, "work-"));
    const sandbox = await openSandbox({ workDir, ...sandboxTools(tools) });
    try {
      expect(sandbox.isolation).not.toBe("none");
      const { stdout } = await sandbox.run({ args: [join(typescriptDir(tools), "bin/tsc"), "--version"], cwd: workDir, timeoutMs: 10_000 });
      expect(stdout).toMatch(/^Version 7\./);
    } finally {
      await sandbox.close();
    }
  });
});
