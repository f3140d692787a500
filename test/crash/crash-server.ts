/**
 * The control plane as it is, with a kill point around every call of its ports and adapters and every committed statement of its store,
 * while a release or rollback is under way. Nobody lists them: they are found by running.
 *
 * `ADORABLE_CRASH` is `{ trace, killAt? }`: `trace` is a file that every point's label is appended to; `killAt` is the index of the point at which the
 * process kills itself.
 */
import { appendFileSync } from "node:fs";
import { runServer } from "../../src/server.ts";

const { trace, killAt } = JSON.parse(process.env["ADORABLE_CRASH"] ?? "{}") as { trace: string; killAt?: number };
let isArmed = false;
let count = 0;

function point(label: string): void {
  if (!isArmed) return;
  const index = count++;
  appendFileSync(trace, `${label}\n`);
  if (index === killAt) process.kill(process.pid, "SIGKILL");
}

function wrap<T extends object>(name: string, implementation: T): T {
  return new Proxy(implementation, {
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
}

await runServer({
  observeCommit(moment, statement) {
    const text = statement.replaceAll(/\s+/g, " ").trim();
    if (moment === "before" && text.startsWith("insert into rollouts")) isArmed = true;
    point(`store: ${text.slice(0, 60)} ${moment}`);
    if (moment === "after" && text.startsWith("update projects set decided_commit")) isArmed = false;
  },
  wrap,
});
