import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ProjectId } from "../core/ids.ts";
import { gitText } from "../process/git.ts";
import { createMirrors } from "./mirror.ts";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "mirror-memory-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function commit(dir: string, path: string, text: string, parent?: string): Promise<string> {
  const git = (args: string[], stdin = ""): Promise<string> =>
    gitText(args, { cwd: dir, stdin, env: { GIT_INDEX_FILE: join(root, "index") } });
  const blob = await git(["hash-object", "-w", "--stdin"], text);
  await git(parent === undefined ? ["read-tree", "--empty"] : ["read-tree", parent]);
  await git(["update-index", "--add", "--cacheinfo", `100644,${blob},${path}`]);
  const tree = await git(["write-tree"]);
  const author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"];
  const made = await git([...author, "commit-tree", tree, "-m", text, ...(parent === undefined ? [] : ["-p", parent])]);
  await git(["update-ref", "refs/heads/main", made]);
  return made;
}

test("what was read of a commit is known for as long as the mirror stands, what a branch means is asked each time", async () => {
  const mirrors = createMirrors(root);
  const mirror = await mirrors.open("prj_one" as ProjectId);
  const first = await commit(mirror.dir, "apps/blog/db/migrations/20260101000000_a.sql", "select 1;");
  expect(await mirror.readFile("main", "apps/blog/db/migrations/20260101000000_a.sql")).toBe("select 1;");
  const [listed, read, none] = [await mirror.list(first), await mirror.migrations(first), await mirror.readFile(first, "none")];
  const second = await commit(mirror.dir, "apps/blog/db/migrations/20260101000000_a.sql", "select 2;", first);
  expect(await mirror.isAncestor(second, first)).toBe(false);

  expect(await mirror.branch("main")).toBe(second);
  expect(await mirror.readFile("main", "apps/blog/db/migrations/20260101000000_a.sql")).toBe("select 2;");
  expect(await mirror.isAncestor(first, second)).toBe(true);
  await rm(join(mirror.dir, "objects"), { recursive: true });
  // Another pass opens it anew.
  const again = await mirrors.open("prj_one" as ProjectId);
  expect([await again.list(first), await again.migrations(first), await again.readFile(first, "none")]).toEqual([listed, read, none]);
  await expect(again.list(second)).rejects.toMatchObject({ code: "git-failed" });
  await again.remove();
  const anew = await mirrors.open("prj_one" as ProjectId);
  await expect(anew.list(first)).rejects.toMatchObject({ code: "git-failed" });
});

test("a commit that is not there is looked for again", async () => {
  const mirror = await createMirrors(root).open("prj_two" as ProjectId);
  const other = await createMirrors(root).open("prj_three" as ProjectId);
  const made = await commit(other.dir, "a.txt", "a");
  expect(await mirror.has(made)).toBe(false);

  await gitText(["fetch", "--quiet", other.dir, "main"], { cwd: mirror.dir, protocols: ["file"] });
  expect(await mirror.has(made)).toBe(true);
});
