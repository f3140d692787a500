/** Going back and forth: a rollback is undone like any release, to the row, and the first release can be undone to nothing. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { CommitId } from "../../src/core/ids.ts";
import { endpointName, hostLabel } from "../../src/core/names.ts";
import { ADMIN_ROLE } from "../../src/database/database.ts";
import { fetchApp } from "../../src/demo/http.ts";
import { rollbackTarget } from "../../src/release/open-rollback.ts";
import { findChange, saveChange, updateChange } from "../../src/store/changes.ts";
import { listReleases } from "../../src/store/releases.ts";
import { openControlPlane, PRODUCTION, type ControlPlane } from "../support/control-plane.ts";

describe("a rollback", () => {
  let plane: ControlPlane;
  let first: CommitId;
  beforeEach(async () => {
    plane = await openControlPlane();
    first = await plane.release();
    await plane.sql("insert into blog.posts values (1, 'Of release 1')");
    await plane.merged(await plane.commit({ "apps/blog/a.txt": "2" }), 2, "ada");
    await plane.settle();
    await plane.sql("insert into blog.posts values (2, 'Of release 2')");
  });
  afterEach(() => plane[Symbol.asyncDispose]());

  const titles = async () => (await plane.sql<{ title: string }>("select title from blog.posts order by id")).map((row) => row.title);
  const ledger = async () => listReleases(plane.platform.store, (await plane.project()).id);
  const dsn = async () => (await plane.platform.database.credential(endpointName((await plane.project()).id, PRODUCTION), ADMIN_ROLE)).dsn;

  /** Merges the commit, waits for the statement, chooses, and returns what the statement said. */
  async function goBack(commit: CommitId, number: number, choice: "code+data" | "code-only"): Promise<unknown> {
    const { id } = await plane.merged(commit, number, "ada");
    await plane.settle();
    expect((await plane.rollouts()).at(-1)?.state).toBe("awaiting-choice");
    const impact = (await findChange(plane.platform.store, id))?.impact;
    await updateChange(plane.platform.store, id, { choice, chosen_by: "ada" });
    await plane.settle();
    expect((await plane.rollouts()).at(-1)?.state).toBe("live");
    return impact;
  }

  test("is undone to the row, with its own statement and choice, as often as one likes", async () => {
    const address = await dsn();
    await goBack(await plane.commit({ "apps/blog/a.txt": "1" }), 3, "code+data");
    expect(await titles()).toEqual(["Of release 1"]);
    await plane.sql("insert into blog.posts values (3, 'Of release 3')");

    const impact = await goBack(await plane.commit({ "apps/blog/a.txt": "2" }), 4, "code+data");
    expect(impact).toMatchObject({ live: 3, target: 2, tables: [{ table: "posts", inserted: 1, deleted: 1, updated: 0 }] });
    expect(await titles()).toEqual(["Of release 1", "Of release 2"]);

    // The newest release with that tree is the one that is meant: 3, not 1.
    expect(await goBack(await plane.commit({ "apps/blog/a.txt": "1" }), 5, "code+data")).toMatchObject({ live: 4, target: 3 });
    expect(await titles()).toEqual(["Of release 1", "Of release 3"]);
    expect((await ledger()).map(({ kind, restores }) => [kind, restores])).toEqual([
      ["release", null],
      ["release", null],
      ["rollback", 1],
      ["rollback", 2],
      ["rollback", 3],
    ]);
    expect(await dsn()).toBe(address);
  });

  test("to release 0 takes every app out of production, and is undone with every row", async () => {
    const { id } = await plane.project();
    const url = `http://${hostLabel("blog", id, PRODUCTION)}.${plane.platform.settings.appsDomain}`;
    const impact = await goBack(await plane.commit({ ".adorable/spec.json": null, "apps/blog/a.txt": null }), 3, "code+data");

    expect(impact).toMatchObject({ target: 0, past: null, appsRemoved: ["blog"], tables: [{ table: "posts", inserted: 2 }] });
    expect((await ledger()).at(-1)).toMatchObject({ kind: "rollback", restores: 0, choice: "code+data", artifacts: {} });
    expect((await fetchApp(url)).status).toBe(404);
    expect(await plane.sql("select 1 from pg_namespace where nspname = 'blog'")).toEqual([]);
    expect(await plane.platform.store.rows("select slug from apps where archived_at is not null")).toEqual([{ slug: "blog" }]);

    const spec = await plane.mirror.readFile(first, ".adorable/spec.json");
    // Rows that were deleted since would come back: that is for a person to say, too.
    const undo = await goBack(await plane.commit({ ".adorable/spec.json": spec ?? "", "apps/blog/a.txt": "2" }), 4, "code+data");
    expect(undo).toMatchObject({ target: 2, appsRestored: ["blog"], tables: [{ table: "posts", inserted: 0, deleted: 2 }] });
    expect((await ledger()).at(-1)).toMatchObject({ kind: "rollback", restores: 2, choice: "code+data" });
    expect((await fetchApp(url)).status).toBe(200);
    expect(await titles()).toEqual(["Of release 1", "Of release 2"]);
    expect(await plane.platform.store.rows("select slug from apps where archived_at is not null")).toEqual([]);
  });

  test("that is asked for by number names a release that is not live already", async () => {
    const rows = await ledger();
    expect(rollbackTarget(rows, undefined).number).toBe(1);
    expect(rollbackTarget(rows, 0).git_commit).toBeNull();
    expect(() => rollbackTarget(rows, 2)).toThrow("Release 2 is live");
    expect(() => rollbackTarget(rows, 3)).toThrow("There is no release 3: the newest is 2");
    expect(() => rollbackTarget([], undefined)).toThrow("Nothing has been released");
  });

  test("of a part is an ordinary change, and is called one on its pull request", async () => {
    const { id } = await plane.project();
    const main = await plane.mirror.branch("main");
    const commit = await plane.commit({ "apps/blog/a.txt": "half" }, "by-hand", `Undo some of it\n\nThis reverts commit ${main ?? ""}.`);
    plane.github.pulls.set(7, { state: "open", isMerged: false });
    const change = await saveChange(plane.platform.store, {
      id: "chg_partial",
      project_id: id,
      kind: "pull-request",
      issue_number: null,
      pull_number: 7,
      git_branch: "by-hand",
    });
    await plane.settle();

    expect(await findChange(plane.platform.store, change.id)).toMatchObject({ reverts_release: 2, impact: null, head_commit: commit });
    expect(plane.github.said.some(({ on, text }) => on === 7 && text.includes("takes back something of release 2"))).toBe(true);
    await plane.merged(await plane.commit({ "apps/blog/a.txt": "half" }), 8, "ada");
    await plane.settle();
    expect((await ledger()).at(-1)).toMatchObject({ kind: "release", choice: null });
    expect(await titles()).toEqual(["Of release 1", "Of release 2"]);
  });
});
