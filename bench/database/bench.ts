/** What every row is given, and how large everything is. */
import type { RowResult } from "./figures.ts";
import type { Clients } from "./helpers.ts";
import type { Volume } from "./volumes.ts";

export interface Scale {
  /** Branches at the head, by the size of the database. */
  heads: { megabytes: number; runs: number; templates: number; restores: number }[];
  /** Branches at an older position: how much log there is to replay. */
  older: { megabytes: number; logMegabytes: number[]; runs: number };
  wakes: { runs: number; waiters: number; rounds: number };
  restore: { clients: number; rounds: number; writeMs: number };
  throughput: { scale: number; clients: number[]; seconds: number; rounds: number };
  sleepers: { plain: number; reflink: number };
  checkpoints: number;
}

export const FULL: Scale = {
  heads: [
    { megabytes: 16, runs: 15, templates: 9, restores: 3 },
    { megabytes: 256, runs: 9, templates: 3, restores: 3 },
    { megabytes: 1024, runs: 7, templates: 3, restores: 2 },
    { megabytes: 4096, runs: 3, templates: 0, restores: 0 },
  ],
  older: { megabytes: 16, logMegabytes: [8, 24, 46], runs: 9 },
  wakes: { runs: 200, waiters: 50, rounds: 15 },
  restore: { clients: 16, rounds: 8, writeMs: 700 },
  throughput: { scale: 16, clients: [1, 16], seconds: 4, rounds: 5 },
  sleepers: { plain: 500, reflink: 500 },
  checkpoints: 500,
};

export const QUICK: Scale = {
  heads: [
    { megabytes: 16, runs: 5, templates: 3, restores: 1 },
    { megabytes: 256, runs: 3, templates: 1, restores: 1 },
    { megabytes: 1024, runs: 3, templates: 1, restores: 0 },
  ],
  older: { megabytes: 16, logMegabytes: [8, 46], runs: 3 },
  wakes: { runs: 30, waiters: 50, rounds: 3 },
  restore: { clients: 16, rounds: 3, writeMs: 400 },
  throughput: { scale: 16, clients: [1, 16], seconds: 2, rounds: 3 },
  sleepers: { plain: 40, reflink: 60 },
  checkpoints: 100,
};

export interface Bench {
  scale: Scale;
  /** Short; for sockets. */
  runDir: string;
  plain: Volume;
  /** Or why there is none. */
  reflink: Volume | { why: string };
  clients: Clients;
  /** What is being done now. */
  note(text: string): void;
}

export interface Row {
  /** For `--only`. */
  name: string;
  title: string;
  /** Leaves nothing behind, also when it throws. Throws `Inexact` where a copy is not what it should be. */
  measure(bench: Bench): Promise<Pick<RowResult, "figures" | "skipped">>;
}

/** The volumes that are there, the one that clones first; and what to say of one that is not. */
export function volumesOf({ plain, reflink }: Bench): { volumes: Volume[]; skipped: string[] } {
  const skipped: string[] = [];
  if ("why" in reflink) skipped.push(plain.reflink ? "" : `a file system that clones files: ${reflink.why}`);
  if (plain.reflink) skipped.push("a file system that copies bytes: the temporary directory's clones files (choose another with --dir)");
  return { volumes: [...("why" in reflink ? [] : [reflink]), plain], skipped: skipped.filter((why) => why !== "") };
}

/** Where files are cloned if there is such a place, else the plain one. */
export function bestVolume({ plain, reflink }: Bench): Volume {
  return "why" in reflink ? plain : reflink;
}
