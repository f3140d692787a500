/** The engine's failures as typed errors: what the file system refused, and what a cluster said when it did not start. */
import { AdorableError } from "../../core/errors.ts";
import type { Checkpoint } from "../database.ts";

/** Errors of the file system that an operator can end, as such; anything else unchanged. */
export function explain(thrown: unknown, dataDir: string): unknown {
  if (AdorableError.isInstance(thrown)) return thrown;
  const code = thrown instanceof Error ? (thrown as NodeJS.ErrnoException).code : undefined;
  if (code === "ENOSPC" || code === "EDQUOT") return diskFull(dataDir, thrown);
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") {
    return new AdorableError({
      code: "data-directory-unwritable",
      remedy: "operator",
      message: `The data directory "${dataDir}" refused a write.`,
      hint: "Give the platform's user write access to it.",
      cause: thrown,
    });
  }
  return thrown;
}

export function diskFull(dataDir: string, cause: unknown): AdorableError {
  return new AdorableError({
    code: "disk-full",
    remedy: "operator",
    message: `No space is left on the disk of "${dataDir}".`,
    hint: "Free some space, or move the data directory to a larger disk.",
    cause,
  });
}

export function unreachable(directory: string, closedAt: string): AdorableError {
  return new AdorableError({
    code: "data-directory-unreachable",
    remedy: "operator",
    message: `Databases run under users of their own, and these cannot pass "${closedAt}" on the way to "${directory}".`,
    hint: `Run "chmod o+x ${closedAt}", or choose a data directory elsewhere, such as /var/lib/adorable.`,
    details: { directory, closedAt },
  });
}

export function overBudget(family: string, bytes: number, budgetBytes: number): AdorableError {
  return new AdorableError({
    code: "history-over-budget",
    remedy: "operator",
    message: `The timelines of the family "${family}" keep ${bytes} bytes of history where ${budgetBytes} are allowed.`,
    hint: "Raise the budget, or delete releases, changes or timelines that need what is kept.",
    details: { family, bytes, budgetBytes },
  });
}

export function timelineUnknown(timeline: string): AdorableError {
  return new AdorableError({ code: "timeline-unknown", remedy: "bug", message: `There is no timeline "${timeline}".` });
}

export function timelineExists(timeline: string, present: string, wanted: string): AdorableError {
  return new AdorableError({
    code: "timeline-exists",
    remedy: "bug",
    message: `The timeline "${timeline}" exists already as ${present}, not as ${wanted}.`,
  });
}

/** `moment`: what was asked for where it was no position. */
export function outOfRetention(wanted: Checkpoint, kept: { oldest: string; head: string }, moment?: string): AdorableError {
  return new AdorableError({
    code: "lsn-out-of-retention",
    remedy: "author",
    message: `${moment === undefined ? `The position "${wanted.lsn}"` : `The moment "${moment}"`} of the timeline "${wanted.timeline}" is not kept.`,
    hint: `Choose a position between ${kept.oldest} and ${kept.head}.`,
    details: { timeline: wanted.timeline, lsn: wanted.lsn, oldest: kept.oldest, head: kept.head },
  });
}

/**
 * What is printed where the disk is full: PostgreSQL's words, other words where a part of a page was still taken, and a bus error where
 * memory is mapped from it.
 */
const DISK_FULL = /No space left on device|Check free disk space|wrote only \d+ of \d+ bytes|Bus error|terminated by signal 7\b/;

export function computeFailed(dataDir: string, log: string): AdorableError {
  if (DISK_FULL.test(log)) return diskFull(dataDir, undefined);
  return new AdorableError({
    code: "compute-failed",
    remedy: "bug",
    message: `The database in "${dataDir}" did not start.`,
    hint: "Read the end of its log in the details of this error.",
    details: { log: log.slice(-2000) },
  });
}

export function computeSilent(socketDir: string, answerMs: number, cause: unknown): AdorableError {
  return new AdorableError({
    code: "compute-silent",
    remedy: "wait",
    message: `The database behind "${socketDir}" did not answer within ${answerMs} ms.`,
    hint: "It is tried again; one that never answers is ended by force when it is stopped.",
    cause,
  });
}

export function computeEnded(timeline: string, log: string): AdorableError {
  return new AdorableError({
    code: "compute-ended",
    remedy: "bug",
    message: `The database of the timeline "${timeline}" ended by itself.`,
    hint: "Read the end of its log in the details of this error; it starts again when somebody asks for it.",
    details: { timeline, log: log.slice(-2000) },
  });
}
