/** What every room of the forge works with, and the few helpers that all need. */
import type { Db } from "./db.ts";
import type { ChangeBus } from "./events.ts";
import type { GitStore } from "./git.ts";
import type { ForgeObserver } from "./observer.ts";
import type { Rates } from "./rates.ts";
import type { ForgeState } from "./state.ts";

export interface ForgeCore {
  readonly db: Db;
  readonly state: ForgeState;
  readonly git: GitStore;
  readonly changes: ChangeBus;
  readonly dataDir: string;
  /** `http://127.0.0.1:<port>`, without a slash at the end. */
  readonly url: string;
  readonly observer: ForgeObserver | undefined;
  readonly rates: Rates;
  /** Runs `body` alone among those of the same key, in the order of the calls. */
  lock<T>(key: string, body: () => Promise<T>): Promise<T>;
  /** Wakes the webhook sender: new deliveries are pending. */
  wakeHooks(): void;
  /** Wakes the Actions runner: a run was queued, or shall be cancelled. */
  wakeRunner(): void;
  /** What an operator should see: one line. */
  log(line: string): void;
}

/** Now, as GitHub prints times: UTC, to the second. */
export function timestamp(at = Date.now()): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}

export function createLocks(): ForgeCore["lock"] {
  const tails = new Map<string, Promise<unknown>>();
  return async (key, body) => {
    const before = tails.get(key) ?? Promise.resolve();
    const mine = before.then(body, body);
    const settled = mine.catch(() => undefined);
    tails.set(key, settled);
    try {
      return await mine;
    } finally {
      if (tails.get(key) === settled) tails.delete(key);
    }
  };
}
