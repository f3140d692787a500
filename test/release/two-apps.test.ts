/** A release starts what it changes and leaves the rest where it runs; what goes is removed, and comes back when that is undone. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { endpointName, hostLabel } from "../../src/core/names.ts";
import { fetchApp } from "../../src/demo/http.ts";
import { findChange, updateChange } from "../../src/store/changes.ts";
import { listResources } from "../../src/store/projects.ts";
import { findEnvironment } from "../../src/store/releases.ts";
import type { EnvironmentRow } from "../../src/store/rows.ts";
import { openControlPlane, PRODUCTION, type ControlPlane } from "../support/control-plane.ts";

const spec = (...slugs: string[]) =>
  JSON.stringify({ version: 1, apps: slugs.map((slug) => ({ slug, name: slug, contract: { procedures: [], tables: [] } })) });

describe("an app beside another", () => {
  let plane: ControlPlane;
  let number = 1;
  beforeAll(async () => {
    plane = await openControlPlane();
    await plane.release();
  });
  afterAll(() => plane?.[Symbol.asyncDispose]());

  async function merge(files: Record<string, string | null>): Promise<EnvironmentRow["apps"]> {
    await plane.merged(await plane.commit(files), ++number, "ada");
    await plane.settle();
    expect((await plane.rollouts()).at(-1)).toMatchObject({ state: "live", error: null });
    return live();
  }

  async function live(): Promise<EnvironmentRow["apps"]> {
    const { id } = await plane.project();
    const apps = (await findEnvironment(plane.platform.store, id, endpointName(id, PRODUCTION)))?.apps ?? {};
    const ids = [...new Set(Object.values(apps))].toSorted();
    // Nothing else runs, and nothing else is recorded.
    expect((await plane.platform.runtime.list()).map((one) => one.id).toSorted()).toEqual(ids);
    const recorded = (await listResources(plane.platform.store, id)).filter(({ kind }) => kind === "environment");
    expect(recorded.map((one) => one.id).toSorted()).toEqual(ids);
    for (const slug of Object.keys(apps)) expect((await fetchApp(await address(slug))).status).toBe(200);
    return apps;
  }

  async function address(slug: string): Promise<string> {
    return `http://${hostLabel(slug, (await plane.project()).id, PRODUCTION)}.${plane.platform.settings.appsDomain}`;
  }

  async function archived(): Promise<string[]> {
    const rows = await plane.platform.store.rows<{ slug: string }>("select slug from apps where archived_at is not null");
    return rows.map((row) => row.slug);
  }

  test("is started alone, goes alone with a rollback, and comes back", async () => {
    const first = await live();
    const second = await merge({ ".adorable/spec.json": spec("blog", "todo"), "apps/todo/b.txt": "1" });
    expect(Object.keys(second).toSorted()).toEqual(["blog", "todo"]);
    expect(second["blog"]).toBe(first["blog"]);

    const third = await merge({ "apps/todo/b.txt": "2" });
    expect(third["blog"]).toBe(first["blog"]);
    expect(third["todo"]).not.toBe(second["todo"]);

    // A release that fails under the hold leaves both as they were.
    const { ensure } = plane.platform.runtime;
    plane.platform.runtime.ensure = async (environment) => {
      if (environment.id.startsWith("rehearsal_")) return ensure.call(plane.platform.runtime, environment);
      throw new Error("no room for it");
    };
    await plane.merged(await plane.commit({ "apps/todo/b.txt": "3" }), ++number, "ada");
    await plane.settle();
    plane.platform.runtime.ensure = ensure;
    expect((await plane.rollouts()).at(-1)?.state).toBe("aborted");
    expect(await live()).toEqual(third);

    const back = { ".adorable/spec.json": spec("blog"), "apps/todo/b.txt": null };
    // To the letter what release 1 was.
    back[".adorable/spec.json"] = (await plane.mirror.readFile((await plane.rollouts())[0]?.git_commit ?? "", ".adorable/spec.json")) ?? "";
    const fourth = await merge(back);
    expect((await plane.rollouts()).at(-1)?.kind).toBe("rollback");
    expect(Object.keys(fourth)).toEqual(["blog"]);
    // A rollback starts everything anew.
    expect(fourth["blog"]).not.toBe(first["blog"]);
    expect(await archived()).toEqual(["todo"]);
    expect((await fetchApp(await address("todo"))).status).toBe(404);

    const fifth = await merge({ ".adorable/spec.json": spec("blog", "todo"), "apps/todo/b.txt": "2" });
    expect((await plane.rollouts()).at(-1)?.kind).toBe("rollback");
    expect(Object.keys(fifth).toSorted()).toEqual(["blog", "todo"]);
    expect(await archived()).toEqual([]);
  });

  test("keeps its schema and its rows where a rollback takes back the code alone", async () => {
    await plane.sql("create table todo.tasks (id int primary key); insert into todo.tasks values (1)");
    const files = { ".adorable/spec.json": spec("blog", "todo"), "apps/todo/b.txt": "2" };
    const first = (await plane.rollouts())[0]?.git_commit ?? "";
    const only = (await plane.mirror.readFile(first, ".adorable/spec.json")) ?? "";
    const change = await plane.merged(await plane.commit({ ".adorable/spec.json": only, "apps/todo/b.txt": null }), ++number, "ada");
    await plane.settle();
    const { store } = plane.platform;
    expect((await findChange(store, change.id))?.impact).toMatchObject({
      appsRemoved: ["todo"],
      tables: [{ app: "todo", table: "tasks", inserted: 1 }],
    });
    await updateChange(store, change.id, { choice: "code-only", chosen_by: "ada" });
    await plane.settle();
    expect(Object.keys(await live())).toEqual(["blog"]);
    expect(await archived()).toEqual(["todo"]);
    expect(await plane.sql("select id from todo.tasks")).toEqual([{ id: 1 }]);

    expect(Object.keys(await merge(files)).toSorted()).toEqual(["blog", "todo"]);
    expect(await archived()).toEqual([]);
    expect(await plane.sql("select id from todo.tasks")).toEqual([{ id: 1 }]);
  });
});
