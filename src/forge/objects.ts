/** Reads commits, trees, blobs and differences, and writes objects and refs, in one repository. */
import type { GitStore } from "./git.ts";

export interface Signature {
  name: string;
  email: string;
  /** ISO 8601, UTC. */
  date: string;
}
export interface CommitObject {
  sha: string;
  tree: string;
  parents: string[];
  author: Signature;
  committer: Signature;
  message: string;
}
export interface TreeEntry {
  mode: string;
  type: "blob" | "tree" | "commit";
  sha: string;
  size: number | null;
  path: string;
}
export interface FileChange {
  path: string;
  previousPath: string | null;
  status: "added" | "removed" | "modified" | "renamed" | "copied" | "changed";
  sha: string;
  additions: number;
  deletions: number;
  /** From the first `@@`; null for binary files. */
  patch: string | null;
}

export const NO_COMMIT = "0".repeat(40);

/** Times as git reads them; `author` is a part of the author's name and address. */
export interface CommitFilter {
  path?: string;
  since?: string;
  until?: string;
  author?: string;
}

export interface Objects {
  /** The commit that a sha, a branch, a tag or a full ref means; undefined when there is none. */
  resolve(name: string): Promise<string | undefined>;
  /** Refs under `prefix` and what they point at (an annotated tag: its object). */
  refs(...prefixes: string[]): Promise<Map<string, string>>;
  type(sha: string): Promise<"commit" | "tree" | "blob" | "tag" | undefined>;
  commit(sha: string): Promise<CommitObject>;
  /** Newest first; `range` as git's: a sha, or `a..b`. */
  log(range: string, options?: CommitFilter & { limit?: number; skip?: number; reverse?: boolean }): Promise<CommitObject[]>;
  count(range: string, filter?: CommitFilter): Promise<number>;
  tree(treeish: string, recursive?: boolean): Promise<TreeEntry[]>;
  /** The entry at a path; undefined when there is none. */
  entry(treeish: string, path: string): Promise<TreeEntry | undefined>;
  blob(sha: string): Promise<Buffer>;
  /** The text of a file; undefined when there is none. */
  file(treeish: string, path: string): Promise<string | undefined>;
  mergeBase(a: string, b: string): Promise<string | undefined>;
  isAncestor(ancestor: string, of: string): Promise<boolean>;
  changes(from: string, to: string): Promise<FileChange[]>;
  writeBlob(content: Buffer): Promise<string>;
  writeCommit(commit: { tree: string; parents: string[]; message: string; author: Signature; committer: Signature }): Promise<string>;
  /** Fails with exit code 128 when the ref is no longer at `expected`; `NO_COMMIT` means that it must not exist. */
  updateRef(name: string, sha: string, expected?: string): Promise<void>;
  deleteRef(name: string, expected?: string): Promise<void>;
}

const FORMAT = "--format=%H%n%T%n%P%n%an%n%ae%n%at%n%cn%n%ce%n%ct%n%B";

function filterArguments({ since, until, author }: CommitFilter): string[] {
  return [
    ...(since === undefined ? [] : [`--since=${since}`]),
    ...(until === undefined ? [] : [`--until=${until}`]),
    ...(author === undefined ? [] : ["--fixed-strings", `--author=${author}`]),
  ];
}

/** Commits that were found by their whole id, by repository: asked for with every look at their checks, and never gone. */
const knownCommits = new Set<string>();
const KNOWN_MOST = 10_000;

function remember(key: string): void {
  if (knownCommits.size >= KNOWN_MOST) knownCommits.clear();
  knownCommits.add(key);
}

