/** What a runner may bring as commits, tried with real git bundles of things that it may not. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { importBundle, pathProblem } from "../../src/change/bundle.ts";
import { createMirrors, type Mirror } from "../../src/change/mirror.ts";
import type { ProjectId } from "../../src/core/ids.ts";
import { git, gitText } from "../../src/process/git.ts";

const WHO = { "user.name": "Test", "user.email": "test@example.org" };

describe("a bundle", () => {
  let folder: string;
  let work: string;
  let mirror: Mirror;
  let start: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "adorable-bundle-"));
    work = join(folder, "work");
    await gitText(["init", "--quiet", work]);
    await write("README.md", "A project.\n");
    start = await commit("first");
    mirror = await createMirrors(join(folder, "mirrors")).open("prj_test" as ProjectId);
    await gitText(["fetch", "--quiet", work, "+HEAD:refs/heads/main"], { cwd: mirror.dir, protocols: ["file"] });
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function write(path: string, content: string): Promise<void> {
    await mkdir(dirname(join(work, path)), { recursive: true });
    await writeFile(join(work, path), content);
  }

  async function commit(message: string): Promise<string> {
    await gitText(["add", "--all", "--force"], { cwd: work });
    await gitText(["commit", "--quiet", "--allow-empty", "--message", message], { cwd: work, config: WHO });
    return gitText(["rev-parse", "HEAD"], { cwd: work });
  }

  async function bring(tip: string): Promise<void> {
    const path = join(folder, "brought.bundle");
    await gitText(["bundle", "create", "--quiet", path, "HEAD", `^${start}`], { cwd: work });
    await importBundle(mirror, path, start, tip);
  }

  async function refs(): Promise<string> {
    return gitText(["for-each-ref", "--format=%(refname)"], { cwd: mirror.dir });
  }

  test("of an app's files is read into the mirror", async () => {
    await write("apps/blog/src/main.ts", "export {};\n");
    await write(".adorable/spec.json", "{}\n");
    const tip = await commit("an app");

    await bring(tip);

    expect(await mirror.has(tip)).toBe(true);
    expect(await refs()).toBe("refs/heads/main");
  });

  test.each([
    [".github/workflows/evil.yml", "outside the apps"],
    ["package.json", "outside the apps"],
    [".adorable/gates.json", "outside the apps"],
    ["apps/blog/.npmrc", "changes how git or npm behave"],
    ["apps/blog/.gitattributes", "changes how git or npm behave"],
    ["apps/blog/node_modules/x/index.js", "changes how git or npm behave"],
    ["apps/blog/src/\u202egnp.ts", "hidden characters"],
  ])("that touches %j is refused", async (path, why) => {
    await write(path, "x\n");
    const tip = await commit("evil");

    await expect(bring(tip)).rejects.toMatchObject({ code: "bundle-refused", message: expect.stringContaining(why) });
    expect(await refs()).toBe("refs/heads/main");
  });

  test("that adds what it may not and removes it again is refused: it would be in the history", async () => {
    await write(".github/workflows/evil.yml", "x\n");
    await commit("evil");
    await rm(join(work, ".github"), { recursive: true });
    await write("apps/blog/a.ts", "export {};\n");
    const tip = await commit("innocent");

    await expect(bring(tip)).rejects.toMatchObject({ code: "bundle-refused" });
  });

  test("with a symbolic link is refused", async () => {
    await mkdir(join(work, "apps/blog"), { recursive: true });
    await symlink("/etc/passwd", join(work, "apps/blog/passwd"));
    const tip = await commit("link");

    await expect(bring(tip)).rejects.toMatchObject({ code: "bundle-refused", message: expect.stringContaining("symbolic link") });
  });

  test("with a submodule is refused", async () => {
    await gitText(["update-index", "--add", "--cacheinfo", `160000,${start},apps/blog/sub`], { cwd: work });
    await gitText(["commit", "--quiet", "--message", "sub"], { cwd: work, config: WHO });
    const tip = await gitText(["rev-parse", "HEAD"], { cwd: work });

    await expect(bring(tip)).rejects.toMatchObject({ code: "bundle-refused", message: expect.stringContaining("submodule") });
  });

  test("with an executable file is refused", async () => {
    await write("apps/blog/run.sh", "echo\n");
    await gitText(["add", "--all"], { cwd: work });
    await gitText(["update-index", "--chmod=+x", "apps/blog/run.sh"], { cwd: work });
    await gitText(["commit", "--quiet", "--message", "run"], { cwd: work, config: WHO });
    const tip = await gitText(["rev-parse", "HEAD"], { cwd: work });

    await expect(bring(tip)).rejects.toMatchObject({ code: "bundle-refused", message: expect.stringContaining("100755") });
  });

  test("whose tree holds a path with .. is refused by git itself", async () => {
    const blob = (await git(["hash-object", "-w", "--stdin"], { cwd: work, stdin: "x" })).stdout.toString().trim();
    const inner = (
      await git(["hash-object", "-t", "tree", "-w", "--stdin", "--literally"], {
        cwd: work,
        stdin: Buffer.concat([Buffer.from("100644 ..\0"), Buffer.from(blob, "hex")]),
      })
    ).stdout
      .toString()
      .trim();
    const tip = await gitText(["commit-tree", inner, "-p", start, "-m", "dots"], { cwd: work, config: WHO });
    await gitText(["update-ref", "HEAD", tip], { cwd: work });

    await expect(bring(tip)).rejects.toMatchObject({ code: "bundle-refused" });
  });

  test("with a file over the limit is refused", async () => {
    await write("apps/blog/big.txt", "x".repeat(1_000_001));
    const tip = await commit("big");

    await expect(bring(tip)).rejects.toMatchObject({ code: "bundle-refused", message: expect.stringContaining("1000001 bytes") });
  });

  test("that does not build on the commit that the run was given is refused", async () => {
    await gitText(["checkout", "--quiet", "--orphan", "other"], { cwd: work });
    await write("apps/blog/a.ts", "export {};\n");
    const tip = await commit("orphan");

    await expect(bring(tip)).rejects.toMatchObject({ code: "bundle-refused" });
  });

  test("whose tip is another than the result names is refused", async () => {
    await write("apps/blog/a.ts", "export {};\n");
    await commit("one");

    await expect(bring(start)).rejects.toMatchObject({ code: "bundle-refused" });
  });

  test("that is none is refused", async () => {
    const path = join(folder, "none.bundle");
    await writeFile(path, "nothing\n");

    await expect(importBundle(mirror, path, start, start)).rejects.toMatchObject({ code: "bundle-refused" });
  });
});

test.each(["../x", "/etc/passwd", "apps/../x/y", "apps//x", "apps/blog/./x", "apps\\blog\\x", ""])(
  "the path %j is no plain relative path",
  (path) => {
    expect(pathProblem(path)).toBe("is not a plain relative path");
  },
);
