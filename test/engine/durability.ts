/** Reads a trace of system calls and says what was published, or taken back, before it would have survived a loss of power. */
import { dirname } from "node:path";

/** Nothing is there: a failing `mkdir` below it is the mark of a step. */
export const MARKS = "/nonexistent-marks-of-a-trace";
/** Nothing is under way behind it. */
export const LAST_MARK = "closed";

const WRITES = ["write", "pwrite64", "pwritev", "pwritev2", "writev", "ftruncate", "fallocate", "copy_file_range", "sendfile", "ioctl"];
const OPENS = ["open", "openat", "openat2", "creat"];
const REMOVALS = ["unlink", "unlinkat", "rmdir"];
const ENTRIES = ["mkdir", "mkdirat", "link", "linkat", "symlink", "symlinkat", "rename", "renameat", "renameat2"];
const SYNCS = ["fsync", "fdatasync", "syncfs"];
/** For `strace -e trace=`; names that the machine's architecture lacks are ignored. */
export const TRACED = [...WRITES, ...OPENS, ...REMOVALS, ...ENTRIES, ...SYNCS].map((name) => `?${name}`).join();

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
  const reader = new Reader(root);
  for (const call of callsOf(trace)) reader.read(call);
  return reader.verdict;
}

class Reader {
  readonly verdict: Verdict = { published: [], faults: [], marks: [] };
  #root: string;
  /** When each path was last changed. */
  #dirty = new Map<string, number>();
  /** Folders that are to be synced, and by when: the record of a timeline at work changes at any time, so that it may take until the end. */
  #pending = new Map<string, { why: string; by: "mark" | "end" }>();
  /** Timelines that have had their first record. */
  #known = new Set<string>();
  /** Folders of timelines whose record is gone. */
  #ended = new Set<string>();

  constructor(root: string) {
    this.#root = root;
  }

  read(call: Call): void {
    const { name, paths, text } = call;
    if (name === "mkdir" && paths[0]?.startsWith(MARKS)) return this.#mark(paths[0].split("/")[2] ?? "");
    if (call.failed || !paths.some((path) => below(path, this.#root))) return;
    const last = paths.at(-1) as string;
    if (SYNCS.includes(name)) this.#synced(name === "syncfs" ? undefined : paths[0], call.began);
    // Whether what is opened was there before is not known: as if it had come to be.
    else if (OPENS.includes(name) && text.includes("O_CREAT")) this.#changed(call, last, dirname(last));
    else if (name === "ioctl" && !text.includes("FICLONE")) return;
    else if (WRITES.includes(name)) this.#changed(call, (name === "copy_file_range" ? paths[1] : paths[0]) as string);
    else if (name.startsWith("rename")) this.#renamed(call, paths as [string, string]);
    else if (REMOVALS.includes(name)) this.#removed(call, name === "unlinkat" ? paths.join("/") : (paths[0] as string));
    else if (name.startsWith("mkdir")) this.#changed(call, last, dirname(last));
    else if (ENTRIES.includes(name)) this.#changed(call, dirname(last));
  }

  #changed(call: Call, ...paths: string[]): void {
    for (const path of paths) this.#dirty.set(path, call.ended);
  }

  #unsynced(folder: string): string[] {
    return [...this.#dirty.keys()].filter((path) => below(path, folder));
  }

  #forget(path: string): void {
    this.#dirty.delete(path);
    this.#pending.delete(path);
  }

  #synced(only: string | undefined, began: number): void {
    for (const [path, since] of this.#dirty) if (since < began && (only === undefined || path === only)) this.#forget(path);
  }

  #mark(what: string): void {
    this.verdict.marks.push(what);
    for (const [folder, { why, by }] of this.#pending) {
      if (by === "end" && what !== LAST_MARK) continue;
      this.verdict.faults.push(`"${folder}" was not synced after ${why}`);
      this.#pending.delete(folder);
    }
  }

  #renamed(call: Call, [from, to]: [string, string]): void {
    const isRecord = to.endsWith("/timeline.json");
    const isFirst = isRecord && !this.#known.has(to);
    if (isPublished(to, this.#root)) {
      this.verdict.published.push(to);
      // The folder's own entries change with every staged file; it is synced after the rename.
      const early = this.#unsynced(isFirst ? dirname(to) : from).filter((path) => path !== dirname(to));
      if (early.length > 0) this.verdict.faults.push(`"${to}" was published before ${early.slice(0, 3).join(", ")} were synced`);
      this.#pending.set(dirname(to), { why: `"${to}" was published`, by: isRecord && !isFirst ? "end" : "mark" });
      if (isFirst && this.#dirty.has(dirname(dirname(to))))
        this.#pending.set(dirname(dirname(to)), { why: `"${dirname(to)}" was published`, by: "mark" });
      if (isRecord) this.#known.add(to);
    }
    for (const path of this.#unsynced(from)) {
      this.#dirty.set(to + path.slice(from.length), this.#dirty.get(path) as number);
      this.#dirty.delete(path);
    }
    this.#changed(call, dirname(from), dirname(to));
  }

  #removed(call: Call, path: string): void {
    for (const gone of this.#unsynced(path)) this.#forget(gone);
    if (path.endsWith("/timeline.json") && isPublished(path, this.#root)) {
      this.#ended.add(dirname(path));
      this.#changed(call, dirname(path));
    }
    for (const folder of this.#ended) {
      if (path === `${folder}/timeline.json` || !below(path, folder)) continue;
      if (this.#dirty.has(folder)) this.verdict.faults.push(`"${path}" was deleted before the end of its timeline was synced`);
      this.#ended.delete(folder);
    }
  }
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