export function objectsOf(git: GitStore, repositoryId: number): Objects {
  const text = (args: string[], options = {}) => git.text(repositoryId, args, options);
  const objects: Objects = {
    async resolve(name) {
      if (name === "" || /[\s~^:?*\\[]|\.\./.test(name)) return undefined;
      const key = `${git.path(repositoryId)}@${name}`;
      if (knownCommits.has(key)) return name;
      const candidates = /^[0-9a-f]{7,40}$/.test(name) ? [name] : [];
      candidates.push(
        ...(name.startsWith("refs/") || name === "HEAD" ? [name] : [`refs/heads/${name}`, `refs/tags/${name}`, `refs/${name}`]),
      );
      for (const candidate of candidates) {
        const { code, stdout } = await git.run(
          repositoryId,
          ["rev-parse", "--verify", "--quiet", "--end-of-options", `${candidate}^{commit}`],
          { codes: [0, 1, 128] },
        );
        if (code !== 0) continue;
        const sha = stdout.toString("utf8").trim();
        if (sha === name) remember(key);
        return sha;
      }
      return undefined;
    },
    async refs(...prefixes) {
      const out = await text(["for-each-ref", "--format=%(refname) %(objectname)", ...prefixes]);
      return new Map(lines(out).map((line) => line.split(" ") as [string, string]));
    },
    async type(sha) {
      const { code, stdout } = await git.run(repositoryId, ["cat-file", "-t", sha], { codes: [0, 1, 128] });
      return code === 0 ? (stdout.toString("utf8").trim() as "commit") : undefined;
    },
    async commit(sha) {
      const [commit] = parseLog(await text(["log", "-1", "-z", FORMAT, "--end-of-options", sha]));
      if (commit === undefined) throw new Error(`There is no commit ${sha}.`);
      return commit;
    },
    async log(range, { limit, skip, reverse, path, ...filter } = {}) {
      const args = ["log", "-z", FORMAT, ...filterArguments(filter)];
      if (limit !== undefined) args.push(`--max-count=${limit}`);
      if (skip !== undefined) args.push(`--skip=${skip}`);
      if (reverse === true) args.push("--reverse");
      return parseLog(await text([...args, "--end-of-options", range, "--", ...(path === undefined ? [] : [path])]));
    },
    async count(range, { path, ...filter } = {}) {
      const paths = path === undefined ? [] : [path];
      return Number(await text(["rev-list", "--count", ...filterArguments(filter), "--end-of-options", range, "--", ...paths]));
    },
    async tree(treeish, recursive = false) {
      return parseTree(await text(["ls-tree", "-l", "-z", ...(recursive ? ["-r", "-t"] : []), "--end-of-options", treeish]));
    },
    async entry(treeish, path) {
      const [entry] = parseTree(await text(["ls-tree", "-l", "-z", "--full-tree", "--end-of-options", treeish, path.replace(/\/+$/, "")]));
      return entry;
    },
    blob: async (sha) => (await git.run(repositoryId, ["cat-file", "blob", sha])).stdout,
    async file(treeish, path) {
      const entry = await objects.entry(treeish, path);
      return entry?.type === "blob" ? (await objects.blob(entry.sha)).toString("utf8") : undefined;
    },
    async mergeBase(a, b) {
      const { code, stdout } = await git.run(repositoryId, ["merge-base", a, b], { codes: [0, 1] });
      return code === 0 ? stdout.toString("utf8").trim() : undefined;
    },
    async isAncestor(ancestor, of) {
      return (await git.run(repositoryId, ["merge-base", "--is-ancestor", ancestor, of], { codes: [0, 1] })).code === 0;
    },
    async changes(from, to) {
      const common = ["diff", "--no-color", "--no-ext-diff", "--find-renames"];
      const [facts, patches] = await Promise.all([
        text([...common, "--raw", "--numstat", "--abbrev=40", "-z", from, to]),
        text([...common, "--patch", from, to]),
      ]);
      return parseChanges(facts, patches);
    },
    writeBlob: (content) => text(["hash-object", "-w", "--stdin"], { input: content }),
    writeCommit({ tree, parents, message, author, committer }) {
      const env = {
        GIT_AUTHOR_NAME: author.name,
        GIT_AUTHOR_EMAIL: author.email,
        GIT_AUTHOR_DATE: author.date,
        GIT_COMMITTER_NAME: committer.name,
        GIT_COMMITTER_EMAIL: committer.email,
        GIT_COMMITTER_DATE: committer.date,
      };
      return text(["commit-tree", tree, ...parents.flatMap((parent) => ["-p", parent]), "-F", "-"], { input: message, env });
    },
    async updateRef(name, sha, expected) {
      await text(["update-ref", name, sha, ...(expected === undefined ? [] : [expected])]);
    },
    async deleteRef(name, expected) {
      await text(["update-ref", "-d", name, ...(expected === undefined ? [] : [expected])]);
    },
  };
  return objects;
}

function lines(text: string): string[] {
  return text === "" ? [] : text.split("\n");
}

function parseLog(out: string): CommitObject[] {
  return out
    .split("\0")
    .filter((record) => record !== "")
    .map((record) => {
      const [sha = "", tree = "", parents = "", an = "", ae = "", at = "", cn = "", ce = "", ct = "", ...message] = record.split("\n");
      return {
        sha,
        tree,
        parents: parents === "" ? [] : parents.split(" "),
        author: { name: an, email: ae, date: isoDate(at) },
        committer: { name: cn, email: ce, date: isoDate(ct) },
        message: message.join("\n").replace(/\n+$/, ""),
      };
    });
}

function isoDate(seconds: string): string {
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}Z`;
}

function parseTree(out: string): TreeEntry[] {
  return out
    .split("\0")
    .filter((record) => record !== "")
    .map((record) => {
      const tab = record.indexOf("\t");
      const [mode = "", type = "", sha = "", size = ""] = record.slice(0, tab).split(/ +/);
      return { mode, type: type as TreeEntry["type"], sha, size: size === "-" ? null : Number(size), path: record.slice(tab + 1) };
    });
}

const STATUS: Record<string, FileChange["status"]> = { A: "added", D: "removed", M: "modified", R: "renamed", C: "copied", T: "changed" };

function parseChanges(facts: string, patches: string): FileChange[] {
  const tokens = facts.split("\0");
  const sections = patches === "" ? [] : patches.split(/^(?=diff --git )/m);
  const changes: FileChange[] = [];
  let at = 0;
  for (let section = 0; tokens[at]?.startsWith(":") === true; section += 1) {
    const [, , oldSha = "", newSha = "", letter = ""] = (tokens[at] ?? "").split(" ");
    const status = STATUS[letter[0] ?? ""] ?? "changed";
    const isMove = status === "renamed" || status === "copied";
    const previousPath = isMove ? (tokens[at + 1] ?? "") : null;
    const path = tokens[at + (isMove ? 2 : 1)] ?? "";
    at += isMove ? 3 : 2;
    const hunk = /^@@/m.exec(sections[section] ?? "");
    const patch = hunk === null ? null : (sections[section] ?? "").slice(hunk.index).replace(/\n$/, "");
    if (status === "changed") section += 1; // a change of type prints a removal and an addition
    changes.push({ path, previousPath, status, sha: status === "removed" ? oldSha : newSha, additions: 0, deletions: 0, patch });
  }
  for (const change of changes) {
    const [additions, deletions, path] = (tokens[at] ?? "").split("\t");
    change.additions = Number(additions) || 0;
    change.deletions = Number(deletions) || 0;
    at += path === "" ? 3 : 1;
  }
  return changes;
}
