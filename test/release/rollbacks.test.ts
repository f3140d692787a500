/** What the merge of a revert leads to, pass by pass: whose choice counts, for what, and what becomes of the data. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { newId } from "../../src/core/ids.ts";
import { endpointName } from "../../src/core/names.ts";
import { gitText } from "../../src/process/git.ts";
import { findChange, findChangeByPull, saveChange, updateChange } from "../../src/store/changes.ts";
import { findEnvironment, listReleases } from "../../src/store/releases.ts";
import { openControlPlane, PRODUCTION, type ControlPlane } from "../support/control-plane.ts";

describe("a rollback", () => {
  let plane: ControlPlane;
  beforeEach(async () => {
    plane = await openControlPlane();
    await plane.release();
    await plane.sql("insert into blog.posts values (1, 'Of release 1')");
    await plane.merged(await plane.commit({ "apps/blog/a.txt": "2" }), 2, "ada");
    await plane.settle();
    await plane.sql("insert into blog.posts values (2, 'Of release 2')");
  });
  afterEach(() => plane[Symbol.asyncDispose]());

  const releases = async () =>
    (await listReleases(plane.platform.store, (await plane.project()).id)).map(({ kind, restores, choice }) => ({
      kind,
      restores,
      choice,
    }));
  const titles = async () => (await plane.sql<{ title: string }>("select title from blog.posts order by id")).map((row) => row.title);

  test("of the code alone keeps the timeline that production has, with every row", async () => {
    const change = await plane.merged(await plane.commit({ "apps/blog/a.txt": "1" }), 3, "ada");
    await plane.settle();
    expect((await plane.rollouts()).at(-1)?.state).toBe("awaiting-choice");

    await updateChange(plane.platform.store, change.id, { choice: "code-only", chosen_by: "ada" });
    await plane.settle();

    expect((await releases()).at(-1)).toEqual({ kind: "rollback", restores: 1, choice: "code-only" });
    expect(await titles()).toEqual(["Of release 1", "Of release 2"]);
    const { id } = await plane.project();
    const production = await findEnvironment(plane.platform.store, id, endpointName(id, PRODUCTION));
    expect((await plane.platform.database.findEndpoint(endpointName(id, PRODUCTION)))?.timeline).toBe(production?.timeline);
    expect(await plane.platform.database.holds()).toEqual([]);
  });

  test("that was merged before its impact was counted says what it would lose, and takes the choice of whoever may write", async () => {
    const change = await plane.merged(await plane.commit({ "apps/blog/a.txt": "1" }), 3, "ada");
    await plane.settle();

    expect((await plane.rollouts()).at(-1)?.state).toBe("awaiting-choice");
    const counted = await findChange(plane.platform.store, change.id);
    expect(counted?.impact).toMatchObject({ live: 2, target: 1, tables: [{ table: "posts", inserted: 1 }] });
    await updateChange(plane.platform.store, change.id, { choice: "code+data", chosen_by: "mallory" });
    await plane.settle();
    // Whoever chose may no longer: production stays as it is.
    expect((await plane.rollouts()).at(-1)).toMatchObject({ state: "aborted", error: { code: "approver-not-authorised" } });
    expect((await releases()).at(-1)?.kind).toBe("release");

    plane.github.permissions.set("mallory", "write");
    await plane.merged(await plane.commit({ "README.md": "again" }), 5, "ada");
    const again = await findChangeByPull(plane.platform.store, (await plane.project()).id, 5);
    await plane.settle();
    await updateChange(plane.platform.store, again?.id ?? "", { choice: "code+data", chosen_by: "mallory" });
    await plane.settle();
    expect((await releases()).at(-1)).toEqual({ kind: "rollback", restores: 1, choice: "code+data" });
    expect(await titles()).toEqual(["Of release 1"]);
  });

  test("asks after all when rows came between the count and the hold, and then says what left production", async () => {
    await plane.sql("delete from blog.posts where id = 2");
    const { database } = plane.platform;
    const hold = database.hold.bind(database);
    let isFirst = true;
    database.hold = async (...how) => {
      if (isFirst) await plane.sql("insert into blog.posts values (3, 'Just before the hold')");
      isFirst = false;
      return hold(...how);
    };
    const change = await plane.merged(await plane.commit({ "apps/blog/a.txt": "1" }), 3, "ada");
    await plane.settle();

    expect(isFirst).toBe(false);
    expect((await plane.rollouts()).at(-1)?.state).toBe("awaiting-choice");
    expect((await findChange(plane.platform.store, change.id))?.impact?.tables).toMatchObject([{ table: "posts", inserted: 1 }]);
    expect(await titles()).toEqual(["Of release 1", "Just before the hold"]);
    expect(await database.holds()).toEqual([]);

    await plane.sql("insert into blog.posts values (4, 'After the statement')");
    await updateChange(plane.platform.store, change.id, { choice: "code+data", chosen_by: "ada" });
    await plane.settle();
    expect(await titles()).toEqual(["Of release 1"]);
    expect((await plane.rollouts()).at(-1)?.data.lost).toMatchObject([{ table: "posts", inserted: 2, updated: 0, deleted: 0 }]);
    expect(plane.github.said.some(({ on, text }) => on === 3 && text.includes("| blog | posts | 2 | 0 | 0 |"))).toBe(true);
  });

  test("that waits for a choice gives way to the next change of the apps", async () => {
    await plane.merged(await plane.commit({ "apps/blog/a.txt": "1" }), 3, "ada");
    await plane.settle();
    expect((await plane.rollouts()).at(-1)?.state).toBe("awaiting-choice");

    await plane.merged(await plane.commit({ "apps/blog/a.txt": "3" }), 4, "ada");
    await plane.settle();

    expect((await plane.rollouts()).map((rollout) => rollout.state)).toEqual(["live", "live", "aborted", "live"]);
    expect((await releases()).at(-1)?.kind).toBe("release");
    expect(plane.github.said.find(({ on, text }) => on === 3 && text.includes("was still waiting for a choice"))).toBeDefined();
    expect(await titles()).toEqual(["Of release 1", "Of release 2"]);
  });

  test("that was chosen before it was merged happens, although the next change was merged right behind it", async () => {
    const { platform, mirror } = plane;
    const revert = await plane.commit({ "apps/blog/a.txt": "1" }, "revert");
    plane.github.pulls.set(3, { state: "open", isMerged: false });
    const change = await saveChange(platform.store, {
      id: newId("chg"),
      project_id: (await plane.project()).id,
      kind: "pull-request",
      issue_number: null,
      pull_number: 3,
      git_branch: "revert",
    });
    await plane.settle();
    expect((await findChange(platform.store, change.id))?.impact).toMatchObject({ live: 2, target: 1 });
    const merge = { state: "merged", head_commit: revert, merge_commit: revert, merged_by: "ada" } as const;
    await updateChange(platform.store, change.id, { choice: "code+data", chosen_by: "ada", ...merge });
    plane.github.permissions.set("ada", "write");
    await gitText(["update-ref", "refs/heads/main", revert], { cwd: mirror.dir });
    plane.pushed(revert, "ada", "pr_merge");
    await plane.merged(await plane.commit({ "apps/blog/a.txt": "3" }), 4, "ada");
    await plane.settle();

    expect(await releases()).toEqual([
      { kind: "release", restores: null, choice: null },
      { kind: "release", restores: null, choice: null },
      { kind: "rollback", restores: 1, choice: "code+data" },
      { kind: "release", restores: null, choice: null },
    ]);
    expect(await titles()).toEqual(["Of release 1"]);
  });

  test("by a push, where nobody can be asked, loses no row: it is refused on the commit", async () => {
    const commit = await plane.commit({ "apps/blog/a.txt": "1" });
    plane.pushed(commit, "ada");
    await plane.settle();

    expect((await plane.rollouts()).at(-1)).toMatchObject({
      state: "aborted",
      change_id: null,
      error: { code: "rollback-without-pull-request" },
    });
    expect(plane.github.said.some(({ on, text }) => on === commit && text.includes("rows that were written since would be lost"))).toBe(
      true,
    );
    expect(await titles()).toEqual(["Of release 1", "Of release 2"]);
  });
});
