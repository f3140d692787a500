/** What a run may spend: model steps, minutes and tokens. At a limit the run stops by name. */
import { AdorableError } from "../core/errors.ts";

export interface Limits {
  steps: number;
  minutes: number;
  tokens: number;
}

export interface Budget {
  /** Aborts when the minutes are over, with `budget-exceeded` as its reason. */
  readonly signal: AbortSignal;
  /** Counts one model call. */
  spend(usage: { inputTokens: number; outputTokens: number }): void;
  /** The limit that was reached, or undefined. */
  exceeded(): AdorableError | undefined;
  /** Stops the clock. */
  end(): void;
}

export function startBudget(limits: Limits): Budget {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(over("minutes", limits.minutes)), limits.minutes * 60_000);
  let steps = 0;
  let tokens = 0;
  return {
    signal: controller.signal,
    spend(usage) {
      steps += 1;
      tokens += usage.inputTokens + usage.outputTokens;
    },
    exceeded() {
      if (controller.signal.aborted) return controller.signal.reason as AdorableError;
      if (steps >= limits.steps) return over("steps", limits.steps);
      if (tokens >= limits.tokens) return over("tokens", limits.tokens);
      return undefined;
    },
    end: () => clearTimeout(timer),
  };
}

function over(what: keyof Limits, limit: number): AdorableError {
  return new AdorableError({
    code: "budget-exceeded",
    remedy: "author",
    message: `The run stopped at its limit of ${limit} ${what}.`,
    hint: "Ask for less at once, or have the operator raise the limit.",
    details: { what, limit },
  });
}
