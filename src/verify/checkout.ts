/** Gets the tree under judgement: fetches both commits, merges them again, and lays the result out as plain files. */
import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { AdorableError } from "../core/errors.ts";
import type { VerifyAssignment } from "../core/runner-protocol.ts";
import { git, gitText, type GitRunOptions } from "../process/git.ts";

const FETCH_LIMIT_MS = 120_000;

export interface Checkout {
  /** The files of the tree, and nothing else. */
  treeDir: string;
  /** Lays the tree out in `dir` without these folders and files, which must be in it; links as plain text files. */
  layOutWithout(dir: string, paths: readonly string[]): Promise<void>;
  /** The text of a file in the base commit, undefined where it has none. */
  readBase(path: string): Promise<string | undefined>;
  /** Paths of files in the base commit below a folder. */
  listBase(folder: string): Promise<string[]>;
}

/**
 * Clones into `workDir/git` and lays the tree out in `workDir/tree`, readable for everyone, links as plain text files.
 * Throws `merge-conflict` (author), `tree-mismatch` (bug), `tree-not-plain` (author) for symbolic links and submodules, `commit-unknown` (bug).
 */
export async function checkoutTree(options: {
  assignment: VerifyAssignment;
  workDir: string;
  gitConfig?: Record<string, string>;
}): Promise<Checkout> {
  const { assignment, workDir } = options;
  const { baseCommit, headCommit } = assignment;
  const gitDir = join(workDir, "git");
  const treeDir = join(workDir, "tree");
  const local: GitRunOptions = { cwd: gitDir, ...(options.gitConfig === undefined ? {} : { config: options.gitConfig }) };
  // History is nothing that an app is judged by.
  await mkdir(gitDir, { recursive: true, mode: 0o700 });
  await gitText(["init", "--quiet", "--bare", "."], local);
  await fetchCommits(local, assignment);

  const tree = await mergeTrees(local, baseCommit, headCommit);
  if (tree !== assignment.tree) {
    throw new AdorableError({
      code: "tree-mismatch",
      remedy: "bug",
      message: `The merge of "${headCommit}" into "${baseCommit}" gives the tree "${tree}", not "${assignment.tree}".`,
    });
  }
  await refuseLinks(local, tree);
  const plain = { ...options.gitConfig, "core.bare": "false", "core.symlinks": "false" };
  let laidOut = 0;
  const layOut = async (dir: string, without: readonly string[] = []): Promise<void> => {
    await mkdir(dir);
    const into: GitRunOptions = { ...local, config: plain, env: { GIT_INDEX_FILE: join(gitDir, `index-${++laidOut}`) } };
    await gitText(["read-tree", tree], into);
    if (without.length > 0) await gitText(["--work-tree", dir, "rm", "-r", "-f", "--cached", "--quiet", "--", ...without], into);
    await gitText(["--work-tree", dir, "checkout-index", "--all", "--force"], into);
    await chmod(dir, 0o755);
  };
  await layOut(treeDir);
  return {
    treeDir,
    layOutWithout: layOut,
    async readBase(path) {
      const result = await git(["cat-file", "blob", `${baseCommit}:${path}`], local);
      return result.exitCode === 0 ? result.stdout.toString("utf8") : undefined;
    },
    async listBase(folder) {
      const names = await gitText(["ls-tree", "-r", "-z", "--name-only", baseCommit, "--", `${folder}/`], local);
      return names.split("\0").filter((name) => name !== "");
    },
  };
}

async function fetchCommits(local: GitRunOptions, { repository, baseCommit, headCommit }: VerifyAssignment): Promise<void> {
  const remote: GitRunOptions = { ...local, protocols: ["http", "https", "file"], timeoutMs: FETCH_LIMIT_MS };
  const wanted = [...new Set([baseCommit, headCommit])];
  const direct = await git(["fetch", "--quiet", "--no-tags", repository.cloneUrl, ...wanted], remote);
  // A server may refuse commits that are no tips; then everything is fetched.
  if (direct.exitCode !== 0) {
    await gitText(["fetch", "--quiet", "--no-tags", repository.cloneUrl, "+refs/heads/*:refs/heads/*", "+refs/pull/*:refs/pull/*"], remote);
  }
  for (const commit of wanted) {
    const found = await git(["cat-file", "-e", `${commit}^{commit}`], local);
    if (found.exitCode !== 0)
      throw new AdorableError({
        code: "commit-unknown",
        remedy: "bug",
        message: `The repository "${repository.fullName}" has no commit "${commit}".`,
      });
  }
}

/** The tree of the merge, as the control plane made it. Throws `merge-conflict`. */
async function mergeTrees(local: GitRunOptions, base: string, head: string): Promise<string> {
  const merge = await git(["merge-tree", "--write-tree", "--name-only", "--no-messages", base, head], local);
  const lines = merge.stdout.toString("utf8").trim().split("\n");
  if (merge.exitCode === 0) return lines[0] ?? "";
  if (merge.exitCode === 1) {
    throw new AdorableError({
      code: "merge-conflict",
      remedy: "author",
      message: `The change cannot be merged into its base: ${lines
        .slice(1, 11)
        .map((path) => `"${path}"`)
        .join(", ")} conflict.`,
      hint: "Update the change with its base and resolve the conflicts.",
    });
  }
  throw new AdorableError({
    code: "git-failed",
    remedy: "bug",
    message: `git merge-tree ended with ${merge.exitCode}: ${merge.stderr.toString("utf8").slice(0, 1000)}`,
  });
}

/** A link could lead the gates, or the release, out of the tree. */
async function refuseLinks(local: GitRunOptions, tree: string): Promise<void> {
  const entries = (await gitText(["ls-tree", "-r", "-z", tree], local)).split("\0");
  const links = entries.filter((entry) => /^(?:120000|160000) /.test(entry)).map((entry) => entry.slice(entry.indexOf("\t") + 1));
  const released = links.filter((path) => path.startsWith("apps/") || path.startsWith(".adorable/"));
  if (released.length === 0) return;
  throw new AdorableError({
    code: "tree-not-plain",
    remedy: "author",
    message: `"${released[0] ?? ""}" is a symbolic link or a submodule; apps are made of plain files.`,
    hint: "Replace it with a file.",
  });
}
