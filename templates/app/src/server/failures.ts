/** Tells apart the ways in which a statement fails, by what PostgreSQL and the network say. */

interface DatabaseFailure {
  code?: string;
  message?: string;
  constraint?: string;
}

/** The server ended the session (57P01, 57P02) or refused a new one: what was sent, if anything, had no effect. */
const ENDED_WITHOUT_EFFECT = new Set(["57P01", "57P02", "57P03", "53300", "ECONNREFUSED", "ENOENT"]);
/** The line went silent: a statement may have been carried out. */
const LINE_LOST = new Set(["ECONNRESET", "EPIPE", "ETIMEDOUT", "08000", "08003", "08006"]);

export function isDatabaseUnreachable(error: unknown): boolean {
  return hadNoEffect(error) || isLineLost(error);
}

/** True when repeating the statement cannot do its work twice. */
export function hadNoEffect(error: unknown): boolean {
  const failure = asFailure(error);
  return (
    ENDED_WITHOUT_EFFECT.has(failure.code ?? "") || /timeout exceeded when trying to connect|not queryable/.test(failure.message ?? "")
  );
}

/** A foreign key, also one that forbids a deletion by itself (23001), and a unique constraint. */
const BROKEN = new Set(["23001", "23503", "23505"]);

/** The name of the constraint between rows that a statement broke, if that is what happened. */
export function brokenConstraint(error: unknown): string | undefined {
  const failure = asFailure(error);
  return BROKEN.has(failure.code ?? "") ? failure.constraint : undefined;
}

function isLineLost(error: unknown): boolean {
  const failure = asFailure(error);
  return LINE_LOST.has(failure.code ?? "") || /Connection terminated|connection error/i.test(failure.message ?? "");
}

function asFailure(error: unknown): DatabaseFailure {
  return typeof error === "object" && error !== null ? error : {};
}
