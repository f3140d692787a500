/** Tells the control plane what happens, in order and in batches, without making the work wait for it. */
import { toAdorableError } from "../core/errors.ts";
import type { RunEvent } from "../core/runner-protocol.ts";
import type { RunnerClient } from "../verify/runner-client.ts";
import { shorten } from "./progress.ts";

const MAX_BATCH = 100;

export interface Reporter {
  report(event: RunEvent): void;
  step(tool: string, note: string): void;
  /** Waits until everything reported is delivered. Throws the first failure. */
  flush(): Promise<void>;
}

export function createReporter(client: Pick<RunnerClient, "events">): Reporter {
  let queue: RunEvent[] = [];
  let failure: Error | undefined;
  let sending: Promise<void> | undefined;
  const drain = async (): Promise<void> => {
    while (queue.length > 0 && failure === undefined) {
      const batch = queue.slice(0, MAX_BATCH);
      queue = queue.slice(MAX_BATCH);
      await client.events(batch).catch((error: unknown) => (failure = toAdorableError(error)));
    }
    sending = undefined;
  };
  const report = (event: RunEvent): void => {
    queue.push(event);
    sending ??= Promise.resolve().then(drain);
  };
  return {
    report,
    step: (tool, note) => report({ type: "step", tool: shorten(tool, 60), note: shorten(note, 300) }),
    async flush() {
      await sending;
      if (failure !== undefined) throw failure;
    },
  };
}
