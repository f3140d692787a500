/** The run's checkout: fetched at one commit, committed to by the platform, handed over as a bundle. Never pushed. */
import { access, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { AdorableError } from "../core/errors.ts";
import { SPEC_PATH } from "../core/spec.ts";
import { IGNORED_FOLDERS } from "../plan/project-state.ts";
import { gitText } from "../process/git.ts";

const MAX_BUNDLE_BYTES = 64 * 1024 * 1024;
const FETCH_TIMEOUT_MS = 5 * 60_000;
const AUTHOR = { name: "Adorable", email: "adorable[bot]@users.noreply.github.com" };

export interface Repository {
  /** The checkout's folder. */
  dir: string;
  startCommit: string;
  gitBranch: string;
}

/**
 * Fetches `startCommit` into the new folder `dir` and checks it out as `gitBranch`. `token` reads a private repository.
 * Throws `repository-unreachable` (wait).
 */
export async function checkOut(options: {
  dir: string;
  cloneUrl: string;
  startCommit: string;
  gitBranch: string;
  token?: string | undefined;
  signal?: AbortSignal;
}): Promise<Repository> {
  const { dir, cloneUrl, startCommit, gitBranch, signal } = options;
  const abort = signal === undefined ? {} : { signal };
  await gitText(["init", "--quiet", dir], abort);
  const authorization =
    options.token === undefined || options.token === ""
      ? undefined
      : `Authorization: Basic ${Buffer.from(`x-access-token:${options.token}`).toString("base64")}`;
  try {
    await gitText(["fetch", "--quiet", "--no-tags", "--depth=1", "--", cloneUrl, startCommit], {
      cwd: dir,
      protocols: [protocolOf(cloneUrl)],
      timeoutMs: FETCH_TIMEOUT_MS,
      ...(authorization === undefined ? {} : { config: { "http.extraHeader": authorization } }),
      ...abort,
    });
  } catch (cause) {
    throw new AdorableError({
      code: "repository-unreachable",
      remedy: "wait",
      message: `The commit "${startCommit}" could not be fetched from "${cloneUrl}": ${cause instanceof Error ? cause.message : String(cause)}`,
      hint: "Check that the runner may read the repository.",
      cause,
    });
  }
  await gitText(["checkout", "--quiet", "-B", gitBranch, startCommit], { cwd: dir, ...abort });
  return { dir, startCommit, gitBranch };
}

/**
 * Commits the given apps and the spec as the platform, with the requester credited. Returns the new tip, or undefined when nothing changed.
 */
export async function commitWork(
  repository: Repository,
  change: { apps: readonly string[]; title: string; summary: string; requester: string },
): Promise<string | undefined> {
  const { dir } = repository;
  const excluded = [...IGNORED_FOLDERS].map((folder) => `:(exclude,glob)apps/**/${folder}`);
  const paths = [SPEC_PATH, ...change.apps.map((slug) => `apps/${slug}`)];
  const there = await Promise.all(paths.map((path) => exists(join(dir, path))));
  // Git refuses a path that is neither in the tree nor in the index: a task that was never begun.
  await gitText(["add", "--all", "--", ...paths.filter((_, index) => there[index]), ...excluded], { cwd: dir });
  const staged = await gitText(["diff", "--cached", "--name-only"], { cwd: dir });
  if (staged === "") return undefined;
  const message = `${change.title}\n\n${change.summary}\n\nCo-authored-by: ${change.requester} <${change.requester}@users.noreply.github.com>\n`;
  await gitText(["commit", "--quiet", "--cleanup=verbatim", "--file=-"], {
    cwd: dir,
    stdin: message,
    env: {
      GIT_AUTHOR_NAME: AUTHOR.name,
      GIT_AUTHOR_EMAIL: AUTHOR.email,
      GIT_COMMITTER_NAME: AUTHOR.name,
      GIT_COMMITTER_EMAIL: AUTHOR.email,
    },
  });
  return gitText(["rev-parse", "HEAD"], { cwd: dir });
}

/** The commits since the start as a git bundle. Throws `bundle-too-large` (author). */
export async function makeBundle(repository: Repository): Promise<Uint8Array> {
  const file = join(repository.dir, ".git", "adorable.bundle");
  await gitText(["bundle", "create", "--quiet", file, `${repository.startCommit}..refs/heads/${repository.gitBranch}`], {
    cwd: repository.dir,
  });
  try {
    const bytes = await readFile(file);
    if (bytes.length > MAX_BUNDLE_BYTES) {
      throw new AdorableError({
        code: "bundle-too-large",
        remedy: "author",
        message: `The change has ${bytes.length} bytes as a bundle; ${MAX_BUNDLE_BYTES} are allowed.`,
        hint: "Ask for less at once.",
      });
    }
    return bytes;
  } finally {
    await rm(file, { force: true });
  }
}

function protocolOf(url: string): "http" | "https" | "file" {
  const protocol = URL.canParse(url) ? new URL(url).protocol.slice(0, -1) : "";
  if (protocol === "http" || protocol === "https" || protocol === "file") return protocol;
  throw new AdorableError({ code: "repository-address-invalid", remedy: "bug", message: `"${url}" is not the address of a repository.` });
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
