/** Ctrl-C: the first ends everything in order and says so, the second at once. */

export interface Interruption {
  /** Resolves at the first signal. */
  readonly interrupted: Promise<void>;
  /** True from then on. */
  isInterrupted(): boolean;
  dispose(): void;
}

export function onInterrupt(): Interruption {
  const { promise, resolve } = Promise.withResolvers<void>();
  let count = 0;
  const listener = (): void => {
    count += 1;
    // The children end with this process: their standard input closes.
    if (count > 1) process.exit(130);
    process.stderr.write("\nEnding what was started (again to end at once).\n");
    resolve();
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, listener);
  return {
    interrupted: promise,
    isInterrupted: () => count > 0,
    dispose() {
      for (const signal of signals) process.off(signal, listener);
    },
  };
}
