/** Every failure that the platform states on purpose: a stable code, what failed, and whose turn it is. */

/**
 * Who can end the failure. It alone decides how a failure is handled:
 * - `author`: the person who asked; the message is posted to them verbatim, no retry.
 * - `operator`: whoever runs the platform; logged as an error, no retry.
 * - `wait`: time; retried later without noise.
 * - `bug`: us; retried with backoff, logged with its stack, people get a reference only.
 */
export type Remedy = "author" | "operator" | "wait" | "bug";

export interface AdorableErrorOptions {
  /** Kebab-case and stable: people search for it, `docs/errors.md` lists it. */
  code: string;
  remedy: Remedy;
  /** What failed, with the value in quotes. One sentence. */
  message: string;
  /** What to do next. One imperative sentence. */
  hint?: string | undefined;
  /** Facts for logs and tests. JSON only, never a secret. */
  details?: Record<string, unknown> | undefined;
  cause?: unknown;
}

const MARK = Symbol.for("adorable.error");

export class AdorableError extends Error {
  readonly code: string;
  readonly remedy: Remedy;
  readonly hint: string | undefined;
  readonly details: Record<string, unknown>;
  readonly [MARK] = true;

  constructor(options: AdorableErrorOptions) {
    super(options.message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = "AdorableError";
    this.code = options.code;
    this.remedy = options.remedy;
    this.hint = options.hint;
    this.details = options.details ?? {};
  }

  /** True across bundles: the Action carries its own copy of this class. */
  static isInstance(error: unknown): error is AdorableError {
    return typeof error === "object" && error !== null && MARK in error;
  }

  /** The shape in which an error crosses a process boundary. */
  toJSON(): ErrorData {
    const { code, remedy, message, hint, details } = this;
    return { code, remedy, message, ...(hint === undefined ? {} : { hint }), details };
  }

  static fromJSON(data: ErrorData): AdorableError {
    return new AdorableError(data);
  }
}

export interface ErrorData {
  code: string;
  remedy: Remedy;
  message: string;
  hint?: string;
  details?: Record<string, unknown>;
}

/** Anything thrown, as an AdorableError; what we did not expect is a `bug` that keeps its cause. */
export function toAdorableError(thrown: unknown): AdorableError {
  if (AdorableError.isInstance(thrown)) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new AdorableError({ code: "unexpected", remedy: "bug", message, cause: thrown });
}
