/** The files by which a step tells the runner its outputs, state, environment and path. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

const NAMES = ["output", "state", "env", "path", "step_summary"] as const;
type Name = (typeof NAMES)[number];

export interface StepFiles {
  /** `GITHUB_OUTPUT` and its like. */
  env: Record<string, string>;
  read(): Promise<{
    outputs: Record<string, string>;
    state: Record<string, string>;
    env: Record<string, string>;
    paths: string[];
    summary: string;
  }>;
}

export async function makeStepFiles(folder: string): Promise<StepFiles> {
  await mkdir(folder, { recursive: true });
  const path = (name: Name): string => join(folder, name);
  await Promise.all(NAMES.map((name) => writeFile(path(name), "")));
  const text = (name: Name): Promise<string> => readFile(path(name), "utf8").catch(() => ""); // a step may remove its own files
  return {
    env: Object.fromEntries(NAMES.map((name) => [`GITHUB_${name.toUpperCase()}`, path(name)])),
    async read() {
      const [output, state, env, paths, summary] = await Promise.all(NAMES.map(text));
      return {
        outputs: parsePairs(output ?? ""),
        state: parsePairs(state ?? ""),
        env: parsePairs(env ?? ""),
        paths: (paths ?? "").split(/\r?\n/).filter((line) => line !== ""),
        summary: summary ?? "",
      };
    },
  };
}

/** `name=value` lines, and `name<<WORD` … `WORD` blocks. */
export function parsePairs(text: string): Record<string, string> {
  const pairs: Record<string, string> = {};
  const lines = text.split(/\r?\n/);
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? "";
    const block = /^([^=<]+)<<(.+)$/.exec(line);
    if (block !== null) {
      const [, name = "", word] = block;
      const end = lines.indexOf(word ?? "", at + 1);
      pairs[name] = lines.slice(at + 1, end === -1 ? undefined : end).join("\n");
      at = end === -1 ? lines.length : end;
    } else if (line.includes("=")) {
      pairs[line.slice(0, line.indexOf("="))] = line.slice(line.indexOf("=") + 1);
    }
  }
  return pairs;
}
