/** What is under way: per place, so that a hold can drain it, and per environment, so that only idle ones are frozen. */

export interface Activity {
  /** Marks a request to the place; returns its end, to be called once or more. `draining: false`: it never ends by itself (a WebSocket), no hold waits for it. */
  begin(place: string, draining?: boolean): () => void;
  /** Marks use of the environment; returns its end. */
  use(environment: string): () => void;
  inUse(environment: string): boolean;
  /** Starts the idle clock of an environment that nobody has used yet. */
  watch(environment: string): void;
  forget(environment: string): void;
  /** Returns when the place has no request under way that a hold waits for, or after `timeoutMs`. */
  drained(place: string, timeoutMs: number): Promise<void>;
  close(): void;
}

export function createActivity(options: { idleMs: number; onIdle: (environment: string) => void }): Activity {
  const places = new Map<string, number>();
  const environments = new Map<string, number>();
  const timers = new Map<string, NodeJS.Timeout>();
  const drains = new Set<{ place: string; done: () => void }>();
  let closed = false;

  function count(counts: Map<string, number>, key: string, onZero: () => void): () => void {
    counts.set(key, (counts.get(key) ?? 0) + 1);
    let open = true;
    return () => {
      if (!open) return;
      open = false;
      const left = (counts.get(key) ?? 1) - 1;
      if (left > 0) counts.set(key, left);
      else {
        counts.delete(key);
        onZero();
      }
    };
  }

  function clear(environment: string): void {
    clearTimeout(timers.get(environment));
    timers.delete(environment);
  }

  function watch(environment: string): void {
    clear(environment);
    if (closed || environments.has(environment)) return;
    const timer = setTimeout(() => {
      timers.delete(environment);
      options.onIdle(environment);
    }, options.idleMs);
    timer.unref();
    timers.set(environment, timer);
  }

  return {
    begin(place, draining = true) {
      if (!draining) return () => undefined;
      return count(places, place, () => {
        for (const drain of drains) if (drain.place === place) drain.done();
      });
    },
    use(environment) {
      clear(environment);
      return count(environments, environment, () => watch(environment));
    },
    inUse: (environment) => environments.has(environment),
    watch,
    forget: clear,
    async drained(place, timeoutMs) {
      if (!places.has(place)) return;
      await new Promise<void>((resolve) => {
        const drain = {
          place,
          done: () => {
            clearTimeout(timer);
            drains.delete(drain);
            resolve();
          },
        };
        const timer = setTimeout(() => drain.done(), timeoutMs);
        drains.add(drain);
      });
    },
    close() {
      closed = true;
      for (const environment of timers.keys()) clear(environment);
      for (const drain of drains) drain.done();
    },
  };
}
