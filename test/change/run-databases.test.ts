/** The databases that gates run on: whatever they judge, they get one, and none has a row of production. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RunId } from "../../src/core/ids.ts";
import { openDatabase } from "../../src/change/runner-api/databases.ts";
import { ADMIN_ROLE } from "../../src/database/database.ts";
import { withConnection } from "../../src/database/migrations/connection.ts";
import { ensureChangeTimeline } from "../../src/change/timeline.ts";
import { findChange } from "../../src/store/changes.ts";
import { listResources } from "../../src/store/projects.ts";
import type { ChangeRow, RunRow } from "../../src/store/rows.ts";
import { openControlPlane, type ControlPlane } from "../support/control-plane.ts";

describe("a verify run", () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await openControlPlane();
    await plane.release();
  });
  afterAll(() => plane[Symbol.asyncDispose]());

  test("of a change that was merged before it had data gets an empty database with the tree's migrations", async () => {
    const file = "apps/blog/db/migrations/20260101000000_tags.sql";
    const commit = await plane.commit({ [file]: "create table blog.tags (id int primary key);" }, "quick");
    const change = await plane.merged(commit, 2, "ada");
    expect(change.timeline).toBeNull();
    const tree = await plane.mirror.treeOf(commit);
    const run = {
      id: "run_quick" as RunId,
      kind: "verify",
      change_id: change.id,
      assignment: { kind: "verify", tree },
    } as unknown as RunRow;

    const { database } = await openDatabase(plane.platform, { run, project: await plane.project() }, { apps: ["blog"], of: "fork" });

    const { dsn } = await plane.platform.database.credential(database as never, ADMIN_ROLE);
    const tables = await withConnection(dsn, async (client) =>
      (await client.query("select tablename from pg_tables where schemaname = 'blog' order by 1")).rows.map((row) => row.tablename),
    );
    expect(tables).toEqual(["tags"]);
  });
});

describe("the timeline of a change", () => {
  test("is known to it before it is made, so that a crash between leaves none that nobody refers to", async () => {
    await using plane = await openControlPlane();
    const { platform, mirror } = plane;
    const commit = await plane.commit({ "README.md": "One" });
    const change = await plane.merged(commit, 1, "ada");
    const { createTimeline } = platform.database;
    platform.database.createTimeline = async () => {
      throw new Error("killed");
    };
    await expect(ensureChangeTimeline(platform, mirror, change, commit)).rejects.toThrow("killed");
    platform.database.createTimeline = createTimeline;

    const found = (await findChange(platform.store, change.id)) as ChangeRow;
    const { timeline } = await ensureChangeTimeline(platform, mirror, found, commit);

    const recorded = (await listResources(platform.store, change.project_id)).filter((one) => one.kind === "timeline");
    expect(recorded.map((one) => one.id)).toEqual([timeline]);
    expect(await platform.database.head(timeline)).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/);
  });
});
