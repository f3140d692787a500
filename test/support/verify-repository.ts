/** A bare repository with a base and a head commit, from trees on disk; and the assignment to judge their merge. */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { VerifyAssignment } from "../../src/core/runner-protocol.ts";
import { git, gitText } from "../../src/process/git.ts";

const PERSON = {
  GIT_AUTHOR_NAME: "Ada",
  GIT_AUTHOR_EMAIL: "ada@example.org",
  GIT_COMMITTER_NAME: "Ada",
  GIT_COMMITTER_EMAIL: "ada@example.org",
};

export interface TestRepository {
  dir: string;
  /** Commits what `fill` writes into an empty folder. */
  commit(parents: string[], fill: (treeDir: string) => Promise<void>): Promise<string>;
  assignment(baseCommit: string, headCommit: string): Promise<VerifyAssignment>;
}

export async function makeRepository(home: string): Promise<TestRepository> {
  const dir = join(home, "origin.git");
  await mkdir(dir, { recursive: true });
  await gitText(["init", "--quiet", "--bare", "."], { cwd: dir });
  const config = { "core.bare": "false", "uploadpack.allowAnySHA1InWant": "true" };
  await gitText(["config", "uploadpack.allowAnySHA1InWant", "true"], { cwd: dir });
  let made = 0;
  return {
    dir,
    async commit(parents, fill) {
      const number = made++;
      const treeDir = join(home, `tree-${number}`);
      await mkdir(treeDir);
      await fill(treeDir);
      const env = { ...PERSON, GIT_INDEX_FILE: join(home, `index-${number}`) };
      await gitText(["--git-dir", dir, "--work-tree", treeDir, "add", "--all", "--force", "."], { cwd: treeDir, env, config });
      const tree = await gitText(["write-tree"], { cwd: dir, env });
      await rm(treeDir, { recursive: true });
      const commit = await gitText(["commit-tree", tree, ...parents.flatMap((parent) => ["-p", parent]), "-m", "state"], { cwd: dir, env });
      await gitText(["update-ref", `refs/heads/commit-${number}`, commit], { cwd: dir });
      return commit;
    },
    async assignment(baseCommit, headCommit) {
      // Of a merge that conflicts, the tree with the marks in it.
      const merged = (await git(["merge-tree", "--write-tree", baseCommit, headCommit], { cwd: dir })).stdout.toString("utf8");
      return {
        kind: "verify",
        runId: "run_test",
        repository: { fullName: "ada/project", cloneUrl: `file://${dir}`, defaultBranch: "main" },
        baseCommit,
        headCommit,
        tree: merged.split("\n")[0] ?? "",
      };
    },
  };
}
