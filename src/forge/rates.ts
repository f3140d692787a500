/** Rate limits, as GitHub counts them. */
import type { Account } from "./records.ts";

const HOUR_MS = 60 * 60 * 1000;

interface Window {
  used: number;
  endsAt: number;
}

export interface Rate {
  limit: number;
  used: number;
  remaining: number;
  /** Seconds since 1970. */
  reset: number;
}

/** Counts the requests of each account within its hour; those who say nothing of themselves count as one. */
export interface Rates {
  /** Counts one request. False: it is one too many. */
  take(account: Account | null): boolean;
  giveBack(account: Account | null): void;
  rate(account: Account | null): Rate;
}

export function createRates(limit: number): Rates {
  const windows = new Map<number, Window>();
  const windowOf = (account: Account | null): Window => {
    const key = account?.id ?? 0;
    const known = windows.get(key);
    if (known !== undefined && known.endsAt > Date.now()) return known;
    const fresh = { used: 0, endsAt: Date.now() + HOUR_MS };
    windows.set(key, fresh);
    return fresh;
  };
  return {
    take(account) {
      const window = windowOf(account);
      window.used += 1;
      return window.used <= limit;
    },
    giveBack(account) {
      windowOf(account).used -= 1;
    },
    rate(account) {
      const { used, endsAt } = windowOf(account);
      return { limit, used: Math.min(used, limit), remaining: Math.max(0, limit - used), reset: Math.ceil(endsAt / 1000) };
    },
  };
}
