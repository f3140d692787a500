/** What becomes of a release that was interrupted, or that GitHub no longer listens to: production is let on, and later releases come. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AdorableError } from "../../src/core/errors.ts";
import { endpointName, hostLabel } from "../../src/core/names.ts";
import { ADMIN_ROLE } from "../../src/database/database.ts";
import { withConnection } from "../../src/database/migrations/connection.ts";
import { fetchApp } from "../../src/demo/http.ts";
import { reconcile } from "../../src/reconcile/reconcile.ts";
import { listReleases } from "../../src/store/releases.ts";
import { openControlPlane, PRODUCTION, type ControlPlane } from "../support/control-plane.ts";

describe("production", () => {
  let plane: ControlPlane;
  beforeEach(async () => {
    plane = await openControlPlane();
    await plane.release();
  });
  afterEach(() => plane[Symbol.asyncDispose]());

  test("is let on after a crash under the hold although GitHub is away", async () => {
    const { platform, github } = plane;
    const { id } = await plane.project();
    const { ensure } = platform.runtime;
    let isDead = false;
    // As a kill does it: nothing more is done or written after this moment.
    platform.runtime.ensure = (spec) =>
      spec.id.startsWith("rehearsal_") ? ensure.call(platform.runtime, spec) : new Promise(() => (isDead = true));
    await plane.merged(await plane.commit({ "apps/blog/a.txt": "2" }), 2, "ada");
    void reconcile(platform, id);
    await expect.poll(() => isDead).toBe(true);
    expect(await platform.database.holds()).toHaveLength(1);

    platform.runtime.ensure = ensure;
    github.failure = new AdorableError({ code: "github-unreachable", remedy: "wait", message: "GitHub does not answer." });
    await expect(reconcile(platform, id)).rejects.toThrow("GitHub does not answer");

    expect(await platform.database.holds()).toEqual([]);
    expect(await listReleases(platform.store, id)).toHaveLength(2);
    const answer = await fetchApp(`http://${hostLabel("blog", id, PRODUCTION)}.${platform.settings.appsDomain}`);
    expect(answer.status).toBe(200);
    github.failure = undefined;
    await plane.settle();
    expect((await plane.rollouts()).at(-1)?.state).toBe("live");
  });

  test("gets the next release although the pull request of this one takes no comment", async () => {
    plane.github.failures.set(
      "createComment",
      new AdorableError({ code: "github-forbidden", remedy: "operator", message: "It is locked." }),
    );
    await plane.merged(await plane.commit({ "apps/blog/a.txt": "2" }), 2, "ada");
    await plane.settle();
    await plane.merged(await plane.commit({ "apps/blog/a.txt": "3" }), 3, "ada");
    await plane.settle();
    expect((await plane.rollouts()).map((rollout) => rollout.state)).toEqual(["live", "live", "live"]);
  });

  test("answers between two attempts to stop a session that does not end its transaction", async () => {
    const { platform } = plane;
    const { id } = await plane.project();
    await plane.merged(await plane.commit({ "apps/blog/a.txt": "2" }), 2, "ada");
    const { dsn } = await platform.database.credential(endpointName(id, PRODUCTION), ADMIN_ROLE);
    await withConnection(dsn, async (client) => {
      await client.query("begin");
      await client.query("select 1");
      await reconcile(platform, id);
      expect((await plane.rollouts()).at(-1)).toMatchObject({ state: "rehearsed", attempts: 1 });
      const answer = await fetchApp(`http://${hostLabel("blog", id, PRODUCTION)}.${platform.settings.appsDomain}`);
      expect(answer.status).toBe(200);
      await client.query("rollback");
    });
    await plane.settle();
    expect((await plane.rollouts()).at(-1)?.state).toBe("live");
  });

  test("is not held for migrations that took longer on a fork than clients may wait", async () => {
    plane.platform.settings.holdBudgetMs = 0;
    const migration = "apps/blog/db/migrations/20260101000000_views.sql";
    await plane.merged(await plane.commit({ [migration]: "create table blog.views (id int primary key);" }), 2, "ada");
    await plane.settle();

    expect((await plane.rollouts()).at(-1)).toMatchObject({ state: "aborted", error: { code: "pause-too-long" } });
    expect(plane.github.said.some(({ on, text }) => on === 2 && text.includes("pause-too-long"))).toBe(true);
    expect(await plane.sql("select * from blog.posts")).toEqual([]);
    expect(await plane.platform.database.holds()).toEqual([]);
  });

  test("keeps its apps when the file that declares them is gone", async () => {
    const migration = "apps/blog/db/migrations/20260101000000_views.sql";
    await plane.merged(await plane.commit({ [migration]: "create table blog.views (id int primary key);" }), 2, "ada");
    await plane.settle();
    const removed = await plane.commit({ ".adorable/spec.json": null });
    await plane.merged(removed, 3, "ada");
    await plane.settle();

    const { id } = await plane.project();
    expect(await listReleases(plane.platform.store, id)).toHaveLength(2);
    expect(plane.github.said.some(({ on, text }) => on === removed && text.includes("spec-missing"))).toBe(true);
    const answer = await fetchApp(`http://${hostLabel("blog", id, PRODUCTION)}.${plane.platform.settings.appsDomain}`);
    expect(answer.status).toBe(200);
  });
});
