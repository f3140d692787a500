/** Decides whether what a runner brings may become commits of the repository: the one door for generated code. */
import { AdorableError } from "../core/errors.ts";
import { git, gitText } from "../process/git.ts";
import type { Mirror } from "./mirror.ts";

export const BUNDLE_LIMITS = { files: 1000, fileBytes: 1_000_000, totalBytes: 20_000_000, commits: 50 } as const;

/** What generated work may touch; everything else needs a person. */
const ALLOWED = [/^apps\/[a-z][a-z0-9-]*\/./, /^\.adorable\/spec\.json$/];
const FORBIDDEN_NAMES = [".git", ".gitmodules", ".gitattributes", ".npmrc", "node_modules"];

/**
 * Reads the bundle into the mirror and validates every commit from `start` to `commit`.
 * Throws `bundle-refused` (author; details: the paths and why) and leaves no ref behind; nothing is pushed here.
 */
export async function importBundle(mirror: Mirror, bundlePath: string, start: string, commit: string): Promise<void> {
  const verified = await git(["bundle", "verify", "--quiet", bundlePath], { cwd: mirror.dir });
  if (verified.exitCode !== 0) throw refused("the bundle is not a readable git bundle on this repository", []);
  const heads = (await gitText(["bundle", "list-heads", bundlePath], { cwd: mirror.dir })).split("\n");
  const ref = heads[0]?.split(" ")[1];
  if (heads.length !== 1 || ref === undefined) throw refused("it has not exactly one head", heads);
  const fetched = await git(
    ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", bundlePath, `+${ref}:refs/adorable/incoming/${commit}`],
    { cwd: mirror.dir, protocols: ["file"] },
  );
  if (fetched.exitCode !== 0) throw refused("git refuses its objects", [fetched.stderr.toString("utf8").trim().slice(0, 500)]);
  const tip = await gitText(["rev-parse", `refs/adorable/incoming/${commit}`], { cwd: mirror.dir });
  try {
    if (tip !== commit) throw refused(`its tip is "${tip}", not "${commit}"`, []);
    if (!(await mirror.isAncestor(start, commit))) throw refused(`"${commit}" does not build on "${start}"`, []);
    const commits = (await gitText(["rev-list", `${start}..${commit}`], { cwd: mirror.dir })).split("\n").filter((line) => line !== "");
    if (commits.length === 0) throw refused("it changes nothing", []);
    if (commits.length > BUNDLE_LIMITS.commits)
      throw refused(`it holds ${commits.length} commits; ${BUNDLE_LIMITS.commits} are allowed`, []);
    // Every commit, not the sum: what one adds and the next removes would be in the history all the same.
    for (const id of commits) await validateCommit(mirror, id);
  } finally {
    await gitText(["update-ref", "-d", `refs/adorable/incoming/${commit}`], { cwd: mirror.dir });
  }
}

async function validateCommit(mirror: Mirror, commit: string): Promise<void> {
  const parents = (await gitText(["rev-list", "--parents", "-n", "1", commit], { cwd: mirror.dir })).split(" ").slice(1);
  if (parents.length !== 1) throw refused(`commit "${commit}" has ${parents.length} parents; generated work is linear`, []);
  const output = await gitText(["diff-tree", "-r", "-z", "--no-renames", "--raw", "--no-commit-id", "--root", commit], { cwd: mirror.dir });
  const fields = output.split("\0");
  const problems: string[] = [];
  const blobs: string[] = [];
  let files = 0;
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const [, mode = "", , object = "", status = ""] = (fields[index] ?? "").split(" ");
    const path = fields[index + 1] ?? "";
    files += 1;
    const problem = pathProblem(path) ?? (status === "D" ? undefined : modeProblem(mode));
    if (problem !== undefined) problems.push(`${path}: ${problem}`);
    if (status !== "D") blobs.push(object);
  }
  if (problems.length > 0) throw refused("it touches what generated work may not", problems);
  if (files > BUNDLE_LIMITS.files) throw refused(`it changes ${files} files; ${BUNDLE_LIMITS.files} are allowed`, []);
  await validateSizes(mirror, blobs);
}

async function validateSizes(mirror: Mirror, blobs: string[]): Promise<void> {
  const sizes = await gitText(["cat-file", "--batch-check=%(objectname) %(objectsize)"], {
    cwd: mirror.dir,
    stdin: blobs.map((blob) => `${blob}\n`).join(""),
  });
  let total = 0;
  for (const line of sizes.split("\n")) {
    const [object, size] = line.split(" ");
    total += Number(size);
    if (Number(size) > BUNDLE_LIMITS.fileBytes)
      throw refused(`a file of it has ${size} bytes; ${BUNDLE_LIMITS.fileBytes} are allowed`, [object ?? ""]);
  }
  if (total > BUNDLE_LIMITS.totalBytes) throw refused(`its files have ${total} bytes; ${BUNDLE_LIMITS.totalBytes} are allowed`, []);
}

export function pathProblem(path: string): string | undefined {
  const parts = path.split("/");
  if (path.startsWith("/") || parts.includes("..") || parts.includes(".") || parts.includes("") || path.includes("\\"))
    return "is not a plain relative path";
  // Control characters and bidirectional marks make a path read as another.
  if (/[\u0000-\u001f\u007f\u200b-\u200f\u202a-\u202e\u2066-\u2069]/.test(path)) return "has hidden characters";
  if (parts.some((part) => FORBIDDEN_NAMES.includes(part.toLowerCase()))) return "is a name that changes how git or npm behave";
  if (!ALLOWED.some((pattern) => pattern.test(path))) return "is outside the apps";
  return undefined;
}

function modeProblem(mode: string): string | undefined {
  if (mode === "120000") return "is a symbolic link";
  if (mode === "160000") return "is a submodule";
  if (mode !== "100644") return `has the mode ${mode}`;
  return undefined;
}

function refused(why: string, problems: string[]): AdorableError {
  const list = problems.slice(0, 10).join("; ");
  return new AdorableError({
    code: "bundle-refused",
    remedy: "author",
    message: `The generated commits were refused: ${why}${list === "" ? "" : ` (${list})`}.`,
    hint: "Ask again with a request that stays inside the apps; settings and workflows are changed by people.",
    details: { problems },
  });
}
