/**
 * The control plane as it is, with its kill points counted while a release or rollback is under way.
 *
 * `ADORABLE_CRASH` is `{ trace, killAt? }`: `trace` is a file that every point's label is appended to; `killAt` is the index of the point at which the
 * process kills itself.
 */
import { appendFileSync } from "node:fs";
import { runServer } from "../../src/server.ts";
import { killPoints } from "../support/kill-points.ts";

const { trace, killAt } = JSON.parse(process.env["ADORABLE_CRASH"] ?? "{}") as { trace: string; killAt?: number };
let isArmed = false;
let count = 0;

await runServer(
  killPoints((label) => {
    if (/^store: insert into rollouts.* before$/.test(label)) isArmed = true;
    if (isArmed) {
      const index = count++;
      appendFileSync(trace, `${label}\n`);
      if (index === killAt) process.kill(process.pid, "SIGKILL");
    }
    if (/^store: update projects set decided_commit.* after$/.test(label)) isArmed = false;
  }),
);
