/** The bare repositories on disk, read and written by git's plumbing in child processes. */
import { spawn } from "node:child_process";
import { mkdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

export interface GitOptions {
  input?: string | Buffer;
  env?: Record<string, string>;
  /** Exit codes that are an answer; others throw. Default `[0]`. */
  codes?: number[];
}
export interface GitResult {
  code: number;
  stdout: Buffer;
}

export class GitError extends Error {
  readonly code: number;
  readonly stderr: string;
  constructor(args: readonly string[], code: number, stderr: string) {
    super(`git ${args[0] ?? ""} ended with ${code}: ${stderr.trim()}`);
    this.name = "GitError";
    this.code = code;
    this.stderr = stderr;
  }
}

export interface GitStore {
  /** The folder that holds every repository as `<id>.git`. */
  readonly root: string;
  path(repositoryId: number): string;
  /** Idempotent. */
  create(repositoryId: number, defaultBranch: string): Promise<void>;
  remove(repositoryId: number): Promise<void>;
  run(repositoryId: number, args: readonly string[], options?: GitOptions): Promise<GitResult>;
  /** As `run`, the output as text without its last line end. */
  text(repositoryId: number, args: readonly string[], options?: GitOptions): Promise<string>;
}

/** No configuration but the repository's own reaches git: not the system's, not the user's. */
export function gitEnvironment(): Record<string, string> {
  return {
    PATH: process.env["PATH"] ?? "/usr/bin:/bin",
    LC_ALL: "C",
    TZ: "UTC",
    HOME: "/nonexistent",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_TERMINAL_PROMPT: "0",
    GIT_CONFIG_COUNT: "1",
    GIT_CONFIG_KEY_0: "safe.directory",
    GIT_CONFIG_VALUE_0: "*",
  };
}

export function createGitStore(root: string): GitStore {
  const store: GitStore = {
    root,
    path: (repositoryId) => join(root, `${repositoryId}.git`),
    async create(repositoryId, defaultBranch) {
      const path = store.path(repositoryId);
      await mkdir(root, { recursive: true });
      const writeHook = () => writeFile(join(path, "hooks", "pre-receive"), PRE_RECEIVE, { mode: 0o755 });
      const known = await stat(join(path, "forge-ready")).catch(() => undefined);
      if (known !== undefined) return writeHook(); // one that an earlier version made has its hook
      await git(root, ["init", "--quiet", "--bare", `--initial-branch=${defaultBranch}`, path]);
      for (const [key, value] of CONFIGURATION) await git(root, ["-C", path, "config", key, value]);
      await writeHook();
      await writeFile(join(path, "forge-ready"), "");
    },
    remove: (repositoryId) => rm(store.path(repositoryId), { recursive: true, force: true }),
    run: (repositoryId, args, options) => git(store.path(repositoryId), args, options),
    async text(repositoryId, args, options) {
      const { stdout } = await store.run(repositoryId, args, options);
      return stdout.toString("utf8").replace(/\n$/, "");
    },
  };
  return store;
}

const CONFIGURATION: readonly (readonly [string, string])[] = [
  ["http.receivepack", "true"],
  ["uploadpack.allowAnySHA1InWant", "true"],
  ["receive.hideRefs", "refs/pull"],
  ["receive.fsckObjects", "true"],
  ["core.logAllRefUpdates", "true"],
  ["core.fsync", "committed,reference"],
  ["gc.auto", "0"],
];

/**
 * What the rules of the branches say was decided before the push came here; a ref that was not decided on is refused, and so are lost commits
 * where none may be lost. GitHub lets an App change workflow files only with the permission `workflows`.
 */
const PRE_RECEIVE = `#!/bin/sh
if [ -n "$FORGE_REFUSAL" ]; then
  printf '%s\\n' "$FORGE_REFUSAL" >&2
  exit 1
fi
empty=4b825dc642cb6eb9a060e54bf8d69288fbee4904
line='
'
while read -r old new ref; do
  if [ "$FORGE_HAS_RULES" = 1 ]; then
    case "$line$FORGE_MOVES$line" in *"$line$new $ref$line"*) ;; *)
      echo "error: GH013: Repository rule violations found for $ref." >&2
      exit 1 ;;
    esac
  fi
  case "$new" in *[!0]*) ;; *) continue ;; esac
  case "$line$FORGE_UNFORCED$line" in *"$line$ref$line"*)
    case "$old" in *[!0]*)
      if ! git merge-base --is-ancestor "$old" "$new"; then
        printf 'error: GH013: Repository rule violations found for %s.\\n\\n- Cannot force-push to this branch\\n' "$ref" >&2
        exit 1
      fi ;;
    esac ;;
  esac
  [ "$FORGE_MAY_CHANGE_WORKFLOWS" = 1 ] && continue
  case "$old" in *[!0]*) base=$old ;; *) base=$(git merge-base HEAD "$new" 2>/dev/null || echo $empty) ;; esac
  file=$(git diff --name-only "$base" "$new" -- .github/workflows | head -n 1)
  if [ -n "$file" ]; then
    echo "refusing to allow a GitHub App to create or update workflow \\\`$file\\\` without \\\`workflows\\\` permission" >&2
    exit 1
  fi
done
[ -n "$FORGE_NOTICE" ] && printf '%s\\n' "$FORGE_NOTICE" >&2
exit 0
`;

function git(directory: string, args: readonly string[], options: GitOptions = {}): Promise<GitResult> {
  return new Promise((resolve, reject) => {
    const child = spawn("git", args, { cwd: directory, env: { ...gitEnvironment(), ...options.env }, stdio: ["pipe", "pipe", "pipe"] });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    child.stdin.on("error", () => undefined); // git may end before it has read everything; its exit code tells
    child.on("error", reject);
    child.on("close", (code, signal) => {
      const status = code ?? 128;
      if (signal === null && (options.codes ?? [0]).includes(status)) resolve({ code: status, stdout: Buffer.concat(stdout) });
      else reject(new GitError(args, status, Buffer.concat(stderr).toString("utf8")));
    });
    child.stdin.end(options.input ?? "");
  });
}
