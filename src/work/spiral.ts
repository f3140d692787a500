/** Breaks diagnostic loops: many calls without an edit get one forced message, then the end. */
import { AdorableError } from "../core/errors.ts";
import { EDIT_TOOLS } from "./tools.ts";

export interface SpiralLimits {
  /** Calls without an edit before the model is told to act. */
  warnAfter: number;
  /** Further calls before the task is stopped. */
  stopAfter: number;
}

export const SPIRAL_LIMITS: SpiralLimits = { warnAfter: 25, stopAfter: 10 };

export interface SpiralGuard {
  called(tool: string): void;
  /** A message to force upon the model, once per loop. */
  warning(): string | undefined;
  /** Set once the task is to stop. */
  stopped(): AdorableError | undefined;
}

export function createSpiralGuard(limits: SpiralLimits = SPIRAL_LIMITS): SpiralGuard {
  let idle = 0;
  let warned = false;
  return {
    called(tool) {
      if (!EDIT_TOOLS.has(tool)) {
        idle += 1;
        return;
      }
      idle = 0;
      warned = false;
    },
    warning() {
      if (warned || idle < limits.warnAfter) return undefined;
      warned = true;
      return `You have made ${idle} calls without changing a file. Change something now, or finish with done or answer. After ${limits.stopAfter} more calls the task ends.`;
    },
    stopped() {
      if (idle < limits.warnAfter + limits.stopAfter) return undefined;
      return new AdorableError({
        code: "producer-spiral",
        remedy: "author",
        message: `The task was stopped after ${idle} calls without a change.`,
        hint: "Ask for something smaller, or in other words.",
      });
    },
  };
}
