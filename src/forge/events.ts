/** The change bus: tells the pages in this process that something changed, never what it became. */

export interface Change {
  repositoryId: number;
  /** What changed; `number` is the or the pull request's, or the run's id. */
  subject: "repository" | "issue" | "pull" | "checks" | "run" | "deployment" | "release";
  number?: number;
}

export interface ChangeBus {
  publish(change: Change): void;
  /** Returns the function that ends the subscription. */
  subscribe(listener: (change: Change) => void): () => void;
}

export function createChangeBus(): ChangeBus {
  const listeners = new Set<(change: Change) => void>();
  return {
    publish(change) {
      for (const listener of listeners) listener(change);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
