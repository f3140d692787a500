/** Reads a trace of system calls and says what was published, or taken back, before it would have survived a loss of power. */
import { dirname } from "node:path";

/** Nothing is there: a failing `mkdir` below it is the mark of a step. */
export const MARKS = "/nonexistent-marks-of-a-trace";

const WRITES = ["write", "pwrite64", "pwritev", "pwritev2", "writev", "ftruncate", "fallocate", "copy_file_range", "sendfile", "ioctl"];
const OPENS = ["open", "openat", "openat2", "creat"];
const ENTRIES = [
  "mkdir",
  "mkdirat",
  "link",
  "linkat",
  "symlink",
  "symlinkat",
  "rename",
  "renameat",
  "renameat2",
  "unlink",
  "unlinkat",
  "rmdir",
];
const SYNCS = ["fsync", "fdatasync", "syncfs"];
/** For `strace -e trace=`; names that the machine's architecture lacks are ignored. */
export const TRACED = [...WRITES, ...OPENS, ...ENTRIES, ...SYNCS].map((name) => `?${name}`).join();

interface Call {
  name: string;
  /** Absolute paths, in order of appearance: of arguments, and of what descriptors point at. */
  paths: string[];
  text: string;
  failed: boolean;
  /** Numbers of lines. */
  began: number;
  ended: number;
}

function* callsOf(trace: string): Generator<Call> {
  const unfinished = new Map<string, { text: string; began: number }>();
  for (const [at, line] of trace.split("\n").entries()) {
    const match = /^(\d+)\s+(.*)$/.exec(line);
    if (!match) continue;
    const [, pid = "", rest = ""] = match;
    if (rest.endsWith("<unfinished ...>")) {
      unfinished.set(pid, { text: rest.replace(/\s*<unfinished \.\.\.>$/, ""), began: at });
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
    const start = resumed ? unfinished.get(pid) : { text: "", began: at };
    if (!start) continue;
    unfinished.delete(pid);
    const text = resumed ? start.text + resumed[1] : rest;
    const name = /^\w+/.exec(text)?.[0];
    if (name === undefined) continue;
    const paths = [...text.matchAll(/"(\/[^"]*)"|(?<=\d)<(\/[^>]*)>/g)].map(([, quoted, described]) => (quoted ?? described) as string);
    yield { name, paths, text, failed: / = -1 /.test(text), began: start.began, ended: at };
  }
}

export interface Verdict {
  /** Every published path, in order. */
  published: string[];
  /** What was wrong, in words; empty when nothing was. */
  faults: string[];
  marks: string[];
}

/**
 * A rename below `root` publishes: what it names, and for the first record of a timeline its whole folder, must be synced before, and the
 * folder that it is in before the next mark. Nothing of a timeline may be deleted before the end of its record is synced.
 */
export function judge(trace: string, root: string): Verdict {
  /** When each path was last changed. */
  const dirty = new Map<string, number>();
  const verdict: Verdict = { published: [], faults: [], marks: [] };
  const known = new Set<string>();
  const pending = new Map<string, string>();
  const below = (path: string, folder: string) => path === folder || path.startsWith(`${folder}/`);
  const lost = (folder: string) => [...dirty.keys()].filter((path) => below(path, folder));
  for (const call of callsOf(trace)) {
    const { name, paths, text } = call;
    const mark = name === "mkdir" ? paths[0] : undefined;
    if (mark?.startsWith(MARKS)) {
      verdict.marks.push(mark.split("/")[2] ?? "");
      for (const [folder, why] of pending) if (dirty.has(folder)) verdict.faults.push(`"${folder}" was not synced after ${why}`);
      pending.clear();
      continue;
    }
    if (call.failed || !paths.some((path) => below(path, root))) continue;
    if (SYNCS.includes(name)) {
      for (const [path, since] of dirty) if (since < call.began && (name === "syncfs" || path === paths[0])) dirty.delete(path);
      continue;
    }
    if (OPENS.includes(name) && text.includes("O_CREAT")) {
      const path = paths.at(-1) as string;
      // Whether it was there before is not known: as if it had come to be.
      for (const changed of [path, dirname(path)]) dirty.set(changed, call.ended);
    } else if (WRITES.includes(name)) {
      if (name === "ioctl" && !/FICLONE/.test(text)) continue;
      dirty.set((name === "copy_file_range" ? paths[1] : paths[0]) as string, call.ended);
    } else if (name.startsWith("rename")) {
      const [from, to] = paths as [string, string];
      if (isPublished(to, root)) {
        verdict.published.push(to);
        const isFirst = to.endsWith("/timeline.json") && !known.has(to);
        const subject = isFirst ? dirname(to) : from;
        // The folder's own entries change with every staged file; it is synced after the rename.
        const unsynced = lost(subject).filter((path) => path !== dirname(to));
        if (unsynced.length > 0) verdict.faults.push(`"${to}" was published before ${unsynced.slice(0, 3).join(", ")} were synced`);
        pending.set(dirname(to), `"${to}" was published`);
        if (isFirst) pending.set(dirname(dirname(to)), `"${dirname(to)}" was published`);
        known.add(to);
      }
      for (const path of lost(from)) {
        dirty.set(to + path.slice(from.length), dirty.get(path) as number);
        dirty.delete(path);
      }
      for (const changed of [dirname(from), dirname(to)]) dirty.set(changed, call.ended);
    } else if (name === "unlink" || name === "unlinkat" || name === "rmdir") {
      const path = name === "unlinkat" ? `${paths.join("/")}` : (paths[0] as string);
      const timeline = new RegExp(`^${root}/data/timelines/[^/]+`).exec(path)?.[0];
      if (path === `${timeline}/timeline.json`) pending.set(path, "its end");
      else if (
        timeline !== undefined &&
        pending.has(`${timeline}/timeline.json`) &&
        path !== timeline &&
        dirty.has(timeline) &&
        path.startsWith(`${timeline}/`)
      ) {
        verdict.faults.push(`"${path}" was deleted before the end of its timeline was synced`);
        pending.delete(`${timeline}/timeline.json`);
      }
      for (const gone of lost(path)) dirty.delete(gone);
      if (path === `${timeline}/timeline.json`) dirty.set(dirname(path), call.ended);
    } else if (ENTRIES.includes(name)) {
      const path = paths.at(-1) as string;
      dirty.set(dirname(path), call.ended);
      if (name.startsWith("mkdir")) dirty.set(path, call.ended);
    }
  }
  return verdict;
}

/** The server's own renames are its own affair; links and settings are made anew at every start. */
function isPublished(path: string, root: string): boolean {
  return (
    (below(path, `${root}/data`) && !/\/data\/(postgres|initdb)\/|\/data\/timelines\/[^/]+\/data\//.test(path.slice(root.length))) ||
    below(path, `${root}/proxy`)
  );
}

function below(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
