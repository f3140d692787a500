/**
 * The control plane as it is, until it kills itself.
 *
 * `ADORABLE_RESTART` is `{ trace, killAt, afterMs }`: it dies `afterMs` milliseconds after the point with the index `killAt`, counted from its start;
 * `trace` is a file that gets the label of the point. Without `killAt` the file gets the count of the points, now and then.
 */
import { writeFileSync } from "node:fs";
import { runServer } from "../../src/server.ts";
import { killPoints } from "../support/kill-points.ts";

const { trace, killAt, afterMs } = JSON.parse(process.env["ADORABLE_RESTART"] ?? "{}") as {
  trace: string;
  killAt?: number;
  afterMs?: number;
};
let count = 0;

await runServer(
  killPoints((label) => {
    const index = count++;
    if (killAt === undefined && count % 20 === 0) writeFileSync(trace, String(count));
    if (index !== killAt) return;
    writeFileSync(trace, label);
    if (!afterMs) process.kill(process.pid, "SIGKILL");
    else setTimeout(() => process.kill(process.pid, "SIGKILL"), afterMs);
  }),
);
