/** Git by argv, with no configuration but the repository's own and ours, no hooks, no prompts, and no protocol that nobody asked for. */
import { AdorableError } from "../core/errors.ts";
import { run, type RunOptions, type RunResult } from "./run.ts";

export interface GitRunOptions extends Omit<RunOptions, "bareEnv"> {
  /** Configuration for this call. It goes through the environment, so that a token in `http.extraHeader` is in no process list. */
  config?: Record<string, string>;
  /** What fetch, push and clone may speak. Default: none, so that only local plumbing works. */
  protocols?: readonly ("http" | "https" | "file")[];
}

const FIXED_CONFIG: Record<string, string> = {
  "core.hooksPath": "/dev/null",
  "core.fsmonitor": "false",
  "core.attributesFile": "/dev/null",
  "core.excludesFile": "/dev/null",
  "credential.helper": "",
  "commit.gpgSign": "false",
  "tag.gpgSign": "false",
  "gc.auto": "0",
  "maintenance.auto": "false",
  "init.defaultBranch": "main",
  "safe.directory": "*",
  "submodule.recurse": "false",
  "fetch.recurseSubmodules": "false",
  "transfer.fsckObjects": "true",
  "advice.detachedHead": "false",
};

/** Runs git and returns what came of it; a non-zero exit is a result. Throws `command-not-found` (operator). */
export async function git(args: readonly string[], options: GitRunOptions = {}): Promise<RunResult> {
  const { config, protocols, env, ...rest } = options;
  return await run("git", args, { ...rest, env: { ...gitEnvironment(config, protocols), ...env } });
}

/**
 * Git's standard output as text without its last line end.
 * Throws `git-failed` (bug; details: exitCode, stderr) when git does not end with 0, `git-timeout` (wait) when it was killed by the clock,
 * `git-output-too-large` (bug) when more came than `maxBytes`.
 */
export async function gitText(args: readonly string[], options: GitRunOptions = {}): Promise<string> {
  const result = await git(args, options);
  if (result.timedOut) {
    throw new AdorableError({
      code: "git-timeout",
      remedy: "wait",
      message: `"git ${args[0] ?? ""}" did not end within ${result.durationMs} ms.`,
    });
  }
  const stderr = result.stderr.toString("utf8").trim().slice(0, 4000);
  if (result.exitCode !== 0) {
    throw new AdorableError({
      code: "git-failed",
      remedy: "bug",
      message: `"git ${args[0] ?? ""}" ended with ${result.exitCode ?? result.signal}: ${stderr}`,
      details: { exitCode: result.exitCode, stderr },
    });
  }
  if (result.truncated)
    throw new AdorableError({ code: "git-output-too-large", remedy: "bug", message: `"git ${args[0] ?? ""}" printed too much.` });
  return result.stdout.toString("utf8").replace(/\n$/, "");
}

/** What is added to the scrubbed environment of every git process; also for `git http-backend` and other long-running ones. */
export function gitEnvironment(config: Record<string, string> = {}, protocols: readonly string[] = []): Record<string, string> {
  const entries = Object.entries({ ...FIXED_CONFIG, ...config });
  const environment: Record<string, string> = {
    LC_ALL: "C",
    TZ: "UTC",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_ATTR_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    GIT_ASKPASS: "/bin/false",
    GIT_ALLOW_PROTOCOL: protocols.length === 0 ? "none" : protocols.join(":"),
    GIT_OPTIONAL_LOCKS: "0",
    GIT_CONFIG_COUNT: String(entries.length),
  };
  for (const [index, [key, value]] of entries.entries()) {
    environment[`GIT_CONFIG_KEY_${index}`] = key;
    environment[`GIT_CONFIG_VALUE_${index}`] = value;
  }
  return environment;
}
