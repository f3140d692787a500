/** A bare copy of a project's repository, in which the control plane merges, reads and validates without a work tree. */
import { mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { AdorableError } from "../core/errors.ts";
import type { CommitId, ProjectId, TreeId } from "../core/ids.ts";
import { RELEASED_PATHS, releasedTreeOf } from "../core/names.ts";
import { parseSpec, SPEC_PATH, type ProjectSpec } from "../core/spec.ts";
import { git, gitText } from "../process/git.ts";
import type { GitRemote } from "../github/github.ts";
import { withMemory, type Memory } from "./mirror-memory.ts";

export interface TreeEntry {
  mode: string;
  type: "blob" | "tree" | "commit";
  object: string;
  size: number;
  path: string;
}

export interface Mirror {
  dir: string;
  /** Brings every branch and pull request head here. */
  fetch(remote: GitRemote): Promise<void>;
  /** Makes `commit` the tip of the branch on GitHub. Idempotent. Throws `push-refused` (author) where the branch has moved elsewhere. */
  push(remote: GitRemote, commit: CommitId, gitBranch: string): Promise<void>;
  /** The commit of a branch, as of the last fetch; undefined when there is none. */
  branch(name: string): Promise<CommitId | undefined>;
  /** Every branch whose name begins so, as of the last fetch. */
  branches(prefix: string): Promise<{ name: string; commit: CommitId }[]>;
  has(commit: string): Promise<boolean>;
  treeOf(commit: string): Promise<TreeId>;
  /** The tree that merging `head` into `base` would make, or the paths in conflict. */
  mergeTree(base: string, head: string): Promise<{ tree: TreeId } | { conflicts: string[] }>;
  isAncestor(ancestor: string, commit: string): Promise<boolean>;
  /** Undefined when the file is not there. */
  readFile(treeish: string, path: string): Promise<string | undefined>;
  list(treeish: string, prefix?: string): Promise<TreeEntry[]>;
  spec(treeish: string): Promise<ProjectSpec>;
  /** Every migration below `apps/`. */
  migrations(treeish: string): Promise<{ app: string; path: string; sql: string }[]>;
  /** A hash over the released paths alone: equal for trees that release the same. */
  releasedTree(treeish: string): Promise<string>;
  /**
   * A commit on `base` whose released paths are those of `from` (null: none of them). The same arguments give the same commit.
   */
  commitReleased(base: CommitId, from: string | null, commit: { message: string; author: string; at: Date }): Promise<CommitId>;
  /** The commits that `head` has and `base` has not, with their messages, oldest first; at most 200. */
  log(base: string, head: string): Promise<{ commit: CommitId; message: string }[]>;
  archive(commit: string): Promise<Readable>;
  remove(): Promise<void>;
}

export interface Mirrors {
  open(project: ProjectId): Promise<Mirror>;
}

export function createMirrors(root: string): Mirrors {
  const memories = new Map<ProjectId, Memory>();
  return {
    async open(project) {
      const dir = join(root, `${project}.git`);
      await mkdir(root, { recursive: true });
      if (!(await exists(join(dir, "HEAD")))) await gitText(["init", "--quiet", "--bare", dir], { cwd: root });
      const memory: Memory = memories.get(project) ?? new Map<string, string>();
      memories.set(project, memory);
      return withMemory(createMirror(dir), memory);
    },
  };
}

function createMirror(dir: string): Mirror {
  const text = (...args: string[]): Promise<string> => gitText(args, { cwd: dir });
  const read = async (object: string): Promise<string> => {
    const { stdout, exitCode, stderr } = await git(["cat-file", "blob", object], { cwd: dir });
    if (exitCode !== 0)
      throw new AdorableError({ code: "git-failed", remedy: "bug", message: `git has no blob "${object}": ${stderr.toString()}` });
    return stdout.toString("utf8");
  };
  /** The object's id, or undefined when there is none of that name. */
  const resolve = async (name: string): Promise<string | undefined> => {
    const { stdout, exitCode } = await git(["rev-parse", "--verify", "--quiet", name], { cwd: dir });
    return exitCode === 0 ? stdout.toString("utf8").trim() : undefined;
  };

  const mirror: Mirror = {
    dir,
    async fetch(remote) {
      const refs = ["+refs/heads/*:refs/heads/*", "+refs/pull/*/head:refs/pull/*/head"];
      await gitText(["fetch", "--quiet", "--force", "--prune", "--no-tags", "--no-write-fetch-head", remote.url, ...refs], {
        cwd: dir,
        timeoutMs: 60_000,
        ...transport(remote),
      });
    },
    async push(remote, commit, gitBranch) {
      const { exitCode, stderr } = await git(["push", "--quiet", remote.url, `${commit}:refs/heads/${gitBranch}`], {
        cwd: dir,
        timeoutMs: 60_000,
        ...transport(remote),
      });
      if (exitCode !== 0) {
        throw new AdorableError({
          code: "push-refused",
          remedy: "author",
          message: `The branch "${gitBranch}" did not take the new commits: ${stderr.toString("utf8").trim().slice(0, 500)}`,
          hint: "If somebody pushed to it meanwhile, ask again: the work starts from what is there.",
        });
      }
      await text("update-ref", `refs/heads/${gitBranch}`, commit);
    },
    async branch(name) {
      return (await resolve(`refs/heads/${name}^{commit}`)) as CommitId | undefined;
    },
    async branches(prefix) {
      const output = await text("for-each-ref", "--format=%(objectname) %(refname)", `refs/heads/${prefix}`);
      return output
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => ({ commit: line.slice(0, 40) as CommitId, name: line.slice(41 + "refs/heads/".length) }))
        .filter(({ name }) => name.startsWith(prefix));
    },
    async has(commit) {
      return (await git(["cat-file", "-e", `${commit}^{commit}`], { cwd: dir })).exitCode === 0;
    },
    async treeOf(commit) {
      return (await text("rev-parse", `${commit}^{tree}`)) as TreeId;
    },
    async mergeTree(base, head) {
      const { stdout, stderr, exitCode } = await git(["merge-tree", "--write-tree", "--name-only", "--no-messages", base, head], {
        cwd: dir,
      });
      const [tree = "", ...paths] = stdout.toString("utf8").trim().split("\n");
      if (exitCode === 0) return { tree: tree as TreeId };
      if (exitCode === 1) return { conflicts: paths.filter((path) => path !== "") };
      throw new AdorableError({
        code: "merge-failed",
        remedy: "bug",
        message: `git could not merge "${head}" into "${base}": ${stderr.toString("utf8").trim()}`,
      });
    },
    async isAncestor(ancestor, commit) {
      return (await git(["merge-base", "--is-ancestor", ancestor, commit], { cwd: dir })).exitCode === 0;
    },
    async readFile(treeish, path) {
      // The folders on the way are listed too.
      const entry = (await mirror.list(treeish, path)).find((one) => one.path === path && one.type === "blob");
      return entry === undefined ? undefined : read(entry.object);
    },
    async list(treeish, prefix) {
      const output = await text("ls-tree", "-r", "-t", "-l", "-z", treeish, ...(prefix === undefined ? [] : ["--", prefix]));
      return output
        .split("\0")
        .filter((line) => line !== "")
        .map(parseEntry);
    },
    async spec(treeish) {
      const text = await mirror.readFile(treeish, SPEC_PATH);
      // Read as the empty project, it would take every app out of production.
      if (text === undefined && (await mirror.migrations(treeish)).length > 0) throw specMissing();
      return parseSpec(text);
    },
    async migrations(treeish) {
      const entries = (await mirror.list(treeish, "apps")).filter(
        (entry) => entry.type === "blob" && /^apps\/[^/]+\/db\/migrations\/[^/]+\.sql$/.test(entry.path),
      );
      return Promise.all(
        entries.map(async (entry) => ({ app: entry.path.split("/")[1] ?? "", path: entry.path, sql: await read(entry.object) })),
      );
    },
    async releasedTree(treeish) {
      return releasedTreeOf((path) => resolve(`${treeish}:${path}`));
    },
    async commitReleased(base, from, { message, author, at }) {
      const rootOf = async (treeish: string): Promise<string[]> =>
        (await text("ls-tree", "-z", treeish)).split("\0").filter((line) => line !== "");
      const isReleased = (line: string): boolean => RELEASED_PATHS.some((path) => line.endsWith(`\t${path}`));
      const kept = (await rootOf(base)).filter((line) => !isReleased(line));
      const restored = from === null ? [] : (await rootOf(from)).filter(isReleased);
      const tree = await gitText(["mktree", "-z"], { cwd: dir, stdin: [...kept, ...restored].map((line) => `${line}\0`).join("") });
      const person = { NAME: author, EMAIL: `${author}@users.noreply.github.com`, DATE: at.toISOString() };
      const env = Object.fromEntries(
        Object.entries(person).flatMap(([name, value]) => [
          [`GIT_AUTHOR_${name}`, value],
          [`GIT_COMMITTER_${name}`, value],
        ]),
      );
      return (await gitText(["commit-tree", tree, "-p", base, "-m", message], { cwd: dir, env })) as CommitId;
    },
    async log(base, head) {
      const output = await text("log", "-z", "--reverse", "--topo-order", "--max-count=200", "--format=%H%n%B", `${base}..${head}`);
      return output
        .split("\0")
        .filter((entry) => entry !== "")
        .map((entry) => {
          const end = entry.indexOf("\n");
          return { commit: entry.slice(0, end) as CommitId, message: entry.slice(end + 1) };
        });
    },
    async archive(commit) {
      const { stdout, exitCode, truncated } = await git(["archive", "--format=tar", commit], { cwd: dir, maxBytes: 256 * 1024 * 1024 });
      if (exitCode !== 0 || truncated)
        throw new AdorableError({
          code: "archive-failed",
          remedy: "operator",
          message: `"${commit}" cannot be archived: it is missing or over 256 MiB.`,
        });
      return Readable.from([stdout]);
    },
    async remove() {
      await rm(dir, { recursive: true, force: true });
    },
  };
  return mirror;
}

/** The credential goes through git's environment: it stands in no URL, no process list and no configuration file. */
function transport(remote: GitRemote): { protocols: readonly ("http" | "https")[]; config: Record<string, string> } {
  return { protocols: ["http", "https"], config: { "http.extraHeader": `Authorization: ${remote.authorization}` } };
}

function parseEntry(line: string): TreeEntry {
  const match = /^(\d+) (\w+) ([0-9a-f]+) +(-|\d+)\t(.*)$/s.exec(line);
  if (!match) throw new AdorableError({ code: "git-output", remedy: "bug", message: `git listed a tree in an unknown form: "${line}".` });
  return {
    mode: match[1] ?? "",
    type: match[2] as TreeEntry["type"],
    object: match[3] ?? "",
    size: match[4] === "-" ? 0 : Number(match[4]),
    path: match[5] ?? "",
  };
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function specMissing(): AdorableError {
  return new AdorableError({
    code: "spec-missing",
    remedy: "author",
    message: `There are apps with migrations, but no ${SPEC_PATH} that declares them.`,
    hint: `Restore ${SPEC_PATH}, or remove the folders of the apps as well.`,
  });
}
