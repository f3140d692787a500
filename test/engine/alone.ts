/** A process that makes a timeline and a branch at an older position, says what it saw, and is killed with both computes awake. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { TimelineId } from "../../src/core/ids.ts";
import { openPlace, rowsOf } from "./place.ts";

const dir = process.argv[2] as string;
const place = await openPlace(dir);
const [source, child] = ["tl_source", "tl_child"] as [TimelineId, TimelineId];
await place.engine.createTimeline(source);
await rowsOf(place, source, "CREATE TABLE t AS SELECT 1 AS v");
const lsn = await place.engine.head(source);
await rowsOf(place, source, "INSERT INTO t VALUES (2)");
await place.engine.branch(child, { timeline: source, lsn });
const rows = [await rowsOf(place, source, "SELECT v FROM t ORDER BY v"), await rowsOf(place, child, "SELECT v FROM t ORDER BY v")];
const owners = await Promise.all([source, child].map(async (id) => (await stat(join(dir, "data/timelines", id, "data"))).uid));
process.stdout.write(`${JSON.stringify({ rows, owners, ...(await place.engine.capabilities()) })}\n`);
process.kill(process.pid, "SIGKILL");
