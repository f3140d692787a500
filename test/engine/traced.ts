/** A process to be traced: everything that an engine and its proxy publish or take back, with a mark behind each that the trace shows. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { EndpointName, TimelineId } from "../../src/core/ids.ts";
import { LAST_MARK, MARKS } from "./durability.ts";
import { openPlace, rowsOf } from "./place.ts";

const dir = process.argv[2] as string;
const done = (what: string) => mkdir(join(MARKS, what, "mark")).catch(() => undefined);

const place = await openPlace(dir, { withProxy: true, baseEveryBytes: 1024 * 1024, windowMs: 1 });
const { engine } = place;
await done("opened");
const [source, older, latest] = ["tl_source", "tl_older", "tl_latest"] as [TimelineId, TimelineId, TimelineId];
await engine.createTimeline(source);
await done("created");
await rowsOf(place, source, "CREATE TABLE t AS SELECT 1 AS v; CREATE TABLE bulk (v text)");
const before = await engine.head(source);
await engine.protect({ timeline: source, lsn: before }, "release");
await done("protected");
for (const kind of ["running", "stopped"]) {
  const { oldest } = await engine.retention(source);
  await rowsOf(place, source, "INSERT INTO bulk SELECT repeat(md5(i::text), 10) FROM generate_series(1, 4500) AS i");
  if (kind === "running") await engine.head(source);
  else await engine.stop(source);
  // With so short a window, a base is known as soon as nothing before it is kept.
  while ((await engine.retention(source)).oldest === oldest) await delay(5);
  await engine.stop(source);
  await done(`base of a ${kind} server`);
}
await engine.branch(older, { timeline: source, lsn: before });
await done("branched at an older position");
await rowsOf(place, source, "INSERT INTO t VALUES (2)");
await engine.stop(source);
await engine.branch(latest, { timeline: source, lsn: await engine.head(source) });
await done("branched at the end");
await place.database?.endpoint("proj_traced" as EndpointName, older, 1);
await done("pointed");
await engine.collect();
await done("collected");
await engine.deleteTimeline(latest);
await done("deleted");
await place.close();
await done(LAST_MARK);
