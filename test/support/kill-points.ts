/** Points at which a control plane may be killed: around every call of its ports and adapters and every committed statement. Nobody lists them. */
import type { ServerHooks } from "../../src/server.ts";

/** Mulberry32: the same seed gives the same kills. */
export function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296;
  };
}

/** Hooks that call `point` with a label at each of them. */
export function killPoints(point: (label: string) => void): Required<ServerHooks> {
  const wrap = <T extends object>(name: string, implementation: T): T =>
    new Proxy(implementation, {
      get(target, property, receiver) {
        const value: unknown = Reflect.get(target, property, receiver);
        if (typeof value !== "function" || typeof property !== "string" || property === "then") return value;
        return (...args: unknown[]) => {
          point(`${name}.${property} before`);
          const result: unknown = Reflect.apply(value, target, args);
          if (!(result instanceof Promise)) return result;
          return result.then((settled: unknown) => {
            point(`${name}.${property} after`);
            // What a call answers may have calls of its own: a repository of GitHub.
            return property === "forInstallation" ? wrap("repository", settled as object) : settled;
          });
        };
      },
    });
  return {
    wrap,
    observeCommit: (moment, statement) => point(`store: ${statement.replaceAll(/\s+/g, " ").trim().slice(0, 60)} ${moment}`),
  };
}
