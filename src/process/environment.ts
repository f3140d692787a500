/** What every child process starts from: a scrubbed environment and, where the system can, death with its parent. */
import { spawn } from "node:child_process";
import { which } from "zx";
import { AdorableError } from "../core/errors.ts";

/**
 * An environment with nothing of ours in it but `PATH` and the place for temporary files, and `extra` on top.
 * `HOME` does not exist, so that no tool reads a person's settings.
 */
export function scrubbedEnvironment(extra: Record<string, string> = {}): Record<string, string> {
  const environment: Record<string, string> = {
    PATH: process.env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin",
    HOME: "/nonexistent",
    LANG: "C.UTF-8",
  };
  const temporary = process.env["TMPDIR"];
  if (temporary !== undefined) environment["TMPDIR"] = temporary;
  return { ...environment, ...extra };
}

let lifeline: Promise<string | undefined> | undefined;

/**
 * `argv` so wrapped that the kernel kills the process when this one dies, however that happens. The process id stays that of the command.
 * Without the wrapping where the system has no `setpriv` that knows how; leftovers then live until `killLeftovers`.
 * A name without a slash is looked up in the PATH of `env`. Throws `command-not-found` (operator).
 */
export async function dieWithParent(
  file: string,
  args: readonly string[],
  env: Record<string, string>,
): Promise<{ file: string; args: string[] }> {
  lifeline ??= findSetpriv();
  const setpriv = await lifeline;
  const path = file.includes("/") ? file : await find(file, env["PATH"] ?? "");
  if (path === null) {
    const message = `There is no command "${file}" in the PATH "${env["PATH"] ?? ""}".`;
    throw new AdorableError({ code: "command-not-found", remedy: "operator", message, hint: "Install the command." });
  }
  return setpriv === undefined ? { file: path, args: [...args] } : { file: setpriv, args: ["--pdeathsig", "KILL", "--", path, ...args] };
}

/** Commands stay where they are found while this process lives. */
const found = new Map<string, string>();

async function find(name: string, path: string): Promise<string | null> {
  const key = `${name}\0${path}`;
  const known = found.get(key);
  if (known !== undefined) return known;
  const place = await which(name, { nothrow: true, path });
  if (place !== null) found.set(key, place);
  return place;
}

async function findSetpriv(): Promise<string | undefined> {
  if (process.platform !== "linux") return undefined;
  const path = await which("setpriv", { nothrow: true });
  if (path === null) return undefined;
  // Busybox has a setpriv without this option.
  const code = await new Promise<number | null>((resolve) => {
    const probe = spawn(path, ["--pdeathsig", "KILL", "--", process.execPath, "--version"], {
      stdio: "ignore",
      env: scrubbedEnvironment(),
    });
    probe.once("error", () => resolve(null));
    probe.once("exit", resolve);
  });
  return code === 0 ? path : undefined;
}
